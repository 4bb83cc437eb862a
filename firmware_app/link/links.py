"""The links that are open: what the settings want of UART and network, and moving their bytes."""

import asyncio

from firmware_app.base import problems
from firmware_app.base.errors import VendorError
from firmware_app.board import cipher
from firmware_app.board.nic import Nic, NoInterface

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.base.clock import Clock
    from firmware_app.base.log import Log
    from firmware_app.base.problems import Problems
    from firmware_app.link.gateway import Gateway

_FULL_MS = 15  # between looks at the links while frames pump
_QUIET_MS = 2  # and while nothing happens


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

    def open(self, gateway: "Gateway", settings: dict) -> None:
        """Open the UART and the network as far as they are wanted and there; settings: of service.yaml."""
        key = gateway.identity.key
        uart = settings["uart"]
        if uart["enabled"] and (key or not uart["key_required"]):
            self._open_uart(gateway, uart)
        network = settings["network"]
        if network["enabled"] and (key or not network["key_required"]):
            try:
                self._open_network(gateway, network, settings["results"]["queue"])
            except NoInterface as error:
                self._problems.set(problems.NETWORK, str(error))
            except OSError as error:
                text = "TCP port %d can't be opened: %s" % (network["port"], error)
                self._problems.set(problems.NETWORK_PORT, text)

    def _open_uart(self, gateway: "Gateway", settings: dict) -> None:
        # Imported when asked for: a board carries only the links that it uses in memory.
        from firmware_app.link.uart import UartLink

        link = UartLink(gateway, settings, self._problems)
        try:
            link.start()
        except VendorError as error:
            text = "it can't be opened: %s" % error
            self._problems.set(problems.UART, text)
            return
        self.all.append(link)
        self.uart = settings
        self._log.info("UART %d open at %d baud" % (settings["id"], settings["baudrate"]))

    def _open_network(self, gateway: "Gateway", settings: dict, depth: int) -> None:
        from firmware_app.link.tcp import TcpLink

        self.nic = Nic(settings, self._log, self._problems)
        self.nic.bring_up(self._clock.ms())
        link = TcpLink(gateway, settings, depth, self._problems)
        link.start()
        self.all.append(link)
        link.discover(settings["discovery"])
        if settings["encryption"] and settings["key_required"] and not cipher.present():
            self._problems.set(
                problems.ENCRYPTION,
                "this firmware has no ucryptolib: sessions are sealed against changes, not encrypted",
            )
        self.port = settings["port"]
        self._log.info("listening on TCP port %d" % self.port)

    def adopt(self, settings: dict) -> None:
        """Let what may change while links are open be as in these settings of service.yaml."""
        for link in self.all:
            link.adopt(settings)

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
        found: list = []
        for link in self.all:
            found.extend(link.sessions())
        return found

    def pump(self) -> bool:
        """Let every link take and send what it can without waiting; return whether anything happened."""
        busy = False
        now_ms = self._clock.ms()
        self._pumped_ms = now_ms
        for link in self.all:
            if link.serve(now_ms):
                busy = True
        return busy

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
        """Move bytes for ever; idle(): whether there is no frame to infer.

        It polls: bytes arrive in threads, which can't set an event of the loop, and a socket that
        the loop waits for costs each of its turns a millisecond.
        """
        while True:
            wait_ms = _QUIET_MS if idle() else _FULL_MS
            # Frames pump too, with each result: once is enough.
            busy = self._clock.ms() - self._pumped_ms >= _QUIET_MS and self.pump()
            # Between frames that leave no time this task would only cost some.
            await asyncio.sleep_ms(0 if busy else wait_ms)
