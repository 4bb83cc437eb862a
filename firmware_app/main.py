"""Copied to /sdcard/main.py: the board runs it at power-on."""

from firmware_app import service

service.main()
