"""The platform names the rate."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs
import numpy as np

from p2pmatch import checks
from p2pmatch.errors import InvalidValue
from p2pmatch.pricing.rule import Accepted, Priced
from p2pmatch.record import Record
from p2pmatch.units import MAX_RATE

__all__ = ["Posted"]

_ACCEPTED = "a mapping of a rate in ppm to each (grade, term), such as {('A', 36): 60_000}"


def _frozen(rates: Mapping[tuple[str, int], int]) -> Mapping[tuple[str, int], int]:
    """A copy that nobody can change; what is no mapping is left for the validator."""
    if not isinstance(rates, Mapping):
        return rates
    return MappingProxyType(
        {_plain_cell(cell): checks.plain(rate_ppm) for cell, rate_ppm in rates.items()}
    )


def _plain_cell(cell: tuple[str, int]) -> tuple[str, int]:
    """Its members plain; what is no pair is left for the validator."""
    if not (isinstance(cell, tuple) and len(cell) == 2):
        return cell
    return checks.text(cell[0]), checks.plain(cell[1])


def _check_rates(_: object, attribute: "attrs.Attribute[Any]", rates: object) -> None:
    if not isinstance(rates, Mapping):
        raise InvalidValue("wrong_type", attribute.name, rates, _ACCEPTED)
    if not rates:
        raise InvalidValue("empty", attribute.name, {}, _ACCEPTED)
    for cell, rate_ppm in rates.items():
        if not (isinstance(cell, tuple) and list(map(type, cell)) == [str, int]):
            raise InvalidValue("wrong_type", attribute.name, cell, _ACCEPTED)
        checks.check_whole(rate_ppm, attribute.name, 0, MAX_RATE)


@attrs.frozen(eq=False, repr=False)
class Posted(Record):
    """Every note bears the platform's rate for its cell.

    Offers that ask no more take part, and rank by arrival alone. In a cell without a rate, and for
    a borrower who accepts less than the rate, nothing is matched.

    Parameters
    ----------
    rates : ppm a year, by (grade, term).

    Examples
    --------
    >>> accepted = Accepted(grade="A", term=36, amounts=np.array([10, 10]),
    ...                     asks=np.array([50_000, 60_000]), max_rate=90_000)
    >>> Posted({("A", 36): 65_000}).price(accepted).rates.tolist()
    [65000, 65000]
    """

    rates: Mapping[tuple[str, int], int] = attrs.field(
        converter=_frozen, validator=_check_rates, hash=False
    )

    def price(self, accepted: Accepted) -> Priced:
        """Return the cell's rate for all. O(n)."""
        rate = self.rates[accepted.grade, accepted.term]
        return Priced(np.full_like(accepted.asks, rate), "posted")

    def __repr__(self) -> str:
        return f"Posted({dict(sorted(self.rates.items()))})"
