"""A place in the queue that nobody can buy."""

from collections.abc import Sequence
from typing import Final

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch import checks
from p2pmatch.allocation.notes import in_order
from p2pmatch.allocation.rule import Level
from p2pmatch.record import Record

__all__ = ["MAX_SEED", "Lottery"]

#: The largest seed.
MAX_SEED: Final = 2**64 - 1


@attrs.frozen(eq=False, repr=False)
class Lottery(Record):
    """Offers at one rate are used up in an order drawn for each request.

    The order is that of BLAKE2b hashes (16 bytes) of the request's and the offer's id, joined by a
    NUL, under the seed (8 bytes, little-endian) as the key: anybody who knows the seed can draw it
    again, and neither coming early nor offering more changes anybody's place.

    Parameters
    ----------
    seed : from 0 to `MAX_SEED`.

    Examples
    --------
    >>> level = Level(need=50, rooms=np.array([30, 30, 30]), increment=1, min_note=1,
    ...               request_id="r", offer_ids=["a", "b", "c"])
    >>> Lottery(seed=7).allocate(level).tolist()
    [0, 20, 30]
    """

    seed: int = attrs.field(converter=checks.plain, validator=checks.whole(0, MAX_SEED))

    def draw(self, request_id: str, offer_ids: Sequence[str]) -> list[bytes]:
        """The lots by which these offers are ranked for that request. O(n)."""
        from hashlib import blake2b

        urn = blake2b(key=self.seed.to_bytes(8, "little"), digest_size=16)
        urn.update(request_id.encode() + b"\0")
        lots = []
        for offer_id in offer_ids:
            lot = urn.copy()
            lot.update(offer_id.encode())
            lots.append(lot.digest())
        return lots

    def allocate(self, level: Level) -> npt.NDArray[np.int64]:
        """Fill the rooms in the order drawn until the need is met. O(n log n)."""
        lots = self.draw(level.request_id, level.offer_ids)
        order = sorted(range(len(lots)), key=lots.__getitem__)
        parts = np.zeros_like(level.rooms)
        parts[order] = in_order(level.need, level.rooms[order], level.min_note)
        return parts
