"""Board, Card and Gallery without await; see host_client.sync."""

from __future__ import annotations

import contextlib
import functools
from types import TracebackType

from host_client import board as _board
from host_client.base.exceptions import Closed
from host_client.board import OnState
from host_client.commands import card as _card
from host_client.commands import gallery as _gallery
from host_client.link.address import Address
from host_client.link.clock import BoardClock
from host_client.link.encryption import Encryption
from host_client.link.greeting import GREETING_TIMEOUT, Welcome
from host_client.link.keys import KeyStore
from host_client.results.decode import Model
from host_client.results.messages import Counts, State, Statistics
from host_client.sync.derive import Derived, LoopThread, blocking, generating, streaming


class Gallery(Derived, of=_gallery.Gallery):
    """The galleries of a board; see host_client.Gallery."""

    def __init__(self, gallery: _gallery.Gallery, loop: LoopThread) -> None:
        """Not for users: see Board.gallery."""
        self._async = gallery
        self._loop = loop

    enroll = blocking(_gallery.Gallery.enroll)
    recognize = blocking(_gallery.Gallery.recognize)
    list = blocking(_gallery.Gallery.list)
    show = blocking(_gallery.Gallery.show)
    rename = blocking(_gallery.Gallery.rename)
    set_threshold = blocking(_gallery.Gallery.set_threshold)
    remove = blocking(_gallery.Gallery.remove)
    clear = blocking(_gallery.Gallery.clear)
    select = blocking(_gallery.Gallery.select)
    delete = blocking(_gallery.Gallery.delete)
    suggest = blocking(_gallery.Gallery.suggest)
    export = blocking(_gallery.Gallery.export)
    import_ = blocking(_gallery.Gallery.import_)


class Card(Derived, of=_card.Card):
    """The card of a board; see host_client.Card."""

    def __init__(self, card: _card.Card, loop: LoopThread) -> None:
        """Not for users: see Board.card."""
        self._async = card
        self._loop = loop

    push = blocking(_card.Card.push)
    push_file = blocking(_card.Card.push_file)
    pull = blocking(_card.Card.pull)
    push_firmware = blocking(_card.Card.push_firmware)
    packages = blocking(_card.Card.packages)
    remove_package = blocking(_card.Card.remove_package)
    config_get = blocking(_card.Card.config_get)
    config_validate = staticmethod(_card.Card.config_validate)


class Board(Derived, of=_board.Board):
    """A connected board; use `with Board.connect(url) as board`. See host_client.Board."""

    def __init__(self, board: _board.Board, loop: LoopThread) -> None:
        """Not for users: see connect()."""
        self._async: _board.Board = board
        self._loop = loop

    @classmethod
    def connect(
        cls,
        url: str,
        key: bytes | str | bool | None = None,
        *,
        wait: float = 0.0,
        on_state: OnState | None = None,
        key_store: KeyStore | None = None,
        client_name: str = "host_client",
        greeting_timeout: float = GREETING_TIMEOUT,
        silence_timeout: float = 120.0,
        encryption: Encryption = "remembered",
    ) -> Board:
        """Return a connected board. Arguments and errors: see host_client.Board.connect().

        on_state is called in the board's thread.
        """
        make = functools.partial(
            _board.Board.connect,
            url,
            key,
            wait=wait,
            on_state=on_state,
            key_store=key_store,
            client_name=client_name,
            greeting_timeout=greeting_timeout,
            silence_timeout=silence_timeout,
            encryption=encryption,
        )
        loop = LoopThread()
        try:
            board = loop.call(make)
            loop.run(board.__aenter__())
        except BaseException:
            loop.stop()
            raise
        return cls(board, loop)

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._async)

    def close(self) -> None:
        """Close the link and end all streams. Calling it again does nothing."""
        with contextlib.suppress(Closed):
            self._loop.run(self._async.close())
        self._loop.stop()

    @property
    def address(self) -> Address:
        """The board's address."""
        return self._async.address

    @property
    def state(self) -> State:
        """The state of the link."""
        return self._async.state

    @property
    def info(self) -> Welcome:
        """Service version, name, id and boot id of the board that answered last."""
        return self._async.info

    @property
    def gallery(self) -> Gallery:
        """The galleries for metric learning: enroll, recognize, list, suggest and more."""
        return Gallery(self._async.gallery, self._loop)

    @property
    def card(self) -> Card:
        """The board's card: push, packages, config_get and more."""
        return Card(self._async.card, self._loop)

    @property
    def model(self) -> Model | None:
        """The running configuration; None until the board announced it (see describe())."""
        return self._async.model

    @property
    def clock(self) -> BoardClock:
        """The board's clock in this computer's time."""
        return self._async.clock

    @property
    def latest_statistics(self) -> Statistics | None:
        """The latest statistics; None unless a statistics() stream is read."""
        return self._async.latest_statistics

    @property
    def counts(self) -> Counts:
        """How many packets and results were dropped, by reason."""
        return self._loop.call(lambda: self._async.counts)

    results = streaming(_board.Board.results)
    events = streaming(_board.Board.events)
    statistics = streaming(_board.Board.statistics)
    logs = streaming(_board.Board.logs)
    states = streaming(_board.Board.states)

    request = blocking(_board.Board.request)
    status = blocking(_board.Board.status)
    snapshot = blocking(_board.Board.snapshot)
    event_snapshot = blocking(_board.Board.event_snapshot)
    previews = generating(_board.Board.previews)
    tasks = blocking(_board.Board.tasks)
    describe = blocking(_board.Board.describe)
    switch = blocking(_board.Board.switch)
    set = blocking(_board.Board.set)
    settings = blocking(_board.Board.settings)
    keep = blocking(_board.Board.keep)
    forget = blocking(_board.Board.forget)
    get = blocking(_board.Board.get)
    counters = blocking(_board.Board.counters)
    reset_counters = blocking(_board.Board.reset_counters)
    infer = blocking(_board.Board.infer)
    infer_on_card = blocking(_board.Board.infer_on_card)
    restart = blocking(_board.Board.restart)
