"""What a pricing rule is handed, in a line."""

import numpy as np

from p2pmatch import Accepted


def accepted(
    *notes: tuple[int, int], max_rate: int = 90_000, left_out: int | None = None
) -> Accepted:
    """Notes as (rate asked, amount), in rank order."""
    return Accepted(
        grade="A",
        term=36,
        asks=np.array([ask for ask, _ in notes], dtype=np.int64),
        amounts=np.array([amount for _, amount in notes], dtype=np.int64),
        max_rate=max_rate,
        find_left_out=lambda: left_out,
    )
