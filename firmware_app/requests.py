"""The commands of one session: each is executed once, however often it arrives.

On a UART a command is said again when its answer does not come. As long as it is being worked on,
and for a while after, that is known here; later it is refused rather than executed twice.
"""

KEPT = 8  # answers that a repeated command gets again


class Request:
    """One command: what its answer belongs to."""

    def __init__(self, number: int) -> None:
        self.number = number  # the client's
        self.answer = None  # as Outgoing, once there is one


class Requests:
    """What is worked on, and the latest that were answered."""

    def __init__(self) -> None:
        self._known: list = []
        self._forgotten = -1  # the highest number whose answer is no longer kept

    def __contains__(self, request: Request) -> bool:
        return request in self._known

    def find(self, number: int):
        """Return the command with this number, or None."""
        for request in self._known:
            if request.number == number:
                return request
        return None

    def forgotten(self, number: int) -> bool:
        """Return whether a command with this number may have been executed before."""
        return number <= self._forgotten

    def begin(self, number: int) -> Request:
        """Return a new command."""
        request = Request(number)
        self._known.append(request)
        return request

    def answer(self, request: Request, outgoing) -> None:
        """Keep an answer; the oldest of too many is forgotten, never what is still worked on."""
        request.answer = outgoing
        self._known.remove(request)
        self._known.append(request)  # the latest answer is kept longest
        answered = [known for known in self._known if known.answer is not None]
        if len(answered) > KEPT:
            self._known.remove(answered[0])
            self._forgotten = max(self._forgotten, answered[0].number)
