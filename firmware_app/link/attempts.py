"""Failed proofs of the key: after a few from one address, it has to wait, longer each time."""

FREE = 5  # failures without a wait
MAX_WAIT_S = 300
FORGET_S = 600  # without a failure
_MAX_ADDRESSES = 16


class Attempts:
    """Counts failures per address, for a bounded number of addresses."""

    def __init__(self) -> None:
        self._failures: dict = {}  # address -> [failures, time of the last (ms)]
        self.total = 0

    def note(self, name: str, good: bool, now_ms: int) -> None:
        """Record one proof; name is "address:port" or a link's name."""
        address = name.split(":")[0]
        if good:
            self._failures.pop(address, None)
            return
        self.total += 1
        entry = self._entry(address, now_ms)
        if entry is None:
            if len(self._failures) >= _MAX_ADDRESSES:
                oldest = min(self._failures, key=lambda a: self._failures[a][1])
                self._failures.pop(oldest)
            self._failures[address] = [1, now_ms]
        else:
            entry[0] += 1
            entry[1] = now_ms

    def wait_s(self, name: str, now_ms: int) -> int:
        """Return how many seconds the address still has to wait, 0 for none."""
        entry = self._entry(name.split(":")[0], now_ms)
        if entry is None or entry[0] < FREE:
            return 0
        wait = min(MAX_WAIT_S, 1 << min(entry[0] - FREE, 16))
        left_ms = entry[1] + wait * 1000 - now_ms
        return (left_ms + 999) // 1000 if left_ms > 0 else 0

    def _entry(self, address: str, now_ms: int):
        entry = self._failures.get(address)
        if entry is not None and now_ms - entry[1] > FORGET_S * 1000:
            self._failures.pop(address)
            return None
        return entry
