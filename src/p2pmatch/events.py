"""What has happened in a marketplace: plain records, each with the time it happened."""

from collections.abc import Iterable

import attrs

from p2pmatch.columns import OfferColumns
from p2pmatch.limits import BorrowerLimits, Limits
from p2pmatch.loans import Loan
from p2pmatch.orders import Offer, Request

__all__ = [
    "BorrowerLimitsSet",
    "Event",
    "GroupDeclared",
    "LenderLimitsSet",
    "LoanMade",
    "LoanRepaid",
    "OfferAmended",
    "OfferCancelled",
    "OfferExpired",
    "OfferPosted",
    "OffersPosted",
    "Rejected",
    "RequestUnfunded",
    "TimeAdvanced",
    "outcome_of",
]


@attrs.frozen(kw_only=True)
class Event:
    """Anything that happened."""

    now: int


@attrs.frozen(kw_only=True)
class OfferPosted(Event):
    """An offer stands in the book."""

    offer: Offer


@attrs.frozen(kw_only=True)
class OffersPosted(Event):
    """Many offers stand in the book, in the order of the columns."""

    offers: OfferColumns


@attrs.frozen(kw_only=True)
class OfferAmended(Event):
    """An offer was changed; `offer` is the offer from now on."""

    offer: Offer


@attrs.frozen(kw_only=True)
class OfferCancelled(Event):
    """A lender took `amount`, all that was not lent, out of the book."""

    offer_id: str
    amount: int


@attrs.frozen(kw_only=True)
class OfferExpired(Event):
    """An offer's time ran out; `amount`, all that was not lent, left the book."""

    offer_id: str
    amount: int


@attrs.frozen(kw_only=True)
class LoanMade(Event):
    """A request was matched, wholly or in part."""

    loan: Loan


@attrs.frozen(kw_only=True)
class RequestUnfunded(Event):
    """`amount` of a request was not matched, for that reason, and is cancelled."""

    request: Request
    amount: int
    reason: str


@attrs.frozen(kw_only=True)
class TimeAdvanced(Event):
    """Time passed."""


@attrs.frozen(kw_only=True)
class LenderLimitsSet(Event):
    """A lender has limits of its own."""

    lender_id: str
    limits: Limits


@attrs.frozen(kw_only=True)
class BorrowerLimitsSet(Event):
    """A borrower has limits of its own."""

    borrower_id: str
    limits: BorrowerLimits


@attrs.frozen(kw_only=True)
class GroupDeclared(Event):
    """A borrower's requests do not meet these parties' offers."""

    borrower_id: str
    members: frozenset[str]


@attrs.frozen(kw_only=True)
class LoanRepaid(Event):
    """`amount` of a loan's principal was paid back."""

    request_id: str
    amount: int


@attrs.frozen(kw_only=True)
class Rejected(Event):
    """A command was refused and nothing changed; the fields are those of the error."""

    code: str
    field: str
    value: object
    accepted: str


def outcome_of(events: Iterable[Event]) -> tuple[Loan | None, int, str | None]:
    """What a request's events say: its loan, what is unfunded (minor units), and why."""
    loan = None
    unfunded, reason = 0, None
    for event in events:
        if isinstance(event, LoanMade):
            loan = event.loan
        elif isinstance(event, RequestUnfunded):
            unfunded, reason = event.amount, event.reason
    return loan, unfunded, reason
