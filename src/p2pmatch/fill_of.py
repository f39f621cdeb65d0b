"""Which of the two kernels fills runs of requests: the only place that knows."""

import os

from p2pmatch.fill import fill
from p2pmatch.fill_forms import Asked, Fill, Made, Means, Places

__all__ = ["VARIABLE", "fill_of"]

#: Set to "0" in the environment, it turns the compiled loop off.
VARIABLE = "P2PMATCH_COMPILED"


def fill_of(*, compiled: bool | None) -> Fill:
    """The kernel to use.

    Parameters
    ----------
    compiled : whether to use the compiled loop; None: if it can be had and is not turned off. Then
        it is looked for, and loaded, when it is first needed.

    Raises
    ------
    ImportError : if `compiled` is True and numba is not installed.
    """
    if compiled:
        return _compiled()
    if compiled is None and os.environ.get(VARIABLE) != "0":
        return _IfInstalled()
    return fill


class _IfInstalled:
    """The compiled loop, or where numba is not installed the vector passes."""

    def __init__(self) -> None:
        self._fill: Fill | None = None

    def __call__(
        self,
        places: Places,
        asked: Asked,
        means: Means,
        made: Made,
        units: tuple[int, int],
        row: int,
        notes: int,
    ) -> tuple[int, int, int]:
        if self._fill is None:
            try:
                self._fill = _compiled()
            except ImportError:
                self._fill = fill
        return self._fill(places, asked, means, made, units, row, notes)


def _compiled() -> Fill:
    try:
        # Here, because numba is an extra and takes its time.
        from p2pmatch import fill_compiled
    except ImportError as missing:
        hint = "the compiled loop needs numba: pip install 'p2pmatch[fast]'"
        raise ImportError(hint, name="numba") from missing
    return fill_compiled.fill
