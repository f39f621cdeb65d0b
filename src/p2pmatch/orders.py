"""What the parties hand in: a lender's standing offer and a borrower's request."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import attrs

from p2pmatch import checks
from p2pmatch.errors import InvalidValue
from p2pmatch.record import Record
from p2pmatch.units import FULL_SHARE, MAX_AMOUNT, MAX_RATE, MAX_TERM

__all__ = ["Offer", "Request"]

_RATE = f"an int from 0 to {MAX_RATE} ppm, or a mapping of one such rate to each grade"


def _rate_or_card(value: int | Mapping[str, int]) -> int | Mapping[str, int]:
    """Freeze a rate card, so that nobody can change it under the book."""
    if type(value) is int:
        return value
    if isinstance(value, Mapping):
        return MappingProxyType(
            {checks.text(grade): checks.plain(ppm) for grade, ppm in value.items()}
        )
    return checks.plain(value)


def _some_grades(value: Iterable[str] | None) -> frozenset[str] | None:
    return None if value is None else checks.name_set(value)


def _some_terms(value: Iterable[int] | None) -> frozenset[int] | None:
    return None if value is None else checks.number_set(value)


def _check_min_rate(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if type(value) is int or not isinstance(value, Mapping):
        checks.check_whole(value, attribute.name, 0, MAX_RATE)
        return
    if not value:
        raise InvalidValue("empty", attribute.name, {}, _RATE)
    for grade, ppm in value.items():
        checks.check_id(grade, attribute.name)
        checks.check_whole(ppm, attribute.name, 0, MAX_RATE)


def _check_grades(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    checks.names(_, attribute, value)
    if not value:
        raise InvalidValue("empty", attribute.name, value, "at least one grade, or None for all")


def _check_terms(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, frozenset):
        raise InvalidValue("wrong_type", attribute.name, value, "a set of months, such as {12, 36}")
    if not value:
        raise InvalidValue("empty", attribute.name, value, "at least one term, or None for all")
    for term in value:
        checks.check_whole(term, attribute.name, 1, MAX_TERM)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Offer(Record):
    """A lender's standing order: how much, at which rate at least, and to whom.

    Parameters
    ----------
    offer_id, lender_id : 1 to 200 printable characters.
    amount : the budget, minor units, above 0. All cells the offer stands in share it.
    min_rate : ppm a year, or a rate card: a mapping from each of the offer's grades to its rate.
    grades : the grades it stands in; None: all (with a rate card: the grades of the card).
    terms : the terms it stands in, months; None: all.
    max_per_loan : the most of one loan, minor units; None: no limit.
    max_share : the most of one loan as a share of it, ppm; None: no limit.
    requires, refuses : tags a request must have, must not have.
    expires_at : the time from which it no longer stands; None: never.

    Raises
    ------
    InvalidValue : naming the field, and what would be accepted.

    Examples
    --------
    >>> from p2pmatch import amount, rate
    >>> offer = Offer(offer_id="o1", lender_id="ann", amount=amount("500"),
    ...               min_rate={"A": rate("5%"), "B": rate("7%")}, terms={36})
    >>> offer.rate_for("B"), sorted(offer.grades)
    (70000, ['A', 'B'])
    """

    offer_id: str = attrs.field(converter=checks.text, validator=checks.identifier)
    lender_id: str = attrs.field(converter=checks.text, validator=checks.identifier)
    amount: int = attrs.field(converter=checks.plain, validator=checks.whole(1, MAX_AMOUNT))
    min_rate: int | Mapping[str, int] = attrs.field(
        converter=_rate_or_card, validator=_check_min_rate, hash=False
    )
    grades: frozenset[str] | None = attrs.field(
        default=None, converter=_some_grades, validator=checks.optional(_check_grades)
    )
    terms: frozenset[int] | None = attrs.field(
        default=None, converter=_some_terms, validator=checks.optional(_check_terms)
    )
    max_per_loan: int | None = attrs.field(
        default=None,
        converter=checks.plain_or_none,
        validator=checks.optional(checks.whole(1, MAX_AMOUNT)),
    )
    max_share: int | None = attrs.field(
        default=None,
        converter=checks.plain_or_none,
        validator=checks.optional(checks.whole(1, FULL_SHARE)),
    )
    requires: frozenset[str] = attrs.field(
        default=frozenset(), converter=checks.name_set, validator=checks.names
    )
    refuses: frozenset[str] = attrs.field(
        default=frozenset(), converter=checks.name_set, validator=checks.names
    )
    expires_at: int | None = attrs.field(
        default=None,
        converter=checks.plain_or_none,
        validator=checks.optional(checks.time()),
    )

    def __attrs_post_init__(self) -> None:
        if type(self.min_rate) is not int and isinstance(self.min_rate, Mapping):
            card = frozenset(self.min_rate)
            # Read from a file it has not been through the converter.
            if isinstance(self.min_rate, dict):
                object.__setattr__(self, "min_rate", MappingProxyType(self.min_rate))
            if self.grades is None:
                object.__setattr__(self, "grades", card)
            elif card != self.grades:
                raise InvalidValue(
                    "contradiction",
                    "min_rate",
                    dict(self.min_rate),
                    f"a rate for each of the grades {sorted(self.grades)} and for no other",
                )
        if self.requires & self.refuses:
            raise InvalidValue(
                "contradiction",
                "refuses",
                sorted(self.requires & self.refuses),
                "tags that the offer does not also require",
            )

    def rate_for(self, grade: str) -> int:
        """The least rate this offer takes in `grade`, ppm a year."""
        return self.min_rate if isinstance(self.min_rate, int) else self.min_rate[grade]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Request(Record):
    """A borrower's demand: how much, at which rate at most, for how long.

    Parameters
    ----------
    request_id, borrower_id : 1 to 200 printable characters.
    amount : minor units, above 0, a multiple of the marketplace's increment.
    max_rate : the highest rate the borrower accepts, ppm a year.
    grade : the risk grade the platform gave it.
    term : months.
    min_amount : the smallest loan the borrower accepts, minor units; None: the whole amount.
    tags : what offers may require or refuse.
    expires_at : the time from which it no longer rests; None: never. One that is matched at once
        must not have expired; one that closes must close by then.

    Raises
    ------
    InvalidValue : naming the field, and what would be accepted.

    Examples
    --------
    >>> from p2pmatch import amount, rate
    >>> request = Request(request_id="r1", borrower_id="bob", amount=amount("1000"),
    ...                   max_rate=rate("9%"), grade="A", term=36)
    >>> request.least_amount
    100000
    """

    request_id: str = attrs.field(converter=checks.text, validator=checks.identifier)
    borrower_id: str = attrs.field(converter=checks.text, validator=checks.identifier)
    amount: int = attrs.field(converter=checks.plain, validator=checks.whole(1, MAX_AMOUNT))
    max_rate: int = attrs.field(converter=checks.plain, validator=checks.whole(0, MAX_RATE))
    grade: str = attrs.field(converter=checks.text, validator=checks.identifier)
    term: int = attrs.field(converter=checks.plain, validator=checks.whole(1, MAX_TERM))
    min_amount: int | None = attrs.field(
        default=None,
        converter=checks.plain_or_none,
        validator=checks.optional(checks.whole(1, MAX_AMOUNT)),
    )
    tags: frozenset[str] = attrs.field(
        default=frozenset(), converter=checks.name_set, validator=checks.names
    )
    expires_at: int | None = attrs.field(
        default=None,
        converter=checks.plain_or_none,
        validator=checks.optional(checks.time()),
    )

    def __attrs_post_init__(self) -> None:
        if self.min_amount is not None and self.min_amount > self.amount:
            raise InvalidValue(
                "above_amount", "min_amount", self.min_amount, f"at most the amount, {self.amount}"
            )

    @property
    def least_amount(self) -> int:
        """The smallest loan accepted, minor units: `min_amount`, or the whole amount."""
        return self.amount if self.min_amount is None else self.min_amount

    def resized(self, amount: int) -> "Request":
        """The same request for another amount, minor units; `min_amount` is cut to it.

        Everything else has been checked, so it is copied as it is: five times as fast as building
        a request.
        """
        checks.check_whole(amount, "amount", 1, MAX_AMOUNT)
        made: Request = object.__new__(Request)
        for name in _REQUEST_FIELDS:
            object.__setattr__(made, name, getattr(self, name))
        object.__setattr__(made, "amount", amount)
        if self.min_amount is not None and self.min_amount > amount:
            object.__setattr__(made, "min_amount", amount)
        return made


_REQUEST_FIELDS = tuple(field.name for field in attrs.fields(Request))
