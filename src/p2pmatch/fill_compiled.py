"""The loop over the places, compiled by numba: needs the extra `fast`.

The first run in a new environment compiles for some seconds; the machine code is kept on disk, and
loaded in a fraction of a second from then on.
"""

from typing import Final, cast

from numba import njit
from numba.extending import register_jitable

from p2pmatch import fill_loop
from p2pmatch.fill_forms import Fill, Kernel

__all__ = ["COMPILED"]

register_jitable(fill_loop.fill_unlimited)
_fill = cast("Fill", njit(cache=True)(fill_loop.fill))

#: Runs by the compiled loop.
COMPILED: Final = Kernel(
    begin=lambda: _fill,
    read=njit(cache=True)(fill_loop.read),
    spend=njit(cache=True)(fill_loop.spend),
)
