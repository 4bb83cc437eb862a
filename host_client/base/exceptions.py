"""The exceptions of this package, as one tree.

    K230Error
     ├── AddressError            the URL is not a valid address
     ├── ArgumentError           arguments do not fit into a message
     ├── KeyFormatError          a text or file is not a key
     ├── PictureError            a picture can't be read
     ├── GalleryFileError        a file is not a gallery, or is damaged or incomplete
     ├── ConnectionFailed        no session was established
     │    ├── NoGreeting         the device did not answer as a board; cause says why
     │    ├── PortLocked         another program uses the serial port
     │    ├── BoardFull          all network sessions of the board are taken
     │    └── TooManyAttempts    too many wrong keys: the board refuses logins for some seconds
     ├── AuthenticationError     wrong or missing key, or a board without proof of the key
     ├── VersionError            board and client use different protocol versions
     ├── LinkLost                the session ended; the client reconnects
     ├── ProtocolError           the board sent something the protocol does not allow
     ├── RequestTimeout          no answer before the timeout
     ├── CommandFailed           the board rejected the command (code, message)
     ├── PackageError            a deployment package can't be used
     ├── ConfigurationError      a YAML file is not valid
     ├── SimulationError         the virtual board could not start, or it stopped
     └── Closed                  the Board object was closed

AuthenticationError and VersionError are final: the client does not retry. After any other
link failure the client reconnects, once it was connected.
"""

from __future__ import annotations


class K230Error(Exception):
    """Base of all exceptions of this package; the text is one sentence."""

    code = "error"
    exit_code = 1


class AddressError(K230Error, ValueError):
    """A URL is not a valid board address."""

    code = "bad_address"
    exit_code = 2


class ArgumentError(K230Error, ValueError):
    """Arguments of a command are too long for a message, or not plain values."""

    code = "bad_argument"
    exit_code = 2


class KeyFormatError(K230Error, ValueError):
    """A text or file does not hold a key."""

    code = "bad_key"
    exit_code = 2


class PictureError(K230Error, ValueError):
    """A picture can't be read, or an array has the wrong type or shape."""

    code = "bad_picture"
    exit_code = 8


class GalleryFileError(K230Error, ValueError):
    """A file is not a gallery, or is damaged or incomplete."""

    code = "bad_gallery"
    exit_code = 8


class ConnectionFailed(K230Error):  # noqa: N818 - it names what happened
    """No session with the board was established."""

    code = "connection_failed"
    exit_code = 3


class NoGreeting(ConnectionFailed):
    """The connection is open, but no board greeted before the timeout.

    cause: silence, echo, repl, protocol (a different service), text, packets (a board sends, but
    does not answer), noise. reason: the sentence without address and advice.
    """

    code = "no_greeting"

    def __init__(self, text: str, cause: str = "silence", reason: str = "") -> None:
        super().__init__(text, cause, reason)
        self.cause = cause
        self.reason = reason or text

    def __str__(self) -> str:
        return str(self.args[0])


class PortLocked(ConnectionFailed):
    """Another program uses the serial port; a tty serves one client at a time."""

    code = "port_locked"


class BoardFull(ConnectionFailed):
    """All network sessions of the board are taken."""

    code = "full"


class TooManyAttempts(ConnectionFailed):
    """The board refuses logins for some seconds after failed attempts."""

    code = "wait"


class AuthenticationError(K230Error):
    """The key is wrong or missing, or the board could not prove that it knows it."""

    code = "authentication"
    exit_code = 4


class VersionError(K230Error):
    """Board and client use different versions of the protocol."""

    code = "version"
    exit_code = 5


class LinkLost(K230Error):  # noqa: N818 - it names what happened
    """The session ended. The client reconnects; this call is not repeated."""

    code = "link_lost"
    exit_code = 3


class ProtocolError(K230Error):
    """The board sent something the protocol does not allow."""

    code = "protocol"
    exit_code = 5


class RequestTimeout(K230Error):  # noqa: N818 - it names what happened
    """The board did not answer a command before the timeout."""

    code = "timeout"
    exit_code = 6


class CommandFailed(K230Error):  # noqa: N818 - it names what happened
    """The board rejected the command; code and message are the board's."""

    exit_code = 7

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.exit_code = EXIT_CODES_OF_FAILURES.get(code, 7)


class PackageError(K230Error, ValueError):
    """A deployment package can't be used."""

    code = "bad_package"
    exit_code = 8


class ConfigurationError(K230Error, ValueError):
    """A YAML file is not valid; messages has one sentence per fault."""

    code = "bad_configuration"
    exit_code = 8

    def __init__(self, messages: list[str]) -> None:
        super().__init__("\n".join(messages))
        self.messages = messages


class SimulationError(K230Error):
    """The virtual board could not start, or stopped unexpectedly."""

    code = "simulation"
    exit_code = 9


class Closed(K230Error):  # noqa: N818 - it names what happened
    """The Board object was closed."""

    code = "closed"
    exit_code = 1


# Codes of FAILURE (docs/protocol.md, section 10). A bad picture or argument has the same exit
# code as the same mistake found on this computer.
EXIT_CODES_OF_FAILURES = {"bad_argument": 2, "bad_picture": 8, "bad_package": 8}

# Codes of REFUSED (docs/protocol.md, section 10).
REFUSALS: dict[str, type[K230Error]] = {
    "full": BoardFull,
    "key": AuthenticationError,
    "wait": TooManyAttempts,
    "protocol": ProtocolError,
}

FINAL_ERRORS = (AuthenticationError, VersionError)
