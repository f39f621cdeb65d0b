"""What a request would get now: the same way as submitting it, without the last step."""

from collections.abc import Callable
from fractions import Fraction

import attrs
import numpy as np

from p2pmatch.cost import Cost, cost_of, schedule_of
from p2pmatch.decide import check_reading
from p2pmatch.depth import cost_curve, depth
from p2pmatch.errors import Refused
from p2pmatch.finance import Schedule
from p2pmatch.loans import Loan
from p2pmatch.mechanisms import match
from p2pmatch.orders import Request
from p2pmatch.placement import Placement
from p2pmatch.rooms import Rooms
from p2pmatch.rules import Rules
from p2pmatch.shortfall import Shortfall, shortfalls
from p2pmatch.state import State
from p2pmatch.units import FULL_SHARE
from p2pmatch.views import RateLadder

__all__ = ["Quote", "quote", "quote_without", "quoted", "whole_quote"]


@attrs.frozen(eq=False)
class Book:
    """The marketplace as it was when a quote was made."""

    state: State
    now: int
    version: int


@attrs.frozen
class Quote:
    """What a request would get: the loan, note by note, what it would cost, what it would lack.

    Everything but `loan`, `unfunded` and `reason` is worked out when it is read, each time; `cost`
    has all of what the loan costs at once. What is read from the book, `ladder` and `shortfalls`,
    is to be read before the marketplace changes. `copy.copy` keeps the book; a copy that is deep or
    was pickled has none.

    Parameters
    ----------
    request : the request asked about.
    loan : the loan that submitting it now would make; None: none.
    unfunded : what would find no money, minor units.
    reason : why, a stable code; None when the request would be funded in full.
    rules : the marketplace's rules, which name its fees and the rule of the APR.

    Examples
    --------
    >>> from p2pmatch import Fees, Marketplace, Offer, Request, Rules
    >>> market = Marketplace(Rules(grades=["A"], terms=[36], fees=Fees(origination=20_000)))
    >>> market.post(Offer(offer_id="o1", lender_id="ann", amount=90_000, min_rate=60_000), now=0)
    >>> quote = market.quote(Request(request_id="r1", borrower_id="bob", amount=100_000, grade="A",
    ...                              max_rate=70_000, term=36, min_amount=50_000), now=1)
    >>> quote.monthly_payment, quote.total_interest, quote.fees, quote.total_cost
    (2738, 8570, 1800, 10370)
    >>> quote.apr, quote.apr_rule, quote.shortfalls
    (73637, 'us', (Shortfall(reason='empty_book', amount=10000),))
    """

    request: Request
    loan: Loan | None
    unfunded: int
    reason: str | None
    rules: Rules = attrs.field(repr=False)
    _book: Book | None = attrs.field(default=None, repr=False, eq=False)

    # The loan

    @property
    def principal(self) -> int:
        """The loan's size, minor units; 0: no loan."""
        return 0 if self.loan is None else self.loan.principal

    @property
    def rate(self) -> int | None:
        """The blended rate, rounded half up, ppm a year; None: no loan."""
        return None if self.loan is None else self.loan.rate

    @property
    def exact_rate(self) -> Fraction | None:
        """The blended rate, exact, ppm a year; None: no loan."""
        return None if self.loan is None else self.loan.exact_rate

    @property
    def marginal_rate(self) -> int | None:
        """The highest rate of any note, ppm a year; None: no loan."""
        return None if self.loan is None else self.loan.marginal_rate

    @property
    def lenders(self) -> int:
        """How many lenders would share the loan."""
        return 0 if self.loan is None else self.loan.lenders

    @property
    def largest_share(self) -> int | None:
        """The largest lender's share of the loan, ppm of it; None: no loan."""
        if self.loan is None:
            return None
        _, places = np.unique(self.loan.notes.lenders, return_inverse=True)
        lent = np.zeros(len(places), dtype=np.int64)
        np.add.at(lent, places, self.loan.notes.amounts)
        return (2 * int(lent.max()) * FULL_SHARE + self.principal) // (2 * self.principal)

    @property
    def net_yield(self) -> int | None:
        """What the platform's servicing fee leaves of the blended rate to the lenders, ppm a year.

        `rate` is their gross yield. None: no loan.
        """
        return None if self.loan is None else self.rules.fees.net(self.loan.rate)

    # What it costs

    @property
    def schedule(self) -> Schedule | None:
        """The borrower's monthly payments at the exact blended rate; None: no loan.

        `schedule.split(loan.notes)` shares them among the lenders.
        """
        return None if self.loan is None else schedule_of(self.loan)

    @property
    def cost(self) -> Cost | None:
        """All that the loan costs, worked out at once; None: no loan."""
        return None if self.loan is None else cost_of(self.loan, self.rules)

    @property
    def monthly_payment(self) -> int | None:
        """What is paid every month, minor units; the last payment takes the rounding up."""
        return self._of_cost(lambda cost: cost.monthly_payment)

    @property
    def total_interest(self) -> int | None:
        """The interest over the whole term, minor units."""
        return self._of_cost(lambda cost: cost.total_interest)

    @property
    def fees(self) -> int | None:
        """What the platform takes from the borrower, minor units."""
        return self._of_cost(lambda cost: cost.fees)

    @property
    def proceeds(self) -> int | None:
        """What is paid out to the borrower, minor units."""
        return self._of_cost(lambda cost: cost.proceeds)

    @property
    def total_cost(self) -> int | None:
        """Interest and fees: what the loan costs besides paying it back, minor units."""
        return self._of_cost(lambda cost: cost.total_cost)

    @property
    def apr(self) -> int | None:
        """The annual percentage rate by the rule `apr_rule`, ppm; None: no loan, or all is fees."""
        return self._of_cost(lambda cost: cost.apr)

    @property
    def apr_rule(self) -> str:
        """The name of the rule of `apr`: "us" or "eu"."""
        return self.rules.apr_rule

    def _of_cost(self, read: "Callable[[Cost], int | None]") -> int | None:
        cost = self.cost
        return None if cost is None else read(cost)

    # The book it was read from

    @property
    def ladder(self) -> RateLadder:
        """The cell's depth, and what this request's loan would cost at each size. O(n).

        In a call market no cost is known before the cell is uncrossed.

        Raises
        ------
        Refused : if the marketplace has changed since the quote, or for a copy without a book.
        """
        state, request, now = self._unchanged()
        cell = depth(state, request.grade, request.term)
        known = state.rules.matching == "immediate"
        cost = cost_curve(state, request, now) if known else None
        return attrs.evolve(cell, request=request, cost=cost)

    @property
    def shortfalls(self) -> tuple[Shortfall, ...]:
        """What each thing that stands in the way costs; the amounts add up to `unfunded`.

        Raises
        ------
        Refused : if the marketplace has changed since the quote, or for a copy without a book.
        """
        if not self.unfunded:
            return ()
        return shortfalls(*self._unchanged(), self.principal)

    def _unchanged(self) -> tuple[State, Request, int]:
        """What to read from, if it still is what was quoted."""
        book = self._book
        if book is None:
            accepted = (
                "reading .ladder and .shortfalls of the quote that a marketplace gave, or of its "
                "copy.copy: a copy that is deep or was pickled has no book"
            )
            raise Refused("no_book", "quote", self.request.request_id, accepted)
        if book.state.version != book.version:
            raise Refused(
                "outdated",
                "quote",
                self.request.request_id,
                "reading .ladder and .shortfalls before the marketplace changes, or a new quote",
            )
        return book.state, self.request, book.now

    def __copy__(self) -> "Quote":
        return attrs.evolve(self)

    def __reduce__(self) -> tuple[type["Quote"], tuple[object, ...]]:
        # What leaves the process, or is to share nothing with it, leaves the book behind.
        return Quote, (self.request, self.loan, self.unfunded, self.reason, self.rules)


def quote(state: State, request: Request, now: int) -> Quote:
    """What submitting `request` at `now` would give. Changes nothing.

    Raises
    ------
    P2PMatchError : whenever submitting it would be refused.
    """
    now = check_reading(state, request, now)
    if state.rules.matching == "call":
        return quote_without(state, request, now, "resting")
    return quoted(Rooms(state, request, now))


def quoted(rooms: Rooms, placement: Placement | None = None) -> Quote:
    """What the request of these rooms would get. `placement` : as `match` has it."""
    placement, loan = match(rooms, placement)
    state = rooms.state
    book = Book(state, rooms.now, state.version)
    return Quote(rooms.request, loan, placement.unfunded, placement.reason, state.rules, book)


def whole_quote(beside: Quote, loan: Loan) -> Quote:
    """The quote of a loan of all that its request asks for, from the same book as another quote."""
    return Quote(loan.request, loan, 0, None, beside.rules, beside._book)  # noqa: SLF001 - a Quote


def quote_without(state: State, request: Request, now: int, reason: str) -> Quote:
    """That a request would get nothing now."""
    book = Book(state, now, state.version)
    return Quote(request, None, request.amount, reason, state.rules, book)
