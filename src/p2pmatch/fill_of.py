"""Which of the two kernels fills runs of requests: the only place that knows."""

import os
from importlib.util import find_spec

from p2pmatch.errors import InvalidValue
from p2pmatch.fill import Passes
from p2pmatch.fill_forms import Fill, Kernel

__all__ = ["VARIABLE", "fill_of", "is_compiled"]

#: Set to "0" in the environment, it turns the compiled loop off.
VARIABLE = "P2PMATCH_COMPILED"


def fill_of(*, compiled: bool | None) -> Kernel:
    """The kernel to use.

    Parameters
    ----------
    compiled : whether to use the compiled loop; None: if it can be had and is not turned off. Then
        it is looked for, and loaded, when it is first needed.

    Raises
    ------
    ImportError : if `compiled` is True and numba is not installed.
    InvalidValue : if `compiled` is something else.
    """
    if not (compiled is None or isinstance(compiled, bool)):
        raise InvalidValue("wrong_type", "compiled", compiled, "True, False or None")
    if compiled:
        return _compiled()
    return _IfInstalled() if compiled is None and _is_wanted() else Passes


def is_compiled() -> bool:
    """Whether the compiled loop is used where nothing is said of it. Does not load it."""
    return _is_wanted() and find_spec("numba") is not None


def _is_wanted() -> bool:
    return os.environ.get(VARIABLE) != "0"


class _IfInstalled:
    """The compiled loop, or where numba is not installed the vector passes."""

    def __init__(self) -> None:
        self._kernel: Kernel | None = None

    def __call__(self) -> Fill:
        if self._kernel is None:
            try:
                self._kernel = _compiled()
            except ImportError:
                self._kernel = Passes
        return self._kernel()


def _compiled() -> Kernel:
    try:
        # Here, because numba is an extra and takes its time.
        from p2pmatch import fill_compiled
    except ImportError as missing:
        hint = "the compiled loop needs numba: pip install 'p2pmatch[fast]'"
        raise ImportError(hint, name="numba") from missing
    return lambda: fill_compiled.fill
