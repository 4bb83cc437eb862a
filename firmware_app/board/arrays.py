"""What the tasks compute on tensors, with ulab.

ulab on the board is float32 only and corrupts memory where NumPy would raise; each function
says what it wants, and keeps to calls that are sound there.
"""

from math import isnan

from ulab import numpy as np

from firmware_app.base.errors import NpuError
from firmware_app.board import vendor

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

uint8 = np.uint8

_ROWS = 256  # blocks whose numbers differ in the last byte alone


def mixed(data, stream) -> "bytearray | None":
    """Return the exclusive or of two buffers of equal length, None where ulab has no memory for it."""
    try:
        one, other = np.frombuffer(data, dtype=np.uint8), np.frombuffer(stream, dtype=np.uint8)
        return bytearray(np.bitwise_xor(one, other))  # bytes would be hashed
    except MemoryError:
        return None


def zeros(data) -> "list | None":
    """Return the places of the zeros of a buffer of less than 65,536 bytes, None where ulab has no memory for it."""
    try:
        return np.nonzero(np.frombuffer(data, dtype=np.uint8) == 0)[0].tolist()
    except MemoryError:
        return None


class Blocks:
    """The table of AES's counter mode, one for all sessions: the blocks that seal.Cipher numbers.

    Made at the start, where there is memory for it: what is made when a first long answer needs it
    would be asked for at any time.
    """

    def __init__(self) -> None:
        self._rows: "Any" = None
        try:
            self._make()
        except MemoryError:
            pass  # tried again when it is wanted

    def _make(self) -> None:
        rows = np.zeros((_ROWS, 16), dtype=np.uint8)
        rows[:, 15] = np.array(range(_ROWS), dtype=np.uint8)
        self._rows = rows

    def streams(self, encrypt):
        """Return stream(counter, blocks), which encrypts blocks 0 … of a counter.

        encrypt: takes whole blocks and a buffer for what they become. The stream is None where the
        table has too few blocks or ulab no memory.
        """

        def stream(counter: bytes, blocks: int) -> "bytearray | None":
            if blocks > _ROWS:
                return None
            try:
                if self._rows is None:
                    self._make()
                rows = self._rows
                rows[:blocks, :8] = np.frombuffer(counter, dtype=np.uint8)
                out = bytearray(16 * blocks)
                encrypt(memoryview(rows)[: 16 * blocks], out)  # what it returned would be hashed
                return out
            except MemoryError:
                return None

        return stream


def dense_uint8(shape: list):
    """Return a uint8 array of ones, for the tensor that ai2d writes to."""
    return np.ones(tuple(shape), dtype=np.uint8)


def buffer(size: int):
    """Return so many bytes outside the interpreter's heap, as a uint8 array; they offer memoryview()."""
    return np.zeros((size,), dtype=np.uint8)


def bordered(inner, shape: list, top: int, left: int, value: int):
    """Return a (1, 3, h, w) uint8 array of shape, all value, with inner at top, left."""
    around = np.full(tuple(shape), value, dtype=np.uint8)
    around[:, :, top : top + inner.shape[2], left : left + inner.shape[3]] = inner
    return around


def planes(data, width: int, height: int):
    """Return bytes of R, G, B planes as a (1, 3, height, width) uint8 array.

    The array is a view: keep data alive as long as it.
    """
    return np.frombuffer(data, dtype=np.uint8).reshape((1, 3, height, width))


def frame_planes(image):
    """Return a camera frame (RGBP888) as a (3, height, width) array without copying it.

    Dead after the next snapshot of its channel. Not to be reshaped: the copy of the array's head
    would not know where in the camera's memory the pixels lie, and they would be copied.
    """
    try:
        return image.to_numpy_ref()
    except Exception as error:
        raise vendor.failed(NpuError, "the camera's frame", error)


def dense(view):
    """Return a copy of a float array, its items side by side.

    A product is computed in one of ulab's tight loops, and takes a third of the time of copy(), which
    looks up the place of each item anew (MicroPython 1.21 with the firmware's ulab on a PC). Times 1
    each item stays what it is, NaN as well.
    """
    return view * 1.0


def vector(tensor):
    """Return a dense output tensor of any shape as a 1-D array (a view)."""
    return tensor.reshape((tensor.size,))


def size_of(tensor) -> int:
    """Return the number of items."""
    return tensor.size


def bounds(values) -> tuple:
    """Return (smallest, largest) item of a 1-D float array."""
    return float(np.min(values)), float(np.max(values))


def total(values) -> float:
    """Return the sum of a 1-D float array."""
    return float(np.sum(values))


def softmax(logits):
    """Return the softmax of a 1-D float array."""
    powers = np.exp(logits - np.max(logits))
    return powers / np.sum(powers)


def sigmoid(logits):
    """Return 1 / (1 + e^-x) of a 1-D float array."""
    return 1.0 / (np.exp(-logits) + 1.0)


_LONG = 256  # items from which ulab finds the highest sooner than a list does
_LEAST = -3e38


def best(scores, count: int) -> list:
    """Return (index, score) of the count highest items of a 1-D float array, best first; the first of equals."""
    highest: list = []
    size = len(scores)
    count = min(count, size)
    if size > _LONG:
        scores = dense(scores)
        for _ in range(count):
            index = int(np.argmax(scores))
            highest.append((index, float(scores[index])))
            scores[index] = _LEAST
        return highest
    values = scores.tolist()
    index_of, append = values.index, highest.append
    for _ in range(count):
        score = max(values)
        index = 0 if isnan(score) else index_of(score)  # NaN equals nothing
        append((index, score))
        values[index] = _LEAST
    return highest


def best_above(scores, count: int, threshold: float) -> list:
    """Return best() of those items alone that exceed threshold; (0, NaN) where there is a NaN."""
    values = scores.tolist()
    if isnan(sum(values)):
        return [(0, float("nan"))]  # no threshold says anything
    passed = len([None for value in values if value > threshold])
    return best(scores, min(count, passed)) if passed else []


def first_channel(tensor, width: int, height: int):
    """Return channel 0 of a (1, h, w, c) tensor's top left part as a dense 1-D array of height x width items."""
    return dense(tensor[:, :height, :width, 0]).reshape((height * width,))


def dark(width: int, height: int):
    """Return a dense 1-D uint8 array that stands for a picture of this size, all zero."""
    return np.zeros((width * height * 3,), dtype=np.uint8)


# Items of a table: to take more in one piece costs more than a call for each of some rows.
_MANY = 8192


def most_together(tensor) -> int:
    """Return how many tensors like this one make a table that is taken in one piece, 0 for none."""
    return _MANY // tensor.size


def characters(tensors: list, blank: int) -> tuple:
    """Return (rows, classes, table, t) of the characters in (1, t, c) tensors, whose t rows each make the table.

    A character is where the best class of a step is another one than before, and not blank.
    """
    shape = tensors[0].shape
    count, classes = shape[1], shape[2]
    joined = np.concatenate(tuple(tensors)) if len(tensors) > 1 else tensors[0]
    table = joined.reshape((count * len(tensors), classes))
    best = np.argmax(table, axis=1)
    before = np.roll(best, 1)
    before[::count] = blank
    begins = (best != before) & (best != blank)
    rows = np.nonzero(begins)[0].tolist()
    return rows, best[begins].tolist() if rows else rows, table, count


class Rows:
    """Some rows of a dense table of logits or probabilities."""

    def __init__(self, table, rows: list, classes: list) -> None:
        """classes: the place of the highest value in each of them."""
        height, width = table.shape
        size = height * width
        items = memoryview(table.reshape((size,)))  # many times faster than the array
        if size > _MANY:
            self._table = table
            self._rows: "range | list" = rows
            self._highest = None
            self.highest = [items[row * width + at] for row, at in zip(rows, classes)]
            return
        # As bytes: to take a row out of an array is a call of ulab, and to put it into one another.
        data = bytearray()
        for row in rows:
            data += items[row * width : row * width + width]
        if len(rows) == 1:
            data = data + data  # of a single row ulab makes numbers
        self._data = data  # frombuffer() does not keep it
        self._table = np.frombuffer(data, dtype=np.float).reshape((-1, width))
        self._rows = range(len(rows))
        self._highest = np.max(self._table, axis=1)
        self.highest = self._highest.tolist()

    def sum(self, index: int) -> float:
        """Return the sum of one of the rows."""
        return float(np.sum(self._table[self._rows[index]]))

    def softmax(self) -> list:
        """Return the softmax of each row at its highest value."""
        table, highest = self._table, self.highest
        if self._highest is None:
            return [
                1.0 / float(np.sum(np.exp(table[row] - value)))
                for row, value in zip(self._rows, highest)
            ]
        powers = np.exp(table - self._highest.reshape((len(highest), 1)))
        return [1.0 / total for total in np.sum(powers, axis=1).tolist()]


def transposed(tensor):
    """Return a (1, r, n) tensor as a dense (n, r) array."""
    return dense(tensor.reshape((tensor.shape[1], tensor.shape[2])).transpose())


def transposed_without(tensor, first: int, last: int):
    """Return transposed() of a (1, r, n) tensor without the rows first to last - 1."""
    table = tensor.reshape((tensor.shape[1], tensor.shape[2]))
    return dense(np.concatenate((table[:first], table[last:]), axis=0).transpose())


_LONGEST = 16383  # of a run: two LEB128 bytes hold 14 bits
_COUNTED = 65535  # ulab counts hits in 16 bits
_FEW_RUNS = 32  # read one by one in less time than calls of ulab take
_kinds: dict = {}  # by number of classes: their numbers, one below the other


def class_runs(logits, classes: int, step: int, overflow: bool) -> list:
    """Return [map width, map height, runs, areas] of a (1, h, w, classes) tensor of logits, at most 255 classes.

    The map has every step-th pixel of every step-th row, two pixels at least. runs: bytes, for each run
    of equal classes in row-major order the class + 1 and the length in LEB128: no byte is zero, which
    stuffing would have to make good. areas: pixels per class. The first maximum wins. overflow: logits
    above 88.7, where e^x is infinite, make class 0, as in the vendor's code.
    """
    if step > 1:
        logits = logits[:, ::step, ::step]
    shape = logits.shape
    height, width = shape[1], shape[2]
    pixels = height * width
    best_class = np.argmax(logits, axis=3).reshape((pixels,))
    if overflow:
        best_class = best_class * (np.max(logits, axis=3).reshape((pixels,)) < 88.72)
    changes = best_class[1:] != best_class[:-1]
    bands = _positions(changes)
    count = 1
    for _, part in bands:
        count += len(part)
    if count > pixels >> 3:
        numbers = _many_kinds(best_class, changes, count)
        lengths = np.diff(_ends_of_many(bands, count, pixels))
    else:
        ends: list = []  # the last pixel of each run
        for start, part in bands:
            places = part.tolist()
            ends += [start + at for at in places] if start else places
        ends.append(pixels - 1)
        view = memoryview(best_class)  # single items: many times faster than the array
        kinds = [view[at] for at in ends]
        if count <= _FEW_RUNS:
            return [width, height] + _runs_of_few(kinds, ends, classes)
        kept = bytes(kinds)  # frombuffer() does not keep it
        numbers = np.frombuffer(kept, dtype=np.uint8)
        lengths = np.diff(np.array([-1] + ends))
    column = _kinds.get(classes)
    if column is None:
        column = np.array(range(classes), dtype=np.uint8).reshape((classes, 1))
        _kinds.clear()
        _kinds[classes] = column
    # One product for all classes: which run is of which class, times the lengths.
    areas = np.dot(column == numbers, lengths).tolist()
    runs = _leb128_runs(numbers, lengths, count, pixels)
    return [width, height, runs, [int(area) for area in areas]]


def _runs_of_few(kinds: list, ends: list, classes: int) -> list:
    """Return [runs, areas]; kinds: of the runs; ends: their last pixels."""
    areas = [0] * classes
    runs = bytearray()
    before = -1
    for kind, end in zip(kinds, ends):
        length = end - before
        before = end
        areas[kind] += length
        runs.append(kind + 1)
        if length < 128:
            runs.append(length)
        else:
            runs.extend(leb128(length))
    return [bytes(runs), areas]


def _positions(mask) -> list:
    """Return [(start, places behind it where a 1-D boolean array is true)], in bands that ulab can count."""
    size = len(mask)
    if size <= _COUNTED:
        return [(0, np.nonzero(mask)[0])]
    bands = []
    for start in range(0, size, _COUNTED):
        part = np.nonzero(mask[start : start + _COUNTED])[0]
        if len(part):
            bands.append((start, part))
    return bands


def _many_kinds(best_class, changes, count: int):
    """Return the classes of runs of a few pixels, as an array: a list of them would fill the heap."""
    numbers = np.zeros((count,), dtype=np.uint8)
    numbers[: count - 1] = np.array(best_class[:-1][changes], dtype=np.uint8)
    numbers[count - 1] = best_class[-1]
    return numbers


def _ends_of_many(bands: list, count: int, pixels: int):
    """Return the last pixel of each run, -1 before the first one, as an array of floats."""
    ends = np.zeros((count + 1,))
    ends[0] = -1
    ends[count] = pixels - 1
    at = 1
    for start, part in bands:
        ends[at : at + len(part)] = part + float(start)
        at += len(part)
    return ends


def _leb128_runs(numbers, lengths, count: int, pixels: int) -> bytes:
    """Return the runs' bytes; numbers: their classes; lengths are changed."""
    huge = []  # (index, length) of those that two bytes can't count: a few at most
    if pixels > _LONGEST and np.max(lengths) > _LONGEST:
        for first, part in _positions(lengths > _LONGEST):
            for at in part.tolist():
                huge.append((first + at, int(lengths[first + at])))
                lengths[first + at] = _LONGEST
    high = np.floor(lengths * (1 / 128))
    long = high > 0
    out = np.zeros((count, 3), dtype=np.uint8)
    out[:, 0] = numbers + 1
    # The low byte says with its highest bit that another one follows.
    words = np.array((high + long) * 128 + lengths, dtype=np.uint16)
    out[:, 1:] = np.frombuffer(memoryview(words), dtype=np.uint8).reshape((count, 2))
    out = out.reshape((3 * count,))
    runs = bytes(out[out > 0])
    for index, length in reversed(huge):
        before = 2 * index
        if index:
            before += int(np.dot(long[:index], long[:index]) + 0.5)
        runs = runs[: before + 1] + leb128(length) + runs[before + 3 :]
    return runs


def leb128(number: int) -> bytes:
    """Return a run's length, seven bits a byte, the lowest first."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def interleaved(planes, region):
    """Return a region (x, y, width, height) of (1, 3, h, w) planes as a dense 1-D array R, G, B, R …"""
    x, y, width, height = region
    down, across = planes.shape[-2], planes.shape[-1]
    part = planes.reshape((3, down, across))
    if (width, height) != (across, down):
        part = part[:, y : y + height, x : x + width].copy()
    # A dense copy first: reshape() is sound for those alone.
    return part.reshape((3, width * height)).transpose().copy().reshape((3 * width * height,))


def separated(picture):
    """Return an (h, w, 3) uint8 picture as bytes of planes R, G, B."""
    height, width = picture.shape[0], picture.shape[1]
    return bytes(picture.reshape((height * width, 3)).transpose().copy().reshape(-1))


def planes_of(crop):
    """Return a (1, h, w, 3) picture as a dense (1, 3, h, w) array."""
    height, width = crop.shape[1], crop.shape[2]
    return crop.reshape((height * width, 3)).transpose().copy().reshape((1, 3, height, width))


def rows_of(values, width: int):
    """Return a dense 1-D map of rows of width items as a table (a view)."""
    return values.reshape((len(values) // width, width))


def peak_rows(table, step: int, threshold: float) -> list:
    """Return [start, stop ...] of the runs, among every step-th row, of those with an item above threshold."""
    return _runs(np.max(table[::step], axis=1) > threshold)


def peak_columns(table, first: int, last: int, step: int, threshold: float) -> list:
    """Return [start, stop ...] of the runs of columns in which an item exceeds threshold.

    Looked at is every step-th row from first to last - 1.
    """
    return _runs(np.max(table[first:last:step], axis=0) > threshold)


def _runs(mask) -> list:
    """Return [start, stop ...] of the runs of a 1-D boolean array. For few of them: _ends() is for many."""
    # The highest of a single row is no array.
    marks = bytes((mask,)) if isinstance(mask, bool) else bytes(mask)
    runs = []
    start = marks.find(b"\1")
    while start >= 0:
        stop = marks.find(b"\0", start)
        if stop < 0:
            stop = len(marks)
        runs.append(start)
        runs.append(stop)
        start = marks.find(b"\1", stop)
    return runs


def peaks(table, first: int, last: int, column: int, threshold: float) -> bool:
    """Return whether an item of a column exceeds threshold, in the rows from first to last - 1."""
    return bool(np.max(table[first:last, column]) > threshold)


def one_run_a_row(table, first: int, last: int, left: int, right: int, threshold: float) -> bool:
    """Return whether no row from first to last - 1 has two runs above threshold in columns left to right - 1."""
    above = table[first:last, left:right] > threshold
    changes = above[:, 1:] != above[:, :-1]
    # A run begins and ends: two, or one where it ends with the row. A product: integers' sum has 8 bits.
    counts = np.dot(changes, np.ones((right - left - 1,))) + above[:, 0]
    return bool(np.max(counts) < 3)


def edges(table, rows, columns, threshold: float) -> list:
    """Return [before, last, before, last ...] of the runs above threshold in a rectangle of a table.

    rows, columns: (first, last + 1); fewer than 65,536 columns. For each run the place before it and its
    last one, counted in the rectangle row by row, so -1 for a run that begins it; a run may go on from
    one row's end to the next row's start.
    """
    size = (rows[1] - rows[0]) * (columns[1] - columns[0])
    above = (table[rows[0] : rows[1], columns[0] : columns[1]] > threshold).reshape((size,))
    return _ends(above, size)


def _ends(mask, size: int) -> list:
    """Return [before, last, before, last ...] of the runs of a 1-D boolean array: the places, -1 before the first."""
    changes = mask[1:] != mask[:-1]
    if size <= _COUNTED:
        ends = np.nonzero(changes)[0].tolist()
    else:
        ends = []
        for start in range(0, size - 1, _COUNTED):
            places = np.nonzero(changes[start : start + _COUNTED])[0].tolist()
            ends += [start + place for place in places]
    if mask[0]:
        ends.insert(0, -1)
    if len(ends) % 2:
        ends.append(size - 1)
    return ends


def strips(table, upright, places: list, step: int, low: int, high: int, threshold: float) -> bytes:
    """Return a byte for each item, 1 above threshold, of evenly spaced strips one after the other.

    upright: strips are columns, at x = places, step apart, of rows low to high - 1; else rows at y =
    places, of columns low to high - 1.
    """
    first, last = places[0], places[-1] + 1
    if upright:
        return bytes(table[low:high, first:last:step].transpose() > threshold)
    return bytes(table[first:last:step, low:high] > threshold)


def sums_above(table, columns, rows, threshold: float):
    """Return (sum, count) of the items above threshold in a rectangle of a table.

    columns: (first, last + 1); rows: (first, last + 1, step).
    """
    part = table[rows[0] : rows[1] : rows[2], columns[0] : columns[1]]
    above = part > threshold
    passed = part * above
    count = above.size
    above = above.reshape((count,))
    # The stand-in for a sum is a product: ulab's own is a mean times a number.
    return float(np.dot(passed.reshape((count,)), above)), float(np.dot(above, above))


def rows_above(tensor, width: int, column: int, threshold: float) -> list:
    """Return (number, values) of the rows of a dense tensor, width values each, with a column above threshold."""
    size = tensor.size
    items = tensor.reshape((size,))
    # Fewer than 65,536 rows, so uint16 counts them.
    hits = np.nonzero(items[column::width] > threshold)[0].tolist()
    if not hits:
        return []
    view = memoryview(items)  # single items: many times faster than the array
    return [(at, list(view[at * width : (at + 1) * width])) for at in hits]


def raw(tensor) -> bytes:
    """Return the bytes of a dense tensor, copied (tobytes() shares memory that outlives nothing)."""
    return bytes(vector(tensor))


# What a gallery of embeddings needs (samples.py, gallery.py).

_BLOCK = 16384  # numbers that are multiplied at a time: what is allocated for them stays small


def table(rows: int, columns: int):
    """Return a float array of zeros, rows x columns."""
    return np.zeros((rows, columns))


def column(rows: int):
    """Return a 1-D float array of zeros."""
    return np.zeros((rows,))


def grown(old, used: int, rows: int):
    """Return a larger copy of a table or column, its first `used` rows kept."""
    shape = (rows,) if len(old.shape) == 1 else (rows, old.shape[1])
    new = np.zeros(shape)
    new[:used] = old[:used]
    return new


def floats(data):
    """Return float32 bytes (little endian) as a 1-D array: a view, keep data alive as long as it."""
    return np.frombuffer(data, dtype=np.float)


def rows_of_floats(data, columns: int):
    """Return float32 bytes as a table, a view like floats()."""
    view = np.frombuffer(data, dtype=np.float)
    return view.reshape((len(view) // columns, columns))


def float_bytes(vector) -> bytes:
    """Return a dense float array as float32 bytes."""
    return bytes(vector)


def length(vector) -> float:
    """Return the Euclidean length of a 1-D array."""
    # Scaled first: the squares of a large embedding overflow single precision.
    top = max(float(np.max(vector)), -float(np.min(vector)))
    if not 0.0 < top < 3e38:
        return 0.0 if top == 0.0 else float("nan")
    return top * float(np.linalg.norm(vector / top))


def lengths(rows):
    """Return the Euclidean length of each row of a table."""
    return np.linalg.norm(rows, axis=1)


def unit(vector):
    """Return a copy of a 1-D array with length 1, or None where it has no direction."""
    size = length(vector)
    if not size > 1e-20:
        return None
    return vector / size


def dot(left, right) -> float:
    """Return the product of two 1-D arrays."""
    return float(np.dot(left, right))


def product_by_dot(rows, used: int, vector):
    """Return the products of the first `used` rows of a table with a vector."""
    return np.dot(rows[:used], vector)


def product_by_halves(rows, used: int, vector):
    """The same: multiply, then add the halves of the columns until one is left.

    ulab's dot calls a function for each number; its element-wise loops don't.
    """
    result = np.zeros((used,))
    step = max(1, _BLOCK // len(vector))
    for start in range(0, used, step):
        part = rows[start : min(start + step, used)] * vector
        width = part.shape[1]
        while width > 1:
            half = width // 2
            left = part[:, :half]
            left += part[:, half : 2 * half]
            if width & 1:
                last = part[:, :1]
                last += part[:, width - 1 : width]
            width = half
        result[start : start + len(part)] = part[:, 0]
    return result


def scaled(values, scale, offset, used: int):
    """Return values x scale + offset, of the first `used` items."""
    return values * scale[:used] + offset[:used]


def highest(scores):
    """Return (index, value) of the highest item of a 1-D float array."""
    index = int(np.argmax(scores))
    return index, float(scores[index])


def without(scores, owners, used: int, owner: int):
    """Return scores with those of one owner lowered by 4, below any cosine."""
    return scores - (owners[:used] == float(owner)) * 4.0


def scores_of(scores, owners, used: int, owner: int):
    """Return the scores of one owner, in the rows' order."""
    return scores[owners[:used] == float(owner)]


def highest_mean(scores, count: int) -> float:
    """Return the mean of the count highest items (of all, where there are fewer)."""
    total = 0.0
    used = min(count, len(scores))
    scores = dense(scores)
    for _ in range(used):
        index = int(np.argmax(scores))
        total += float(scores[index])
        scores[index] = -4.0
    return total / used


def rows_with(owners, used: int, owner: int) -> list:
    """Return the rows of one owner, ascending."""
    # In bands: ulab counts hits in 16 bits.
    rows: list = []
    for start in range(0, used, 32768):
        stop = min(start + 32768, used)
        for index in np.nonzero(owners[start:stop] == float(owner))[0]:
            rows.append(start + int(index))
    return rows


def spread(tensor_values):
    """Return (mean, standard deviation) of a dense uint8 array, from about 4,000 of its items."""
    size = size_of(tensor_values)
    step = max(1, size // 4096) | 1
    some = np.array(tensor_values.reshape((size,))[::step], dtype=np.float)
    mean = float(np.mean(some))
    return mean, float(np.mean((some - mean) * (some - mean))) ** 0.5
