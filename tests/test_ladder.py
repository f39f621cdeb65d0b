"""A cell's places: sorted, cut into chunks, and rid of what has no money."""

from random import Random

import numpy as np
import pytest

from p2pmatch import InvariantError
from p2pmatch.chunk import CHUNK
from p2pmatch.conditions import NO_CAP
from p2pmatch.ladder import Ladder

MONEY = np.full(100_000, 5, dtype=np.int64)


def keys(ladder: Ladder) -> list[int]:
    ladder.check()
    return ladder.standing(MONEY, 1)[0].tolist()


def test_places_come_and_go_in_any_order() -> None:
    random = Random(1)
    ladder = Ladder()
    standing: set[int] = set()
    for step in range(6_000):
        if standing and random.random() < 0.3:
            key = random.choice(sorted(standing)[:50])
            assert ladder.remove(key)
            standing.remove(key)
        else:
            key = random.randrange(10**6)
            if key not in standing:
                ladder.add(key, step, 0, 0, NO_CAP)
                standing.add(key)
    assert keys(ladder) == sorted(standing)
    assert len(ladder) == len(standing)
    assert all(len(chunk) <= CHUNK for chunk in ladder.chunks)
    for key in sorted(standing):
        assert ladder.remove(key)
    assert keys(ladder) == []
    assert not ladder.remove(5)


def test_removing_what_is_not_there_says_so() -> None:
    ladder = Ladder()
    ladder.add(10, 0, 0, 0, NO_CAP)
    ladder.add(20, 1, 0, 0, NO_CAP)
    assert not ladder.remove(15)
    assert not ladder.remove(5)
    assert not ladder.remove(25)


def columns(values: list[int]) -> tuple[np.ndarray, ...]:
    rows = len(values)
    ids = np.arange(rows, dtype=np.int32)
    return (
        np.array(values, dtype=np.int64),
        ids,
        ids,
        np.zeros(rows, dtype=np.int32),
        np.full(rows, NO_CAP),
    )


@pytest.mark.parametrize("seed", range(5))
def test_many_at_once_are_the_same_as_one_by_one(seed: int) -> None:
    random = Random(seed)
    values = random.sample(range(10**6), 4_000)
    at_once, singly = Ladder(), Ladder()
    while values:
        batch = sorted(values[: random.choice([1, 5, 900])])
        del values[: len(batch)]
        at_once.extend(columns(batch))
        for i, key in enumerate(batch):
            singly.add(key, i, i, 0, NO_CAP)
    assert keys(at_once) == keys(singly)
    assert all(len(chunk) > CHUNK // 8 for chunk in at_once.chunks)


def test_nothing_at_once_changes_nothing() -> None:
    ladder = Ladder()
    ladder.extend(columns([]))
    assert keys(ladder) == []


def test_what_a_sweep_may_skip_is_known() -> None:
    ladder = Ladder()
    ladder.extend(columns([1, 2]))
    assert (ladder.capped, ladder.tagged) == (False, False)
    ladder.add(5, 0, 0, 7, NO_CAP)
    ladder.add(6, 0, 0, 0, 100)
    assert (ladder.capped, ladder.tagged) == (True, True)


def test_places_without_money_are_swept_out() -> None:
    ladder = Ladder()
    ladder.extend(columns(list(range(2_000))))
    money = np.zeros(2_000, dtype=np.int64)
    money[[3, 1_999]] = 4
    found = ladder.standing(money, 4)
    assert [column.tolist() for column in found] == [[3, 1_999], [3, 1_999]]
    assert [column.dtype for column in found] == [np.int64, np.int32]
    ladder.vacated = 1_998
    ladder.sweep_out(money, 4)
    assert (len(ladder), ladder.vacated) == (2, 0)
    assert keys(ladder) == [3, 1_999]
    ladder.sweep_out(money, 5)
    assert keys(ladder) == []


def test_a_full_chunk_uses_the_space_its_first_rows_left() -> None:
    ladder = Ladder()
    for key in range(0, 2 * CHUNK, 2):
        ladder.add(key, key, 0, 0, NO_CAP)
    before = len(ladder)
    last = ladder.chunks[-1]
    last.drop(np.arange(len(last)) >= 5)
    assert len(ladder) == before - 5
    count = len(ladder.chunks)
    while last.space:
        ladder.add(10_000 - last.space, 1, 0, 0, NO_CAP)
    ladder.add(20_000, 1, 0, 0, NO_CAP)
    assert len(ladder.chunks) == count
    assert (len(last), last.space) == (CHUNK - 4, 4)
    ladder.check()


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        ("order", "keys rise strictly, up to the chunk's last key"),
        ("twice", "keys rise strictly, up to the chunk's last key"),
        ("twice, in two chunks", "keys rise strictly, up to the chunk's last key"),
        ("empty", "a chunk is never empty"),
        ("last", "keys rise strictly, up to the chunk's last key"),
        ("count", "one last key per chunk"),
    ],
)
def test_a_ladder_that_is_not_sound_is_noticed(harm: str, message: str) -> None:
    ladder = Ladder()
    ladder.extend(columns(list(range(10))))
    chunk = ladder.chunks[0]
    (chunk_keys, *_), _ = chunk.in_order()
    if harm == "order":
        chunk_keys[3] = 9
    elif harm == "twice":
        chunk_keys[3] = 4
    elif harm == "twice, in two chunks":
        ladder.extend(columns(list(range(10, 2 * CHUNK))))
        ladder.check()
        before, behind = ladder.chunks[:2]
        behind.rows()[0][0] = before.rows()[0][-1]
    elif harm == "empty":
        chunk.drop(np.zeros(10, dtype=np.bool_))
    elif harm == "last":
        chunk_keys[9] = 99
    else:
        ladder.chunks.append(chunk)
    with pytest.raises(InvariantError, match=f"^{message}$"):
        ladder.check()


def test_places_are_handed_on_chunk_by_chunk_behind_a_key() -> None:
    ladder = Ladder()
    count = 3 * CHUNK
    numbers = np.arange(count, dtype=np.int64)
    ladder.extend((numbers, numbers, numbers, numbers * 0, np.full(count, NO_CAP)))
    found: list[int] = []
    while pieces := ladder.after(found[-1] if found else -1, 2):
        for (chunk_keys, *_), rows in pieces:
            assert rows.start < rows.stop
            found += chunk_keys[rows].tolist()
        # A chunk whose last rows are gone has nothing more behind them.
        for key in range(found[-1] - 3, found[-1]):
            ladder.remove(key)
        ladder.remove(found.pop())
    assert set(found) <= set(range(count))
    assert keys(ladder) == [key for key in found if ladder.revive(key)]


def behind(ladder: Ladder, key: int, chunks: int = 1) -> tuple[list[int], int] | None:
    found = ladder.behind(key, chunks, MONEY, 1)
    return None if found is None else (found[0][0].tolist(), found[1])


def test_what_is_behind_a_key_is_read_by_chunks() -> None:
    ladder = Ladder()
    assert behind(ladder, -1) is None
    ladder.extend(columns(list(range(2_880))))
    # Half a chunk is read at once.
    assert behind(ladder, -1) == (list(range(480)), 479)
    assert behind(ladder, 958) == ([959], 959)
    assert behind(ladder, 479) == (list(range(480, 960)), 959)
    assert behind(ladder, 470, 2) == (list(range(471, 1_440)), 1_439)
    assert behind(ladder, 700, 2) == (list(range(701, 1_440)), 1_439)
    assert behind(ladder, 2_878, 9) == ([2_879], 2_879)
    assert behind(ladder, 2_879) is None


def test_a_chunk_that_has_lost_its_last_rows_has_nothing_behind_them() -> None:
    ladder = Ladder()
    ladder.extend(columns(list(range(1_920))))
    ladder.remove(959)
    assert behind(ladder, 958) == (list(range(960, 1_440)), 1_439)


def test_what_was_read_stays_what_it_was() -> None:
    ladder = Ladder()
    ladder.extend(columns(list(range(0, 400, 2))))
    ladder.chunks[0].drop(np.arange(200) >= 3)
    found = ladder.behind(-1, 1, MONEY, 1)
    assert found is not None
    ladder.add(11, 7, 7, 0, NO_CAP)
    ladder.remove(20)
    assert found[0][0].tolist() == list(range(6, 400, 2))
    assert keys(ladder) == sorted({*range(6, 400, 2), 11} - {20})


def test_rows_without_money_are_looked_for_now_and_then() -> None:
    ladder = Ladder()
    ladder.extend(columns(list(range(2_880))))
    money = MONEY.copy()
    money[:800] = 0
    sizes = []
    for _ in range(33):
        ladder.behind(-1, 1, money, 1)
        sizes.append(len(ladder.chunks[0]))
        money[:960] = 0
    # At the first reading, and at the seventeenth: the first chunk has lost its last money.
    assert sizes == [160] * 16 + [960] * 17
    # The chunk that leads is looked at by whoever reads another.
    money[960:1_920] = 0
    ladder.behind(1_920, 1, money, 1)
    assert [len(chunk) for chunk in ladder.chunks] == [960]


def test_lines_of_fewer_tag_rules_are_forgotten() -> None:
    ladder = Ladder()
    ladder.add(1, 0, 0, 0, NO_CAP)
    old, every = ladder.lines(b"\1"), ladder.lines(b"")
    ladder.add(2, 1, 1, 0, NO_CAP)
    assert ladder.lines(b"\1") is old
    ladder.add(3, 1, 1, 1, NO_CAP)
    assert ladder.lines(b"\1") is not old
    assert ladder.lines(b"") is every


def test_a_place_is_not_behind_itself() -> None:
    ladder = Ladder()
    ladder.extend(columns([10, 20, 30]))
    behind = {
        key: [c[0][rows].tolist() for c, rows in ladder.after(key, 1)] for key in (-1, 20, 30)
    }
    assert behind == {-1: [[10, 20, 30]], 20: [[30]], 30: []}


@pytest.mark.parametrize(
    ("left", "joined"),
    [
        ([200, 400, 168, 1], [768, 1]),
        ([200, 400, 169, 1], [600, 169, 1]),
        ([50, 60], [110]),
        ([768, 1], [768, 1]),
        ([7], [7]),
    ],
)
def test_chunks_that_have_lost_most_of_their_rows_are_joined(
    left: list[int], joined: list[int]
) -> None:
    ladder = Ladder()
    ladder.extend(columns(list(range(920 * len(left)))))
    assert len(ladder.chunks) == len(left)
    for chunk, count in zip(ladder.chunks, left, strict=True):
        rows = len(chunk)
        chunk.drop(np.arange(rows) >= rows - count)
    standing = keys(ladder)
    ladder.join_next(0)
    assert [len(chunk) for chunk in ladder.chunks] == joined
    assert keys(ladder) == standing
    assert all(ladder.revive(key) for key in standing)
