"""What a pricing rule is handed, and what it must give back."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch.errors import InvariantError

__all__ = ["Accepted", "Priced", "PricingRule", "priced"]


def _nothing_left_out() -> int | None:
    return None


@attrs.frozen(eq=False, kw_only=True)
class Accepted:
    """The notes a loan is made of, in rank order, before they are priced.

    Parameters
    ----------
    grade, term : the loan's cell.
    amounts : int64, shape (n,), minor units.
    asks : int64, shape (n,), ppm: what each note's offer asks at least.
    max_rate : ppm: what the borrower accepts at most.
    find_left_out : finds the rate, ppm, of the best eligible room that the loan leaves unused; None
        if there is none. It reads the ranking once more, so only a rule that needs it calls it.
    """

    grade: str
    term: int
    amounts: npt.NDArray[np.int64]
    asks: npt.NDArray[np.int64]
    max_rate: int
    find_left_out: Callable[[], int | None] = _nothing_left_out


@attrs.frozen(eq=False)
class Priced:
    """One rate per note, and where the rates come from.

    Parameters
    ----------
    rates : int64, shape (n,), ppm a year.
    source : what every note records of its rate: "own_ask", "marginal", "first_rejected",
        "max_rate", "midpoint", "posted", or a rule's own word.
    """

    rates: npt.NDArray[np.int64]
    source: str


@runtime_checkable
class PricingRule(Protocol):
    """Gives each note its rate: at least its ask, at most the borrower's maximum."""

    def price(self, accepted: Accepted) -> Priced:
        """Return one rate per note and their source."""
        ...  # pragma: no cover - a protocol has no body


def priced(rule: PricingRule, accepted: Accepted) -> Priced:
    """What a rule gives, ours or a third party's, held to its contract. O(n)."""
    found = rule.price(accepted)
    asks = accepted.asks
    sound = (
        isinstance(found, Priced)
        and isinstance(found.source, str)
        and isinstance(found.rates, np.ndarray)
        and found.rates.dtype.kind in "iu"
        and np.can_cast(found.rates.dtype, np.int64)
        and found.rates.shape == asks.shape
    )
    if not sound:
        raise InvariantError(f"{rule!r} gave no Priced(one int64 rate for each note, a word)")
    rates = found.rates.astype(np.int64, copy=False)
    if (rates < asks).any() or (rates > accepted.max_rate).any():
        raise InvariantError(f"{rule!r} gave a rate one side did not accept")
    return Priced(rates, found.source)
