"""The board's key: made at first start, shown once on the console, kept on the board."""

import os

from firmware_app.base import files
from firmware_app.wire import messages

PATH = "/data/key"
_HEX = "0123456789abcdef"


def load_key(path: str = PATH):
    """Return (key, made): the 32 bytes, and whether they were made just now.

    A damaged key file is an error to be seen, not a reason to hand out another key in silence:
    ValueError says so.
    """
    files.recover(path)
    if files.exists(path):
        with open(path) as file:
            text = file.read(200).strip().lower()
        if len(text) != 2 * messages.KEY_SIZE or any(c not in _HEX for c in text):
            raise ValueError(
                "%s: expected %d hexadecimal digits, found %d characters; remove the file to make a new key"
                % (path, 2 * messages.KEY_SIZE, len(text))
            )
        return bytes(int(text[i : i + 2], 16) for i in range(0, len(text), 2)), False
    key = os.urandom(messages.KEY_SIZE)
    folder = path[: path.rfind("/")]
    files.make_folders(folder)
    files.replace(path, key.hex().encode())
    return key, True
