"""What a pricing rule is handed, and what it must give back."""

from typing import Protocol, runtime_checkable

import attrs
import numpy as np
import numpy.typing as npt

__all__ = ["Accepted", "PricingRule"]


@attrs.frozen(eq=False)
class Accepted:
    """The notes a loan is made of, in rank order, before they are priced.

    Parameters
    ----------
    amounts : int64, shape (n,), minor units.
    asks : int64, shape (n,), ppm: what each note's offer asks at least.
    max_rate : ppm: what the borrower accepts at most.
    """

    amounts: npt.NDArray[np.int64]
    asks: npt.NDArray[np.int64]
    max_rate: int


@runtime_checkable
class PricingRule(Protocol):
    """Gives each note its rate: at least its ask, at most the borrower's maximum."""

    def price(self, accepted: Accepted) -> npt.NDArray[np.int64]:
        """Return one rate per note, int64, ppm a year."""
        ...  # pragma: no cover - a protocol has no body
