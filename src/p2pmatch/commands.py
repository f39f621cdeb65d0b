"""What a marketplace can be told to do: plain records, each with the time it is told."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

import attrs

from p2pmatch import checks
from p2pmatch.columns import OfferColumns
from p2pmatch.errors import InvalidValue, UnknownName
from p2pmatch.limits import BorrowerLimits, Limits
from p2pmatch.orders import Offer, Request
from p2pmatch.record import Record
from p2pmatch.request_columns import RequestColumns
from p2pmatch.time_in_force import IMMEDIATE, Auction, Immediate, Listing, TimeInForce
from p2pmatch.units import MAX_AMOUNT, MAX_TERM, MAX_TIME

__all__ = [
    "AMENDABLE",
    "AcceptLoan",
    "AdvanceTime",
    "AmendOffer",
    "CancelOffer",
    "Command",
    "DeclareGroup",
    "DeclineLoan",
    "PostOffer",
    "PostOffers",
    "Repay",
    "SetBorrowerLimits",
    "SetLenderLimits",
    "SubmitRequest",
    "SubmitRequests",
    "Uncross",
    "WithdrawRequest",
]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Command(Record):
    """Anything a marketplace can be told; `now` is the caller's time and never goes back."""

    now: int = attrs.field(converter=checks.plain, validator=checks.time())


@attrs.frozen(kw_only=True, eq=False, repr=False)
class PostOffer(Command):
    """Put an offer into the book."""

    offer: Offer = attrs.field(validator=checks.instance(Offer, "an Offer"))


@attrs.frozen(kw_only=True, eq=False, repr=False)
class PostOffers(Command):
    """Put many offers into the book, all or none."""

    offers: OfferColumns = attrs.field(validator=checks.instance(OfferColumns, "OfferColumns"))


#: The fields of an offer that may be changed.
AMENDABLE: Mapping[str, "attrs.Attribute[Any]"] = MappingProxyType(
    {
        field.name: field
        for field in attrs.fields(Offer)
        if field.name not in ("offer_id", "lender_id")
    }
)


def _as_in_offers(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The new values as an `Offer` would hold them: what can be read but once is read here."""
    if not isinstance(changes, Mapping):
        return changes
    return {name: _converted(name, value) for name, value in changes.items()}


def _converted(name: str, value: object) -> object:
    convert = AMENDABLE[name].converter if name in AMENDABLE else None
    return convert(value) if callable(convert) else value


def _check_changes(command: object, attribute: "attrs.Attribute[Any]", changes: object) -> None:
    """Raise unless an `Offer` would take each value by itself."""
    if not isinstance(changes, dict):
        accepted = "a mapping of names of an offer's fields to values"
        raise InvalidValue("wrong_type", attribute.name, changes, accepted)
    for name, value in changes.items():
        if name not in AMENDABLE:
            raise UnknownName("unknown_field", attribute.name, name, f"one of {list(AMENDABLE)}")
        # All of them have one.
        check = cast("checks.Validator", AMENDABLE[name].validator)
        check(command, AMENDABLE[name], value)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AmendOffer(Command):
    """Change an offer; `changes` maps names of `Offer` fields to their new values."""

    offer_id: str = attrs.field(converter=checks.text, validator=checks.identifier)
    changes: dict[str, Any] = attrs.field(
        converter=_as_in_offers, validator=_check_changes, hash=False
    )


@attrs.frozen(kw_only=True, eq=False, repr=False)
class CancelOffer(Command):
    """Take out of the book what an offer has not lent."""

    offer_id: str = attrs.field(converter=checks.text, validator=checks.identifier)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SubmitRequest(Command):
    """Match a request now, or let it rest; its loan may wait for the borrower's yes.

    `hold_for` : how long it may wait; None: it does not.
    """

    request: Request = attrs.field(validator=checks.instance(Request, "a Request"))
    time_in_force: TimeInForce = attrs.field(
        default=IMMEDIATE,
        validator=checks.instance(
            (Immediate, Listing, Auction), "Immediate(), Listing(closes_at), Auction(closes_at)"
        ),
    )
    hold_for: int | None = attrs.field(
        default=None,
        converter=checks.plain_or_none,
        validator=checks.optional(checks.whole(1, MAX_TIME)),
    )


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SubmitRequests(Command):
    """Match many requests one after the other, all or none."""

    requests: RequestColumns = attrs.field(
        validator=checks.instance(RequestColumns, "RequestColumns")
    )


@attrs.frozen(kw_only=True, eq=False, repr=False)
class WithdrawRequest(Command):
    """Take a resting request back; what is committed to it goes back to its offers."""

    request_id: str = attrs.field(converter=checks.text, validator=checks.identifier)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AcceptLoan(Command):
    """The borrower's yes to a loan that waits for it."""

    request_id: str = attrs.field(converter=checks.text, validator=checks.identifier)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class DeclineLoan(Command):
    """The borrower's no to a loan that waits for a yes."""

    request_id: str = attrs.field(converter=checks.text, validator=checks.identifier)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Uncross(Command):
    """Clear a cell of a call market."""

    grade: str = attrs.field(converter=checks.text, validator=checks.identifier)
    term: int = attrs.field(converter=checks.plain, validator=checks.whole(1, MAX_TERM))


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AdvanceTime(Command):
    """Let time pass; offers expire, requests close."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SetLenderLimits(Command):
    """Give a lender limits of its own; those not set fall back to the marketplace's."""

    lender_id: str = attrs.field(converter=checks.text, validator=checks.identifier)
    limits: Limits = attrs.field(validator=checks.instance(Limits, "Limits(...)"))


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SetBorrowerLimits(Command):
    """Give a borrower limits of its own; those not set fall back to the marketplace's."""

    borrower_id: str = attrs.field(converter=checks.text, validator=checks.identifier)
    limits: BorrowerLimits = attrs.field(
        validator=checks.instance(BorrowerLimits, "BorrowerLimits(...)")
    )


@attrs.frozen(kw_only=True, eq=False, repr=False)
class DeclareGroup(Command):
    """Name the parties whose offers a borrower's requests never meet, and no others."""

    borrower_id: str = attrs.field(converter=checks.text, validator=checks.identifier)
    members: frozenset[str] = attrs.field(converter=checks.name_set, validator=checks.names)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Repay(Command):
    """Record principal paid back, minor units: it no longer counts as outstanding."""

    request_id: str = attrs.field(converter=checks.text, validator=checks.identifier)
    amount: int = attrs.field(converter=checks.plain, validator=checks.whole(1, MAX_AMOUNT))
