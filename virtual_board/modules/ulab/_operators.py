"""The operators of ndarray, installed on the class when ulab.numpy is imported.

Small float arrays are computed here: the silicon works in single precision, and so does a store
in a float array, so both give the same bits.
"""

from _k230 import silicon as _silicon

from ulab._access import (
    elements,
)
from ulab._array import (
    from_object,
    from_values,
    ndarray,
    run,
    store_through,
)
from ulab._types import (
    FLOAT,
    INT16,
    SMALL,
    UINT8,
    UINT16,
    broadcasts,
)


def _small(op: int, left, right):
    """Compute a float operation on small arrays here; None where the silicon must do it."""
    if left._d != FLOAT and (right._d != FLOAT or left._d == INT16):
        return None  # integer arithmetic, and the board's slip with int16 beside float
    n = left._n
    if n > SMALL or n == 0:
        return None
    if left._s == right._s:
        pairs = zip(elements(left), elements(right))
        if op == 0:
            values = [x + y for x, y in pairs]
        elif op == 1:
            values = [x - y for x, y in pairs]
        elif op == 2:
            values = [x * y for x, y in pairs]
        else:
            return None
    elif right._n == 1 and len(right._s) == 1:
        y = right._m[right._o]
        if op == 0:
            values = [x + y for x in elements(left)]
        elif op == 1:
            values = [x - y for x in elements(left)]
        elif op == 2:
            values = [x * y for x in elements(left)]
        elif y:
            values = [x / y for x in elements(left)]
        else:
            return None
    else:
        return None
    return from_values(FLOAT, False, left._s, values)


def _stretch(left, right) -> None:
    a, b = left._s, right._s
    if a == b:
        return
    for i in range(1, min(len(a), len(b)) + 1):
        if a[-i] != b[-i] and a[-i] > 1 and b[-i] > 1:
            raise ValueError("operands could not be broadcast together")


_ARITHMETIC = ("add", "subtract", "multiply", "divide")


def arithmetic(op: int, left, right):
    """left + - * / right as arrays."""
    _stretch(left, right)
    if left._n == 0 or right._n == 0:
        return _empty(op, left, right)
    if op == 2 and not left._dense and left._d == FLOAT and right._n == 1 and len(right._s) == 1:
        if left._n > SMALL and right._d == FLOAT and right._m[right._o] == 1.0:
            return left.copy()  # how a script makes a view dense: no matter for the silicon
    result = _small(op, left, right)
    if result is None:
        result = run(_ARITHMETIC[op], (left, right))
    return result


def _empty(op: int, left, right):
    a, b = left._d, right._d
    if op == 3 or FLOAT in (a, b):
        dtype = FLOAT
    elif a == b:
        dtype = a
    elif UINT16 in (a, b) and INT16 not in (a, b):
        dtype = UINT16
    else:
        dtype = INT16
    return from_values(dtype, False, (0,), [])


def two(op: str, left, right):
    """Run a two-array operation in the silicon after checking the shapes."""
    _stretch(left, right)
    if left._n == 0 or right._n == 0:
        return from_values(UINT8, True, (0,), [])
    return run(op, (left, right))


def compare(op: str, left, right):
    """left > >= == != right as a bool array."""
    _stretch(left, right)
    n = left._n
    if n == 0 or right._n == 0:
        return from_values(UINT8, True, (0,), [])
    if n <= SMALL and right._n == 1 and len(right._s) == 1 and left._d != INT16:
        y = right._m[right._o]
        if op == "more":
            values = [1 if x > y else 0 for x in elements(left)]
        elif op == "more_equal":
            values = [1 if x >= y else 0 for x in elements(left)]
        elif op == "equal":
            values = [1 if x == y else 0 for x in elements(left)]
        else:
            values = [1 if x != y else 0 for x in elements(left)]
        return from_values(UINT8, True, left._s, values)
    return run(op, (left, right))


def inplace(op: str, left, right):
    """left += right and the like: real stores, seen through every view."""
    a, b = left._s, right._s
    if not broadcasts(b, a):
        for i in range(1, min(len(a), len(b)) + 1):
            if a[-i] != b[-i] and b[-i] > 1:
                raise ValueError("operands could not be broadcast together")
        if right._n > left._n:
            raise ValueError("operands could not be broadcast together")
    if op == "divide" or op == "power":
        if left._d != FLOAT:
            raise TypeError("results cannot be cast to specified type")
    elif left._d != FLOAT and right._d == FLOAT:
        raise TypeError("cannot cast output with casting rule")
    if left._n:
        store_through(left, "inplace_" + op, right)
    return left


def logical(op: str, left, right):
    """left & | ^ right; both bool give bool."""
    kinds = (left._d, right._d)
    _stretch(left, right)
    if FLOAT in kinds:
        raise TypeError("operation not supported for the input types")
    if kinds == (INT16, UINT16) or kinds == (UINT16, INT16):
        raise TypeError("dtype of int32 is not supported")
    return two(op, left, right)


def absolute(a):
    """abs(a), which reads unsigned arrays as floats on the board."""
    if a._d == UINT8 or a._d == UINT16:
        _silicon.die(
            "abs() on a bool, uint8 or uint16 array reads its bytes as floats, beyond the end of "
            "the array; such arrays need no abs()"
        )
    if a._d == FLOAT and 0 < a._n <= SMALL:
        return from_values(FLOAT, False, a._s, [abs(x) if x < 0 else x for x in elements(a)])
    return run("absolute", (a,))


def _left(value):
    # PC builds of MicroPython offer a class += and -= only; for the others they ask the buffer.
    if isinstance(value, memoryview) and not isinstance(value, ndarray):
        raise TypeError(
            "a *= b, a /= b, a &= b: this interpreter has no such operator, write a = a * b"
        )
    return from_object(value)


def _install() -> None:
    def left(op):
        return lambda self, other: arithmetic(op, self, from_object(other, self._d))

    def right(op):
        # A number on the left takes its own smallest type, with anything on the right.
        return lambda self, other: arithmetic(op, _left(other), self)

    for op, name in enumerate(("add", "sub", "mul", "truediv")):
        setattr(ndarray, "__" + name + "__", left(op))
        setattr(ndarray, "__r" + name + "__", right(op))

    def changing(op):
        return lambda self, other: inplace(op, self, from_object(other, self._d))

    for name, op in (
        ("add", "add"),
        ("sub", "subtract"),
        ("mul", "multiply"),
        ("truediv", "divide"),
        ("pow", "power"),
    ):
        setattr(ndarray, "__i" + name + "__", changing(op))
    ndarray.__pow__ = lambda self, other: _power(self, from_object(other, self._d))
    ndarray.__rpow__ = lambda self, other: _power(from_object(other), self)
    ndarray.__floordiv__ = lambda self, other: two(
        "floor_divide", self, from_object(other, self._d)
    )
    for name in ("and", "or", "xor"):
        setattr(ndarray, "__" + name + "__", _logical_method("logical_" + name))
    ndarray.__gt__ = lambda self, other: compare("more", self, from_object(other, self._d))
    ndarray.__ge__ = lambda self, other: compare("more_equal", self, from_object(other, self._d))
    ndarray.__lt__ = lambda self, other: _less("less", "more", self, other)
    ndarray.__le__ = lambda self, other: _less("less_equal", "more_equal", self, other)
    ndarray.__eq__ = lambda self, other: _same("equal", self, other)
    ndarray.__ne__ = lambda self, other: _same("not_equal", self, other)
    ndarray.__neg__ = _negative
    ndarray.__pos__ = lambda self: self.copy()
    ndarray.__invert__ = _invert
    ndarray.__abs__ = absolute


def _logical_method(op):
    return lambda self, other: logical(op, self, from_object(other, self._d))


def _power(left, right):
    _stretch(left, right)
    if left._n == 0 or right._n == 0:
        return from_values(FLOAT, False, (0,), [])
    return run("power", (left, right))


def _less(op: str, swapped: str, self, other):
    other = from_object(other, self._d)
    # The board answers a < b as b > a, its types in that order.
    return (
        compare(swapped, other, self)
        if other._n > 1 or self._n > SMALL
        else run(swapped, (other, self))
    )


def _same(op: str, self, other):
    if other is self:
        return op == "equal"
    return compare(op, self, from_object(other, self._d))


def _negative(self):
    if self._d == FLOAT and 0 < self._n <= SMALL:
        return from_values(FLOAT, False, self._s, [-x for x in elements(self)])
    return run("negative", (self,))


def _invert(self):
    if self._d == FLOAT:
        raise ValueError("operation is not supported for given type")
    return run("invert", (self,))


_install()
