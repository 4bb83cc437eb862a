"""How many of each label a board sees now: up at once, down after a while, so that nothing flickers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

MOST_LABELS = 512  # of a board; one that names more lies


def labels_of(result: Any) -> Counter[str]:
    """Return how many of each label a result of any task has."""
    boxes = getattr(result, "boxes", None)
    if boxes is not None:
        return Counter([box.label for box in boxes])
    objects = getattr(result, "objects", None)
    if objects is not None:
        # With a detector, an identity says more than the detector's label.
        return Counter([getattr(o, "identity", None) or o.label for o in objects])
    labels = getattr(result, "labels", None)
    if labels is not None:
        return Counter({row.label: 1 for row in labels})
    areas = getattr(result, "areas", None)
    if areas is not None:
        return Counter({label: 1 for label, pixels in areas.items() if pixels})
    name = getattr(result, "identity", None) or getattr(result, "label", None)
    return Counter({name: 1}) if isinstance(name, str) else Counter()


class Counts:
    """The published counts of one board; names are labels, or (zone, label)."""

    def __init__(self, off_delay: float) -> None:
        self.refused = 0  # labels beyond MOST_LABELS
        self._off_delay = off_delay
        self._now: dict[Any, int] = {}
        self._there: dict[Any, None] = {}  # the names with a count above 0
        self._low: dict[Any, tuple[float, int]] = {}  # since when, and the highest count meanwhile

    def __iter__(self) -> Iterator[tuple[Any, int]]:
        return iter(self._now.items())

    @property
    def pending(self) -> bool:
        """Whether time alone changes something."""
        return bool(self._low)

    def see(self, seen: Mapping[Any, int], now: float) -> list[tuple[Any, int]]:
        """Take what a whole frame shows; return the (name, count) that changed."""
        changed = []
        counts = self._now
        for name, count in seen.items():
            before = counts.get(name)
            if before is None and len(counts) >= MOST_LABELS:
                self.refused += 1
            elif before is None or count > before:
                counts[name] = count
                self._low.pop(name, None)
                changed.append((name, count))
        for name in self._there:  # the others have nothing to lose
            before, count = counts[name], seen.get(name, 0)
            if count == before:
                self._low.pop(name, None)
            elif count < before:
                low = self._low.get(name)
                self._low[name] = (now, count) if low is None else (low[0], max(low[1], count))
        self._there.update(dict.fromkeys(name for name, _ in changed))
        return changed + self.tick(now) if self._low else changed

    def put(self, name: Any, count: int) -> list[tuple[Any, int]]:
        """Take one count that the board itself has steadied."""
        before = self._now.get(name)
        if before is None and len(self._now) >= MOST_LABELS:
            self.refused += 1
            return []
        self._now[name] = count
        return [(name, count)] if count != before else []

    def tick(self, now: float) -> list[tuple[Any, int]]:
        """Return what went down for long enough."""
        changed = []
        if self._low:
            for name, (since, highest) in list(self._low.items()):
                if now - since >= self._off_delay:
                    del self._low[name]
                    self._now[name] = highest
                    if not highest:
                        self._there.pop(name, None)
                    changed.append((name, highest))
        return changed

    def clear(self) -> list[Any]:
        """Forget everything; return the names."""
        names = list(self._now)
        self._now.clear()
        self._there.clear()
        self._low.clear()
        return names
