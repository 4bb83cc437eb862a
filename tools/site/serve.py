"""Serve the documentation: python -m tools.site.serve (make docs).

It says where, builds the site again at each change, and ends at Ctrl-C. If another program has the
port, the system chooses one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOST, PORT = "127.0.0.1", 8000
# Pages are made of these too. MkDocs itself watches docs/ and mkdocs.yml.
_SOURCES = (
    "README.zh-CN.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "clients/c",
    "configs",
    "examples",
)


def free_port(wanted: int) -> int:
    """Return the wanted port, or one that is free if another program has it."""
    for port in (wanted, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return int(probe.getsockname()[1])
    return wanted


def main() -> int:
    """Serve until Ctrl-C."""
    os.environ["NO_MKDOCS_2_WARNING"] = "1"
    from mkdocs.commands.serve import serve  # noqa: PLC0415 - reads the environment

    port = free_port(int(sys.argv[1]) if sys.argv[1:] else PORT)
    # Only warnings of the build, and no line for each request.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    logging.getLogger("mkdocs.livereload").addFilter(_Serving(port))
    logging.getLogger("mkdocs.livereload").setLevel(logging.INFO)
    print("building the site: about ten seconds", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        serve(
            str(ROOT / "mkdocs.yml"),
            watch=[str(ROOT / name) for name in _SOURCES],
            dev_addr=f"{HOST}:{port}",
        )
    print("ended", flush=True)
    return 0


class _Serving(logging.Filter):
    """Leaves the page's own line when the server listens, and none of the server's."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def filter(self, record: logging.LogRecord) -> bool:
        if "Serving on" in record.getMessage():
            print(f"the documentation: http://{HOST}:{self._port} (Ctrl-C ends)", flush=True)
        return record.levelno >= logging.WARNING


if __name__ == "__main__":
    raise SystemExit(main())
