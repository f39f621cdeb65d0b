"""How large a loan can be at most when nobody may lend more than a share of it.

What all could give to a loan of a size is less than the size; then a smaller loan is asked for, to
which they could give less again, and so on: cent by cent, where the shares come to nearly all of a
loan. This takes long steps instead, none of them too long.
"""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from p2pmatch.arrays import Amounts
from p2pmatch.conditions import NO_CAP
from p2pmatch.rooms import Rooms
from p2pmatch.units import FULL_SHARE

__all__ = ["ShareCeiling"]


class ShareCeiling:
    """What all places together could give, as it depends on the size of the loan.

    Everybody gives what its money or its limits leave, or its share of the loan, whichever is less.
    So all together give no more than a fixed sum and some shares of the loan, wherever one looks:
    what is fixed and what is a share at one size is no less than what they give at any other.

    Parameters
    ----------
    rooms : what the places may give. They are read to the end.
    """

    __slots__ = (
        "_increment",
        "_joints",
        "_least",
        "_lender_shares",
        "_rooms",
        "_shares",
        "_starts",
        "_who",
    )

    def __init__(self, rooms: Rooms) -> None:
        self._increment = rooms.increment
        self._least = rooms.least
        lenders = [np.empty(0, dtype=np.int32)]
        columns: list[list[Amounts]] = [[np.empty(0, dtype=np.int64)] for _ in range(4)]
        rooms.scratch.begin()
        for line, room, joint in rooms.found():
            some = room.nonzero()[0]
            lenders.append(line.lenders.take(some))
            lender_share, share = rooms.lender_share(lenders[-1]), rooms.offer_share(line.slots)
            for column, values in zip(
                columns,
                (
                    room.take(some),
                    FULL_SHARE if share is None else np.minimum(share.take(some), FULL_SHARE),
                    NO_CAP if joint is None else joint if isinstance(joint, int) else joint[some],
                    FULL_SHARE if lender_share is None else np.minimum(lender_share, FULL_SHARE),
                ),
                strict=True,
            ):
                column.append(np.broadcast_to(np.asarray(values, dtype=np.int64), some.shape))
        who = np.concatenate(lenders)
        order = who.argsort(kind="stable")
        who = who[order]
        self._rooms, self._shares, joints, shares = (
            np.concatenate(column)[order] for column in columns
        )
        # Where each lender's rows begin, and whose each row is.
        self._starts = np.flatnonzero(np.diff(who, prepend=-1))
        self._who = np.arange(len(self._starts)).repeat(np.diff(self._starts, append=len(who)))
        self._joints, self._lender_shares = joints[self._starts], shares[self._starts]

    def below(self, size: int) -> int:
        """The largest loan, up to `size`, for which nobody has to give more than it may.

        Whatever keeps an offer's parts, or parts too small for a note, from giving is not seen
        here: the largest loan that is really possible may be smaller, but never larger.

        O(n) for each of a few steps, and some more for each distinct share.
        """
        return self._settled(size, 0)

    def below_without_dust(self, size: int) -> int:
        """The same, where nobody gives less than the smallest note.

        For lenders with one place each this is the loan that is possible, but for its last note.
        Of others it is not known here how they would divide what they may give: then it is `size`.
        """
        one_each = len(self._starts) == len(self._rooms)
        return self._settled(size, self._least) if one_each else size

    def _settled(self, size: int, least: int) -> int:
        while size:
            fixed, shares = self._at(size, least)
            smaller = _largest(size, fixed, shares, self._increment)
            if smaller == size:
                break
            size = smaller
        return size

    def _at(self, size: int, least: int) -> tuple[int, Mapping[int, int]]:
        """What they give to a loan of `size`: a fixed sum, and how often each share of it, ppm.

        Whose share is less than `least` gives nothing, and nothing to any smaller loan.
        """
        if not len(self._starts):
            return 0, {}
        # More than all of the loan is not asked of anybody; so no product exceeds an int64.
        rooms, joints = np.minimum(self._rooms, size), np.minimum(self._joints, size)
        parts = self._whole(self._shares * size // FULL_SHARE)
        rooms[parts < least] = 0
        shared = parts < rooms
        by_offers = np.add.reduceat(np.where(shared, parts, rooms), self._starts)
        by_share = self._whole(self._lender_shares * size // FULL_SHARE)
        joints[by_share < least] = 0
        of_share = by_share <= np.minimum(by_offers, joints)
        of_offers = ~of_share & (by_offers < joints)
        of_joint = ~(of_share | of_offers)
        counted = of_offers[self._who]
        fixed = int(joints[of_joint].sum()) + int(rooms[counted & ~shared].sum())
        shares = Counter(self._lender_shares[of_share].tolist())
        shares.update(self._shares[counted & shared].tolist())
        return fixed, shares

    def _whole(self, amounts: Amounts) -> Amounts:
        return amounts - amounts % self._increment


def _largest(size: int, fixed: int, shares: Mapping[int, int], increment: int) -> int:
    """The largest loan, up to `size`, of which a fixed sum and those shares come to all.

    Examples
    --------
    >>> _largest(100, 10, {450_000: 2}, 1)  # 10 + 45 + 45
    100
    >>> _largest(1_000, 10, {450_000: 2}, 1), _largest(1_000, 0, {333_333: 3}, 1)
    (100, 0)
    """
    free = FULL_SHARE - sum(share * count for share, count in shares.items())
    if free > 0:
        size = min(size, fixed * FULL_SHARE // free)
        size -= size % increment
    while True:
        # What is left over when each share is made whole has to be done without, too.
        given = fixed
        for share, count in shares.items():
            part = share * size // FULL_SHARE
            given += (part - part % increment) * count
        if given >= size:
            return size
        size = given
