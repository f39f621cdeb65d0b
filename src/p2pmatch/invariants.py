"""What must agree in a memory: it says many things twice, so that each is quick to find."""

import numpy as np

from p2pmatch.errors import InvariantError
from p2pmatch.state import State

__all__ = ["check"]


def check(state: State) -> None:
    """Raise InvariantError unless everything that must agree does. O(places + notes)."""
    table = state.table
    used = slice(0, table.count)
    if (table.remaining[used] < 0).any():
        raise InvariantError("no budget is overdrawn")
    _check_waiting(state)
    committed = table.committed[used]
    lent = table.amount[used] - table.remaining[used] - committed - table.cancelled[used]
    booked = np.zeros(table.count, dtype=np.int64)
    for opened in state.exposure.all():
        np.add.at(booked, opened.loan.notes.offers, opened.loan.notes.amounts)
    if not np.array_equal(lent, booked):
        raise InvariantError("budget = remaining + committed + lent + cancelled")
    least = state.least
    live = np.flatnonzero(table.remaining[used] >= least).tolist()
    expected: list[list[int]] = [[] for _ in state.ladders]
    for slot in live:
        for cell in state.cells_of(slot):
            expected[cell].append(state.key_of(slot, cell))
    for ladder, keys in zip(state.ladders, expected, strict=True):
        ladder.check()
        if ladder.standing(table.remaining, least)[0].tolist() != sorted(keys):
            raise InvariantError("every slot with money stands in each of its cells, once")
    state.exposure.check(len(state.lender_names), state.waiting.committed())


def _check_waiting(state: State) -> None:
    """What waits agrees with the offers, and no request holds more than it asks for."""
    committed = np.zeros(state.table.count, dtype=np.int64)
    for _, slots, _, amounts in state.waiting.committed():
        np.add.at(committed, slots, amounts)
    if not np.array_equal(committed, state.table.committed[: state.table.count]):
        raise InvariantError("what offers have committed is the sum over what waits")
    for resting in state.waiting.resting.values():
        if resting.held.total > resting.request.amount:
            raise InvariantError("a request holds no more than it asks for")
