"""The marketplace's face: what each call does, refuses, and leaves as it was."""

from enum import StrEnum
from inspect import signature
from typing import Any

import attrs
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pmatch import (
    BorrowerLimits,
    InvalidValue,
    InvariantError,
    Limits,
    Listing,
    Marketplace,
    Offer,
    P2PMatchError,
    Request,
    Rules,
    UnknownName,
)
from p2pmatch import commands as c
from p2pmatch import events as e
from p2pmatch.apply import APPLICATIONS, apply
from p2pmatch.columns import read_offers
from p2pmatch.decide import DECISIONS, decide
from p2pmatch.state import State
from tests.examples import of_hundred
from tests.helpers import market, notes, offer, request
from tests.machines.pair import request_columns


def queue(made: Marketplace, grade: str = "A", term: int = 36) -> list[tuple[str, int, int]]:
    return [(x.offer_id, x.rate // 10_000, x.remaining) for x in made.queue(grade, term)]


# Amending


def test_lowering_keeps_the_place_and_raising_puts_the_increase_at_the_back() -> None:
    made = market(("a", "ann", 100, 5), ("b", "ben", 100, 5))
    made.amend("a", amount=60, now=1)
    assert queue(made) == [("a", 5, 60), ("b", 5, 100)]
    made.amend("a", amount=90, now=2)
    assert queue(made) == [("a", 5, 60), ("b", 5, 100), ("a", 5, 30)]
    assert made.offer("a").amount == 90
    assert notes(made.submit(request(180), now=3)) == [("a", 60), ("b", 100), ("a", 20)]
    assert (made.offer("a").lent, made.offer("a").remaining) == (80, 10)


def test_lowering_takes_from_the_back_most_part() -> None:
    made = market(("a", "ann", 100, 5))
    made.amend("a", amount=130, now=1)
    made.amend("a", amount=110, now=1)
    assert queue(made) == [("a", 5, 100), ("a", 5, 10)]
    made.amend("a", amount=40, now=1)
    assert queue(made) == [("a", 5, 40)]


def test_parts_too_small_for_a_note_join_the_increase() -> None:
    made = market(("a", "ann", 40, 5), ("b", "ben", 100, 5), min_note=25)
    made.submit(request(30), now=1)
    assert queue(made) == [("b", 5, 100)]  # 10 of a are too little
    made.amend("a", amount=60, now=2)
    assert queue(made) == [("b", 5, 100), ("a", 5, 30)]


def test_the_caps_of_an_offer_bind_over_its_parts() -> None:
    made = market(("b", "ben", 100, 6))
    made.post(offer("a", "ann", 50, 5, max_per_loan=60), now=0)
    made.amend("a", amount=100, now=1)
    assert notes(made.submit(request(120), now=1)) == [("a", 50), ("a", 10), ("b", 60)]


def test_a_changed_rate_goes_to_the_back_where_it_changed() -> None:
    made = market(("b", "ben", 100, 5), grades=["A", "B"])
    made.post(
        Offer(offer_id="a", lender_id="ann", amount=50, min_rate={"A": 40_000, "B": 50_000}), now=0
    )
    made.post(offer("z", "zoe", 10, 5), now=0)
    made.amend("a", min_rate={"A": 50_000, "B": 50_000}, now=1)
    assert queue(made, "A") == [("b", 5, 100), ("z", 5, 10), ("a", 5, 50)]
    assert queue(made, "B") == [("b", 5, 100), ("a", 5, 50), ("z", 5, 10)]
    made.amend("a", min_rate=30_000, now=2)
    assert queue(made, "B")[0] == ("a", 3, 50)


def test_added_cells_are_at_the_back_and_removed_ones_gone() -> None:
    made = market(("b", "ben", 100, 5), grades=["A", "B"], terms=[12, 36])
    made.post(offer("a", "ann", 50, 5, grades={"A"}, terms={36}), now=0)
    made.post(offer("z", "zoe", 10, 5), now=0)
    made.amend("a", grades={"A", "B"}, now=1)
    assert queue(made, "A") == [("b", 5, 100), ("a", 5, 50), ("z", 5, 10)]
    assert queue(made, "B") == [("b", 5, 100), ("z", 5, 10), ("a", 5, 50)]
    made.amend("a", grades={"B"}, now=2)
    assert queue(made, "A") == [("b", 5, 100), ("z", 5, 10)]
    made.amend("a", grades=None, terms=None, now=2)
    assert queue(made, "A")[-1] == ("a", 5, 50)


def test_limits_tags_and_expiry_keep_the_place() -> None:
    made = market(("a", "ann", 100, 5), ("b", "ben", 100, 5))
    made.amend("a", max_per_loan=30, max_share=500_000, requires={"x"}, refuses={"y"}, now=1)
    made.amend("a", expires_at=9, now=1)
    made.amend("a", expires_at=5, now=1)
    assert queue(made)[0] == ("a", 5, 100)
    assert notes(made.submit(request(50, tags={"x"}), now=1)) == [("a", 25), ("b", 25)]
    made.amend("a", max_per_loan=None, max_share=None, expires_at=None, requires=(), now=1)
    made.advance(99)
    assert notes(made.submit(request(60, request_id="r2"), now=99)) == [("a", 60)]


def test_one_budget_serves_all_cells() -> None:
    made = market(("a", "ann", 100, 5), grades=["A", "B"])
    made.submit(request(70), now=1)
    assert queue(made, "B") == [("a", 5, 30)]
    assert notes(made.submit(request(70, request_id="r2", grade="B"), now=1)) == [("a", 30)]
    assert queue(made, "A") == queue(made, "B") == []


def test_cancelling_returns_what_is_not_lent() -> None:
    made = market(("a", "ann", 100, 5))
    made.submit(request(70), now=1)
    assert made.cancel("a", now=2) == 30
    status = made.offer("a")
    assert (status.amount, status.remaining, status.lent, status.cancelled) == (100, 0, 70, 30)
    assert (status.committed, status.state) == (0, "cancelled")


def test_ladders_are_rid_of_cancelled_offers() -> None:
    made = market()
    for i in range(3_000):
        made.post(offer(f"o{i}", "ann", 100, i % 7), now=0)
    for i in range(2_900):
        made.cancel(f"o{i}", now=1)
    assert len(made._state.ladders[0]) < 1_500
    assert len(queue(made)) == 100
    made.check()


def test_events_tell_what_happened() -> None:
    made = market()
    seen: list[e.Event] = []
    made.subscribe(seen.append)
    made.post(offer("a", "ann", 100, 5, expires_at=9), now=0)
    result = made.submit(request(70), now=1)
    happened = made.advance(10)
    assert [type(event) for event in seen] == [
        e.OfferPosted,
        e.LoanMade,
        e.OfferExpired,
        e.TimeAdvanced,
    ]
    assert result.events == (seen[1],)
    assert isinstance(happened[0], e.OfferExpired)
    assert (happened[0].offer_id, happened[0].amount, happened[0].now) == ("a", 30, 10)
    assert isinstance(seen[1], e.LoanMade)
    assert seen[1].loan is result.loan is made.loan("r1")


def test_offers_expire_in_order_of_time_then_posting() -> None:
    made = market()
    for name, time in (("a", 7), ("b", 5), ("c", 5), ("d", 9)):
        made.post(offer(name, "ann", 10, 5, expires_at=time), now=0)
    made.cancel("c", now=1)
    gone = [x.offer_id for x in made.advance(8) if isinstance(x, e.OfferExpired)]
    assert gone == ["b", "a"]


# Reading


def test_the_ladder_is_the_depth_by_rate() -> None:
    made = market(("a", "ann", 105, 5), ("b", "ben", 100, 6), ("c", "cleo", 107, 5), increment=10)
    ladder = made.ladder("A", 36)
    assert ladder.rates.tolist() == [50_000, 60_000]
    assert ladder.available.tolist() == [200, 300]
    assert [ladder.at(rate) for rate in (49_999, 50_000, 59_999, 10**6)] == [0, 200, 200, 300]
    assert len(market().ladder("A", 36)) == 0


def test_a_quote_is_what_submitting_gives() -> None:
    made = market(("a", "ann", 100, 5), ("b", "ben", 100, 6))
    before = made.digest()
    quote = made.quote(request(150), now=1)
    assert made.digest() == before
    assert made.now == 0
    assert (quote.principal, quote.lenders, quote.unfunded, quote.reason) == (150, 2, 0, None)
    assert quote.loan is not None
    assert (quote.rate, quote.exact_rate) == (quote.loan.rate, quote.loan.exact_rate)
    assert quote.marginal_rate == 60_000
    result = made.submit(request(150), now=1)
    assert result.loan == quote.loan
    nothing = made.quote(request(150, percent=1, request_id="r2"), now=1)
    assert (nothing.principal, nothing.lenders) == (0, 0)
    assert nothing.rate is nothing.exact_rate is nothing.marginal_rate is None


@pytest.mark.parametrize("more", [{"grade": "Z"}, {"term": 12}])
def test_cells_that_are_not_there_cannot_be_read(more: dict[str, Any]) -> None:
    cell = {"grade": "A", "term": 36, **more}
    for read in ("queue", "ladder"):
        with pytest.raises(LookupError):
            getattr(market(), read)(**cell)


def test_what_is_not_there_cannot_be_read() -> None:
    made = market()
    with pytest.raises(LookupError):
        made.offer("x")
    with pytest.raises(LookupError):
        made.loan("x")
    with pytest.raises(P2PMatchError):
        Marketplace("rules")  # type: ignore[arg-type]
    assert repr(made) == "<Marketplace: 0 offers, 0 loans, now=None>"
    assert made.rules.grades == ("A",)


# Bulk


def test_many_offers_are_the_same_as_one_by_one() -> None:
    columns = {
        "offer_id": ["a", "b", "c"],
        "lender_id": ["ann", "ben", "ann"],
        "amount": np.array([10, 20, 30]),
        "min_rate": [50_000, 40_000, 50_000],
        "grades": ["B", "A", ""],
        "refuses": ["", "x", ""],
        "expires_at": [None, 9, None],
    }
    at_once = market(grades=["A", "B"])
    at_once.post_many(columns, now=3)
    singly = market(grades=["A", "B"])
    for i in range(3):
        singly.post(
            Offer(
                offer_id=columns["offer_id"][i],
                lender_id=columns["lender_id"][i],
                amount=int(columns["amount"][i]),
                min_rate=columns["min_rate"][i],
                grades=set(columns["grades"][i]) or None,
                refuses=set(columns["refuses"][i]),
                expires_at=columns["expires_at"][i],
            ),
            now=3,
        )
    assert at_once.digest() == singly.digest()


def test_columns_that_were_read_and_dataframes_are_taken_as_well() -> None:
    columns = {"offer_id": ["a"], "lender_id": ["ann"], "amount": [10], "min_rate": [50_000]}
    digests = set()
    for form in (columns, read_offers(columns), pl.DataFrame(columns)):
        made = market()
        made.post_many(form, now=0)
        digests.add(made.digest())
    assert len(digests) == 1
    with pytest.raises(P2PMatchError, match="a mapping of columns, or a dataframe"):
        market().post_many(5, now=0)


def test_what_stays_as_it_is_shows_so_in_the_signature() -> None:
    assert "= unchanged" in str(signature(Marketplace.amend))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"offer_id": ["a", "a"]}, "duplicate_id"),
        ({"offer_id": ["a", "there"]}, "duplicate_id"),
        ({"grades": ["A", "Z"]}, "unknown_grade"),
        ({"terms": ["36", "12"]}, "unknown_term"),
        ({"expires_at": [None, 3]}, "already_expired"),
        ({"amount": [1, 0]}, "zero"),
    ],
)
def test_many_offers_are_all_or_nothing(change: dict[str, Any], code: str) -> None:
    made = market(("there", "ann", 10, 5))
    before = made.digest()
    columns = {
        "offer_id": ["a", "b"],
        "lender_id": ["ann", "ben"],
        "amount": [1, 2],
        "min_rate": [1, 2],
        **change,
    }
    with pytest.raises(P2PMatchError) as refused:
        made.post_many(columns, now=3)
    assert (refused.value.code, refused.value.field) == (code, f"{next(iter(change))}[1]")
    assert made.digest() == before


REQUESTS: dict[str, Any] = {
    "request_id": ["r1", "r2"],
    "borrower_id": ["bob", "bea"],
    "amount": [50, 80],
    "max_rate": [90_000, 90_000],
    "grade": ["A", "A"],
    "term": [36, 36],
    "min_amount": [None, 1],
}


def test_many_requests_are_the_same_as_one_by_one() -> None:
    made = market(("a", "ann", 100, 5))
    results = made.submit_many(REQUESTS, now=1)
    assert [notes(result) for result in results] == [[("a", 50)], [("a", 50)]]
    assert [result.unfunded for result in results] == [0, 30]


@pytest.mark.parametrize(
    ("change", "now", "code"),
    [
        ({"request_id": ["r1", "r1"]}, 1, "duplicate_id"),
        ({"grade": ["A", "Z"]}, 1, "unknown_grade"),
        ({"term": [36, 12]}, 1, "unknown_term"),
        ({"amount": [50, 81]}, 1, "not_multiple"),
        ({"min_amount": [None, 81]}, 1, "above_amount"),
        ({"expires_at": [None, 1]}, 1, "already_expired"),
        ({}, -1, "time_backwards"),
        ({}, 1.5, "wrong_type"),
    ],
)
def test_many_requests_are_all_or_nothing(change: dict[str, Any], now: Any, code: str) -> None:
    made = market(("a", "ann", 100, 5), increment=10)
    before = made.digest()
    with pytest.raises(P2PMatchError) as refused:
        made.submit_many({**REQUESTS, **change}, now=now)
    field = "".join(f"{name}[1]" for name in change) or "now"
    assert (refused.value.code, refused.value.field) == (code, field)
    assert made.digest() == before


# Refusals


def settled() -> Marketplace:
    """A market in which everything that can be refused can be tried."""
    made = market(("a", "ann", 100, 5), ("gone", "ben", 50, 6), min_note=10, increment=5)
    made.post(offer("old", "eva", 50, 7, expires_at=4), now=1)
    made.submit(request(40), now=2)
    made.submit(request(20, request_id="paid", borrower_id="bea"), now=2)
    made.repay("paid", 20, now=3)
    made.cancel("gone", now=3)
    return made


CARD = Offer(offer_id="new", lender_id="x", amount=50, min_rate={"Q": 1})
REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("post", {"offer": offer("a", "x", 1, 1)}, "duplicate_id", "offer_id"),
    ("post", {"offer": offer("gone", "x", 1, 1)}, "duplicate_id", "offer_id"),
    ("post", {"offer": offer("new", "x", 1, 1, grades={"Q"})}, "unknown_grade", "grades"),
    ("post", {"offer": CARD}, "unknown_grade", "grades"),
    ("post", {"offer": offer("new", "x", 1, 1, terms={7})}, "unknown_term", "terms"),
    ("post", {"offer": offer("new", "x", 1, 1, expires_at=5)}, "already_expired", "expires_at"),
    ("post", {"offer": offer("new", "x", 1, 1), "now": 2}, "time_backwards", "now"),
    ("post", {"offer": offer("new", "x", 1, 1), "now": 2.5}, "wrong_type", "now"),
    ("post", {"offer": "offer"}, "wrong_type", "offer"),
    ("amend", {"offer_id": "x", "amount": 5}, "unknown_offer", "offer_id"),
    ("amend", {"offer_id": "gone", "amount": 5}, "offer_closed", "offer_id"),
    ("amend", {"offer_id": "old", "amount": 5}, "offer_closed", "offer_id"),
    ("amend", {"offer_id": "a"}, "nothing_to_change", "changes"),
    ("amend", {"offer_id": "a", "amount": 100}, "nothing_to_change", "changes"),
    ("amend", {"offer_id": "a", "amount": 39}, "below_lent", "amount"),
    ("amend", {"offer_id": "a", "amount": 0}, "zero", "amount"),
    ("amend", {"offer_id": "a", "amount": 1.5}, "wrong_type", "amount"),
    ("amend", {"offer_id": "a", "min_rate": -1}, "negative", "min_rate"),
    ("amend", {"offer_id": "a", "min_rate": {"Q": 5}}, "unknown_grade", "grades"),
    ("amend", {"offer_id": "a", "grades": {"Q"}}, "unknown_grade", "grades"),
    ("amend", {"offer_id": "a", "grades": set()}, "empty", "grades"),
    ("amend", {"offer_id": "a", "terms": {7}}, "unknown_term", "terms"),
    ("amend", {"offer_id": "a", "requires": {"x"}, "refuses": {"x"}}, "contradiction", "refuses"),
    ("amend", {"offer_id": "a", "expires_at": 5}, "already_expired", "expires_at"),
    ("amend", {"offer_id": "", "amount": 5}, "empty", "offer_id"),
    ("cancel", {"offer_id": "x"}, "unknown_offer", "offer_id"),
    ("cancel", {"offer_id": "gone"}, "offer_closed", "offer_id"),
    ("cancel", {"offer_id": "old"}, "offer_closed", "offer_id"),
    ("submit", {"request": request(40)}, "duplicate_id", "request_id"),
    ("submit", {"request": request(42, request_id="n")}, "not_multiple", "amount"),
    ("submit", {"request": request(40, request_id="n", grade="Q")}, "unknown_grade", "grade"),
    ("submit", {"request": request(40, request_id="n", term=7)}, "unknown_term", "term"),
    ("submit", {"request": None}, "wrong_type", "request"),
    ("quote", {"request": request(40)}, "duplicate_id", "request_id"),
    ("quote", {"request": None}, "wrong_type", "request"),
    ("quote", {"request": request(40, request_id="n"), "now": 1}, "time_backwards", "now"),
    ("explain", {"request": request(40)}, "duplicate_id", "request_id"),
    ("explain", {"request": 5}, "wrong_type", "request"),
    ("advance", {"now": 2}, "time_backwards", "now"),
    ("advance", {"now": None}, "wrong_type", "now"),
    ("set_lender_limits", {"lender_id": "x", "limits": Limits(total=9)}, "contradiction", "limits.total"),
    ("set_lender_limits", {"lender_id": "x", "limits": 9}, "wrong_type", "limits"),
    ("set_borrower_limits", {"borrower_id": "x", "limits": Limits()}, "wrong_type", "limits"),
    ("set_borrower_limits", {"borrower_id": "", "limits": BorrowerLimits()}, "empty", "borrower_id"),
    ("declare_group", {"borrower_id": "x", "members": "abc"}, "wrong_type", "members"),
    ("declare_group", {"borrower_id": "x", "members": {5}}, "wrong_type", "members"),
    ("repay", {"request_id": "x", "amount": 5}, "unknown_request", "request_id"),
    ("repay", {"request_id": "r1", "amount": 41}, "above_outstanding", "amount"),
    ("repay", {"request_id": "paid", "amount": 1}, "loan_repaid", "request_id"),
    ("repay", {"request_id": "r1", "amount": 0}, "zero", "amount"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "arguments", "code", "field"), REFUSED, ids=[f"{r[0]}-{r[2]}-{r[3]}" for r in REFUSED]
)
def test_a_refusal_says_why_and_changes_nothing(
    call: str, arguments: dict[str, Any], code: str, field: str
) -> None:
    made = settled()
    before, events = made.digest(), []
    made.subscribe(events.append)
    with pytest.raises(P2PMatchError) as refused:
        getattr(made, call)(**{"now": 5, **arguments})
    assert (refused.value.code, refused.value.field) == (code, field)
    assert "accepted: " in str(refused.value)
    assert (made.digest(), events, made.now) == (before, [], 3)
    made.check()


@pytest.mark.parametrize("rubbish", [None, 5, [], {}, ["a"], "", 1.5, b"a"])
@pytest.mark.parametrize(
    "question",
    [
        "offer",
        "offer_terms",
        "request",
        "loan",
        "loan_outstanding",
        "exposure",
        "borrower_outstanding",
        "lender_limits",
        "borrower_limits",
        "group",
    ],
)
def test_a_question_about_no_id_is_refused(question: str, rubbish: Any) -> None:
    with pytest.raises(InvalidValue):
        getattr(settled(), question)(rubbish)


@pytest.mark.parametrize(
    ("grade", "term", "code"),
    [
        ("Z", 36, "unknown_grade"),
        (["A"], 36, "unknown_grade"),
        (np.array(["A"]), 36, "unknown_grade"),
        ("A", 12, "unknown_term"),
        ("A", 36.0, "unknown_term"),
        ("A", "36", "unknown_term"),
        ("A", np.array([36, 12]), "unknown_term"),
        ("A", {}, "unknown_term"),
    ],
)
def test_a_cell_is_a_grade_and_a_term(grade: Any, term: Any, code: str) -> None:
    made = settled()
    for ask in (
        lambda: made.ladder(grade, term),
        lambda: made.queue(grade, term),
        lambda: made.position("a", grade=grade, term=term),
    ):
        with pytest.raises(P2PMatchError) as refused:
            ask()
        assert refused.value.code == code
    assert made.queue("A", np.int64(36)) == made.queue("A", 36)  # type: ignore[arg-type]


class Grade(StrEnum):
    A = "A"


@pytest.mark.parametrize("grade", ["A", np.str_("A"), Grade.A])
def test_a_grade_is_any_kind_of_text(grade: str) -> None:
    made = Marketplace(Rules(grades=[grade], terms=[36]))
    made.post(offer("o", "ann", 100, 5), now=0)
    asked = request(50, request_id="q", grade=grade)
    assert made.quote(asked, now=0).principal == 50
    assert made.compare(asked, now=0, grades=[grade])[0].principal == 50
    assert made.ladder(grade, 36).at(50_000) == 100
    assert len(made.queue(grade, 36)) == 1
    assert made.submit(asked, now=0).loan is not None
    columns = {**REQUESTS, "grade": [grade, grade], "amount": [10, 20]}
    assert made.submit_many(columns, now=0).principals.tolist() == [10, 20]
    with pytest.raises(P2PMatchError, match="term: 24 is not a term"):
        made.submit(request(50, request_id="r9", grade=grade, term=24), now=0)


@pytest.mark.parametrize("compiled", ["no", 0, 1, np.array([True, False])])
def test_compiled_is_yes_or_no_or_nothing(compiled: Any) -> None:
    with pytest.raises(InvalidValue, match=r"compiled: .* accepted: True, False or None"):
        Marketplace(Rules(grades=["A"], terms=[36]), compiled=compiled)


def test_only_what_can_be_called_listens() -> None:
    with pytest.raises(InvalidValue, match="listener: 'print' has the wrong type"):
        settled().subscribe("print")  # type: ignore[arg-type]


def test_what_was_amended_declared_and_paid_back_can_be_read() -> None:
    made = market(("o1", "ann", 900, 5), lender_limits=Limits(per_loan=500))
    made.amend("o1", now=1, min_rate=60_000, amount=1_000, max_per_loan=300, requires={"x"})
    changed = offer("o1", "ann", 1_000, 6, max_per_loan=300, requires={"x"})
    assert made.offer_terms("o1") == changed
    assert list(made.loans()) == []
    first = made.submit(request(300, request_id="r1", tags={"x"}), now=2).loan
    many = [request(200, request_id=f"m{i}", tags={"x"}) for i in range(3)]
    made.submit_many(request_columns(many), now=2)
    assert first is not None
    assert [loan.request_id for loan in made.loans()] == ["r1", "m0", "m1", "m2"]
    assert next(made.loans()) == first
    made.repay("r1", 120, now=3)
    assert made.loan_outstanding("r1") == 180
    assert made.loan_outstanding("m2") == 200
    assert made.offer_terms("o1").amount == 1_000
    assert made.lender_limits("ann") == made.lender_limits("nobody") == Limits(per_loan=500)
    made.set_lender_limits("ann", Limits(total=2_000), now=4)
    assert made.lender_limits("ann") == Limits(per_loan=500, total=2_000)
    assert made.lender_limits("nobody") == Limits(per_loan=500)
    assert made.borrower_limits("bob") == BorrowerLimits()
    made.set_borrower_limits("bob", BorrowerLimits(total=9), now=4)
    assert made.borrower_limits("bob") == BorrowerLimits(total=9)
    assert made.group("bob") == {"bob"}
    made.declare_group("bob", ["ben"], now=4)
    assert made.group("bob") == {"bob", "ben"}
    for question, code in [
        (made.offer_terms, "unknown_offer"),
        (made.loan_outstanding, "unknown_request"),
    ]:
        with pytest.raises(P2PMatchError) as unknown:
            question("nobody")
        assert unknown.value.code == code


def test_all_listeners_hear_all_events_in_their_order() -> None:
    made = market()
    heard: list[list[int]] = [[], [], []]

    def eager(event: e.Event) -> None:
        heard[0].append(event.now)
        if event.now == 5:
            made.advance(6)

    def angry(event: e.Event) -> None:
        heard[1].append(event.now)
        raise ArithmeticError(event.now)

    made.subscribe(eager)
    made.subscribe(angry)
    made.subscribe(lambda event: heard[2].append(event.now))
    with pytest.raises(ArithmeticError, match="5"):
        made.advance(5)
    assert heard == [[5, 6]] * 3
    assert made.now == 6


def test_a_listener_may_leave() -> None:
    made = market()
    heard: list[e.Event] = []
    ends = [made.subscribe(heard.append), made.subscribe(heard.append)]
    made.advance(5)
    assert len(heard) == 2
    ends[0]()
    ends[0]()
    made.advance(6)
    assert len(heard) == 3

    def once(event: e.Event) -> None:
        heard.append(event)
        ends[-1]()

    ends.append(made.subscribe(once))
    ends[1]()
    made.advance(7)
    made.advance(8)
    assert len(heard) == 4


def test_an_interrupted_listener_leaves_the_rest_for_the_next_call() -> None:
    made = market()
    heard: list[e.Event] = []

    def interrupted(event: e.Event) -> None:
        if event.now == 5:
            raise SystemExit

    made.subscribe(interrupted)
    made.subscribe(heard.append)
    with pytest.raises(SystemExit):
        made.advance(5)
    made.advance(6)
    assert [event.now for event in heard] == [6]


RUBBISH = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.text(max_size=3),
    st.integers(),
    st.just({}),
    st.binary(),
)
NAMES: dict[str, tuple[str, ...]] = {
    "post": ("offer",),
    "amend": ("offer_id", "amount", "min_rate", "grades", "terms"),
    "cancel": ("offer_id",),
    "submit": ("request",),
    "quote": ("request",),
    "advance": (),
    "repay": ("request_id", "amount"),
    "declare_group": ("borrower_id", "members"),
    "set_lender_limits": ("lender_id", "limits"),
    "set_borrower_limits": ("borrower_id", "limits"),
    "post_many": ("columns",),
    "submit_many": ("columns",),
    "explain": ("request",),
    "withdraw": ("request_id",),
    "accept": ("request_id",),
    "decline": ("request_id",),
    "uncross": ("grade", "term"),
}


@settings(max_examples=of_hundred(200), deadline=None)
@given(st.sampled_from(sorted(NAMES)), st.data())
def test_rubbish_is_refused_and_changes_nothing(call: str, data: st.DataObject) -> None:
    made = settled()
    before = made.digest()
    arguments = {name: data.draw(RUBBISH, label=name) for name in NAMES[call]}
    now = data.draw(st.one_of(st.just(5), RUBBISH), label="now")
    try:
        getattr(made, call)(**arguments, now=now)
    except P2PMatchError:
        assert made.digest() == before
    made.check()


@settings(max_examples=of_hundred(100), deadline=None)
@given(st.fixed_dictionaries({}, optional={"time_in_force": RUBBISH, "hold_for": RUBBISH}))
def test_rubbish_about_how_long_is_refused_and_changes_nothing(terms: dict[str, Any]) -> None:
    made = settled()
    before = made.digest()
    try:
        made.submit(request(5, request_id="new"), now=5, **terms)
    except P2PMatchError:
        assert made.digest() == before
    made.check()


def test_the_book_never_grows_beyond_what_adds_up_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    made = market(("a", "ann", 100, 5))
    monkeypatch.setattr("p2pmatch.decide.MAX_BOOK", 150)
    made.post(offer("b", "ben", 50, 5), now=0)
    for call in (
        lambda: made.post(offer("c", "ben", 1, 5), now=0),
        lambda: made.amend("a", amount=101, now=0),
        lambda: made.post_many(
            {"offer_id": ["c"], "lender_id": ["x"], "amount": [1], "min_rate": [1]}, now=0
        ),
    ):
        with pytest.raises(P2PMatchError, match="at most 0 more") as refused:
            call()
        assert refused.value.code == "book_full"
    monkeypatch.setattr("p2pmatch.decide.MAX_ARRIVALS", 3)
    made._state.posted_total = 0
    made.post(offer("d", "ben", 1, 5), now=0)
    with pytest.raises(P2PMatchError) as refused:
        made.post(offer("e", "ben", 1, 5), now=0)
    assert refused.value.code == "book_full"


def test_the_largest_orders_add_up() -> None:
    most = 500_000_000_000
    made = market(*((f"o{i}", f"l{i}", most, 1_000) for i in range(20)))
    result = made.submit(request(most, percent=1_000), now=1)
    assert result.loan is not None
    assert result.loan.rate == 10_000_000
    assert made.ladder("A", 36).available[-1] == 19 * most
    made.check()


# The state machine


def test_a_command_leads_to_a_recorded_refusal() -> None:
    state = State(Rules(grades=["A"], terms=[36]))
    (event,) = decide(state, c.CancelOffer(offer_id="x", now=5))
    assert isinstance(event, e.Rejected)
    apply(state, event)
    assert state.now is None
    assert (event.code, event.field, event.value, event.now) == (
        "unknown_offer",
        "offer_id",
        "x",
        5,
    )


def test_an_unknown_change_is_refused() -> None:
    with pytest.raises(UnknownName) as refused:
        c.AmendOffer(offer_id="a", changes={"lender_id": "x"}, now=5)
    assert refused.value.code == "unknown_field"


def test_every_command_has_its_decision() -> None:
    kinds = {
        kind for kind in vars(c).values() if isinstance(kind, type) and issubclass(kind, c.Command)
    }
    assert set(DECISIONS) == kinds - {c.Command}
    kinds = {
        kind for kind in vars(e).values() if isinstance(kind, type) and issubclass(kind, e.Event)
    }
    assert set(APPLICATIONS) == kinds - {e.Event, e.Rejected}


@pytest.mark.parametrize("harm", ["overdrawn", "lent", "held", "committed", "place"])
def test_a_memory_that_contradicts_itself_is_noticed(harm: str) -> None:
    made = settled()
    state = made._state
    if harm == "overdrawn":
        state.table.remaining[0] = -1
    elif harm == "lent":
        state.table.remaining[0] -= 1
    elif harm == "held":
        made.submit(request(5_000, request_id="n"), now=5, time_in_force=Listing(closes_at=9))
        resting = state.waiting.resting["n"]
        resting.request = attrs.evolve(resting.request, amount=1)
    elif harm == "committed":
        state.table.committed[0] += 1
    else:
        state.ladders[0].remove(state.key_of(0, 0))
    with pytest.raises(InvariantError):
        made.check()


def test_the_digest_covers_what_can_matter_later() -> None:
    changes = (
        lambda m: m.advance(9),
        lambda m: m.post(offer("z", "x", 1, 1), now=3),
        lambda m: m.set_lender_limits("ann", Limits(per_loan=50), now=3),
        lambda m: m.set_borrower_limits("bob", BorrowerLimits(total=50), now=3),
        lambda m: m.declare_group("bob", {"x"}, now=3),
        lambda m: m.repay("r1", 1, now=3),
        lambda m: m.amend("a", amount=101, now=3),
        lambda m: m.amend("a", min_rate={"A": 50_000}, now=3),
        lambda m: m.submit(request(5, percent=1, request_id="n"), now=3),
    )
    digests = {settled().digest()}
    for change in changes:
        made = settled()
        change(made)
        digests.add(made.digest())
    assert len(digests) == 1 + len(changes)
    assert settled().digest() == settled().digest()


def test_a_group_can_be_taken_back() -> None:
    made = market(("a", "ann", 10, 5))
    before = made.digest()
    made.declare_group("bob", {"ann"}, now=0)
    assert notes(made.submit(request(5), now=0)) == []
    made.declare_group("bob", set(), now=0)
    assert made._state.groups == {}
    assert before != made.digest()  # the request's id is used up
    assert notes(made.submit(Request(**fields("r2")), now=0)) == [("a", 5)]


def fields(request_id: str) -> dict[str, Any]:
    return {
        "request_id": request_id,
        "borrower_id": "bob",
        "amount": 5,
        "max_rate": 90_000,
        "grade": "A",
        "term": 36,
    }
