"""Joining, products, polynomials, linear algebra and Fourier transforms of the board's `ulab`."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from virtual_board.silicon.base.errors import SiliconError
from virtual_board.silicon.ulab.arithmetic import WHERE_TYPES
from virtual_board.silicon.ulab.reduce import running_mean
from virtual_board.silicon.ulab.types import F32, FLOAT, TYPES, Array, code_of, plain, widened


def concatenate(*arguments: Any) -> Array:
    """Join arrays along an axis; bool comes back as uint8."""
    *arrays, axis = arguments
    return np.concatenate([plain(a) for a in arrays], axis=axis)


def roll(a: Array, distance: int, axis: int | None) -> Array:
    """Rotate the elements, flattened in row order without an axis."""
    return np.roll(plain(a), distance, axis)


def compress(a: Array, chosen: Array, axis: int | None) -> Array:
    """Keep the chosen entries."""
    return np.compress(plain(chosen) != 0, plain(a), axis)


def delete(a: Array, indices: list[int], axis: int | None) -> Array:
    """Drop entries."""
    return np.delete(plain(a), indices, axis)


def diff(a: Array, n: int) -> Any:
    """n-th difference of a 1-D array, wrapping in its own type; even orders come negated."""
    a = plain(a)
    sign = 1 if n % 2 else -1
    if code_of(a) == FLOAT:
        return np.diff(a, n) * F32(sign)
    return (np.diff(widened(a), n) * sign).astype(a.dtype)


def dot(a: Array, b: Array) -> Any:
    """Product of vectors and matrices, summed in order in single precision."""
    a, b = plain(a).astype(F32), plain(b).astype(F32)
    if a.ndim == 1 and b.ndim == 1:
        return F32(np.add.accumulate(a * b)[-1])
    left = a if a.ndim == 2 else a[None]
    right = b if b.ndim == 2 else b[:, None]
    result = _product(left, right)
    return result if a.ndim == 2 and b.ndim == 2 else result.ravel()


_FEW = 1 << 15


def _product(left: Array, right: Array) -> Array:
    columns = np.ascontiguousarray(left.T)
    if left.size * right.shape[1] <= _FEW and left.shape[0] * right.shape[1] > 1:
        # Sums over the first axis of several are NumPy's in order, too, in one go.
        terms = (columns[:, :, None] * right[:, None]).reshape(len(columns), -1)
        sums: Array = np.add.reduce(terms, axis=0, initial=F32(0))
        return sums.reshape(left.shape[0], right.shape[1])
    result = np.zeros((left.shape[0], right.shape[1]), F32)
    for k in range(left.shape[1]):
        result += columns[k][:, None] * right[k][None]
    return result


def convolve(a: Array, v: Array) -> Array:
    """Full convolution of two vectors."""
    a, v = plain(a).astype(F32), plain(v).astype(F32)
    result = np.zeros(len(a) + len(v) - 1, F32)
    for i in range(len(v) - 1, -1, -1):
        result[i : i + len(a)] += a * v[i]
    return result


def cross(a: Array, b: Array) -> Array:
    """Cross product of two vectors of length 3."""
    x, y = plain(a).astype(F32), plain(b).astype(F32)
    product = np.stack(
        [x[1] * y[2] - x[2] * y[1], -x[0] * y[2] + x[2] * y[0], x[0] * y[1] - x[1] * y[0]]
    )
    dtype = TYPES[WHERE_TYPES[code_of(plain(a)), code_of(plain(b))]]
    return product.astype(np.int64).astype(dtype) if dtype.kind != "f" else product


def interp(x: Array, xp: Array, fp: Array, ends: Array) -> Any:
    """Piecewise linear interpolation in single precision."""
    x, xp, fp = (plain(a).astype(F32) for a in (x, xp, fp))
    x = x.ravel()
    right = np.clip(np.searchsorted(xp, x, side="left"), 1, len(xp) - 1)
    left = right - 1
    y = fp[left] + (x - xp[left]) * (fp[right] - fp[left]) / (xp[right] - xp[left])
    return np.where(x < xp[0], ends[0], np.where(x > xp[-1], ends[1], y)).astype(F32)


def trapz(y: Array, x: Array, dx: Array) -> Any:
    """Trapezoidal rule, over x where given, else with step dx."""
    y = plain(y).astype(F32)
    pairs = y[1:] + y[:-1]
    if x.size:
        x = plain(x).astype(F32)
        mean_area = running_mean((x[1:] - x[:-1]) * pairs)
    else:
        mean_area = running_mean(pairs) * dx[0]
    return F32(F32(0.5) * mean_area * F32(len(y) - 1))


def polyval(p: Array, x: Array) -> Array:
    """Evaluate a polynomial by Horner's rule in single precision."""
    p, x = plain(p).astype(F32), plain(x).astype(F32)
    y = np.full(x.shape, p[0], F32)
    for coefficient in p[1:]:
        y = y * x + coefficient
    return y


def polyfit(x: Array, y: Array, degree: int) -> Array:
    """Least-squares polynomial by the normal equations."""
    vandermonde = np.vander(x.astype(np.float64), degree + 1)
    solution, *_ = np.linalg.lstsq(vandermonde, y.astype(np.float64), rcond=None)
    return solution.astype(F32)


_EPSILON = 1.2e-7


def _symmetric(a: Array) -> Array:
    a = plain(a).astype(F32).astype(np.float64)
    if np.any(np.abs(a - a.T) > _EPSILON):
        raise SiliconError("ValueError", "input matrix is asymmetric")
    return a


def cholesky(a: Array) -> Array:
    """Lower triangular factor."""
    try:
        return np.linalg.cholesky(_symmetric(a)).astype(F32)
    except np.linalg.LinAlgError:
        raise SiliconError("ValueError", "matrix is not positive definite") from None


def determinant(a: Array) -> Any:
    """Determinant."""
    return F32(np.linalg.det(plain(a).astype(np.float64)))


def eigen(a: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of a symmetric matrix (their order is not the board's)."""
    values, vectors = np.linalg.eigh(_symmetric(a))
    return values.astype(F32), vectors.astype(F32)


def inverse(a: Array) -> Array:
    """Inverse of a square matrix."""
    try:
        return np.linalg.inv(plain(a).astype(np.float64)).astype(F32)
    except np.linalg.LinAlgError:
        raise SiliconError("ValueError", "input matrix is singular") from None


def qr(a: Array, mode: Literal["reduced", "complete"]) -> tuple[Array, Array]:
    """QR factors (signs as LAPACK chooses them, which may differ from the board's)."""
    q, r = np.linalg.qr(plain(a).astype(np.float64), mode=mode)
    return q.astype(F32), r.astype(F32)


def fourier(re: Array, im: Array, kind: str) -> Any:
    """Fourier transform of a complex signal as (real, imaginary); spectrogram: magnitudes."""
    signal = plain(re).astype(np.float64) + 1j * (plain(im).astype(np.float64) if im.size else 0.0)
    spectrum = np.fft.ifft(signal) if kind == "ifft" else np.fft.fft(signal)
    if kind == "spectrogram":
        return np.abs(spectrum).astype(F32)
    return spectrum.real.astype(F32), spectrum.imag.astype(F32)


def from_buffer(raw: Array, kind: str) -> Array:
    """Read integers of 16 or 32 bits from bytes into floats."""
    return raw.view(np.dtype(kind)).astype(F32)
