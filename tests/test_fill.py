"""Runs of requests: by vector passes, by the loop, and one by one, the same to the last bit."""

import sys
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pmatch import BorrowerLimits, Limits, Marketplace, Request, Rules, fill, fill_loop
from p2pmatch.events import Event, LoanMade, LoansMade
from p2pmatch.fill import PASSES, Passes
from p2pmatch.fill_forms import Kernel
from p2pmatch.fill_of import VARIABLE, fill_of
from p2pmatch.journal import replay
from p2pmatch.stores import MemoryStore
from tests.examples import of_hundred
from tests.helpers import many, request
from tests.machines.pair import offer_columns, request_columns
from tests.strategies import Draw

LOOP = Kernel(lambda: fill_loop.fill, fill_loop.read, fill_loop.spend)
KERNELS = {"passes": PASSES, "loop": LOOP}


class Twins:
    """One marketplace for each kernel, and one whose requests come one by one."""

    def __init__(self, rules: Rules, kernels: dict[str, Kernel] | None = None) -> None:
        self.one = Marketplace(rules)
        self.many = {}
        for name, kernel in (kernels or KERNELS).items():
            self.many[name] = Marketplace(rules, compiled=False)
            self.many[name]._state.kernel = kernel

    def do(self, call: Callable[[Marketplace], object]) -> None:
        for market in (self.one, *self.many.values()):
            call(market)

    def submit(self, requests: list[Request], now: int = 1) -> None:
        expected = [self.one.submit(request, now=now) for request in requests]
        columns = request_columns(requests)
        runs: list[list[tuple[type, int]]] = []
        for name, market in self.many.items():
            events: list[Event] = []
            market.subscribe(events.append)
            results = market.submit_many(columns, now=now)
            assert list(results) == expected, name
            assert market.digest() == self.one.digest(), name
            market.check()
            made = [result.loan for result in expected]
            principals = [0 if loan is None else loan.principal for loan in made]
            assert results.principals.tolist() == principals
            amounts = [note.amount for loan in made if loan is not None for note in loan.notes]
            assert results.notes.amounts.tolist() == amounts
            counts = [0 if loan is None else len(loan.notes) for loan in made]
            assert results.ends.tolist() == np.cumsum(counts).tolist()
            runs.append([(type(event), size_of(event)) for event in events])
        # What is filled in a run by one kernel is so by all.
        assert all(events == runs[0] for events in runs)


def size_of(event: Event) -> int:
    """How many loans it is about."""
    return len(event.loans) if isinstance(event, LoansMade) else 1


@pytest.fixture(scope="module", autouse=True)
def after_each_request_a_run_is_tried() -> Iterator[None]:
    """However short runs are, so that the kernels have as much to do as can be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("p2pmatch.mechanisms.bulk._LONG", 0)
        yield


def plain_rules(draw: Draw) -> Rules:
    """The drawn rules, as far as runs can have them."""
    return attrs.evolve(
        draw.rules,
        allocation="fifo",
        pricing="pay_as_offered",
        matching="immediate",
        clearing_point=0,
        max_share=None,
        lender_limits=attrs.evolve(draw.rules.lender_limits, max_share=None),
        borrower_limits=BorrowerLimits(),
    )


@given(st.integers(0, 2**32), st.integers(1, 120), st.integers(8, 40), st.booleans())
@settings(max_examples=of_hundred(60))
def test_many_at_once_are_the_same_as_one_by_one(
    seed: int, offers: int, requests: int, limited: bool
) -> None:
    draw = Draw(Random(seed))
    twins = Twins(plain_rules(draw))
    book = [attrs.evolve(draw.offer(0, card=False), max_share=None) for _ in range(offers)]
    twins.do(lambda market: market.post_many(offer_columns(book), now=0))
    if limited:
        own = {party: attrs.evolve(draw.limits(), max_share=None) for party in draw.parties[:3]}
        floor = draw.rules.smallest_note
        for party, limits in own.items():
            high = {
                name: max(value, floor)
                for name, value in attrs.asdict(limits).items()
                if value is not None
            }
            twins.do(lambda m, p=party, h=high: m.set_lender_limits(p, Limits(**h), now=0))
    if draw.chance(30):
        group = set(draw.parties[:2])
        twins.do(lambda market: market.declare_group("bob", group, now=0))
    for _ in range(2):
        twins.submit([draw.request(9) for _ in range(requests)])


@pytest.mark.parametrize(("seed", "space"), [(0, 2**20), (1, 100)])
def test_runs_over_many_chunks(seed: int, space: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # However little space was made for the places, they find some.
    monkeypatch.setattr("p2pmatch.mechanisms.loaded._ROWS", space)
    draw = Draw(Random(seed))
    twins = Twins(
        attrs.evolve(plain_rules(draw), lender_limits=Limits(), min_note=None, increment=1)
    )
    random = draw.random
    count = 6_000
    columns = {
        "offer_id": [f"o{i}" for i in range(count)],
        "lender_id": [f"l{random.randrange(900)}" for _ in range(count)],
        "amount": [random.randrange(1, 9) for _ in range(count)],
        "min_rate": [random.randrange(50) * 1_000 for _ in range(count)],
    }
    twins.do(lambda market: market.post_many(columns, now=0))
    rules = draw.rules
    for turn in range(3):
        # In the second and third all are for one cell.
        whole = turn == 0
        grades = rules.grades if whole else rules.grades[:1]
        terms = rules.terms if whole else rules.terms[:1]
        twins.submit(
            [
                Request(
                    request_id=f"r{turn}-{i}",
                    borrower_id=random.choice([f"b{i}", f"l{random.randrange(900)}"]),
                    amount=random.choice([5, 300, 900]),
                    max_rate=random.choice([9_000, 90_000]),
                    grade=random.choice(grades),
                    term=random.choice(terms),
                    min_amount=1,
                )
                for i in range(12)
            ]
        )


def test_notes_find_space_however_many_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2pmatch.mechanisms.bulk._NOTES", 3)
    rules = Rules(grades=["A"], terms=[36], lender_limits=Limits(per_borrower=7, total=30))
    twins = Twins(rules)
    columns = {
        "offer_id": [f"o{i}" for i in range(200)],
        "lender_id": [f"l{i % 70}" for i in range(200)],
        "amount": [5] * 200,
        "min_rate": [i % 7 for i in range(200)],
    }
    twins.do(lambda market: market.post_many(columns, now=0))
    # The eleventh is partly filled, and so goes its own way in the middle of the run.
    amounts = [30] * 10 + [10_000] + [30] * 5
    requests = [
        Request(
            request_id=f"r{i}",
            borrower_id=f"b{i % 2}",
            amount=amount,
            max_rate=9,
            grade="A",
            term=36,
            min_amount=1,
        )
        for i, amount in enumerate(amounts)
    ]
    twins.submit(requests)


def test_places_without_money_are_dropped_wherever_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("p2pmatch.mechanisms.loaded._ROWS", 4_096)
    count = 45_000
    twins = Twins(Rules(grades=["A"], terms=[36]))
    columns = {
        "offer_id": [f"o{i}" for i in range(count)],
        "lender_id": [f"l{i}" for i in range(count)],
        "amount": [5] * count,
        "min_rate": [i // 10 for i in range(count)],
        # The best are not for these requests, so they stay in front of all that come and go.
        "requires": ["x" if i < 600 else "" for i in range(count)],
        "max_per_loan": [3 if i % 2 else None for i in range(count)],
    }
    twins.do(lambda market: market.post_many(columns, now=0))
    twins.submit(
        [
            Request(
                request_id=f"r{i}",
                borrower_id="bob",
                amount=3_000,
                max_rate=90_000,
                grade="A",
                term=36,
            )
            for i in range(55)
        ]
    )


def test_an_offer_whose_cap_leaves_less_than_a_note_is_passed_over() -> None:
    twins = Twins(Rules(grades=["A"], terms=[36], min_note=6, increment=2))
    columns = many(4, amount=[90] * 4, max_per_loan=[4, 5, None, 6])
    twins.do(lambda market: market.post_many(columns, now=0))
    twins.submit([request(20, request_id=f"r{i}") for i in range(9)])
    notes = twins.one.loan("r0").notes
    assert [(note.offer_id, note.amount) for note in notes] == [("o2", 20)]


def market_with(requests: int, **rules: Any) -> list[str]:
    """The kinds of events that so many requests lead to."""
    market = Marketplace(Rules(**{"grades": ["A"], "terms": [36], **rules}))
    columns = {"offer_id": ["o"], "lender_id": ["ann"], "amount": [900], "min_rate": [50_000]}
    market.post_many(columns, now=0)
    seen: list[Any] = []
    market.subscribe(seen.append)
    market.submit_many(
        {
            "request_id": [f"r{i}" for i in range(requests)],
            "borrower_id": ["bob"] * requests,
            "amount": [10] * requests,
            "max_rate": [90_000] * requests,
            "grade": ["A"] * requests,
            "term": [36] * requests,
        },
        now=1,
    )
    return [type(event).__name__ for event in seen]


def test_the_loans_of_a_run_are_one_event() -> None:
    assert market_with(8) == [LoansMade.__name__]
    assert market_with(7) == [LoanMade.__name__] * 7


@pytest.mark.parametrize(
    "rules",
    [
        {"allocation": "pro_rata"},
        {"pricing": "midpoint"},
        {"max_share": 1_000_000},
        {"borrower_limits": BorrowerLimits(total=1_000)},
    ],
)
def test_what_is_not_plain_goes_one_by_one(rules: dict[str, Any]) -> None:
    assert market_with(9, **rules) == [LoanMade.__name__] * 9


def test_the_environment_turns_the_compiled_loop_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fill_of(compiled=False) is PASSES
    monkeypatch.setenv(VARIABLE, "0")
    assert fill_of(compiled=None) is PASSES
    monkeypatch.setenv(VARIABLE, "1")
    assert fill_of(compiled=None) is not PASSES


def test_a_marketplace_that_is_kept_has_the_same_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = {None: LOOP._replace(), True: LOOP._replace(), False: PASSES}
    monkeypatch.setattr("p2pmatch.marketplace.fill_of", lambda *, compiled: kernels[compiled])
    store, rules = MemoryStore(), Rules(grades=("A",), terms=(36,))
    for compiled, kernel in kernels.items():
        kept = Marketplace.open(store, rules, compiled=compiled)
        assert Marketplace(rules, compiled=compiled)._state.kernel is kernel
        assert kept._state.kernel is kept.copy()._state.kernel is kernel
    assert replay(store)._state.kernel is Marketplace.open(store)._state.kernel is kernels[None]


def test_without_a_compiler_only_who_insists_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "p2pmatch.fill_compiled", raising=False)
    store, rules = MemoryStore(), Rules(grades=("A",), terms=(36,))
    with pytest.raises(ImportError, match=r"p2pmatch\[fast\]"):
        Marketplace.open(store, rules, compiled=True)
    assert not list(store.read())
    kernel = fill_of(compiled=None)
    # Each run has its own; the compiler is looked for once.
    one, other = kernel.begin(), kernel.begin()
    assert isinstance(one, Passes)
    assert isinstance(other, Passes)
    assert one is not other
    assert market_with(8) == [LoansMade.__name__]


def test_compiled_it_is_the_same() -> None:
    pytest.importorskip("numba")
    draw = Draw(Random(5))
    rules = attrs.evolve(
        plain_rules(draw), lender_limits=Limits(per_loan=7_000, per_borrower=9_000)
    )
    twins = Twins(
        attrs.evolve(rules, increment=1, min_note=None), {"compiled": fill_of(compiled=True)}
    )
    for turn in range(3):
        book = [attrs.evolve(draw.offer(9, card=False), max_share=None) for _ in range(400)]
        twins.do(lambda market, book=book, now=turn: market.post_many(offer_columns(book), now=now))
        twins.submit([draw.request(9) for _ in range(60)], now=turn)


@pytest.mark.parametrize("seed", range(8))
def test_where_nothing_limits_many_are_filled_at_once(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once: list[int] = []
    whole = fill._fill_at_once

    def counted(*arguments: Any) -> tuple[int, int]:
        found = whole(*arguments)
        at_once.append(found[0] - arguments[5])
        return found

    monkeypatch.setattr(fill, "_fill_at_once", counted)
    if seed % 2:
        monkeypatch.setattr("p2pmatch.mechanisms.bulk._NOTES", 3)
    random = Random(seed)
    increment = random.choice([1, 5])
    twins = Twins(Rules(grades=["A", "B"], terms=[36], increment=increment))
    count = 3_000
    columns = {
        "offer_id": [f"o{i}" for i in range(count)],
        "lender_id": [f"l{i}" for i in range(count)],
        # Some end where a request does.
        "amount": [random.choice([1, 5, 7, 10, 25]) for _ in range(count)],
        "min_rate": [random.randrange(40) * 1_000 for _ in range(count)],
        "grades": [random.choice(["A", "A", "A", "", "B"]) for _ in range(count)],
    }
    twins.do(lambda market: market.post_many(columns, now=0))
    for turn in range(4):
        twins.submit(
            [
                Request(
                    request_id=f"r{turn}-{i}",
                    # Some borrowers lend, too, and are left to be matched by themselves.
                    borrower_id=random.choice(["bob"] * 9 + [f"l{i}"]),
                    amount=random.choice([5, 10, 50, 125, 400]),
                    max_rate=random.choice([90_000] * 20 + [1_000]),
                    grade="A" if i % 50 < 40 else "B",
                    term=36,
                    min_amount=random.choice([None, 1]),
                )
                for i in range(100)
            ]
        )
    assert max(at_once) > 8
    assert 0 in at_once


def test_a_lender_with_less_than_a_note_left_does_not_end_a_loan() -> None:
    twins = Twins(Rules(grades=["A"], terms=[36], min_note=2))
    columns = {
        "offer_id": ["a", "b", "c"],
        "lender_id": ["ann", "ben", "cleo"],
        "amount": [19, 50, 90],
        "min_rate": [4, 5, 6],
    }
    twins.do(lambda market: market.post_many(columns, now=0))
    twins.do(lambda market: market.set_lender_limits("ben", Limits(total=3), now=0))
    amounts = [5, 5, 5, 4, 2, 6, 6, 6]
    requests = [
        Request(
            request_id=f"r{i}", borrower_id="bob", amount=amount, max_rate=9, grade="A", term=36
        )
        for i, amount in enumerate(amounts)
    ]
    twins.submit(requests)
    more = {**columns, "offer_id": ["d", "e", "f"], "amount": [17, 50, 90]}
    twins.do(lambda market: market.post_many(more, now=1))
    twins.submit([attrs.evolve(requests[5], request_id=f"s{i}") for i in range(9)])


@pytest.mark.parametrize("limits", [Limits(), Limits(per_loan=1_000)])
def test_a_rate_just_above_what_is_asked_is_too_dear_even_for_the_very_first_offer(
    limits: Limits,
) -> None:
    twins = Twins(Rules(grades=["A"], terms=[36], lender_limits=limits))
    columns = {
        "offer_id": ["first", *(f"o{i}" for i in range(9))],
        "lender_id": ["ann"] * 10,
        "amount": [100] * 10,
        "min_rate": [50_001, *[50_000] * 9],
    }
    twins.do(lambda market: market.post_many(columns, now=0))
    for name in ("bob", "ann"):
        twins.submit(
            [
                Request(
                    request_id=f"{name}{i}",
                    borrower_id=name,
                    amount=60,
                    max_rate=50_000,
                    grade="A",
                    term=36,
                )
                for i in range(16)
            ]
        )
    assert twins.one.offer("first").remaining == 100


def by_turns(limits: Limits, amount: Callable[[int], int]) -> Twins:
    """Two cells, and 5 000 offers at seven rates: one here, one there."""
    twins = Twins(Rules(grades=["A", "B"], terms=[36], lender_limits=limits))
    count = 5_000
    columns = {
        "offer_id": [f"o{i}" for i in range(count)],
        "lender_id": [f"l{i}" for i in range(count)],
        "amount": [amount(i) for i in range(count)],
        "min_rate": [i % 7 * 1_000 for i in range(count)],
        "grades": ["AB"[i % 2] for i in range(count)],
    }
    twins.do(lambda market: market.post_many(columns, now=0))
    return twins


def asked_by_turns(amounts: list[int], several: int, least: int | None) -> list[Request]:
    """Bob's requests, several for one cell and then several for the other."""
    return [
        Request(
            request_id=f"r{i}",
            borrower_id="bob",
            amount=amount,
            max_rate=90_000,
            grade="AB"[i // several % 2],
            term=36,
            min_amount=least,
        )
        for i, amount in enumerate(amounts)
    ]


def test_places_of_one_cell_lie_wherever_there_was_space(monkeypatch: pytest.MonkeyPatch) -> None:
    # One chunk at a time, so that those of the cells lie one between the others.
    monkeypatch.setattr("p2pmatch.mechanisms.loaded._REQUESTS_A_CHUNK", 1_000)
    twins = by_turns(Limits(), lambda i: 10 + i % 3)
    twins.submit(asked_by_turns([505] * 84, 7, None))


def test_places_far_behind_those_that_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of each cell one line is kept; behind it chunk after chunk is read, each loan anew.
    monkeypatch.setattr("p2pmatch.lines._KEPT", 1)
    monkeypatch.setattr("p2pmatch.mechanisms.loaded._REQUESTS_A_CHUNK", 1_000)
    # Those in the middle are used up with the first loan; of the others each loan takes one.
    twins = by_turns(Limits(per_loan=1, total=4), lambda i: 1 if 2 <= i % 7 <= 4 else 9)
    twins.submit(asked_by_turns([1_900, 900, 300, 600, 1_200] * 6, 3, 1))
