"""The rules of one marketplace, checked for contradictions when they are built."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, cast

import attrs

from p2pmatch import checks
from p2pmatch.allocation import AllocationRule, allocation_rule
from p2pmatch.errors import InvalidValue, UnknownName
from p2pmatch.fees import Fees
from p2pmatch.limits import BorrowerLimits, Limits, check_room_for_a_note
from p2pmatch.pricing import PayAsOffered, Posted, PricingRule, pricing_rule
from p2pmatch.record import Record
from p2pmatch.units import FULL_SHARE, MAX_AMOUNT, MAX_TERM

__all__ = ["MATCHINGS", "MAX_CELLS", "Rules"]

#: When requests are matched.
MATCHINGS: Final = ("immediate", "call")
#: The rules of `p2pmatch.finance.APR_RULES`, which is imported when a rate is worked out.
APR_RULES: Final = ("eu", "us")

#: The most cells (grades times terms) a marketplace may have.
MAX_CELLS = 10_000

# What the files use to join names.
_SEPARATOR = "|"


def _names(value: Iterable[str]) -> tuple[str, ...]:
    return cast("tuple[str, ...]", checks.in_order(value))


def _months(value: Iterable[int]) -> tuple[int, ...]:
    return cast("tuple[int, ...]", checks.in_order(value))


# One for each: of a converter for any kind of rule mypy loses the parameter's type.
def _name_or_allocation(value: str | AllocationRule) -> str | AllocationRule:
    return checks.text(value) if isinstance(value, str) else value


def _name_or_pricing(value: str | PricingRule) -> str | PricingRule:
    return checks.text(value) if isinstance(value, str) else value


def _check_grades(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    accepted = "a list of distinct names, safest first, such as ('A', 'B')"
    if not isinstance(value, tuple):
        raise InvalidValue("wrong_type", attribute.name, value, accepted)
    checks.check_ids(value, attribute.name)
    for grade in value:
        if _SEPARATOR in grade:
            raise InvalidValue("malformed", attribute.name, grade, f"a name without {_SEPARATOR!r}")
    checks.check_distinct(value, attribute.name, accepted)


def _check_terms(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    accepted = "a list of distinct numbers of months, such as (12, 36)"
    if not isinstance(value, tuple):
        raise InvalidValue("wrong_type", attribute.name, value, accepted)
    for term in value:
        checks.check_whole(term, attribute.name, 1, MAX_TERM)
    checks.check_distinct(value, attribute.name, accepted)


def _fraction(value: "int | Fraction | Decimal") -> Fraction:
    """K as a fraction; a whole number above 1 is a share in ppm; the rest is left as it is."""
    plain = checks.as_plain(value)
    if type(plain) is int:
        return Fraction(plain) if plain <= 1 else Fraction(plain, FULL_SHARE)
    if isinstance(value, Decimal) and value.is_finite():
        return Fraction(value)
    return cast("Fraction", value)


def _check_fraction(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    accepted = "0, 1, a Fraction or Decimal between them, or a share such as rate('50%')"
    if not isinstance(value, Fraction):
        raise InvalidValue("wrong_type", attribute.name, value, accepted)
    if value < 0:
        raise InvalidValue("negative", attribute.name, value, accepted)
    if value > 1:
        raise InvalidValue("too_large", attribute.name, value, accepted)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Rules(Record):
    """What holds for every offer and request of a marketplace.

    Parameters
    ----------
    grades : the risk grades, safest first; names without "|".
    terms : the terms, months.
    increment : every note and every request's amount is a multiple of it, minor units.
    min_note : the smallest note, minor units, a multiple of `increment`; None: one increment.
    allocation : how offers at one rate share: a name in `ALLOCATION_RULES`, or a rule.
    pricing : which rate a note bears: a name in `PRICING_RULES`, or a rule.
    max_share : the most one lender may hold of a loan, ppm of it; None: no limit.
    lender_limits : what every lender may lend at most unless it has limits of its own.
    borrower_limits : what every borrower may owe at most unless it has limits of its own.
    matching : "immediate", requests are matched as they come; or "call", they are gathered, and
        matched when the cell is uncrossed.
    clearing_point : where in the interval of rates that clear a call auction its rate lies: 0, the
        lowest, to 1, the highest.
    fees : what the platform takes from borrowers and lenders; it changes no match.
    apr_rule : the rule of the annual percentage rate in quotes: "us", Regulation Z; or "eu",
        Directive 2008/48/EC (see `p2pmatch.finance.apr`).

    Raises
    ------
    InvalidValue : for a value out of range, or two that contradict each other.
    UnknownName : for a rule nobody knows, with the list of those that exist.

    Examples
    --------
    >>> from p2pmatch import amount
    >>> rules = Rules(grades=("A", "B"), terms=(12, 36), min_note=amount("25"))
    >>> rules.smallest_note, rules.allocation_rule, len(rules.cells)
    (2500, Fifo(), 4)
    """

    grades: tuple[str, ...] = attrs.field(converter=_names, validator=_check_grades)
    terms: tuple[int, ...] = attrs.field(converter=_months, validator=_check_terms)
    increment: int = attrs.field(
        default=1, converter=checks.plain, validator=checks.whole(1, MAX_AMOUNT)
    )
    min_note: int | None = attrs.field(
        default=None,
        converter=checks.plain_or_none,
        validator=checks.optional(checks.whole(1, MAX_AMOUNT)),
    )
    allocation: str | AllocationRule = attrs.field(default="fifo", converter=_name_or_allocation)
    pricing: str | PricingRule = attrs.field(default="pay_as_offered", converter=_name_or_pricing)
    max_share: int | None = attrs.field(
        default=None,
        converter=checks.plain_or_none,
        validator=checks.optional(checks.whole(1, FULL_SHARE)),
    )
    lender_limits: Limits = attrs.field(
        factory=Limits, validator=checks.instance(Limits, "Limits(...)")
    )
    borrower_limits: BorrowerLimits = attrs.field(
        factory=BorrowerLimits, validator=checks.instance(BorrowerLimits, "BorrowerLimits(...)")
    )
    matching: str = attrs.field(
        default="immediate", converter=checks.text, validator=checks.one_of(MATCHINGS)
    )
    clearing_point: Fraction = attrs.field(
        default=Fraction(0), converter=_fraction, validator=_check_fraction
    )
    fees: Fees = attrs.field(factory=Fees, validator=checks.instance(Fees, "Fees(...)"))
    apr_rule: str = attrs.field(
        default="us", converter=checks.text, validator=checks.one_of(APR_RULES)
    )

    def __attrs_post_init__(self) -> None:
        allocation_rule(self.allocation)
        self._check_pricing()
        if len(self.cells) > MAX_CELLS:
            raise InvalidValue(
                "too_large",
                "terms",
                len(self.cells),
                f"at most {MAX_CELLS} pairs of grade and term",
            )
        if self.smallest_note % self.increment:
            raise InvalidValue(
                "not_multiple", "min_note", self.min_note, f"a multiple of {self.increment}"
            )
        check_room_for_a_note(self.lender_limits, self.smallest_note, "lender_limits")

    def _check_pricing(self) -> None:
        """Refuse rates for cells that are not there, and two rules that set the rate."""
        for grade, term in self.posted_rates or ():
            if grade not in self.grades:
                raise UnknownName("unknown_grade", "pricing", grade, f"one of {list(self.grades)}")
            if term not in self.terms:
                raise UnknownName("unknown_term", "pricing", term, f"one of {list(self.terms)}")
        if self.matching == "call" and not isinstance(self.pricing_rule, PayAsOffered):
            raise InvalidValue(
                "contradiction",
                "pricing",
                self.pricing,
                "no pricing rule: with matching='call' every note bears the clearing rate",
            )
        if self.matching != "call" and self.clearing_point:
            raise InvalidValue(
                "contradiction", "clearing_point", self.clearing_point, "0 unless matching='call'"
            )

    @property
    def posted_rates(self) -> Mapping[tuple[str, int], int] | None:
        """The platform's rates by (grade, term), ppm; None unless the pricing rule posts them."""
        rule = self.pricing_rule
        return rule.rates if isinstance(rule, Posted) else None

    @property
    def smallest_note(self) -> int:
        """The least amount of a note, minor units: `min_note`, or one increment."""
        return self.increment if self.min_note is None else self.min_note

    @property
    def allocation_rule(self) -> AllocationRule:
        """The rule that `allocation` names or is."""
        return allocation_rule(self.allocation)

    @property
    def pricing_rule(self) -> PricingRule:
        """The rule that `pricing` names or is."""
        return pricing_rule(self.pricing)

    @property
    def cells(self) -> tuple[tuple[str, int], ...]:
        """All pairs of grade and term, by grade, then term."""
        return tuple((grade, term) for grade in self.grades for term in self.terms)
