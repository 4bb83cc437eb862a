"""UART: one session on a wire, in pieces small enough for what a write costs.

On the board a write holds the interpreter for 10 bits a byte, so a packet goes out in pieces, and
results take no more than their share of the line. Reads are set up not to wait.
"""

from firmware_app.base.errors import VendorError
from firmware_app.base.problems import UART
from firmware_app.board import hardware
from firmware_app.link.session import SILENCE_MS, Session

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

    from firmware_app.base.problems import Problems
    from firmware_app.link.gateway import Gateway
_PIECE_US = 2000  # the interpreter is held for about this long at a time
_BETWEEN_FRAMES = 512  # bytes
_CHUNK_US = 15000  # of the line that a result may have to wait for a piece of a download
_CHUNK = 512  # bytes of it at most
_LEAST_CHUNK = 64
_DEPTH = 1  # on a slow line only the newest result is worth its time
_READ_ROUNDS = 8
_TURN_US = 3000  # that what arrived may take before frames have their turn


class UartLink:
    """The session on the wire."""

    def __init__(self, gateway: "Gateway", settings: dict, store: "Problems") -> None:
        """settings: the `uart` section of service.yaml; store: where a line that fails is told."""
        self._gateway = gateway
        self._problems = store
        self._failing = False
        self._settings = settings
        self._share = settings["share"]
        self._uart: "Any" = None
        baudrate = settings["baudrate"]
        self._piece = max(16, baudrate * _PIECE_US // 10_000_000)
        self._chunk = max(_LEAST_CHUNK, min(_CHUNK, baudrate * _CHUNK_US // 10_000_000))
        # What goes out between two frames at most: any result, but no long answer in one go.
        self.pieces = _BETWEEN_FRAMES // self._piece + 1
        self._us_per_byte = 10_000_000 // baudrate  # rounded down; 86 at 115200
        self._unfed = b""  # read, and not taken yet
        self._rest: "memoryview | None" = None  # of the packet that is being written
        self._next_us = 0  # results may go out again from here on
        self.session: Session = None  # type: ignore[assignment]  # start() makes it
        self.threads = 0
        self.refused = 0  # none: a new greeting takes the line over
        self.always = False
        self._publish = ""
        self._say_unasked(settings["publish"])

    def start(self) -> None:
        """Open the UART; VendorError says what is wrong."""
        settings = self._settings
        self._uart = hardware.open_uart(
            settings["id"], settings["baudrate"], settings["tx"], settings["rx"]
        )
        self._renew(0)

    def adopt(self, settings: dict) -> bool:
        """Let what may change while the link is open be as in these settings of service.yaml."""
        wired = settings["uart"]
        self._share = wired["share"]
        if wired["publish"] != self._publish:
            self._say_unasked(wired["publish"])
            if self.session is not None and not self.session.greeted:
                self._subscribe()  # a client that greeted has what it asked for
        return True

    def _say_unasked(self, publish: str) -> None:
        self._publish = publish
        # With a key nothing goes out to who has not shown it.
        self.always = publish != "on_request" and not self._settings["key_required"]

    def _subscribe(self) -> None:
        """Let a session that nobody opened have what is sent unasked."""
        events = self._publish == "events"
        self.session.subscribe(
            self.always and not events, self.always and events, self.always, False, 0
        )

    def close(self) -> None:
        """Nothing runs for it but the loop."""

    def _renew(self, now_ms: int) -> None:
        settings = self._settings
        name = "uart%d" % settings["id"]
        rejected = self.session.decoder.rejected if self.session is not None else 0
        self.session = Session(self._gateway, name, now_ms, settings["key_required"], True, _DEPTH)
        self.session.decoder.rejected = rejected
        self.session.chunk = self._chunk
        self.session.lossy = True
        self.session.private = True
        if self.always:
            self._subscribe()

    def serve(self, now_ms: int) -> bool:
        """Take what arrived, send at most one piece; return whether anything happened."""
        try:
            busy = self._serve(now_ms)
        except VendorError as error:
            self._rest = None  # its receiver finds the next packet by itself
            self._failing = True
            self._problems.set(UART, str(error))
            return False
        if self._failing and busy:
            self._failing = False
            self._problems.clear(UART)
        return busy

    def _serve(self, now_ms: int) -> bool:
        busy = False
        until_us = self._gateway.clock.us() + _TURN_US
        for _ in range(_READ_ROUNDS):
            data = self._unfed or self._uart.read()
            if not data:
                break
            busy = True
            # Noise may be thousands of packets: one at least, and no more when the time is over.
            self._unfed = data[self.session.feed(data, now_ms, until_us) :]
            if self.session.closing or self._unfed:
                break
        if self.session.greeted and now_ms - self.session.heard_ms > SILENCE_MS:
            # The client that greeted is gone; readers that only listen get their results again.
            self.session.close("nothing heard for %d s" % (SILENCE_MS // 1000))
        if self._rest is None:
            now_us = self._gateway.clock.us()
            sent = self.session.outbox.sent
            packet = self.session.next_packet(now_us >= self._next_us)
            if packet is None and self.session.downloads:
                packet = self.session.next_chunk()
            if packet is not None:
                self._rest = memoryview(packet)
                if self.session.outbox.sent != sent:
                    # A result takes its own time of the line; the share leaves some free beside it.
                    line_us = len(packet) * self._us_per_byte
                    self._next_us = now_us + line_us * 100 // self._share
        if self._rest is not None:
            sent_bytes = self._uart.write(self._rest[: self._piece])
            busy = sent_bytes > 0
            self._rest = self._rest[sent_bytes:] if len(self._rest) > sent_bytes else None
        elif self.session.closing:
            self._renew(now_ms)  # the wire stays; only the session ended
            busy = True
        return busy

    def due(self) -> bool:
        """Return whether there is something that the line should carry now."""
        if self._rest is not None:
            return True
        results = self._gateway.clock.us() >= self._next_us
        return self.session is not None and self.session.outbox.waits(results)

    def sessions(self) -> list:
        """Return the session where it is open, or where results go out unasked."""
        return (
            [self.session]
            if self.session is not None and (self.session.open or self.always)
            else []
        )

    @property
    def rejected(self) -> int:
        """Damaged packets thrown away since the start."""
        return self.session.decoder.rejected if self.session is not None else 0
