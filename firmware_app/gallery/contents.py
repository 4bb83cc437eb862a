"""What the changes of a gallery's file mean: the rules that its labels and samples keep."""

from firmware_app.gallery import format as gallery_format


class Label:
    """One identity; number is its place in the file, threshold its own, or None for the rule's."""

    def __init__(self, number: int, text: str, threshold: "float | None") -> None:
        self.number = number
        self.text = text
        self.threshold = threshold
        self.count = 0  # positive samples
        self.negatives = 0


class Contents:
    """Labels, and samples as a subclass keeps them: in arrays on the board, by number on the host."""

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._labels: "dict[int, Label]" = {}
        self._numbers: "dict[str, int]" = {}  # by text
        self.next_id = 1
        self.changes = 0  # made since it exists, so that a running copy notices one

    def __len__(self) -> int:
        """Return how many samples there are."""
        raise NotImplementedError

    def _has(self, number: int) -> bool:
        raise NotImplementedError

    def _rows(self, vectors: bytes):
        """Return the float32 vectors in the form that _lengths() and _store() take."""
        raise NotImplementedError

    def _lengths(self, rows):
        """Return the length of each vector."""
        raise NotImplementedError

    def _store(self, heads: list, rows) -> None:
        """Keep the samples of these (id, label, flags), calling _count() for each."""
        raise NotImplementedError

    def _drop(self, number: int) -> None:
        """Forget a sample, if it is still there, calling _count()."""
        raise NotImplementedError

    def _drop_all(self, label: Label) -> None:
        """Forget all samples of a label; it goes afterwards."""
        raise NotImplementedError

    def _count(self, label: Label, negative: bool, by: int) -> None:
        if negative:
            label.negatives += by
        else:
            label.count += by

    def labels(self) -> "list[Label]":
        """Return the labels in the order of their texts."""
        return sorted(self._labels.values(), key=_text_of)

    @property
    def label_count(self) -> int:
        """How many labels there are."""
        return len(self._labels)

    def apply(self, kind: int, body: bytes) -> None:
        """Make one change; ValueError for one that does not fit what is there, which then stays as it is."""
        if kind == gallery_format.LABEL:
            number, threshold, text = gallery_format.parse_label(body)
            self._define(number, text, threshold)
        elif kind == gallery_format.SAMPLES:
            self._add(body)
        elif kind == gallery_format.REMOVE_SAMPLES:
            self._remove_samples(gallery_format.parse_ids(body))
        elif kind == gallery_format.REMOVE_LABEL:
            self._remove_label(gallery_format.parse_number(body))
        elif kind == gallery_format.END:
            self._check_end(gallery_format.parse_ids(body))
        else:
            raise ValueError("a change of unknown kind %d" % kind)
        self.changes += 1

    def _check_end(self, numbers: "list[int]") -> None:
        if len(numbers) != 3 or numbers[1] != len(self) or numbers[2] != len(self._labels):
            raise ValueError("samples or labels are missing")
        self.next_id = max(self.next_id, numbers[0] + 1)

    def _define(self, number: int, text: str, threshold: "float | None") -> None:
        holder = self._numbers.get(text)
        if holder is not None and holder != number:
            raise ValueError("two labels have the same text")
        label = self._labels.get(number)
        if label is None:
            self._labels[number] = Label(number, text, threshold)
        else:
            self._numbers.pop(label.text)
            label.text = text
            label.threshold = threshold
        self._numbers[text] = number

    def _add(self, body: bytes) -> None:
        heads, vectors = gallery_format.split_samples(body, self.dimension)
        rows = self._rows(vectors)
        sizes = self._lengths(rows)
        seen = {}
        for i in range(len(heads)):
            number, owner, _ = heads[i]
            if owner not in self._labels:
                raise ValueError("a sample of a label that is not there")
            if number in seen or (number < self.next_id and self._has(number)):
                raise ValueError("two samples have the number %d" % number)
            if not 0.999 < float(sizes[i]) < 1.001:
                raise ValueError("a sample that is not normalised")
            seen[number] = True
        self._store(heads, rows)
        for number in seen:
            self.next_id = max(self.next_id, number + 1)

    def _remove_samples(self, numbers: "list[int]") -> None:
        for number in numbers:
            if not self._has(number):
                raise ValueError("no sample has the number %d" % number)
        for number in numbers:
            self._drop(number)

    def _remove_label(self, number: int) -> None:
        label = self._labels.get(number)
        if label is None:
            raise ValueError("no label has the number %d" % number)
        self._drop_all(label)
        self._numbers.pop(label.text)
        self._labels.pop(number)


def _text_of(label: Label) -> str:
    return label.text
