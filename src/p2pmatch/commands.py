"""What a marketplace can be told to do: plain records, each with the time it is told."""

from typing import Any

import attrs

from p2pmatch import checks
from p2pmatch.columns import OfferColumns
from p2pmatch.limits import BorrowerLimits, Limits
from p2pmatch.orders import Offer, Request
from p2pmatch.units import MAX_AMOUNT

__all__ = [
    "AdvanceTime",
    "AmendOffer",
    "CancelOffer",
    "Command",
    "DeclareGroup",
    "PostOffer",
    "PostOffers",
    "Repay",
    "SetBorrowerLimits",
    "SetLenderLimits",
    "SubmitRequest",
]


@attrs.frozen(kw_only=True)
class Command:
    """Anything a marketplace can be told; `now` is the caller's time and never goes back."""

    now: int = attrs.field(converter=checks.plain, validator=checks.time())


@attrs.frozen(kw_only=True)
class PostOffer(Command):
    """Put an offer into the book."""

    offer: Offer = attrs.field(validator=checks.instance(Offer, "an Offer"))


@attrs.frozen(kw_only=True)
class PostOffers(Command):
    """Put many offers into the book, all or none."""

    offers: OfferColumns = attrs.field(validator=checks.instance(OfferColumns, "OfferColumns"))


@attrs.frozen(kw_only=True)
class AmendOffer(Command):
    """Change an offer; `changes` maps names of `Offer` fields to their new values."""

    offer_id: str = attrs.field(validator=checks.identifier)
    changes: dict[str, Any] = attrs.field(hash=False)


@attrs.frozen(kw_only=True)
class CancelOffer(Command):
    """Take out of the book what an offer has not lent."""

    offer_id: str = attrs.field(validator=checks.identifier)


@attrs.frozen(kw_only=True)
class SubmitRequest(Command):
    """Match a request now; what cannot be matched is cancelled."""

    request: Request = attrs.field(validator=checks.instance(Request, "a Request"))


@attrs.frozen(kw_only=True)
class AdvanceTime(Command):
    """Let time pass; offers expire."""


@attrs.frozen(kw_only=True)
class SetLenderLimits(Command):
    """Give a lender limits of its own; those not set fall back to the marketplace's."""

    lender_id: str = attrs.field(validator=checks.identifier)
    limits: Limits = attrs.field(validator=checks.instance(Limits, "Limits(...)"))


@attrs.frozen(kw_only=True)
class SetBorrowerLimits(Command):
    """Give a borrower limits of its own; those not set fall back to the marketplace's."""

    borrower_id: str = attrs.field(validator=checks.identifier)
    limits: BorrowerLimits = attrs.field(
        validator=checks.instance(BorrowerLimits, "BorrowerLimits(...)")
    )


@attrs.frozen(kw_only=True)
class DeclareGroup(Command):
    """Name the parties whose offers a borrower's requests never meet, and no others."""

    borrower_id: str = attrs.field(validator=checks.identifier)
    members: frozenset[str] = attrs.field(converter=checks.name_set, validator=checks.names)


@attrs.frozen(kw_only=True)
class Repay(Command):
    """Record principal paid back, minor units: it no longer counts as outstanding."""

    request_id: str = attrs.field(validator=checks.identifier)
    amount: int = attrs.field(converter=checks.plain, validator=checks.whole(1, MAX_AMOUNT))
