"""Which of the two kernels fills runs of requests: the only place that knows."""

import os
from contextlib import suppress

from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.errors import InvalidValue
from p2pmatch.extras import part
from p2pmatch.fill import PASSES
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
    return _if_installed() if compiled is None and _is_wanted() else PASSES


def is_compiled() -> bool:
    """Whether the compiled loop is used where nothing is said of it. Does not load it."""
    # Imported here, so that importing the package stays quick.
    from importlib.util import find_spec

    return _is_wanted() and find_spec("numba") is not None


def _is_wanted() -> bool:
    return os.environ.get(VARIABLE) != "0"


def _if_installed() -> Kernel:
    """The compiled loop from the first run on, or where numba is not installed vector passes."""
    found = _Found()
    return Kernel(begin=found.begin, read=found.read, spend=found.spend)


class _Found:
    def __init__(self) -> None:
        self._kernel = PASSES
        self._looked = False

    def begin(self) -> Fill:
        if not self._looked:
            with suppress(ImportError):
                self._kernel = _compiled()
            self._looked = True
        return self._kernel.begin()

    def read(self, money: Amounts, slots: Numbers, into: Amounts) -> None:
        self._kernel.read(money, slots, into)

    def spend(self, money: Amounts, slots: Numbers, amounts: Amounts) -> None:
        # What was booked before any run, from a journal say, is not worth the compiler.
        self._kernel.spend(money, slots, amounts)


def _compiled() -> Kernel:
    # Here, because numba takes its time.
    kernel: Kernel = part("fill_compiled", "the compiled loop").COMPILED
    return kernel
