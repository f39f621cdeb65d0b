"""What can be read off a marketplace: small records, made when somebody asks."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch.events import CellUncrossed, Event, LoanHeld, LoanMade, LoansMade
from p2pmatch.loans import Loan, Loans, Notes
from p2pmatch.orders import Request

__all__ = [
    "OfferStatus",
    "Outstanding",
    "QueueEntry",
    "RateLadder",
    "RequestStatus",
    "Uncrossed",
    "uncrossed_of",
]


@attrs.frozen(kw_only=True)
class OfferStatus:
    """What has become of an offer's budget; amounts in minor units.

    amount = remaining + committed + lent + cancelled. `state` is "standing", "cancelled" or
    "expired".
    """

    offer_id: str
    lender_id: str
    amount: int
    remaining: int
    committed: int
    lent: int
    cancelled: int
    state: str


@attrs.frozen
class QueueEntry:
    """One place in a cell's queue: the rate asked, ppm, and the money there, minor units."""

    offer_id: str
    lender_id: str
    rate: int
    remaining: int


@attrs.frozen
class Outstanding:
    """What a lender has lent and not got back, minor units; zeros left out.

    `committed` is what is promised beside that: to requests that rest, and to loans that wait for
    the borrower's yes. Limits count both.
    """

    total: int
    by_grade: Mapping[str, int]
    by_borrower: Mapping[str, int]
    committed: int


@attrs.frozen
class RequestStatus:
    """A request that waits.

    Parameters
    ----------
    request : the request.
    state : "resting"; or "held", its loan waits for the borrower's yes.
    deadline : the time at which it ends; None: no time is set.
    notes : what is committed to it, at the rates asked; or the notes of its loan.
    """

    request: Request
    state: str
    deadline: int | None
    notes: Notes

    @property
    def committed(self) -> int:
        """The money committed to it, minor units."""
        return int(self.notes.amounts.sum())


@attrs.frozen(kw_only=True)
class Uncrossed:
    """What a call auction came to.

    Parameters
    ----------
    rate : what every loan bears, ppm; None: no loan was made.
    volume : what is lent, minor units.
    loans : in rank order; loans that wait for the borrower's yes among them.
    unfunded : (request_id, amount, reason) of what was matched and could not be placed; the reason
        is the limit that turned most of it away.
    matched : the volume at which supply and demand meet before any limit, minor units.
    supply, demand : all that was offered and asked for in the cell, minor units.
    at_margin : what stood at the last accepted rate, and what of it was allotted, minor units.
    """

    rate: int | None
    volume: int
    loans: Sequence[Loan]
    unfunded: tuple[tuple[str, int, str], ...]
    matched: int
    supply: int
    demand: int
    at_margin: tuple[int, int]

    @property
    def supply_left(self) -> int:
        """What of the offers is still in the book, minor units."""
        return self.supply - self.volume

    @property
    def demand_left(self) -> int:
        """What of the requests got no money, minor units."""
        return self.demand - self.volume

    @property
    def share_at_margin(self) -> Fraction | None:
        """What part of the money at the last accepted rate was allotted; None: nothing matched."""
        stood, allotted = self.at_margin
        return Fraction(allotted, stood) if stood else None

    @property
    def bid_to_cover(self) -> Fraction | None:
        """What was asked for, as a multiple of what was lent; None: nothing was."""
        return Fraction(self.demand, self.volume) if self.volume else None


def uncrossed_of(events: Sequence[Event]) -> Uncrossed:
    """What the events of clearing a cell say."""
    together: Loans | None = None
    one_by_one: list[Loan] = []
    for event in events:
        match event:
            case LoansMade():
                together = event.loans
            case LoanMade() | LoanHeld() if event.loan.notes.rate_source == "clearing":
                one_by_one.append(event.loan)
            case _:
                pass
    crossed = next(event for event in events if isinstance(event, CellUncrossed))
    return Uncrossed(
        rate=crossed.rate,
        volume=crossed.volume,
        loans=one_by_one if together is None else together,
        unfunded=crossed.turned_away,
        matched=crossed.matched,
        supply=crossed.supply,
        demand=crossed.demand,
        at_margin=crossed.at_margin,
    )


@attrs.frozen(eq=False)
class RateLadder:
    """A cell's depth: how much money stands at or below each rate.

    Parameters
    ----------
    rates : int64, shape (n,), ppm, ascending, distinct.
    available : int64, shape (n,), minor units, cumulative; not cut by caps per loan.
    """

    rates: npt.NDArray[np.int64]
    available: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rates)

    def at(self, rate: int) -> int:
        """The money that stands at or below `rate`, minor units. O(log n)."""
        level = int(self.rates.searchsorted(rate, side="right"))
        return int(self.available[level - 1]) if level else 0
