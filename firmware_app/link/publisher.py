"""Sends results, events and statistics to subscribers; encodes each once."""

from firmware_app.link.history import History
from firmware_app.link.outbox import Outgoing
from firmware_app.wire import messages, packets

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.base.clock import Clock
    from firmware_app.link.links import Links
    from firmware_app.link.session import Session


class Publisher:
    """Hands one encoded message to all sessions of all links."""

    def __init__(self, links: "Links", clock: "Clock") -> None:
        self._links = links
        self._clock = clock
        self._model: "Outgoing | None" = None  # MODEL of the running generation
        self.history = History()  # of the numbered events

    def set_model(self, message: "list | None") -> None:
        """Announce the configuration that the next results bear; None: no task runs."""
        if message is None:
            self._model = None
            return
        self._model = Outgoing(packets.payload_of(message))
        for session in self._links.sessions():
            if session.results:
                session.push(self._model)

    def send_model(self, session: "Session") -> None:
        """Tell one session the running configuration."""
        if self._model is not None:
            session.push(self._model)

    def result(self, message: list, now_ms: int, least_ms: int) -> None:
        """Publish one result; least_ms: time between two results on each link, at least."""
        outgoing = None
        for session in self._links.sessions():
            if session.results:
                if outgoing is None:
                    outgoing = Outgoing(packets.payload_of_result(message))
                session.push_result(outgoing, now_ms, least_ms)

    def numbered(self, time_ms: int, kind: str, details: dict) -> None:
        """Publish an event of tracks, zones and lines: kept, and delivered to each client once."""
        for session in self._links.sessions():
            if session.events and not session.open:
                session.follow(self.history, 0, None)  # a reader that never asks begins here
        number = self.history.newest + 1
        message = [messages.EVENT, time_ms, kind, details, number]
        self.history.add(packets.payload_of(message))

    def event(self, kind: str, details: dict) -> None:
        """Publish an event of the board's own, to who is there now."""
        message = [messages.EVENT, self._clock.ms(), kind, details, 0]
        outgoing = Outgoing(packets.payload_of(message))
        for session in self._links.sessions():
            if session.events:
                session.push(outgoing)

    def log(self, line: tuple) -> None:
        """Publish one log line: (time_ms, level, text)."""
        outgoing = None
        for session in self._links.sessions():
            if session.logs:
                if outgoing is None:
                    outgoing = Outgoing(
                        packets.payload_of([messages.LOG, line[0], line[1], line[2]])
                    )
                session.push(outgoing)

    def statistics(self, values: dict, now_ms: int) -> None:
        """Publish the statistics, with each session's own count of dropped results."""
        for session in self._links.sessions():
            if not session.statistics:
                continue
            if session.results and not session.open and self._model is not None:
                session.push(self._model)  # a reader that never asks learns the labels from here
            own = dict(values)
            own["dropped"] = session.outbox.dropped
            session.send([messages.STATISTICS, now_ms, own])
