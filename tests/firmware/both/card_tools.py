"""What the tests of the card's write sequences share: modules on a card in memory, a board, pushes."""

import hashlib
import json
import sys

from fake_card import FLOAT32, UINT8, kmodel, tensor

try:
    import machine  # noqa: F401
except ImportError:  # only the names matter: nothing here restarts a board
    sys.modules["machine"] = sys

from firmware_app import main
from firmware_app.base import files, storage
from firmware_app.card import (
    boots,
    configuration,
    counts,
    firmware_update,
    log_file,
    packages,
    state,
    uploads,
)
from firmware_app.card.configuration import Configuration
from firmware_app.commands import packages as package_commands
from firmware_app.gallery import file as gallery_file
from firmware_app.link import keyring
from firmware_app.link.transfers import Transfers
from firmware_app.package import kmodel as kmodel_file
from firmware_app.package import reader as package

_MODULES = (
    boots,
    configuration,
    counts,
    files,
    firmware_update,
    gallery_file,
    keyring,
    kmodel_file,
    log_file,
    main,
    package,
    package_commands,
    packages,
    state,
    storage,
    uploads,
)


def use(card) -> None:
    """Let the service's modules work on this card."""
    for module in _MODULES:
        module.os = card
        module.open = card.open


class _Step:
    def __await__(self):
        yield

    def __iter__(self):  # MicroPython awaits iterators
        yield


async def pause() -> None:
    await _Step()


package_commands.pause = pause


def run(work):
    """Run a coroutine that only pauses; return its result."""
    try:
        while True:
            work.send(None)
    except StopIteration as end:
        return end.value


class _Idle:
    """An event that is always set."""

    @staticmethod
    def is_set() -> bool:
        return True

    def set(self) -> None:
        pass

    def clear(self) -> None:
        pass


class _Switcher:
    idle = _Idle()


class _Boots:
    anew = False


class _Log:
    def info(self, text: str) -> None:
        pass


class Running:
    """What runs: a name and the values of its settings."""

    def __init__(self, name: str, values: dict) -> None:
        self.name = name
        self.values = values


class _Engine:
    def __init__(self) -> None:
        self.running = Running("", {})


class Call:
    """A command as its handler sees it."""

    def __init__(self, session, arguments: dict) -> None:
        self.session = session
        self.arguments = arguments


class Board:
    """What the commands see of a board that runs no task."""

    def __init__(self) -> None:
        self.transfers = Transfers()
        self.engine = _Engine()
        self.switcher = _Switcher()
        self.configuration = Configuration()
        self.configuration.read()
        self.log = _Log()
        self.boots = _Boots()
        self.installed = _Idle()


class Client:
    """A session's place, and what a client does to push files."""

    def __init__(self, board) -> None:
        self.board = board

    def ask(self, command: str, **arguments):
        call = Call(self, arguments)
        if command == "push":
            return package_commands.push(self.board, call)
        return run(package_commands.LONG[command](self.board, call))

    def begin(self, kind: str, name: str, contents: dict):
        """Announce files; return the transfer that takes them."""
        rows = [
            [each, len(contents[each]), hashlib.sha256(contents[each]).digest()]
            for each in sorted(contents)
        ]
        answer = self.ask("push", kind=kind, name=name, files=rows)
        transfer = self.board.transfers.find(self, answer["transfer"])
        assert transfer.offset == answer["offset"]
        return transfer

    def send(self, kind: str, name: str, contents: dict, chunk: int = 4096) -> int:
        """Push and send what the board has not; return how much it had."""
        transfer = self.begin(kind, name, contents)
        data = b"".join([contents[each] for each in sorted(contents)])
        had = transfer.offset
        while transfer.offset < len(data):
            transfer.add(transfer.offset, data[transfer.offset : transfer.offset + chunk])
        return had

    def push(self, kind: str, name: str, contents: dict, **arguments):
        self.send(kind, name, contents)
        return self.ask("install", **arguments)


def classifier(labels: list, filler: int = 0) -> dict:
    """Return the files of a small package."""
    config = {
        "model_type": "can1",
        "img_size": [32, 32],
        "categories": labels,
        "num_classes": len(labels),
        "confidence_threshold": 0.5,
        "kmodel_path": "best.kmodel",
    }
    model = kmodel([tensor(UINT8, 1, 3, 32, 32)], [tensor(FLOAT32, 1, len(labels))])
    return {
        "deploy_config.json": json.dumps(config).encode(),
        "best.kmodel": model + bytes([filler]) * 9000,
    }


def firmware(version: str) -> dict:
    """Return the files of a version of the service, some in folders, one compiled."""
    names = ("__init__.py", "main.py", "service.py", "wire/__init__.py", "wire/packets.py")
    found = {name: b"" if "__" in name else b"x = 1\n" for name in names}
    found["version.py"] = ("VERSION = %r\n" % version).encode()
    found["run/engine.mpy"] = b"M\x06\x00\x1f" + version.encode()
    return found


def flat_firmware(version: str) -> dict:
    """Return the files of a version from before the folders."""
    found = dict.fromkeys(("main.py", "service.py", "wire.py", "engine.py"), b"x = 1\n")
    found["__init__.py"] = b""
    found["version.py"] = ("VERSION = %r\n" % version).encode()
    return found
