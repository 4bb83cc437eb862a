"""What the gallery's tests share: arrays where there are any, vectors, changes, and an awaiter."""

from firmware_app.gallery import format as gallery_format
from firmware_app.gallery.labels import Gallery

try:
    from firmware_app.board import arrays as ops
except ImportError:  # no ulab in this interpreter
    import plain_arrays as ops

SHA = bytes(range(32))
DIMENSION = 4


def vector(*items):
    """Return a unit vector in the direction of items."""
    row = ops.table(1, len(items))[0]
    for i in range(len(items)):
        row[i] = float(items[i])
    return ops.unit(row)


def run(work):
    """Run a coroutine that only pauses; return its result."""
    try:
        while True:
            work.send(None)
    except StopIteration as end:
        return end.value


class _Step:
    def __await__(self):
        yield

    def __iter__(self):  # MicroPython awaits iterators
        yield


async def pause() -> None:
    await _Step()


def make(capacity: int = 100) -> Gallery:
    return Gallery(ops, DIMENSION, SHA, capacity)


def adding(gallery: Gallery, text: str, vectors: list, negative: bool = False) -> list:
    """Return the changes that enroll vectors under a label."""
    changes = []
    label = gallery.label(text)
    number = gallery.free_number() if label is None else label.number
    if label is None:
        changes.append((gallery_format.LABEL, gallery_format.label_body(number, text, None)))
    flags = gallery_format.NEGATIVE if negative else 0
    heads = [(gallery.next_id + i, number, flags) for i in range(len(vectors))]
    data = b"".join([ops.float_bytes(each) for each in vectors])
    changes.append((gallery_format.SAMPLES, gallery_format.samples_body(heads, data)))
    return changes


def enroll(gallery: Gallery, text: str, *vectors, negative: bool = False) -> None:
    for kind, body in adding(gallery, text, list(vectors), negative):
        gallery.apply(kind, body)


def content(gallery):
    """Return all that a gallery holds, comparable."""
    rows = []
    for samples, sign in ((gallery.positive, 1), (gallery.negative, -1)):
        for row in range(len(samples)):
            text = gallery.text_of(samples.owner_of(row))
            rows.append((samples.ids[row] * sign, text, ops.float_bytes(samples.table[row])))
    labels = [(each.text, each.threshold, each.count, each.negatives) for each in gallery.labels()]
    return sorted(rows), labels
