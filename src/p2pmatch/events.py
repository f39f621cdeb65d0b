"""What has happened in a marketplace: plain records, each with the time it happened."""

from collections.abc import Iterable

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch.columns import OfferColumns
from p2pmatch.limits import BorrowerLimits, Limits
from p2pmatch.loans import Loan, Loans, Notes
from p2pmatch.orders import Offer, Request
from p2pmatch.record import Record
from p2pmatch.time_in_force import TimeInForce

__all__ = [
    "BorrowerLimitsSet",
    "CellUncrossed",
    "CommitmentsDisplaced",
    "Event",
    "GroupDeclared",
    "LenderLimitsSet",
    "LoanHeld",
    "LoanMade",
    "LoanRepaid",
    "LoansMade",
    "MoneyCommitted",
    "MoneyReleased",
    "OfferAmended",
    "OfferCancelled",
    "OfferExpired",
    "OfferPosted",
    "OffersPosted",
    "Rejected",
    "RequestRests",
    "RequestUnfunded",
    "TimeAdvanced",
    "outcome_of",
]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Event(Record):
    """Anything that happened."""

    now: int


@attrs.frozen(kw_only=True, eq=False, repr=False)
class OfferPosted(Event):
    """An offer stands in the book."""

    offer: Offer


@attrs.frozen(kw_only=True, eq=False, repr=False)
class OffersPosted(Event):
    """Many offers stand in the book, in the order of the columns."""

    offers: OfferColumns


@attrs.frozen(kw_only=True, eq=False, repr=False)
class OfferAmended(Event):
    """An offer was changed; `offer` is the offer from now on."""

    offer: Offer


@attrs.frozen(kw_only=True, eq=False, repr=False)
class OfferCancelled(Event):
    """A lender took `amount`, all that was not lent, out of the book."""

    offer_id: str
    amount: int


@attrs.frozen(kw_only=True, eq=False, repr=False)
class OfferExpired(Event):
    """An offer's time ran out; `amount`, all that was not lent, left the book."""

    offer_id: str
    amount: int


@attrs.frozen(kw_only=True, eq=False, repr=False)
class LoanMade(Event):
    """A loan was made: of a request just matched, or of what was committed to it."""

    loan: Loan


@attrs.frozen(kw_only=True, eq=False, repr=False)
class LoansMade(Event):
    """Many loans were made: of requests submitted together, or that rested in a call market."""

    loans: Loans


@attrs.frozen(kw_only=True, eq=False, repr=False)
class LoanHeld(Event):
    """A loan waits for the borrower's yes, which must come before `until`."""

    loan: Loan
    until: int


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RequestRests(Event):
    """A request rests; `hold_for`: how long its loan is to wait for a yes, None: not at all."""

    request: Request
    time_in_force: TimeInForce
    hold_for: int | None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class MoneyCommitted(Event):
    """Offers' money is committed to a resting request.

    Parameters
    ----------
    notes : what each offer commits, and the rate at which it ranks: what it asks, or the posted
        rate if that is more.
    keys : int64, the places it comes from; they rank it, and tell an offer's places apart.
    """

    request_id: str
    notes: Notes
    keys: npt.NDArray[np.int64] = attrs.field(eq=False)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class MoneyReleased(Event):
    """Committed money goes back to its offers, at its old place.

    Parameters
    ----------
    reason : "closed" (its request closes without a loan), "share_cap" (the loan is smaller than
        what was committed, and so are shares of it), "small_note" (so that another offer's note is
        large enough), "withdrawn", "declined", "lapsed".
    """

    request_id: str
    notes: Notes
    keys: npt.NDArray[np.int64] = attrs.field(eq=False)
    reason: str


@attrs.frozen(kw_only=True, eq=False, repr=False)
class CommitmentsDisplaced(Event):
    """Better offers take the place of these commitments, which go back to their offers."""

    request_id: str
    notes: Notes
    keys: npt.NDArray[np.int64] = attrs.field(eq=False)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class CellUncrossed(Event):
    """A cell was cleared; the loans are in the events before it.

    Parameters
    ----------
    rate : what every loan bears, ppm; None: no loan.
    matched : the volume at which supply and demand meet, before any limit, minor units.
    volume : what is lent, minor units.
    supply, demand : all that was offered and asked for in the cell, minor units.
    at_margin : what stood at the last accepted rate, and what of it was allotted, minor units.
    turned_away : (request_id, amount, reason) of what was matched and could not be placed.
    """

    grade: str
    term: int
    rate: int | None
    matched: int
    volume: int
    supply: int
    demand: int
    at_margin: tuple[int, int]
    turned_away: tuple[tuple[str, int, str], ...]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RequestUnfunded(Event):
    """`amount` of a request found no money, for that reason, and is cancelled."""

    request: Request
    amount: int
    reason: str


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TimeAdvanced(Event):
    """Time passed."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class LenderLimitsSet(Event):
    """A lender has limits of its own."""

    lender_id: str
    limits: Limits


@attrs.frozen(kw_only=True, eq=False, repr=False)
class BorrowerLimitsSet(Event):
    """A borrower has limits of its own."""

    borrower_id: str
    limits: BorrowerLimits


@attrs.frozen(kw_only=True, eq=False, repr=False)
class GroupDeclared(Event):
    """A borrower's requests do not meet these parties' offers."""

    borrower_id: str
    members: frozenset[str]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class LoanRepaid(Event):
    """`amount` of a loan's principal was paid back."""

    request_id: str
    amount: int


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Rejected(Event):
    """A command was refused and nothing changed; the fields are those of the error."""

    code: str
    field: str
    value: object
    accepted: str


def outcome_of(
    events: Iterable[Event], request_id: str
) -> tuple[Loan | None, int, str | None, int, Loan | None]:
    """What events say of a request.

    Returns
    -------
    Its loan; what is unfunded, minor units, and why; what is committed; the loan that waits.
    """
    loan = pending = None
    unfunded, reason, committed = 0, None, 0
    for event in events:
        match event:
            case LoanMade() if event.loan.request_id == request_id:
                loan, pending, committed = event.loan, None, 0
            case LoanHeld() if event.loan.request_id == request_id:
                pending, committed = event.loan, 0
            case RequestUnfunded() if event.request.request_id == request_id:
                unfunded, reason = event.amount, event.reason
            case RequestRests() if event.request.request_id == request_id:
                unfunded, reason = event.request.amount, "resting"
            case MoneyCommitted() if event.request_id == request_id:
                committed += int(event.notes.amounts.sum())
            case MoneyReleased() | CommitmentsDisplaced() if event.request_id == request_id:
                committed -= int(event.notes.amounts.sum())
            case _:
                pass
    if reason == "resting":
        made = loan or pending
        unfunded -= committed if made is None else made.principal
        reason = reason if made is None else None
    return loan, unfunded, reason, committed, pending
