"""Download large data from a board in pieces; resume after a reconnect, check the whole."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any

from host_client.base.exceptions import CommandFailed, LinkLost, ProtocolError, RequestTimeout
from host_client.commands.requester import PUSH_TIMEOUT, Received
from host_client.link.calls import Progress, Receiving
from host_client.link.connection import Connection
from host_client.link.driver import Link
from host_client.results.answers import Answer
from host_client.results.limits import DOWNLOAD_BYTES

_TRIES = 3  # attempts for data that changes during the download
_BARREN_LINKS = 8  # links in a row without progress before giving up


async def receive(
    connection: Connection,
    kind: str,
    arguments: dict[str, Any],
    timeout: float,
    progress: Progress | None,
) -> Received:
    """Download data of a kind; see Requester.get()."""
    data = bytearray()
    digest: bytes | None = None
    damaged = barren = 0
    deadline = time.monotonic() + timeout
    while True:
        had = len(data)
        try:
            link = await connection.usable_link(deadline)
            asked = {"kind": kind, **arguments}
            if digest is not None:
                asked.update(offset=len(data), sha256=digest)
            answer = Answer("get", await link.request("get", asked, max(timeout, PUSH_TIMEOUT)))
            size = answer.integer("size", 0, DOWNLOAD_BYTES)
            digest, offset = answer.data("sha256"), answer.integer("offset", 0, len(data))
            del data[offset:]
            await _take(link, answer.integer("transfer"), size, data, timeout, progress)
        except LinkLost:
            barren = 0 if len(data) > had else barren + 1
            if barren > _BARREN_LINKS:
                raise
            deadline = time.monotonic() + timeout if len(data) > had else deadline
            await asyncio.sleep(0)
            continue
        except CommandFailed as error:
            damaged += 1
            if error.code != "damaged" or damaged >= _TRIES:
                raise
            digest = None
            data.clear()
            continue
        if hashlib.sha256(data).digest() == digest:
            return Received(bytes(data), answer.values)
        damaged += 1
        if damaged >= _TRIES:
            raise ProtocolError("get: the data does not have the SHA-256 that was announced")
        digest = None  # it changed during the download
        data.clear()


async def _take(
    link: Link,
    number: int,
    size: int,
    data: bytearray,
    timeout: float,
    progress: Progress | None,
) -> None:
    """Take all pieces; RequestTimeout after timeout seconds without progress."""
    receiving = Receiving(number, size, data, time.monotonic())
    receiving.on_progress = progress
    taking = asyncio.ensure_future(link.receive(receiving))
    try:
        while not taking.done():
            left = receiving.moved + timeout - time.monotonic()
            if left <= 0:
                raise RequestTimeout(f"get: no progress for {timeout:g} s")
            await asyncio.wait([taking], timeout=left)
        taking.result()
    finally:
        taking.cancel()
