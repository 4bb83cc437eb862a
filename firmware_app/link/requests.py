"""The commands of one session: each is executed once, however often it arrives.

On a UART a command is said again when its answer does not come. Its answer is kept for that: until
the client says that it has it, or as one of the latest few where the client says nothing. What may
have been executed and has no answer left is refused rather than executed again.
"""

KEPT = 8  # answers of a client that never says what it has
MOST_KEPT = 32  # and of one that does
MOST_BYTES = 65536  # of answers, the latest left aside
_SETTLED = 256  # numbers that the client is done with


class Request:
    """One command: what its answer belongs to."""

    def __init__(self, number: int) -> None:
        self.number = number  # the client's
        self.answer = None  # as Outgoing, once there is one


class Requests:
    """What is worked on, and the answers that may be asked for again."""

    def __init__(self) -> None:
        self._known: list = []  # the answered ones in the order of their answers
        self._most = KEPT
        self._settled: list = []
        self._floor = -1  # what has this number or a lower one may have been executed

    def __contains__(self, request: Request) -> bool:
        return request in self._known

    def find(self, number: int):
        """Return the command with this number, or None."""
        for request in self._known:
            if request.number == number:
                return request
        return None

    def gone(self, number: int) -> bool:
        """Return whether a command with this number may have been executed, its answer forgotten."""
        return number <= self._floor or number in self._settled

    def begin(self, number: int) -> Request:
        """Return a new command."""
        request = Request(number)
        self._known.append(request)
        return request

    def settle(self, number: int, waiting: list) -> None:
        """The client sent command number, and of those before it waits only for these."""
        self._most = MOST_KEPT
        for request in [known for known in self._known if known.answer is not None]:
            if request.number < number and request.number not in waiting:
                self._known.remove(request)
                self._settled.append(request.number)
        lowest = min(waiting + [number])
        while len(self._settled) > _SETTLED:
            old = self._settled.pop(0)
            if old < lowest:
                self._floor = max(self._floor, old)

    def answer(self, request: Request, outgoing) -> None:
        """Keep an answer; the oldest of too many are forgotten, never what is still worked on."""
        request.answer = outgoing
        self._known.remove(request)
        self._known.append(request)
        answered = [known for known in self._known if known.answer is not None]
        size = sum(len(known.answer.payload) for known in answered)
        while len(answered) > 1 and (len(answered) > self._most or size > MOST_BYTES):
            oldest = answered.pop(0)
            size -= len(oldest.answer.payload)
            self._known.remove(oldest)
            self._floor = max(self._floor, oldest.number)
