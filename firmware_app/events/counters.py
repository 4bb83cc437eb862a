"""What lines have counted, by label: it outlives a restart where the caller keeps `saved()`."""

MOST_LABELS = 32
OTHER = "…"  # labels beyond that


class Counters:
    """In and out of each line and label, and since when."""

    def __init__(self, since: list, kept: "dict | None" = None) -> None:
        """since: [start of the board, ms since then, Unix ms or None]; kept: what saved() returned once."""
        self.since = since
        self.lines: "dict[str, dict[str, list]]" = {}
        self.changed = False
        if kept:
            self._take(kept)

    def _take(self, kept: dict) -> None:
        """Take what was kept, as far as it makes sense: the card may have been edited."""
        try:
            start, ms, unix = kept["since"]
            lines: dict = {}
            for name in kept["lines"]:
                lines[name] = {}
                for label in kept["lines"][name]:
                    counted_in, counted_out = kept["lines"][name][label]
                    lines[name][label] = [max(0, int(counted_in)), max(0, int(counted_out))]
            self.since = [int(start), int(ms), None if unix is None else int(unix)]
            self.lines = lines
        except (KeyError, ValueError, TypeError, AttributeError):
            pass

    def saved(self) -> dict:
        """Return what is to be kept."""
        return {"since": self.since, "lines": self.lines}

    def keep_only(self, names: list) -> None:
        """Forget lines that are none any more."""
        for name in list(self.lines):
            if name not in names:
                del self.lines[name]
                self.changed = True

    def count(self, line: str, label: str, right: bool) -> list:
        """Count a crossing; return [in, out] of this line and label."""
        labels = self.lines.setdefault(line, {})
        if label not in labels and len(labels) >= MOST_LABELS:
            label = OTHER
        both = labels.setdefault(label, [0, 0])
        both[0 if right else 1] += 1
        self.changed = True
        return both

    def reset(self, since: list, line: "str | None" = None) -> None:
        """Begin anew: one line, or all of them and `since`."""
        if line is None:
            self.lines = {}
            self.since = since
        else:
            self.lines.pop(line, None)
        self.changed = True

    def rows(self) -> list:
        """Return [line, label, in, out] of all that was counted."""
        found: list = []
        for line in sorted(self.lines):
            for label in sorted(self.lines[line]):
                found.append([line, label] + self.lines[line][label])
        return found
