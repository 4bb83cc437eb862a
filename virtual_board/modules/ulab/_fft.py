"""ulab.numpy.fft: power-of-two lengths, real and imaginary parts apart."""

from ulab._array import (
    ndarray,
    run,
    zeroed,
)


def transform(real, imaginary, kind: str):
    """Check the parts of a signal and transform it."""
    for part in (real, imaginary):
        if part is not None and not isinstance(part, ndarray):
            raise NotImplementedError("FFT is defined for ndarrays only")
        if part is not None and len(part._s) != 1:
            raise TypeError("FFT is implemented for linear arrays only")
    if real._n & (real._n - 1):
        raise ValueError("input array length must be power of 2")
    if imaginary is None:
        imaginary = zeroed((0,))
    elif imaginary._n != real._n:
        raise ValueError("real and imaginary parts must be of equal length")
    return run("fourier", (real, imaginary), (kind,))


def fft(real, imaginary=None):
    """Spectrum as (real, imaginary)."""
    return transform(real, imaginary, "fft")


def ifft(real, imaginary=None):
    """Signal as (real, imaginary)."""
    return transform(real, imaginary, "ifft")
