"""Where a place ranks: one int64, so that sorting places is sorting numbers."""

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "ARRIVAL_BITS",
    "MAX_ARRIVALS",
    "arrivals_of",
    "key_bound",
    "key_bounds",
    "place_key",
    "place_keys",
    "rate_of",
    "rates_of",
]

#: A key is one int64: the rate above, the arrival number in so many bits below. 24 + 39 bits.
ARRIVAL_BITS: Final = 39
#: The most arrivals (posts and moves to the back) one marketplace can number.
MAX_ARRIVALS: Final = 2**ARRIVAL_BITS


def place_key(rate_ppm: int, arrival: int) -> int:
    """The number by which places are sorted: by rate, then by arrival."""
    return rate_ppm << ARRIVAL_BITS | arrival


def place_keys(
    rates_ppm: npt.NDArray[np.int64], arrivals: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """`place_key`, for many."""
    return rates_ppm << ARRIVAL_BITS | arrivals


def key_bound(rate_ppm: int) -> int:
    """The least key above all keys of rates up to `rate_ppm`."""
    return (rate_ppm + 1) << ARRIVAL_BITS


def key_bounds(rates_ppm: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """`key_bound`, for many."""
    return (rates_ppm + 1) << ARRIVAL_BITS


def rates_of(
    keys: npt.NDArray[np.int64], out: npt.NDArray[np.int64] | None = None
) -> npt.NDArray[np.int64]:
    """The rates, ppm, in an array of keys; written to `out`, if given, which may be the keys."""
    return np.right_shift(keys, ARRIVAL_BITS, out=out)


def rate_of(key: int) -> int:
    """The rate, ppm, in a key."""
    return key >> ARRIVAL_BITS


def arrivals_of(keys: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The arrival numbers in an array of keys."""
    return keys & (MAX_ARRIVALS - 1)
