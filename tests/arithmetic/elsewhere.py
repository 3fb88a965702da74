"""Arrays that lie elsewhere in memory, and functions with other last bits there.

With AVX-512, numpy's log1p and expm1 have other last bits where an array begins at another
distance from a multiple of 64 bytes; other processors and versions have other functions of
which that is true. ``GRADCHECK_ARITHMETIC=elsewhere pytest`` makes it true of all of them, on
any machine, for everything that happens in the test's own process: what is handed to the
code under test lies at another distance each time, and the functions are wrapped.

A worker is another process: there the submission itself brings the functions along
(:func:`jiggled`).
"""

import numpy as np

#: Functions of which no result is promised to the last bit.
FUNCTIONS = ("exp", "expm1", "log", "log1p", "tanh")

#: Bytes of a register.
LINE = 64


def moved(array, distance):
    """Return a copy that begins ``distance`` numbers behind a multiple of 64 bytes."""
    room = np.empty(array.nbytes + 2 * LINE, np.uint8)
    start = -room.ctypes.data % LINE + 8 * (distance % 8)
    copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def tilted(function, name):
    """Return a function of numpy with other last bits, by where its argument lies.

    Exact results stay: no library gives exp(0) as anything but 1.
    """

    def result(x, *rest, **named):
        value = function(x, *rest, **named)
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or rest or named:
            return value
        where = np.asarray(x).__array_interface__["data"][0] // 8
        turn = (np.arange(value.size).reshape(value.shape) + where) % 3
        towards = np.where(turn == 1, np.inf, -np.inf).astype(value.dtype)
        exact = (turn == 0) | np.isin(value, (-1.0, 0.0, 1.0)) | ~np.isfinite(value)
        return np.where(exact, value, np.nextafter(value, towards))

    result.__name__ = name
    return result


#: Stands in a submission for ``import numpy as np``, in one line so that all others keep theirs.
_PRELUDE = """
import numpy as _numpy
class _Elsewhere:
    calls = 0
    last = None
    def __getattr__(self, name):
        return getattr(_numpy, name)
def _wrapped(name):
    function = getattr(_numpy, name)
    def result(x, *rest, **named):
        value = _numpy.asarray(function(x, *rest, **named))
        if x is not _Elsewhere.last:
            _Elsewhere.calls, _Elsewhere.last = _Elsewhere.calls + 1, x
        turn = (_numpy.arange(value.size).reshape(value.shape) + _Elsewhere.calls) % 3
        towards = _numpy.where(turn == 1, _numpy.inf, -_numpy.inf).astype(value.dtype)
        exact = (turn == 0) | _numpy.isin(value, (-1.0, 0.0, 1.0)) | ~_numpy.isfinite(value)
        return _numpy.where(exact, value, _numpy.nextafter(value, towards))[()]
    return result
np = _Elsewhere()
for _name in ("exp", "expm1", "log", "log1p", "tanh", "logaddexp", "sinh", "cosh"):
    setattr(np, _name, _wrapped(_name))
"""


def jiggled(text):
    """Return a submission whose exp, log, tanh, ... have other last bits at every call.

    The same array asked of twice in a row gives the same: it has not moved.
    """
    assert "import numpy as np\n" in text, "the submission does not import numpy as np"
    return text.replace("import numpy as np\n", f"exec({_PRELUDE!r})\n", 1)
