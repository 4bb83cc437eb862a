"""What can go wrong between this computer and a board, as one tree.

    K230Error
     ├── AddressError            the URL can't be one
     ├── ArgumentError           arguments that no message can carry
     ├── KeyFormatError          text or file that is no key
     ├── PictureError            a picture can't be read
     ├── GalleryFileError        a gallery's file is damaged, incomplete, or none
     ├── ConnectionFailed        no session came about
     │    ├── NoGreeting         what is there does not greet: cause tells why
     │    ├── PortLocked         another program has the serial port
     │    ├── BoardFull          all network sessions of the board are taken
     │    └── TooManyAttempts    the board waits after failed attempts to log in
     ├── AuthenticationError     wrong or missing key, or a board that can't prove its own
     ├── VersionError            board and client speak different protocol versions
     ├── LinkLost                the session ended (the client reconnects by itself)
     ├── ProtocolError           the board sent what the protocol doesn't allow
     ├── RequestTimeout          no answer in time
     ├── CommandFailed           the board answered that it can't (code, message)
     ├── PackageError            a deployment package can't be used
     ├── ConfigurationError      a YAML file is not valid
     ├── SimulationError         the virtual board can't start or stopped
     └── Closed                  the Board object was closed

AuthenticationError and VersionError are final: trying again can't help. Every other
failure of a link is one that the client gets over by itself once it was connected.
"""

from __future__ import annotations


class K230Error(Exception):
    """Base of everything that this package raises; the text is one sentence for a person."""

    code = "error"
    exit_code = 1


class AddressError(K230Error, ValueError):
    """A URL that names no board."""

    code = "bad_address"
    exit_code = 2


class ArgumentError(K230Error, ValueError):
    """Arguments of a command that no message can carry: too long, or not plain values."""

    code = "bad_argument"
    exit_code = 2


class KeyFormatError(K230Error, ValueError):
    """Text or a file that should hold a key and does not."""

    code = "bad_key"
    exit_code = 2


class PictureError(K230Error, ValueError):
    """A picture that can't be read, or an array that is none."""

    code = "bad_picture"
    exit_code = 8


class GalleryFileError(K230Error, ValueError):
    """A file that should hold a gallery and does not, or not all of it."""

    code = "bad_gallery"
    exit_code = 8


class ConnectionFailed(K230Error):  # noqa: N818 - it names what happened
    """No session with the board came about."""

    code = "connection_failed"
    exit_code = 3


class NoGreeting(ConnectionFailed):
    """The line is open, but no board greeted.

    cause: silence, echo, repl, protocol (another one answers), text, packets (of a board that does
    not answer), noise. reason: the sentence without address and advice.
    """

    code = "no_greeting"

    def __init__(self, text: str, cause: str = "silence", reason: str = "") -> None:
        super().__init__(text, cause, reason)
        self.cause = cause
        self.reason = reason or text

    def __str__(self) -> str:
        return str(self.args[0])


class PortLocked(ConnectionFailed):
    """Another program has the serial port; one tty carries one client."""

    code = "port_locked"


class BoardFull(ConnectionFailed):
    """All network sessions of the board are taken."""

    code = "full"


class TooManyAttempts(ConnectionFailed):
    """The board answers nobody for some seconds after failed attempts to log in."""

    code = "wait"


class AuthenticationError(K230Error):
    """Wrong or missing key, or a board that could not prove that it knows the key."""

    code = "authentication"
    exit_code = 4


class VersionError(K230Error):
    """Board and client speak different versions of the protocol."""

    code = "version"
    exit_code = 5


class LinkLost(K230Error):  # noqa: N818 - it names what happened
    """The session ended; the client tries to reconnect, this call is not repeated."""

    code = "link_lost"
    exit_code = 3


class ProtocolError(K230Error):
    """The board sent what the protocol does not allow."""

    code = "protocol"
    exit_code = 5


class RequestTimeout(K230Error):  # noqa: N818 - it names what happened
    """The board did not answer a command in time."""

    code = "timeout"
    exit_code = 6


class CommandFailed(K230Error):  # noqa: N818 - it names what happened
    """The board's answer to a command is that it can't; code and message are the board's."""

    exit_code = 7

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.exit_code = EXIT_CODES_OF_FAILURES.get(code, 7)


class PackageError(K230Error, ValueError):
    """A deployment package that can't be used."""

    code = "bad_package"
    exit_code = 8


class ConfigurationError(K230Error, ValueError):
    """A YAML file that is not valid: messages has a sentence for each fault."""

    code = "bad_configuration"
    exit_code = 8

    def __init__(self, messages: list[str]) -> None:
        super().__init__("\n".join(messages))
        self.messages = messages


class SimulationError(K230Error):
    """The virtual board can't start, or stopped where it should not."""

    code = "simulation"
    exit_code = 9


class Closed(K230Error):  # noqa: N818 - it names what happened
    """The Board object was closed."""

    code = "closed"
    exit_code = 1


# What FAILURE carries (docs/protocol.md, section 10). The picture and the arguments are the
# caller's to mend and have the exit codes of the same mistakes found on the host.
EXIT_CODES_OF_FAILURES = {"bad_argument": 2, "bad_picture": 8, "bad_package": 8}

# What REFUSED carries (docs/protocol.md, section 10).
REFUSALS: dict[str, type[K230Error]] = {
    "full": BoardFull,
    "key": AuthenticationError,
    "wait": TooManyAttempts,
    "protocol": ProtocolError,
}

FINAL_ERRORS = (AuthenticationError, VersionError)
