"""Runs of requests by hand: what limits, bars and sends a request its own way, counted in columns."""

from typing import Any

import pytest

from p2pmatch import Limits, Marketplace, Rules
from p2pmatch.columns import read_requests
from p2pmatch.events import Event, LoanMade, LoansMade, RequestUnfunded
from p2pmatch.mechanisms import bulk
from tests.helpers import offer
from tests.test_fill import Twins

# Three lenders' offers, the cheapest first; together they can fill all that is asked.
OFFERS = [("a", "ann", 300, 5), ("b", "ben", 300, 6), ("c", "cleo", 9_000, 7)]


def twins(limits: Limits, **rules: Any) -> Twins:
    """Marketplaces of two grades with the three offers."""
    fields: dict[str, Any] = {"grades": ["A", "B"], "terms": [36], **rules}
    made = Twins(Rules(lender_limits=limits, **fields))
    for row in OFFERS:
        made.do(lambda market, row=row: market.post(offer(*row), now=0))
    return made


def asked(count: int, amount: int = 30, **columns: list[Any]) -> dict[str, list[Any]]:
    """Requests r0, r1, ... of borrowers b0, b1, ..., of grade A."""
    return {
        "request_id": [f"r{i}" for i in range(count)],
        "borrower_id": [f"b{i}" for i in range(count)],
        "amount": [amount] * count,
        "max_rate": [90_000] * count,
        "grade": ["A"] * count,
        "term": [36] * count,
        "min_amount": [1] * count,
        **columns,
    }


def given(market: Marketplace, columns: dict[str, list[Any]], now: int = 1) -> list[dict[str, int]]:
    """What each request gets of which lender."""
    return [
        {} if result.loan is None else {note.lender_id: note.amount for note in result.loan.notes}
        for result in market.submit_many(columns, now=now)
    ]


def check(made: Twins, columns: dict[str, list[Any]], expected: list[dict[str, int]]) -> None:
    """By either kernel the requests get that; and what is left is as if they had come singly."""
    for market in made.many.values():
        assert given(market, columns) == expected
        market.check()
    names = list(columns)
    for values in zip(*columns.values(), strict=True):
        one = {name: [value] for name, value in zip(names, values, strict=True)}
        made.one.submit_many(one, now=1)
    digests = {market.digest() for market in (made.one, *made.many.values())}
    assert len(digests) == 1


A20 = {"ann": 20, "ben": 10}
B20 = {"ben": 20, "cleo": 10}


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        # Of each lender at most 20 a loan.
        (Limits(per_loan=20), [A20] * 9),
        # 20 in all: ann's go to the first, ben's are gone with the second.
        (Limits(total=20), [A20, {"ben": 10, "cleo": 20}, *[{}] * 7]),
        # 20 to each borrower, and each asks three times; the second time ben has 10 left for it.
        (Limits(per_borrower=20), [*[A20] * 3, *[{"ben": 10, "cleo": 20}] * 3, *[{}] * 3]),
        # 20 to each grade.
        (
            Limits(per_grade=20),
            [A20, {"ann": 20, "ben": 10}, {"ben": 10, "cleo": 20}, {"ben": 10, "cleo": 20}, *[{}] * 5],
        ),
    ],
    ids=lambda limits: "" if isinstance(limits, list) else str(limits),
)  # fmt: skip
def test_each_limit_in_a_run(limits: Limits, expected: list[dict[str, int]]) -> None:
    columns = asked(9)
    if limits.per_borrower is not None:
        columns["borrower_id"] = [f"b{i % 3}" for i in range(9)]
    if limits.per_grade is not None:
        columns["grade"] = ["A" if i % 2 == 0 else "B" for i in range(9)]
    check(twins(limits), columns, expected)


@pytest.mark.parametrize("name", ["total", "per_grade", "per_borrower"])
def test_what_a_lender_has_out_already_counts(name: str) -> None:
    made = twins(Limits(**{name: 100}))
    same = {"borrower_id": ["bob"] * 8}
    before = asked(1, 70, borrower_id=["bob"], request_id=["before"])
    made.do(lambda market: market.submit_many(before, now=1))
    # Of ann 30 are left, of ben and cleo 100 each.
    expected: list[dict[str, int]] = [
        {"ann": 30}, {"ben": 30}, {"ben": 30}, {"ben": 30}, {"ben": 10, "cleo": 20}, {"cleo": 30},
        {"cleo": 30}, {"cleo": 20},
    ]  # fmt: skip
    check(made, asked(8, **same), expected)


@pytest.mark.parametrize("name", ["total", "per_grade", "per_borrower"])
def test_who_has_more_out_than_its_limit_now_allows_gives_nothing(name: str) -> None:
    made = twins(Limits())
    before = asked(1, 70, borrower_id=["bob"], request_id=["before"])
    made.do(lambda market: market.submit_many(before, now=1))
    made.do(lambda market: market.set_lender_limits("ann", Limits(**{name: 50}), now=1))
    check(made, asked(8, borrower_id=["bob"] * 8), [{"ben": 30}] * 8)


@pytest.mark.parametrize("name", ["per_loan", "total", "per_grade", "per_borrower"])
def test_a_limit_that_one_lender_has(name: str) -> None:
    made = twins(Limits())
    made.do(lambda market: market.set_lender_limits("ann", Limits(**{name: 20}), now=0))
    columns = asked(8, borrower_id=["bob"] * 8)
    rest = A20 if name == "per_loan" else {"ben": 30}
    check(made, columns, [A20, *[rest] * 7])


@pytest.mark.parametrize("name", ["total", "per_grade", "per_borrower"])
def test_what_goes_its_own_way_counts_for_those_behind_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Space for three notes, so that those of a loan of its own need more.
    monkeypatch.setattr(bulk, "_NOTES", 3)
    monkeypatch.setattr(bulk, "_LONG", 2)
    made = twins(Limits(**{name: 50}))
    # The third is larger than all that ann and ben may lend, and not filled whole.
    columns = asked(9, borrower_id=["bob"] * 9)
    columns["amount"][2] = 80
    columns["max_rate"][2] = 60_000
    for market in made.many.values():
        events: list[Event] = []
        market.subscribe(events.append)
        assert given(market, columns) == [
            {"ann": 30},
            {"ann": 20, "ben": 10},
            {"ben": 40},
            {"cleo": 30},
            {"cleo": 20},
            {},
            {},
            {},
            {},
        ]
        kinds = [type(event) for event in events]
        assert kinds[:4] == [LoansMade, LoanMade, RequestUnfunded, LoansMade]
        market.check()


def test_a_borrower_gets_nothing_of_its_own_or_of_its_group() -> None:
    made = twins(Limits())
    made.do(lambda market: market.declare_group("gus", {"ben"}, now=0))
    columns = asked(9, 200)
    columns["borrower_id"][1] = "ann"
    columns["borrower_id"][2] = "gus"
    expected: list[dict[str, int]] = [
        {"ann": 200},
        {"ben": 200},
        {"ann": 100, "cleo": 100},
        {"ben": 100, "cleo": 100},
        *[{"cleo": 200}] * 5,
    ]
    check(made, columns, expected)


@pytest.mark.parametrize(("rows", "space"), [(8, 2_048), (3, 1_024), (2**13, 2**20)])
def test_there_is_space_for_the_notes_of_most_requests(rows: int, space: int) -> None:
    market = Marketplace(Rules(grades=["A"], terms=[36]))
    seen: list[int] = []
    fill = market._state.kernel.begin()

    def watched(*arrays: Any) -> tuple[int, int, int]:
        seen.append(len(arrays[3].amounts))
        return fill(*arrays)

    market._state.kernel = market._state.kernel._replace(begin=lambda: watched)
    bulk._Run(market._state, read_requests(asked(rows))).fill(0)
    assert set(seen) == {space}


@pytest.mark.parametrize("terms", [[36], [36, 60]], ids=["one cell", "two"])
def test_borrowers_who_lend_between_requests_that_are_filled_at_once(terms: list[int]) -> None:
    made = Twins(Rules(grades=["A"], terms=terms))
    for i in range(60):
        made.do(lambda market, i=i: market.post(offer(f"o{i}", f"l{i}", 10, i + 1), now=0))
    # Nobody gets his own money; and what the first one passed over goes to the next.
    columns = asked(12, 25, max_rate=[900_000] * 12)
    columns["term"] = [terms[i % len(terms)] for i in range(12)]
    for row in (0, 4, 5, 9):
        columns["borrower_id"][row] = f"l{row}"
    line = [f"l{i}" for i in [1, 2, 3, 0, *range(4, 60)] for _ in range(2)]
    fives = [line[5 * row : 5 * row + 5] for row in range(12)]
    expected = [{lender: 5 * got.count(lender) for lender in got} for got in fives]
    assert expected[0] == {"l1": 10, "l2": 10, "l3": 5}
    assert expected[1] == {"l3": 5, "l0": 10, "l4": 10}
    check(made, columns, expected)


@pytest.mark.parametrize(("grouped", "kinds"), [(3, {LoansMade, LoanMade}), (4, {LoanMade})])
def test_where_many_have_a_declared_group_each_request_comes_by_itself(
    grouped: int, kinds: set[type]
) -> None:
    made = twins(Limits())
    for i in range(grouped):
        made.do(lambda market, i=i: market.declare_group(f"b{i}", {"ann"}, now=0))
    seen: set[type] = set()
    for market in made.many.values():
        market.subscribe(lambda event: seen.add(type(event)))
    others: list[dict[str, int]] = [{"ann": 30}] * (9 - grouped)
    check(made, asked(9), [*[{"ben": 30}] * grouped, *others])
    assert seen == kinds


def test_where_runs_are_short_more_and_more_requests_come_by_themselves() -> None:
    made = twins(Limits())
    columns = asked(40)
    # Nobody lends at that rate; a run ends there.
    odd = [2, 6, 9, 10, 11, 12, 13, 30]
    for row in odd:
        columns["max_rate"][row] = 1_000
    for market in made.many.values():
        events: list[Event] = []
        market.subscribe(events.append)
        market.submit_many(columns, now=1)
        market.check()
        many = [len(event.loans) for event in events if isinstance(event, LoansMade)]
        # Two, and as many odd ones (2 and 3); two, and four odd (6 to 9); none, and eight (10 to
        # 17); twelve up to the last that is odd; the rest.
        assert many == [2, 2, 12, 9]
        singly = [event for event in events if isinstance(event, LoanMade | RequestUnfunded)]
        assert len(singly) == 2 + 4 + 8 + 1
