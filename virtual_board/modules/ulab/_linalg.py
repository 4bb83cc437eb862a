"""ulab.numpy.linalg."""

from ulab._array import (
    from_nested,
    ndarray,
    run,
)
from ulab._calc import _reduced_axis
from ulab._types import (
    FLOAT,
)


def _square(source):
    if not isinstance(source, ndarray):
        raise TypeError("size is defined for ndarrays only")
    if len(source._s) != 2 or source._s[0] != source._s[1]:
        raise ValueError("input must be square matrix")
    return source


def cholesky(source):
    """Lower triangular factor of a symmetric, positive definite matrix."""
    return run("cholesky", (_square(source),))


def det(source):
    """Determinant."""
    return run("det", (_square(source),))


def eig(source):
    """Eigenvalues and eigenvectors of a symmetric matrix."""
    return run("eig", (_square(source),))


def inv(source):
    """Inverse."""
    return run("inv", (_square(source),))


def norm(source, axis=None):
    """Euclidean norm, of all or along an axis."""
    if isinstance(source, (tuple, list, range)):
        return run("norm", (from_nested(source, FLOAT, False),), (None,))
    if not isinstance(source, ndarray):
        return None
    if axis is not None and type(axis) is not int:
        raise TypeError("axis must be None, or an integer")
    return run("norm", (source,), (_reduced_axis(axis, source),))


def qr(source, mode="reduced"):
    """QR factors of a matrix."""
    if not isinstance(source, ndarray):
        raise TypeError("operation is defined for ndarrays only")
    if len(source._s) != 2:
        raise ValueError("operation is defined for 2D arrays only")
    if mode not in ("complete", "reduced"):
        raise ValueError("mode must be complete, or reduced")
    return run("qr", (source,), (mode,))
