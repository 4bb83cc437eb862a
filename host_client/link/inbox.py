"""Turn a board's unrequested messages into typed objects and deliver them to streams."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from firmware_app.wire import messages
from host_client.base.exceptions import K230Error
from host_client.link.clock import BoardClock
from host_client.results.decode import MALFORMED, RESULT_TYPES, Model, decode_result
from host_client.results.event_stream import LOST, EventStream, Position
from host_client.results.lines import UNKNOWN, Source
from host_client.results.messages import Event, LogLine, Statistics
from host_client.results.streams import Stream
from host_client.results.types import Result

T = TypeVar("T")

_MODELS_KEPT = 8  # generations to keep; results of older ones no longer arrive
_HELD = 32  # results waiting for their MODEL


class Channel(Generic[T]):
    """All streams of one kind, as weak references: leaving a loop ends its stream."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._streams: weakref.WeakSet[Stream[T]] = weakref.WeakSet()
        self._changed = changed

    def open(self, limit: int, rate: int = 0) -> Stream[T]:
        """Return a new stream."""
        stream: Stream[T] = Stream(limit, rate, self._changed)
        self.add(stream)
        return stream

    def add(self, stream: Stream[T]) -> None:
        """Deliver to this stream from now on."""
        self._streams.add(stream)
        self._changed()

    def push(self, item: T) -> None:
        """Deliver an item to every stream."""
        for stream in tuple(self._streams):
            stream.push(item)

    def end(self, error: K230Error | None) -> None:
        """End every stream."""
        for stream in tuple(self._streams):
            stream.end(error)

    @property
    def open_streams(self) -> list[Stream[T]]:
        """The streams in use."""
        return [stream for stream in self._streams if not stream.over]


class Inbox:
    """Decodes messages. Results of an unknown generation wait for their MODEL, up to a limit."""

    def __init__(self, changed: Callable[[], None], describe: Callable[[], None]) -> None:
        self.results: Channel[Result] = Channel(changed)
        self.events: Channel[Event] = Channel(changed)
        self.statistics: Channel[Statistics] = Channel(changed)
        self.logs: Channel[LogLine] = Channel(changed)
        self.clock = BoardClock()
        self.board = UNKNOWN  # the sender
        self.boot_id: int | None = None
        self._changed = changed
        self._newest: Position | None = None  # newest event that this client knows of
        self._rewinds = 0  # readers that request past events
        self.model: Model | None = None
        self.latest_statistics: Statistics | None = None
        self.malformed = 0
        self.undescribed = 0
        self._describe = describe
        self._described = -1  # the requested generation
        self._models: dict[int, tuple[list[Any], Model]] = {}
        self._held: deque[list[Any]] = deque()

    def restart(self) -> None:
        """Forget everything about an earlier run of the board."""
        self.clock = BoardClock()
        self._models.clear()
        self.model = None
        self._drop_held()

    def open_events(self, limit: int, after: Position | None) -> Stream[Event]:
        """Return a new stream of events. after: start after this event, if the board still has them."""
        stream = EventStream(limit, after, self._changed, self._rewind)
        if after is not None:
            self._rewinds += 1
            if self.boot_id is not None:
                stream.linked(self.boot_id, self._restarted())
        elif self._newest is not None and self.events.open_streams:
            stream.begin(*self._newest, oldest=0)
        self.events.add(stream)
        return stream

    def _rewind(self) -> None:
        """Request events again, from the first one that a reader lacks."""
        self._rewinds += 1
        self._changed()

    def _restarted(self) -> Event:
        details = {"reason": "restart", "count": None}
        return Event(0, LOST, details, None, 0, None, self.board, self.boot_id)

    def _event_streams(self) -> list[EventStream]:
        streams = self.events.open_streams
        return [stream for stream in streams if isinstance(stream, EventStream)]

    def relink(self, board_id: str, board_name: str, boot_id: int) -> None:
        """Begin a new session: requests of the old one get no answer."""
        if boot_id != self.boot_id:
            self.boot_id = boot_id
            self._newest = None if self._newest is None else (boot_id, 0)
        if self.board != (board_id, board_name, None, None):
            self.board = Source(board_id, board_name)
            self._models.clear()
        for stream in self._event_streams():
            stream.linked(boot_id, self._restarted())
        self._described = -1
        self._drop_held()

    def end(self, error: K230Error | None) -> None:
        """End all streams."""
        for channel in (self.results, self.events, self.statistics, self.logs):
            channel.end(error)

    def wanted(self) -> dict[str, Any]:
        """Return what the streams in use need; a change causes a new `subscribe`."""
        rates = [stream.rate for stream in self.results.open_streams]
        return {
            "results": bool(rates),
            "events": bool(self.events.open_streams),
            "statistics": bool(self.statistics.open_streams),
            "logs": bool(self.logs.open_streams),
            "rate": 0 if 0 in rates or not rates else max(rates),
            "rewinds": self._rewinds,
        }

    def arguments(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of `subscribe`: what to send, and from which event on."""
        arguments = {name: value for name, value in wanted.items() if name != "rewinds"}
        asked = [stream.ask() for stream in self._event_streams()]
        places = [place for place in asked if place is not None]
        if places:
            arguments["after"] = [*min(places)]
        return arguments

    def subscribed(self, answer: Any) -> None:
        """Take the answer to `subscribe`: the first event that the board will send."""
        known = answer if isinstance(answer, dict) else {}
        newest, oldest = known.get("newest"), known.get("oldest", 0)
        if type(newest) is not int or type(oldest) is not int or self.boot_id is None:
            for stream in self._event_streams():
                stream.unanswered()
            return
        if self._newest is None:
            self._newest = (self.boot_id, newest)
        for stream in self._event_streams():
            stream.begin(self.boot_id, newest, oldest)

    def take(self, arrived: Iterable[list[Any]]) -> None:
        """Take the messages that arrived, in order."""
        for message in arrived:
            try:
                if message[0] >= messages.CLASSIFICATION:
                    self._result(message)
                else:
                    self._other(message)
            except MALFORMED:
                self.malformed += 1

    def learn(self, fields: list[Any]) -> Model:
        """Take MODEL's fields (without the type); raises one of MALFORMED."""
        known = self._models.get(fields[0])
        if known is not None and known[0] == fields:
            self.model = known[1]
        else:
            self.model = Model(fields, self.board.board_id, self.board.board_name)
            self._models.pop(self.model.generation, None)
            self._models[self.model.generation] = (fields, self.model)
            while len(self._models) > _MODELS_KEPT:
                del self._models[next(iter(self._models))]
        self._release(self.model.generation)
        return self.model

    def find_model(self, generation: int) -> Model | None:
        """Return the model of a generation, if known."""
        known = self._models.get(generation)
        return known[1] if known else None

    def decode(self, message: list[Any], model: Model, image: str | None = None) -> Result:
        """Return the typed result; raises one of MALFORMED."""
        at, uncertainty = self.clock.host_time(message[2])
        return decode_result(message, model, image, at, uncertainty)

    def _result(self, message: list[Any]) -> None:
        if message[0] not in RESULT_TYPES:
            return
        known = self._models.get(message[3])
        if known is not None:
            self.results.push(self.decode(message, known[1]))
            return
        if len(self._held) >= _HELD:
            self._held.popleft()
            self.undescribed += 1
        self._held.append(message)
        if self._described != message[3]:
            self._described = message[3]
            self._describe()

    def _release(self, generation: int) -> None:
        held, self._held = self._held, deque()
        for message in held:
            if message[3] == generation:
                self.take([message])
            elif message[3] > generation:
                self._held.append(message)
            else:
                self.undescribed += 1  # the generation was replaced before its MODEL arrived

    def _drop_held(self) -> None:
        self.undescribed += len(self._held)
        self._held.clear()

    def _other(self, message: list[Any]) -> None:
        kind = message[0]
        if kind == messages.MODEL:
            self.learn(message[1:])
        elif kind == messages.EVENT:
            at, plus = self.clock.host_time(message[1])
            number = int(message[4])
            event = Event(
                message[1],
                str(message[2]),
                dict(message[3]),
                at,
                number,
                plus,
                self.board,
                self.boot_id,
            )
            if number and self.boot_id is not None:
                known = self._newest[1] if self._newest is not None else 0
                self._newest = (self.boot_id, max(known, number))
            self.events.push(event)
        elif kind == messages.STATISTICS:
            at, plus = self.clock.host_time(message[1])
            self.latest_statistics = Statistics(message[1], dict(message[2]), at, plus, self.board)
            self.statistics.push(self.latest_statistics)
        elif kind == messages.LOG:
            at, plus = self.clock.host_time(message[1])
            line = LogLine(message[1], int(message[2]), str(message[3]), at, plus, self.board)
            self.logs.push(line)
