"""Arrays that are used again."""

from p2pmatch.scratch import Scratch


def test_nobody_is_given_what_another_has() -> None:
    scratch = Scratch(512)
    arrays = [scratch.take(500) for _ in range(100)]
    for number, array in enumerate(arrays):
        array[:] = number
    assert [set(array.tolist()) for array in arrays] == [{number} for number in range(100)]


def test_what_nobody_has_any_more_is_used_again() -> None:
    scratch = Scratch(512)
    first = scratch.take(512)
    scratch.begin()
    assert scratch.take(100).base is first.base


def test_more_rows_than_a_chunk_has() -> None:
    assert len(Scratch(512).take(10_000)) == 10_000


def test_fresh_arrays_are_never_used_again() -> None:
    fresh = Scratch(0)
    first = fresh.take(3)
    first[:] = 7
    fresh.begin()
    fresh.take(3)[:] = 8
    assert first.tolist() == [7, 7, 7]
