"""Firmware images, SD cards and boards in boot mode: read, judge, write, compare."""
