"""Caps on what one party may have at stake, and how a lender's own come before the defaults."""

from typing import Final

import attrs

from p2pmatch import checks
from p2pmatch.errors import InvalidValue
from p2pmatch.record import Record
from p2pmatch.units import FULL_SHARE, MAX_AMOUNT

__all__ = ["LIMIT_NAMES", "BorrowerLimits", "Limits", "check_room_for_a_note"]

#: The limits in money a lender can have, as `Limits` names them.
LIMIT_NAMES: Final = ("per_loan", "per_borrower", "per_grade", "total")


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Limits(Record):
    """What one lender may lend at most, over all its offers.

    All count what is already outstanding plus what is committed and not yet a loan.

    Parameters
    ----------
    per_loan : the most of one loan, minor units.
    per_borrower : the most to one borrower, over all loans, minor units.
    per_grade : the most in any one grade, minor units.
    total : the most in all, minor units.
    max_share : the most of one loan as a share of it, ppm.

    None means not set: no limit, or, for a lender's own limits, the marketplace's default.

    Examples
    --------
    >>> default = Limits(per_loan=7_500, total=500_000)
    >>> Limits(per_loan=10_000).over(default)
    Limits(per_loan=10000, per_borrower=None, per_grade=None, total=500000, max_share=None)
    """

    per_loan: int | None = attrs.field(
        default=None,
        converter=checks.plain_or_none,
        validator=checks.optional(checks.whole(1, MAX_AMOUNT)),
    )
    per_borrower: int | None = attrs.field(
        default=None,
        converter=checks.plain_or_none,
        validator=checks.optional(checks.whole(1, MAX_AMOUNT)),
    )
    per_grade: int | None = attrs.field(
        default=None,
        converter=checks.plain_or_none,
        validator=checks.optional(checks.whole(1, MAX_AMOUNT)),
    )
    total: int | None = attrs.field(
        default=None,
        converter=checks.plain_or_none,
        validator=checks.optional(checks.whole(1, MAX_AMOUNT)),
    )
    max_share: int | None = attrs.field(
        default=None,
        converter=checks.plain_or_none,
        validator=checks.optional(checks.whole(1, FULL_SHARE)),
    )

    def over(self, default: "Limits") -> "Limits":
        """These limits, with `default` where one is not set."""
        own = {name: value for name, value in attrs.asdict(self).items() if value is not None}
        return attrs.evolve(default, **own)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class BorrowerLimits(Record):
    """What one borrower may owe at most.

    Parameters
    ----------
    total : the most outstanding over all its loans, minor units; None: no limit, or the default.

    Examples
    --------
    >>> BorrowerLimits(total=2_500_000).total
    2500000
    """

    total: int | None = attrs.field(
        default=None,
        converter=checks.plain_or_none,
        validator=checks.optional(checks.whole(1, MAX_AMOUNT)),
    )


def check_room_for_a_note(limits: Limits, min_note: int, field: str) -> None:
    """Raise if a limit in money is below the smallest note, so that no note could ever be made."""
    for name in LIMIT_NAMES:
        limit: int | None = getattr(limits, name)
        if limit is not None and limit < min_note:
            raise InvalidValue(
                "contradiction", f"{field}.{name}", limit, f"at least the smallest note, {min_note}"
            )
