from typing import Any

import pytest

from p2pmatch import Fees, Marketplace, P2PMatchError, Position, Posted
from p2pmatch.position import MAX_LOANS
from tests.helpers import market, offer, request


def book(**rules: Any) -> Marketplace:
    return market(
        ("o1", "ann", 400, 5),
        ("o2", "ben", 300, 6),
        ("o3", "cleo", 900, 6),
        ("o4", "dan", 50, 7),
        **rules,
    )


def place(made: Marketplace, offer_id: str, **more: Any) -> Position:
    return made.position(offer_id, **{"grade": "A", "term": 36, **more})


def test_money_and_offers_in_front() -> None:
    third = place(book(fees=Fees(servicing=10_000)), "o3")
    assert (third.rank, third.offers_ahead, third.ahead) == (3, 2, 700)
    assert (third.offers_ahead_at_rate, third.ahead_at_rate) == (1, 300)
    assert (third.rate, third.net_rate, third.remaining) == (60_000, 50_000, 900)
    assert third.rate_to_be_first == 49_999
    first = place(book(), "o1")
    assert (first.rank, first.ahead, first.rate_to_be_first) == (1, 0, 50_000)


def test_only_whole_increments_and_places_with_money_for_a_note_count() -> None:
    made = market(
        ("o1", "ann", 407, 5),
        ("o2", "ben", 30, 5),
        ("o3", "cleo", 900, 6),
        increment=10,
        min_note=50,
    )
    third = place(made, "o3")
    assert (third.rank, third.ahead) == (2, 400)


def test_the_first_part_of_an_offer_is_its_place() -> None:
    made = book()
    made.amend("o2", amount=800, now=1)
    second = place(made, "o2")
    assert (second.rank, second.ahead, second.remaining) == (2, 400, 800)
    made.submit(request(700), now=2)
    behind = place(made, "o2")
    assert (behind.rank, behind.ahead, behind.remaining) == (2, 900, 500)


def test_in_a_long_queue() -> None:
    made = market(*((f"o{i}", f"l{i}", 10, 1 + i % 10) for i in range(2_000)))
    for i, rank in [(0, 1), (3, 601), (1_999, 2_000), (1_005, 1_101)]:
        found = place(made, f"o{i}")
        assert (found.rank, found.ahead) == (rank, 10 * (rank - 1))
        assert found.offers_ahead_at_rate == i // 10


def test_nobody_comes_before_nothing_asked() -> None:
    made = market(("o1", "ann", 400, 0), ("o2", "ben", 300, 6))
    assert place(made, "o2").rate_to_be_first is None


def test_the_rate_at_which_it_would_have_been_filled_lately() -> None:
    made = book()
    assert (place(made, "o4").filled_rate, place(made, "o4").loans) == (None, 0)
    made.submit(request(600, request_id="r1"), now=1)  # 400 at 5 %, 200 at 6 %
    last = place(made, "o4")  # has 50
    assert (last.filled_rate, last.loans) == (59_999, 1)
    made.post(offer("o5", "eva", 500, 9), now=2)
    assert place(made, "o5").filled_rate == 49_999  # 200 above 5 % are not enough
    made.submit(request(500, request_id="r2"), now=3)  # 100 and 400 at 6 %
    assert place(made, "o5").filled_rate == 59_999
    assert place(made, "o5", last=1).filled_rate == 59_999
    assert place(made, "o5", last=0).filled_rate is None
    made.amend("o5", amount=2_000, now=4)
    assert place(made, "o5").filled_rate is None


def test_its_own_caps_and_tags_count() -> None:
    made = book()
    made.submit(request(600), now=1)
    for offer_id, more in [
        ("cap", {"max_per_loan": 100}),
        ("share", {"max_share": 100_000}),
        ("green", {"requires": {"green"}}),
        ("shop", {"refuses": {"shop"}}),
    ]:
        made.post(offer(offer_id, "eva", 150, 9, **more), now=2)
    made.post(offer("own", "bob", 150, 9), now=2)
    found = {
        name: place(made, name).filled_rate for name in ("cap", "share", "green", "shop", "own")
    }
    assert found == {"cap": None, "share": None, "green": None, "shop": 59_999, "own": None}
    made.declare_group("bob", {"eva"}, now=3)
    assert place(made, "shop").filled_rate is None


def test_loans_of_a_call_auction_count_as_well() -> None:
    made = book(matching="call")
    made.submit(request(500, 6), now=1)
    made.uncross("A", 36, now=2)
    assert (place(made, "o4").filled_rate, place(made, "o4").loans) == (59_999, 1)


def test_where_rates_are_posted_places_rank_by_arrival() -> None:
    made = book(pricing=Posted({("A", 36): 65_000}))
    third = place(made, "o3")
    assert (third.rank, third.offers_ahead_at_rate, third.rate) == (3, 2, 60_000)
    assert third.rate_to_be_first is None
    made.submit(request(500), now=1)
    assert place(made, "o3").filled_rate is None


def test_what_is_refused() -> None:
    made = book(grades=["A", "B"], terms=[12, 36])
    made.post(offer("b", "eva", 100, 5, grades={"B"}), now=0)
    made.cancel("o4", now=0)
    for offer_id, more, code, field in [
        ("nobody", {}, "unknown_offer", "offer_id"),
        ("o1", {"grade": "Z"}, "unknown_grade", "grade"),
        ("o1", {"term": 13}, "unknown_term", "term"),
        ("b", {}, "not_in_queue", "offer_id"),
        ("o4", {}, "not_in_queue", "offer_id"),
        ("o1", {"last": -1}, "negative", "last"),
        ("o1", {"last": MAX_LOANS + 1}, "too_large", "last"),
    ]:
        with pytest.raises(P2PMatchError) as refused:
            place(made, offer_id, **more)
        assert (refused.value.code, refused.value.field) == (code, field)
