"""Firmware images, SD cards and boards in boot mode: read, check, write, compare."""
