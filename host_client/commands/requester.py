"""What the parts of a Board (card, gallery) need of it, and nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from host_client.commands.pictures import PictureSource
from host_client.link.address import Address
from host_client.link.calls import Progress

REQUEST_TIMEOUT = 60.0  # seconds; commands are answered between frames, and a frame may take 20
PICTURE_TIMEOUT = 300.0
PUSH_TIMEOUT = 120.0  # seconds without any progress

GET_TIMEOUT = 60.0  # seconds without any progress

Files = Sequence[tuple[str, bytes]]


class Received(NamedTuple):
    """What `get` brought: the data, and what the board said of it (docs/protocol.md, section 6)."""

    data: bytes
    details: dict[str, Any]


class Requester(Protocol):
    """Sends commands, pictures and files to one board over whatever link there is."""

    @property
    def address(self) -> Address:
        """Where the board is."""

    async def request(
        self,
        command: str,
        arguments: dict[str, Any] | None = None,
        timeout: float = REQUEST_TIMEOUT,
        *,
        progress: Progress | None = None,
        repeat: bool = False,
    ) -> Any:
        """Send a command and return its result as it comes; see Board.request()."""

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
        """Send a picture, then a command that uses it; return its result and the picture's name.

        repeat: send both again over the next link if this one is lost while the command runs. A
        picture on its way is sent again in any case.
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
        """Send files and have them installed; return the board's answer to `install`.

        timeout: seconds without progress until RequestTimeout. The upload resumes after a lost link
        or a restart of the board. progress: called with bytes sent, all bytes, and a file's name.
        """

    async def get(
        self,
        kind: str,
        arguments: dict[str, Any],
        timeout: float = GET_TIMEOUT,
        progress: Progress | None = None,
    ) -> Received:
        """Get large data from the board: kind snapshot, log, gallery, event_snapshot or file.

        timeout: seconds without progress until RequestTimeout. It resumes after a lost link.
        """
