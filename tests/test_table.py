"""The columns grow where they lie, one after the other."""

from hypothesis import given
from hypothesis import strategies as st

from p2pmatch.table import OfferTable


def lengths(table: OfferTable) -> list[int]:
    return [len(getattr(table, name)) for name in table.COLUMNS]


@given(st.lists(st.integers(0, 300), max_size=12))
def test_new_rows_are_empty_and_old_ones_stay(batches: list[int]) -> None:
    table = OfferTable()
    written: list[int] = []
    for rows in batches:
        first = table.append(rows)
        assert first == len(written)
        assert min(lengths(table)) >= table.count == first + rows
        for slot in range(first, first + rows):
            assert not any(getattr(table, name)[slot] for name in table.COLUMNS)
            table.amount[slot] = table.lender[slot] = slot + 1
            written.append(slot + 1)
        for column in (table.amount, table.lender):
            assert column[: table.count].tolist() == written
    assert [len(column) for column in table.columns()] == [len(written)] * len(table.COLUMNS)


def test_one_more_row_lets_few_columns_grow() -> None:
    table = OfferTable()
    table.append(10_000)
    before = lengths(table)
    grown: list[int] = []
    for _ in range(30_000):
        table.append(1)
        after = lengths(table)
        grown.append(sum(old != new for old, new in zip(before, after, strict=True)))
        before = after
    # Each grows several times, but never all in one call.
    assert sum(grown) >= 5 * len(before)
    assert max(grown) <= 3
    assert sum(before) < 1.1 * 40_000 * len(before)
