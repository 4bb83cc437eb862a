"""Brings a board, or an SD card in this computer's reader, to run the service."""
