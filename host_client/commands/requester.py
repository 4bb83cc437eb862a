"""The interface that the parts of a Board (card, gallery) use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from host_client.commands.pictures import PictureSource
from host_client.link.address import Address
from host_client.link.calls import Progress

REQUEST_TIMEOUT = 60.0  # seconds; a board answers between frames, and one frame may take 20 s
PICTURE_TIMEOUT = 300.0
PUSH_TIMEOUT = 120.0  # seconds without any progress

GET_TIMEOUT = 60.0  # seconds without any progress

Files = Sequence[tuple[str, bytes]]


class Received(NamedTuple):
    """The result of `get`: the data, and the board's answer (docs/protocol.md, section 6)."""

    data: bytes
    details: dict[str, Any]


class Requester(Protocol):
    """Sends commands, pictures and files to one board, over its current link."""

    @property
    def address(self) -> Address:
        """The board's address."""

    async def request(
        self,
        command: str,
        arguments: dict[str, Any] | None = None,
        timeout: float = REQUEST_TIMEOUT,
        *,
        progress: Progress | None = None,
        repeat: bool = False,
    ) -> Any:
        """Send a command and return its result undecoded; see Board.request()."""

    async def send_picture(
        self,
        command: str,
        picture: PictureSource,
        arguments: dict[str, Any],
        timeout: float = PICTURE_TIMEOUT,
        *,
        progress: Progress | None = None,
        repeat: bool = False,
    ) -> tuple[Any, str | None]:
        """Send a picture, then a command that uses it; return the result and the picture's name.

        repeat: resend both over the next link if this one is lost while the command runs. An
        interrupted picture is always resent.
        """

    async def send_files(
        self,
        kind: str,
        name: str,
        files: Files,
        arguments: dict[str, Any],
        timeout: float = PUSH_TIMEOUT,
        progress: Progress | None = None,
    ) -> Any:
        """Send and install files; return the board's answer to `install`.

        timeout: seconds without progress before RequestTimeout. The upload resumes after a lost link
        or a restart of the board. progress: called with (bytes sent, all bytes, a file's name).
        """

    async def get(
        self,
        kind: str,
        arguments: dict[str, Any],
        timeout: float = GET_TIMEOUT,
        progress: Progress | None = None,
    ) -> Received:
        """Download large data: kind snapshot, log, gallery, event_snapshot or file.

        timeout: seconds without progress before RequestTimeout. Resumes after a lost link.
        """
