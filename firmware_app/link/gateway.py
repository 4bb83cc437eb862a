"""The board as its sessions see it: who it is, and where their commands and data go."""

from firmware_app.base import console, files, log
from firmware_app.board import arrays, cipher, hardware
from firmware_app.link import keyring
from firmware_app.version import VERSION
from firmware_app.wire import messages, seal

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.base.clock import Clock
    from firmware_app.base.log import Log
    from firmware_app.link.attempts import Attempts
    from firmware_app.link.transfers import Transfers


class Identity:
    """Who the board is."""

    def __init__(self) -> None:
        self.version = VERSION
        self.board_id = hardware.board_id()
        self.boot_id = hardware.random_id()
        self.name = ""
        self.key = b""

    def rename(self, name: str) -> None:
        """Let the board bear this name."""
        self.name = name

    def bring_key_back(self) -> bool:
        """Look, first of all, whether /data was emptied, and bring the key back; return whether it was."""
        return keyring.bring_back(self.board_id)

    def load_key(self) -> None:
        """Load the board's key, or make it and show it this once; OSError, ValueError."""
        self.key, made = keyring.load_key(self.board_id)
        if made:
            # The one secret that is ever shown, once, where only the owner of the board reads it.
            console.tell(messages.CONSOLE_KEY + self.key.hex())


class Gateway:
    """What a session asks of the board."""

    def __init__(
        self,
        identity: Identity,
        clock: "Clock",
        board_log: "Log",
        transfers: "Transfers",
        attempts: "Attempts",
        commands,
    ) -> None:
        """commands: takes add(session, request, name, arguments) and forget(session)."""
        self.identity = identity
        self.clock = clock
        self.attempts = attempts
        self._log = board_log
        self._transfers = transfers
        self._commands = commands
        self._blocks = arrays.Blocks()

    def nonce(self) -> bytes:
        """Return the random bytes of a greeting."""
        return hardware.nonce()

    def cipher(self, key: bytes) -> "seal.Cipher":
        """Return what encrypts one direction of a session; VendorError."""
        encrypt = cipher.encryptor(key)
        return seal.Cipher(encrypt, arrays.mixed, arrays.zeros, self._blocks.streams(encrypt))

    def opened(self, session) -> None:
        """A session's greeting is done."""
        self._log.info("%s: %s connected" % (session.name, session.client))

    def closed(self, session) -> None:
        """A session ended: nothing of it may stay behind."""
        self._transfers.drop(session)
        self._commands.forget(session)
        if session.client:
            # Strangers who only greet would push everything else out of the log.
            self._log.write(
                log.INFO if session.notable else log.DEBUG,
                "%s: %s left: %s"
                % (session.name, session.client, session.closing or "a new greeting"),
            )

    def failed(self, error: BaseException) -> None:
        """A session met a fault of ours."""
        console.exception(error)

    def request(self, session, request, command: str, arguments: dict) -> None:
        """A command arrived; it is executed between frames."""
        self._commands.add(session, request, command, arguments)

    def chunk(self, session, number, offset, data) -> None:
        """A piece of a large transfer arrived."""
        transfer = self._transfers.find(session, number)
        if transfer is None or type(offset) is not int or not isinstance(data, bytes):
            return
        try:
            transfer.add(offset, data)
        except OSError as error:
            # Only the end of the session tells a client that sends on.
            text = "the card can't be written: %s" % files.why(error)
            self._log.error(text)
            session.refuse("card", text)
            return
        session.send([messages.TAKEN, number, transfer.offset])
