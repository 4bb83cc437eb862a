"""ulab.numpy: the names the board has, and no others."""

from ulab import _calc, _create, _files
from ulab import _fft as fft
from ulab import _linalg as linalg
from ulab._array import array, ndarray

uint8 = 66
int8 = 98
uint16 = 72
int16 = 104
float = 102
complex = 99
bool = 63

e = 2.7182818
pi = 3.1415927
inf = 1e300 * 1e300
nan = inf - inf


def _take(module, names: str) -> None:
    for name in names.split():
        globals()[name] = getattr(module, name)


_take(
    _create,
    "arange asarray concatenate diag empty eye frombuffer fromfile full linspace logspace ones zeros",
)
_take(
    _calc,
    "all any arctan2 argmax argmin argsort around bitwise_and bitwise_or bitwise_xor clip compress "
    + "conjugate convolve cross delete diff dot equal flip get_printoptions imag interp isfinite "
    + "isinf left_shift max maximum mean median min minimum ndinfo nonzero not_equal polyfit "
    + "polyval real right_shift roll set_printoptions size sort sort_complex std sum trace trapz "
    + "vectorize where",
)
_take(_files, "load loadtxt save savetxt")
globals().update(_calc.functions())
del _take
