"""What firmware_app.board.arrays offers to a gallery, in plain Python: for interpreters without ulab."""

import struct


class Vector:
    """Float32 numbers, 1-D."""

    def __init__(self, items) -> None:
        self.items = [struct.unpack("<f", struct.pack("<f", item))[0] for item in items]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, key):
        return Vector(self.items[key]) if isinstance(key, slice) else self.items[key]

    def __setitem__(self, key, value) -> None:
        self.items[key] = value

    def __add__(self, other):
        return Vector([a + b for a, b in zip(self.items, other.items)])

    def __sub__(self, other):
        return Vector([a - b for a, b in zip(self.items, other.items)])

    def __mul__(self, factor):
        return Vector([a * factor for a in self.items])

    def __truediv__(self, divisor):
        return Vector([a / divisor for a in self.items])


class Table:
    """Rows of float32 numbers."""

    def __init__(self, rows) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key):
        return self.rows[key]

    def __setitem__(self, key, value) -> None:
        self.rows[key] = Vector(value.items)


def table(rows: int, columns: int):
    return Table([Vector([0.0] * columns) for _ in range(rows)])


def column(rows: int):
    return Vector([0.0] * rows)


def grown(old, used: int, rows: int):
    if isinstance(old, Vector):
        return Vector(old.items[:used] + [0.0] * (rows - used))
    width = len(old.rows[0])
    more = [Vector([0.0] * width) for _ in range(rows - used)]
    return Table(old.rows[:used] + more)


def floats(data):
    return Vector(struct.unpack("<%df" % (len(data) // 4), data))


def rows_of_floats(data, columns: int):
    size = 4 * columns
    return Table([floats(data[at : at + size]) for at in range(0, len(data), size)])


def float_bytes(vector) -> bytes:
    return struct.pack("<%df" % len(vector), *vector.items)


def length(vector) -> float:
    total = sum([item * item for item in vector.items])
    return total**0.5 if total < 1e60 else float("nan")


def lengths(rows):
    return [length(row) for row in rows.rows]


def unit(vector):
    size = length(vector)
    return vector / size if size > 1e-20 else None


def dot(one, other) -> float:
    return sum([a * b for a, b in zip(one.items, other.items)])


def product_by_dot(rows, used: int, vector):
    return Vector([dot(rows.rows[i], vector) for i in range(used)])


product_by_halves = product_by_dot


def scaled(values, scale, offset, used: int):
    return Vector([values[i] * scale[i] + offset[i] for i in range(used)])


def highest(scores):
    value = max(scores.items)
    return scores.items.index(value), value


def without(scores, owners, used: int, owner: int):
    return Vector([scores[i] - (4.0 if owners[i] == owner else 0.0) for i in range(used)])


def scores_of(scores, owners, used: int, owner: int):
    return Vector([scores[i] for i in range(used) if owners[i] == owner])


def highest_mean(scores, count: int) -> float:
    best = sorted(scores.items)[-count:]
    return sum(best) / len(best)


def rows_with(owners, used: int, owner: int) -> list:
    return [i for i in range(used) if owners[i] == owner]
