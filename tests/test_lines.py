"""Lines of places that are kept from sweep to sweep: always those of the ladder that have money."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch.conditions import NO_CAP
from p2pmatch.ladder import Ladder
from p2pmatch.line import Line
from p2pmatch.lines import Lines
from p2pmatch.scratch import Scratch

SLOTS = 6_000


class Book:
    """A ladder over offers with or without money, and lines of two patterns of tags."""

    #: Which of three tag rules fit: all, and all but the second.
    patterns = (b"", b"\1\0\1")

    def __init__(self, count: int = 0) -> None:
        self.ladder = Ladder()
        self.money = np.zeros(SLOTS, dtype=np.int64)
        # By key, its slot and its tag rule.
        self.places: dict[int, tuple[int, int]] = {}
        for key in range(0, 10 * count, 10):
            self.add(key)

    def add(self, key: int) -> None:
        slot = len(self.places)
        self.money[slot] = 5
        self.places[key] = slot, slot % 3
        self.ladder.add(key, slot, slot + 1, slot % 3, NO_CAP - slot)

    def read(self, pattern: bytes, key: int, chunks: int) -> tuple[Line, int] | None:
        found = self.ladder.behind(key, chunks, self.money, 1)
        if found is None:
            return None
        (keys, slots, lenders, tags, caps), end = found
        fits = np.array([not pattern or bool(pattern[tag]) for tag in tags.tolist()])
        return Line(keys, slots, lenders, caps).take(fits), end

    def walk(self, pattern: bytes, upto: int = 10**9) -> list[Line]:
        """The lines up to a key, as a sweep asks for them."""
        lines, key, found = self.ladder.lines(pattern), -1, []
        while key < upto:
            step = lines.after(key, lambda key, chunks: self.read(pattern, key, chunks))
            if step is None:
                break
            line, end = step
            assert end > key
            assert not line.count or key < line.first_key <= line.last_key <= end
            found.append(line)
            key = end
        return found

    def standing(self, pattern: bytes) -> list[int]:
        return [
            key
            for key in sorted(self.places)
            if self.money[self.places[key][0]] and (not pattern or pattern[self.places[key][1]])
        ]

    def check(self, pattern: bytes) -> None:
        """What has money is there once, in order, with what belongs to it."""
        found: list[int] = []
        for line in self.walk(pattern):
            for key, slot, lender, cap in zip(
                *(column.tolist() for column in (line.keys, line.slots, line.lenders, line.caps)),
                strict=True,
            ):
                assert (slot, lender, cap) == (self.places[key][0], slot + 1, NO_CAP - slot)
                if self.money[slot]:
                    found.append(key)
            assert line.count == len(line.keys)
            assert line.slot_rows.tolist() == line.slots.tolist()
            assert line.lender_rows.tolist() == line.lenders.tolist()
        assert found == self.standing(pattern)

    def spend(self, key: int) -> None:
        self.money[self.places[key][0]] = 0

    def give_back(self, key: int) -> None:
        slot, tag = self.places[key]
        self.money[slot] = 5
        if not self.ladder.revive(key):
            self.ladder.add(key, slot, slot + 1, tag, NO_CAP - slot)

    def move(self, key: int, to: int) -> None:
        """A place that may have been dropped while it had no money has some again, elsewhere."""
        slot, tag = self.places.pop(key)
        self.ladder.remove(key)
        self.places[to] = slot, tag
        self.money[slot] = 5
        self.ladder.add(to, slot, slot + 1, tag, NO_CAP - slot)

    def shorten(self, pattern: bytes, line: Line) -> None:
        self.ladder.lines(pattern).shorten(line, self.money.take(line.slots).nonzero()[0])


@given(st.integers(0, 2**32), st.sampled_from([0, 5, 300, 1_500]))
def test_lines_are_the_places_with_money_whatever_comes_and_goes(seed: int, count: int) -> None:
    random = Random(seed)
    book = Book(count)
    for _ in range(40):
        pattern = random.choice(book.patterns)
        keys = sorted(book.places)
        # Most of what happens, happens at the best rates.
        near = keys[: random.choice([20, 600, len(keys)]) + 1]
        action = random.randrange(8)
        if action == 0 or not keys:
            for _ in range(random.choice([1, 1, 200])):
                key = random.randrange(random.choice([100, 10 * count + 50]))
                if key not in book.places:
                    book.add(key)
        elif action == 1:
            for key in near[: random.choice([1, 100, 700])]:
                book.spend(key)
        elif action == 2:
            book.give_back(random.choice(near))
        elif action == 3:
            key = random.choice(near)
            book.spend(key)
            assert book.ladder.remove(key) or key not in book.standing(b"")
        elif action == 4:
            for line in book.walk(pattern, upto=random.choice(near)):
                book.shorten(pattern, line)
        elif action == 5:
            for _ in range(random.randrange(6)):
                book.walk(pattern, upto=random.choice(near))
        elif action == 6:
            key, to = random.choice(near), random.randrange(10 * count + 50)
            book.spend(key)
            if random.random() < 0.5:
                book.ladder.sweep_out(book.money, 1)
            if to not in book.places:
                book.move(key, to)
        else:
            book.check(pattern)
        book.ladder.check()
    for pattern in book.patterns:
        book.check(pattern)


def sizes(book: Book, pattern: bytes = b"") -> list[int]:
    return [line.count for line in book.walk(pattern)]


def test_a_short_line_that_served_some_sweeps_is_made_one_with_the_next() -> None:
    # Two chunks of 512 and 588 rows, and the second is more than is read at once.
    book = Book(1_100)
    # What goes past a line only reads it; the fourth that does makes it longer for the next.
    assert [sizes(book) for _ in range(6)] == [[512, 294, 294]] * 4 + [[512, 588]] * 2
    for key in range(0, 300, 10):
        book.spend(key)
    # Nobody has taken the thirty out yet that have no money.
    assert sizes(book) == [512, 588]
    book.shorten(b"", book.walk(b"", upto=0)[0])
    assert [sizes(book) for _ in range(2)] == [[482, 588], [1_070]]


def test_a_line_without_any_place_is_left_out_at_once() -> None:
    book = Book(1_100)
    first = book.walk(b"", upto=0)[0]
    for key in first.keys.tolist():
        book.spend(key)
    book.shorten(b"", first)
    assert [sizes(book) for _ in range(2)] == [[0, 294, 294], [294, 294]]


def test_where_few_places_fit_several_chunks_are_read_together() -> None:
    book = Book()
    for key in range(0, 40_960, 10):
        # Of each hundred one fits the second pattern.
        slot = len(book.places)
        tag = 0 if key % 1_000 == 0 else 1
        book.places[key] = slot, tag
        book.money[slot] = 5
        book.ladder.add(key, slot, slot + 1, tag, NO_CAP - slot)
    assert len(book.ladder.chunks) > 2
    assert sizes(book, b"\1\0\1") == [41]


def test_a_line_that_many_come_into_is_cut_anew() -> None:
    book = Book(300)
    assert sizes(book) == [300]
    for key in range(1, 2_000):
        if key % 10:
            book.add(key)
    assert max(sizes(book)) < 1_024
    book.check(b"")


def test_what_stands_behind_so_many_lines_is_read_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("p2pmatch.lines._KEPT", 2)
    book = Book(1_600)
    for _ in range(3):
        book.check(b"")
    lines = book.ladder.lines(b"")
    assert len(lines) == 2
    # Nor are there more when the first is cut in several, because many have come into it.
    for start in range(1, 8):
        for key in range(start, 2_500, 10):
            book.add(key)
        book.check(b"")
        assert len(lines) <= 2


def test_a_shortened_part_of_a_line_is_not_taken_for_the_whole() -> None:
    book = Book(20)
    lines = book.ladder.lines(b"")
    (line,) = book.walk(b"")
    part = line.take(slice(6, None))
    assert part.keys.tolist() == list(range(60, 200, 10))
    assert lines.shorten(part, slice(1, None)).count == 13
    book.check(b"")


def test_a_line_is_rid_of_places_without_money_once_they_are_many_or_all() -> None:
    book = Book(512)
    lines, scratch = book.ladder.lines(b""), Scratch(1_024)
    for spent in (0, 200, 255, 300, 511, 512):
        for key in range(0, 10 * spent, 10):
            book.spend(key)
        counts: set[int] = set()
        # One row is looked at, each time another, so after all of them it is known.
        for _ in range(512):
            scratch.begin()
            for line in book.walk(b""):
                kept, room = lines.money(line, book.money, 1, scratch) if line.count else (line, [])
                assert [int(some) for some in room] == book.money[kept.slots].tolist()
                counts.add(kept.count)
            book.check(b"")
        assert max(counts) <= 512
        assert sum(sizes(book)) < 512 - spent + 256
    assert sizes(book) == [0]


def test_a_line_with_one_place_more() -> None:
    line = Line(
        np.array([10, 30]),
        np.array([0, 1], dtype=np.int32),
        np.array([5, 6], dtype=np.int32),
        np.array([7, 8]),
    )
    for key, row in [(5, 0), (20, 1), (40, 2)]:
        more = line.plus(key, 9, 4, 3)
        assert more.keys.tolist() == sorted([10, 30, key])
        for column, value, before in [
            (more.slots, 9, [0, 1]),
            (more.lenders, 4, [5, 6]),
            (more.caps, 3, [7, 8]),
        ]:
            expected = list(before)
            expected.insert(row, value)
            assert column.tolist() == expected
        assert [more.slots.dtype, more.caps.dtype] == [np.int32, np.int64]
        assert (more.first_key, more.last_key) == (min(10, key), max(30, key))


def test_no_lines_of_an_empty_ladder() -> None:
    book = Book()
    assert book.walk(b"") == []
    assert Lines().after(-1, lambda _key, _chunks: None) is None
