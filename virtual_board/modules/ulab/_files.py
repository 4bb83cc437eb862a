"""load, save, loadtxt and savetxt."""

import struct

from ulab._access import (
    raw,
)
from ulab._array import (
    from_values,
    ndarray,
    new,
)
from ulab._types import (
    FLOAT,
    element_type,
    fit,
)

_KINDS = {"u1": 66, "i1": 98, "u2": 72, "i2": 104, "f4": 102}


def save(path, source):
    """Write a .npy file."""
    if not isinstance(source, ndarray):
        raise TypeError("wrong input type")
    kind = next(name for name in _KINDS if _KINDS[name] == source._d)
    shape = ", ".join([str(n) for n in source._s]) + ("," if len(source._s) == 1 else "")
    order = "|" if kind[1] == "1" else "<"
    text = "{'descr': '%s%s', 'fortran_order': False, 'shape': (%s), }" % (order, kind, shape)
    text += " " * (-(len(text) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode())
        file.write(raw(source.copy()))


def load(path):
    """Read a .npy file of one of the board's types."""
    if not isinstance(path, str):
        raise TypeError("wrong input type")
    with open(path, "rb") as file:
        head = file.read(10)
        if head[:8] != b"\x93NUMPY\x01\x00":
            raise ValueError("input data is not a .npy file")
        text = file.read(struct.unpack("<H", head[8:])[0]).decode()
        kind = _KINDS.get(text.split("'descr':")[1].split("'")[1][-2:])
        if kind is None or "'fortran_order': True" in text:
            raise TypeError("wrong dtype")
        inside = text.split("'shape':")[1].split("(")[1].split(")")[0]
        shape = tuple([int(part) for part in inside.split(",") if part.strip()])
        data = file.read()
    return new(kind, False, shape, data)


def savetxt(path, source, *, delimiter=" ", header=None, footer=None, comments="# "):
    """Write a text file, one row a line."""
    if not isinstance(source, ndarray):
        raise TypeError("input must be a one or two-dimensional ndarray")
    if len(source._s) > 2:
        raise TypeError("array has too many dimensions")
    with open(path, "w") as file:
        if header is not None:
            file.write(comments + header + "\n")
        rows = source.tolist()
        for row in [[value] for value in rows] if len(source._s) == 1 else rows:
            file.write(delimiter.join(["%f" % value for value in row]) + "\n")
        if footer is not None:
            file.write(comments + footer + "\n")


def loadtxt(
    path, *, delimiter=None, comments="#", max_rows=-1, usecols=None, dtype=FLOAT, skiprows=0
):
    """Read a text file of numbers."""
    kind = element_type(dtype)
    rows = []
    with open(path) as file:
        for number, line in enumerate(file):
            line = line.split(comments)[0].strip()
            if number < skiprows or not line:
                continue
            if max_rows >= 0 and len(rows) >= max_rows:
                break
            parts = [part for part in line.split(delimiter) if part.strip()]
            if usecols is not None:
                wanted = [usecols] if isinstance(usecols, int) else usecols
                parts = [parts[i] for i in sorted(wanted)]  # always in the order of the file
            rows.append([fit(kind, float(part)) for part in parts])
    values = []
    for row in rows:
        values += row
    columns = len(rows[0]) if rows else 0
    return from_values(kind, False, (len(rows), columns), values)
