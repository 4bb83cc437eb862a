"""ulab.utils."""

from ulab._array import (
    dense_array,
    ndarray,
    new,
    run,
)
from ulab._fft import transform
from ulab._types import (
    FLOAT,
    UINT8,
)


def _integers(kind: str, size: int, buffer, count, offset, out, byteswap):
    data = bytes(buffer)
    if out is not None:
        if not isinstance(out, ndarray) or out._d != FLOAT or not isinstance(out, dense_array):
            raise TypeError("out must be a float dense array")
    if len(data) < offset:
        raise ValueError("offset is too large")
    n = (len(data) - offset) // size
    if n * size != len(data) - offset:
        raise ValueError("buffer size must be a multiple of element size")
    if count > 0:
        if n < count:
            raise ValueError("buffer is smaller than requested size")
        n = count
    if out is not None and out._n < n:
        raise ValueError("out array is too small")
    # The board checks against the offset and then reads from the start.
    raw = new(UINT8, False, (n * size,), data[: n * size])
    result = run("from_buffer", (raw,), ((">" if byteswap is True else "<") + kind,))
    if out is None:
        return result
    out[:n] = result
    return out


def from_int16_buffer(buffer, out=None, byteswap=False, *, count=-1, offset=0):
    """Floats from the 16-bit integers of a buffer."""
    return _integers("i2", 2, buffer, count, offset, out, byteswap)


def from_uint16_buffer(buffer, out=None, byteswap=False, *, count=-1, offset=0):
    """Floats from the unsigned 16-bit integers of a buffer."""
    return _integers("u2", 2, buffer, count, offset, out, byteswap)


def from_int32_buffer(buffer, out=None, byteswap=False, *, count=-1, offset=0):
    """Floats from the 32-bit integers of a buffer."""
    return _integers("i4", 4, buffer, count, offset, out, byteswap)


def from_uint32_buffer(buffer, out=None, byteswap=False, *, count=-1, offset=0):
    """Floats from the unsigned 32-bit integers of a buffer."""
    return _integers("u4", 4, buffer, count, offset, out, byteswap)


def spectrogram(real, imaginary=None):
    """Magnitudes of the spectrum."""
    return transform(real, imaginary, "spectrogram")
