"""AES in C, where the firmware has it. (The firmware's own also counts, PyPI's MicroPython does not.)"""

from firmware_app.base.errors import VendorError
from firmware_app.board import vendor

try:
    # The u-name: without it a file on the card would come before the built-in one.
    from ucryptolib import aes
except ImportError:
    aes = None

_ECB = 1


def present() -> bool:
    """Return whether this firmware can encrypt."""
    return aes is not None


def encryptor(key: bytes):
    """Return a function that encrypts whole blocks of 16 bytes with AES-128, ECB mode; VendorError."""
    try:
        return aes(key, _ECB).encrypt
    except Exception as error:
        raise vendor.failed(VendorError, "AES", error)
