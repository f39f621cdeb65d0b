"""What waits: that its time is up when it is up, whatever has left before it."""

from p2pmatch import Listing, Marketplace
from p2pmatch.events import RequestUnfunded
from tests.helpers import market, request


def waiting(made: Marketplace) -> list[str]:
    return [status.request.request_id for status in made.requests()]


def test_who_is_left_when_others_are_matched_still_expires() -> None:
    made = market(("a", "ann", 100, 5), ("b", "ben", 100, 6), matching="call")
    made.submit(request(50, 5, request_id="held"), now=1, hold_for=7)
    made.uncross("A", 36, now=1)
    made.submit(request(50, 6, request_id="matched", expires_at=9), now=2)
    made.submit(request(50, 4, request_id="left", expires_at=6), now=2)
    made.submit(request(50, 3, request_id="for ever"), now=2)
    assert [loan.request_id for loan in made.uncross("A", 36, now=2).loans] == ["matched"]
    made.advance(5)
    assert waiting(made) == ["left", "for ever", "held"]
    made.advance(6)
    assert waiting(made) == ["for ever", "held"]
    made.advance(7)
    assert made.offer("a").remaining == 0
    made.advance(8)
    assert made.offer("a").remaining == 50
    made.advance(100)
    assert waiting(made) == ["for ever"]
    made.check()


def test_loans_that_lapse_together_lapse_by_what_their_borrowers_would_pay_then_by_arrival() -> (
    None
):
    made = market(("a", "ann", 100, 5))
    for request_id, percent in (("z", 7), ("y", 7), ("x", 9)):
        made.submit(request(10, percent, request_id=request_id), now=1, hold_for=5)
    gone = [event for event in made.advance(6) if isinstance(event, RequestUnfunded)]
    assert [event.request.request_id for event in gone] == ["x", "z", "y"]


def test_arrivals_are_numbered_from_nought() -> None:
    made = market()
    for request_id in ("x", "y"):
        made.submit(request(10, request_id=request_id), now=1, time_in_force=Listing(closes_at=9))
    waiting_now = made._state.waiting
    assert [waiting_now.resting[name].arrival for name in ("x", "y")] == [0, 1]
    assert waiting_now.arrivals == 2
