"""What would have to change for a request to be filled."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import attrs

from p2pmatch.decide import check_reading
from p2pmatch.errors import Refused
from p2pmatch.orders import Request
from p2pmatch.quote import Quote, quote
from p2pmatch.rooms import Rooms
from p2pmatch.state import State
from p2pmatch.sweep import Sweep
from p2pmatch.units import MAX_RATE, format_amount, format_rate

__all__ = ["Change", "WhatIf", "what_if"]

# How the terms that may change are written.
_SHOWN: Mapping[str, Callable[[int], str]] = MappingProxyType(
    {"max_rate": format_rate, "amount": format_amount, "min_amount": format_amount, "term": str}
)


@attrs.frozen
class Change:
    """One changed term of a request, and the quote that confirms it.

    Parameters
    ----------
    field : what is changed: "max_rate", "amount", "min_amount" or "term".
    before, after : its value; `before` of min_amount is the least amount in force.
    quote : what the changed request would get.
    """

    field: str
    before: int
    after: int
    quote: Quote

    @property
    def request(self) -> Request:
        """The changed request."""
        return self.quote.request

    def __str__(self) -> str:
        shown = _SHOWN[self.field]
        quote = self.quote
        rate = "" if quote.rate is None else f" at {format_rate(quote.rate)}"
        return (
            f"{self.field} {shown(self.after)} instead of {shown(self.before)}: "
            f"{format_amount(quote.principal)}{rate}"
        )


@attrs.frozen
class WhatIf:
    """The least changes, each by itself, that would fill a request; None: no such change would.

    Parameters
    ----------
    quote : what the request would get as it is.
    max_rate : the lowest higher rate at which the whole amount would be lent.
    amount : the largest smaller amount that would be lent whole.
    min_amount : the largest least amount at which a loan would be made of what there is.
    term : the nearest other term, the shorter of two, in which the whole amount would be lent.
    """

    quote: Quote
    max_rate: Change | None
    amount: Change | None
    min_amount: Change | None
    term: Change | None

    @property
    def filled(self) -> bool:
        """Whether the request would be filled as it is; nothing need change then."""
        return not self.quote.unfunded

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes that would do."""
        found = (self.max_rate, self.amount, self.min_amount, self.term)
        return tuple(change for change in found if change is not None)

    def __str__(self) -> str:
        if self.filled:
            return "nothing: the request would be filled as it is"
        return "\n".join(map(str, self.changes)) or "no single change would fill the request"


def what_if(state: State, request: Request, now: int) -> WhatIf:
    """The least changes of a request, each by itself, that would fill it.

    Raises
    ------
    Refused : in a call market, where nothing is known before the cell is uncrossed.
    P2PMatchError : whenever submitting the request would be refused.

    Notes
    -----
    Two sweeps and a quote for each change; one quote for each other term until one fills.
    """
    now = check_reading(state, request, now)
    found = quote(state, request, now)
    if state.rules.matching == "call":
        raise Refused("call_market", "matching", "call", "Rules(matching='immediate', ...)")
    if not found.unfunded:
        return WhatIf(found, None, None, None, None)
    best = Sweep(Rooms(state, request, now)).run(1).principal
    least_amount = None
    if 0 < best < request.least_amount:
        least_amount = _changed(state, request, now, "min_amount", best)
    return WhatIf(
        found,
        _higher_rate(state, request, now),
        _changed(state, request, now, "amount", best) if best else None,
        least_amount,
        _other_term(state, request, now),
    )


def _higher_rate(state: State, request: Request, now: int) -> Change | None:
    """A sweep that no rate stops takes the cheapest money, so its dearest rate is the least."""
    anything = attrs.evolve(request, max_rate=MAX_RATE)
    placed = Sweep(Rooms(state, anything, now)).run(request.amount)
    if not placed.principal:
        return None
    return _changed(state, request, now, "max_rate", int(placed.asks.max()))


def _other_term(state: State, request: Request, now: int) -> Change | None:
    others = sorted(state.rules.terms, key=lambda other: (abs(other - request.term), other))
    for other in others[1:]:
        change = _changed(state, request, now, "term", other)
        if not change.quote.unfunded:
            return change
    return None


def _changed(state: State, request: Request, now: int, field: str, after: int) -> Change:
    """A change, and the quote on it."""
    before: int = request.least_amount if field == "min_amount" else getattr(request, field)
    changes: dict[str, Any] = {field: after}
    if field == "amount" and request.min_amount is not None:
        changes["min_amount"] = min(request.min_amount, after)
    return Change(field, before, after, quote(state, attrs.evolve(request, **changes), now))
