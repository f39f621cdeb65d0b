"""The limits in force, by party: the marketplace's defaults, and each party's own."""

from collections.abc import Iterable, Mapping

import numpy as np

from p2pmatch.arrays import Amounts, Numbers
from p2pmatch.conditions import NO_CAP, NO_SHARE
from p2pmatch.limits import LIMIT_NAMES, BorrowerLimits, Limits
from p2pmatch.table import grown

__all__ = ["BorrowerCaps", "LenderCaps"]

Lenders = Numbers | Amounts


class LenderCaps:
    """The limits in force: the marketplace's defaults, and each lender's own.

    Until somebody has limits of its own a limit is one number, and nothing is looked up per lender.
    """

    def __init__(self, default: Limits) -> None:
        self.default = default
        self.own: dict[int, Limits] = {}
        self._columns: dict[str, Amounts] = {}
        #: The limits that anybody has.
        self.in_force = [
            name for name in (*LIMIT_NAMES, "max_share") if getattr(default, name) is not None
        ]
        #: The limit per loan where it is the only one in money and the same for everybody.
        alone = set(self.in_force) - {"max_share"} == {"per_loan"}
        self.only_per_loan = default.per_loan if alone else None

    def set(self, lender: int, limits: Limits) -> None:
        """Give a lender limits of its own; limits without any value take them away again."""
        if limits == Limits():
            self.own.pop(lender, None)
        else:
            self.own[lender] = limits
        effective = limits.over(self.default)
        for name in (*LIMIT_NAMES, "max_share"):
            own, default = getattr(effective, name), getattr(self.default, name)
            if own != default or name in self._columns:
                column = self._column(name, lender + 1)
                column[lender] = _absent(name) if own is None else own

    def restore(self, own: Mapping[int, Limits], in_force: Iterable[str]) -> None:
        """Make fresh caps what others were that had these limits, and have had those in force."""
        for name in in_force:
            if name not in self.in_force:
                self._column(name, 0)
        for lender, limits in own.items():
            self.set(lender, limits)

    def of(self, name: str, lenders: Lenders, count: int) -> Amounts | int:
        """A limit in force for these lenders of `count`: one number for all, or one each."""
        if name in self._columns:
            return self._column(name, count).take(lenders)
        limit: int = getattr(self.default, name)
        return limit

    def _column(self, name: str, count: int) -> Amounts:
        default: int | None = getattr(self.default, name)
        column = self._columns.get(name, np.zeros(0, dtype=np.int64))
        if name not in self.in_force:
            self.in_force.append(name)
        self._columns[name] = grown(column, count, _absent(name) if default is None else default)
        self.only_per_loan = None
        return self._columns[name]


def _absent(name: str) -> int:
    """What stands in a column of limits for no limit: more than anything it is compared with."""
    return NO_SHARE if name == "max_share" else NO_CAP


class BorrowerCaps:
    """The most each borrower may owe: the marketplace's default, and borrowers' own."""

    def __init__(self, default: BorrowerLimits) -> None:
        self.default = default
        self.own: dict[str, BorrowerLimits] = {}

    def set(self, borrower_id: str, limits: BorrowerLimits) -> None:
        """Give a borrower limits of its own; limits without any value take them away again."""
        if limits == BorrowerLimits():
            self.own.pop(borrower_id, None)
        else:
            self.own[borrower_id] = limits

    def total(self, borrower_id: str) -> int | None:
        """The most a borrower may owe, minor units; None: no limit."""
        own = self.own.get(borrower_id)
        return self.default.total if own is None else own.total
