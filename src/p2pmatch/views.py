"""What can be read off a marketplace: small records, made when somebody asks."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch import checks
from p2pmatch.arrays import SAME
from p2pmatch.events import CellUncrossed, Event, LoanHeld, LoanMade, LoansMade
from p2pmatch.extras import part
from p2pmatch.loans import Loan, Loans, Notes
from p2pmatch.orders import Request
from p2pmatch.record import Record
from p2pmatch.units import MAX_RATE

__all__ = [
    "CostCurve",
    "OfferStatus",
    "Outstanding",
    "QueueEntry",
    "RateLadder",
    "RequestStatus",
    "Uncrossed",
    "uncrossed_of",
]

# The most blocks in one line.
_MAX_WIDTH: Final = 1_000


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
    """One place in a cell's queue: the rate at which it ranks, and the money there, minor units.

    rate : ppm: what the offer asks, or the posted rate if that is more.
    """

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
    notes : what is committed to it, at the rates at which it ranks; or the notes of its loan.
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


@attrs.frozen(repr=False)
class CostCurve(Record):
    """What a request's loan would cost at each size, in the book as it stands.

    Parameters
    ----------
    amounts : int64, shape (n,), minor units, ascending, distinct: sizes that can be had.
    rates : int64, shape (n,), ppm: the blended rate of each.

    The columns are read-only.
    """

    amounts: npt.NDArray[np.int64] = attrs.field(eq=SAME)
    rates: npt.NDArray[np.int64] = attrs.field(eq=SAME)

    def __attrs_post_init__(self) -> None:
        self.amounts.setflags(write=False)
        self.rates.setflags(write=False)

    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType] - arrays

    def __len__(self) -> int:
        return len(self.amounts)

    def sparkline(self, width: int = 40) -> str:
        """The blended rate over the sizes, from the smallest to the largest, as one line of blocks.

        Empty if no size can be had.

        Parameters
        ----------
        width : how many blocks, 1 to 1 000.
        """
        width = _check_width(width)
        if not len(self):
            return ""
        at = _spread(int(self.amounts[0]), int(self.amounts[-1]), width)
        # The curve's point at or above each size.
        rates = self.rates[self.amounts.searchsorted(at)]
        low, high = int(rates.min()), int(rates.max())
        return _blocks([int(rate) - low for rate in rates.tolist()], high - low)


@attrs.frozen(repr=False)
class RateLadder(Record):
    """A cell's depth: how much money stands at or below each rate.

    Parameters
    ----------
    rates : int64, shape (n,), ppm, ascending, distinct.
    available : int64, shape (n,), minor units, cumulative; not cut by caps per loan.
    request : whose quote it was read for; None: nobody's.
    cost : what that request's loan would cost at each size; None: it is nobody's.

    The columns are read-only.

    Examples
    --------
    >>> ladder = RateLadder(np.array([50_000, 60_000]), np.array([20_000, 90_000]))
    >>> ladder.at(55_000), ladder.sparkline(4)
    (20000, '▂▂▂█')
    """

    rates: npt.NDArray[np.int64] = attrs.field(eq=SAME)
    available: npt.NDArray[np.int64] = attrs.field(eq=SAME)
    request: Request | None = None
    cost: CostCurve | None = None

    def __attrs_post_init__(self) -> None:
        self.rates.setflags(write=False)
        self.available.setflags(write=False)

    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType] - arrays

    def __len__(self) -> int:
        return len(self.rates)

    def at(self, rate: int) -> int:
        """The money that stands at or below `rate`, minor units. O(log n)."""
        rate = checks.check_whole(checks.as_plain(rate), "rate", 0, MAX_RATE)
        level = int(self.rates.searchsorted(rate, side="right"))
        return int(self.available[level - 1]) if level else 0

    def sparkline(self, width: int = 40) -> str:
        """The money at or below each rate, from the lowest to the highest, as one line of blocks.

        Empty if nothing stands in the cell.

        Parameters
        ----------
        width : how many blocks, 1 to 1 000.
        """
        width = _check_width(width)
        if not len(self):
            return ""
        at = _spread(int(self.rates[0]), int(self.rates[-1]), width)
        return _blocks([self.at(rate) for rate in at], int(self.available[-1]))

    def plot(self, ax: Any = None) -> Any:  # noqa: ANN401 - matplotlib's axes
        """Draw the money available against the rate, and the request's own cost curve.

        Needs matplotlib (the extra `plot`).

        Parameters
        ----------
        ax : the axes to draw on; None: those of a new figure.

        Returns
        -------
        The axes.
        """
        return part("plot", "a picture").plot_ladder(self, ax)


_BLOCKS = "▁▂▃▄▅▆▇█"


def _check_width(width: int) -> int:
    return checks.check_whole(checks.as_plain(width), "width", 1, _MAX_WIDTH)


def _spread(low: int, high: int, width: int) -> list[int]:
    """`width` numbers from `low` to `high`, evenly apart."""
    return [low + (high - low) * i // max(width - 1, 1) for i in range(width)]


def _blocks(heights: Sequence[int], whole: int) -> str:
    """Heights up to `whole` as blocks; the lowest stands for nearly nothing."""
    steps = len(_BLOCKS) - 1
    return "".join(_BLOCKS[height * steps // whole if whole else 0] for height in heights)
