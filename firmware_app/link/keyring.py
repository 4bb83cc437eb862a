"""The board's key: made at first start, shown once on the console, kept on the board.

A copy lies on the card, bound to this chip by its number: firmware may format /data (base/storage.py),
and a board without its key is out of reach over the network. docs/decisions/0009 weighs that. The
copy counts only where the service's own folder is empty: who removes the key alone wants a new one.
A card that was prepared for a board has a key for any chip: the first start takes it and binds it.
"""

import json
import os

from firmware_app.base import files, places, storage
from firmware_app.wire import messages

NAME = places.KEY
COPY = places.SPARE + "/" + places.KEY_COPY
_HEX = "0123456789abcdef"


def _number(text: str) -> "bytes | None":
    """Return the key that a text spells, None where it is none."""
    if len(text) != 2 * messages.KEY_SIZE or any(c not in _HEX for c in text):
        return None
    return bytes(int(text[i : i + 2], 16) for i in range(0, len(text), 2))


def _copied(board_id: str) -> "bytes | None":
    """Return this chip's key of the card, None where there is none."""
    try:
        files.recover(COPY)
        record = json.loads(str(files.read(COPY, 1000), "utf-8"))
        if board_id and record["board_id"] == board_id:
            return _number(record["key"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def bring_back(board_id: str) -> bool:
    """Bring the key back from the card where /data was emptied; return whether it was. At start, first."""
    try:
        if files.exists(storage.path(NAME)) or files.exists(storage.path(places.BOOTS)):
            return False
        key = _copied(board_id)
        if key is None:
            return False
        _keep(key)
        return True
    except OSError:
        return False  # load_key() will say what is wrong


def _keep(key: bytes) -> None:
    files.make_folders(storage.place())
    files.replace(storage.path(NAME), key.hex().encode())


def load_key(board_id: str):
    """Return (key, made): the 32 bytes, and whether they were made just now.

    A damaged key file is mended from the copy. Where there is none, it is an error to be seen, not a
    reason to hand out another key in silence: ValueError. OSError where no key can be kept.
    """
    path = storage.path(NAME)
    files.recover(path)
    made = False
    if files.exists(path):
        text = str(files.read(path, 200), "utf-8").strip().lower()
        key = _number(text) or _copied(board_id)
        if key is None:
            raise ValueError(
                "%s: expected %d hexadecimal digits, found %d characters; remove the file to make a new key"
                % (path, 2 * messages.KEY_SIZE, len(text))
            )
        if _number(text) is None:
            _keep(key)
    else:
        key = _copied(messages.ANY_CHIP)  # of a card that was prepared for a board
        made = key is None
        if key is None:
            key = os.urandom(messages.KEY_SIZE)
        _keep(key)
    _copy(key, board_id)
    return key, made


def _copy(key: bytes, board_id: str) -> None:
    if not board_id or _copied(board_id) == key:
        return  # a copy that belongs to no chip could be taken for another board's key
    try:
        files.make_folders(places.SPARE)
        files.replace(COPY, json.dumps({"board_id": board_id, "key": key.hex()}).encode())
    except OSError:
        pass  # the next start tries again
