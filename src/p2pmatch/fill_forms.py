"""Many requests filled one after the other: arrays in, arrays out.

What a run of requests reads and writes is a few tuples of arrays, so that the same work can be
done by vector passes (`fill`) or by a compiled loop (`fill_loop`); the two give the same arrays,
bit for bit. Both do the plain case alone: each offer in order of arrival at its own rate, the
request filled whole, no share of a loan. A request that needs more than that ends the run; whoever
called fills it the general way and goes on behind it.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from p2pmatch.arrays import Amounts, Flags, Numbers

__all__ = ["DONE", "FULL", "MORE", "ODD", "Asked", "Fill", "Kernel", "Made", "Means", "Places"]

#: Why a run ends: all requests are filled; the next one's cell has more places than were loaded;
#: the next one is not for this; there is no space for its notes.
DONE: Final = 0
MORE: Final = 1
ODD: Final = 2
FULL: Final = 3


class Places(NamedTuple):
    """Cells' places in rank order, in segments: rows `starts[s]` to `stops[s]` of the columns.

    accounts : where each place's money stands in `Means.left`: an offer's places share one. Of
        length 0 where no two places share one, and none is limited: then it is the place's row.
    tags, caps : of length 0 where no place has any.
    following : the segment after each one in its cell, or -1; first : each cell's first, or -1.
    complete : whether the segments are all that the cell has.

    A segment whose places have no money left is taken out of its cell, unless it is the last.
    """

    keys: Amounts
    slots: Numbers
    lenders: Numbers
    accounts: Amounts
    tags: Numbers
    caps: Amounts
    starts: Amounts
    stops: Amounts
    following: Amounts
    first: Amounts
    complete: Flags

    @property
    def alone(self) -> bool:
        """Whether each place's account is its row, for good."""
        return not len(self.accounts)

    def money(self, left: Amounts, rows: slice) -> Amounts:
        """What is left at some rows; it may be a view."""
        return left[rows] if self.alone else left.take(self.accounts[rows])


class Asked(NamedTuple):
    """The requests, row by row.

    bounds : the key up to which the request's rate reaches; cells, grades : numbers.
    barred : the lender that is the borrower itself, or -1; patterns : a row of `Means.fits`.
    borrowers : numbers; of length 0 where no limit is per borrower.
    odd : whether the request is not for the kernels.
    """

    amounts: Amounts
    bounds: Amounts
    cells: Numbers
    grades: Numbers
    barred: Numbers
    patterns: Numbers
    borrowers: Numbers
    odd: Flags


class Means(NamedTuple):
    """What offers and lenders have to give, minor units.

    left : by account, the money that is left.
    fits : bool, by pattern of tags and tag rule.
    per_loan, in_all, per_borrower : by lender, what it may give to a loan, in all, to a borrower;
        in_grade : by grade and lender. Of length 0 where nobody has such a limit.
    owed_from : by borrower, where its entries in `owed_lenders`, `owed_amounts` begin: what it owes
        from before.
    given, owed : by lender, scratch space, all zero.
    """

    left: Amounts
    fits: Flags
    per_loan: Amounts
    in_all: Amounts
    in_grade: Amounts
    per_borrower: Amounts
    owed_from: Amounts
    owed_lenders: Numbers
    owed_amounts: Amounts
    given: Amounts
    owed: Amounts


class Made(NamedTuple):
    """The notes made, each at its own rate, and by request where they end.

    accounts : where the notes' money came from, for the use of the kernel alone.
    previous : by request, the same borrower's request before it that got a loan, or -1;
    latest : by borrower, its last one, or -1.
    """

    rates: Amounts
    slots: Numbers
    lenders: Numbers
    amounts: Amounts
    accounts: Amounts
    ends: Amounts
    previous: Amounts
    latest: Amounts


#: (places, asked, means, made, (increment, smallest note), row, notes) -> (row, notes, why it
#: ends): the requests from `row` on are filled, and `notes` notes stand before theirs.
Fill = Callable[
    [Places, Asked, Means, Made, tuple[int, int], int, int],
    tuple[int, int, int],
]


class Kernel(NamedTuple):
    """What makes and books runs of requests: by vector passes, or compiled.

    begin : begins a run: the same `Fill` is called until its requests are filled, with the same
        places, requests and means. Between two calls money may go, and segments may come behind the
        others.
    read : (money by slot, slots, into): what stands at the slots.
    spend : (money by slot, slots, amounts): takes the amounts off there; a slot may come again.
    """

    begin: Callable[[], Fill]
    read: Callable[[Amounts, Numbers, Amounts], object]
    spend: Callable[[Amounts, Numbers, Amounts], object]
