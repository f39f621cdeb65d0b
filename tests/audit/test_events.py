"""What a live history can have wrong, one event of every kind; and rules of somebody else's."""

from fractions import Fraction
from random import Random
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest

from p2pmatch import (
    Accepted,
    BorrowerLimits,
    Level,
    Limits,
    Loan,
    Marketplace,
    Note,
    Notes,
    Offer,
    Priced,
    Request,
    Rules,
)
from p2pmatch import events as e
from p2pmatch.allocation import Fifo
from p2pmatch.audit import BREACHES, Auditor, audit_events
from p2pmatch.time_in_force import IMMEDIATE, Auction, Listing, TimeInForce
from tests.audit.test_corruptions import CORRUPTIONS
from tests.machines.test_twin import History

RULES = Rules(grades=["A", "B"], terms=[12, 36])


def offer(offer_id: str, **changes: Any) -> Offer:
    fields: dict[str, Any] = {
        "offer_id": offer_id,
        "lender_id": f"lender of {offer_id}",
        "amount": 100,
        "min_rate": 50_000,
        **changes,
    }
    return Offer(**fields)


def request(request_id: str = "r1", **changes: Any) -> Request:
    fields: dict[str, Any] = {
        "request_id": request_id,
        "borrower_id": "bob",
        "amount": 150,
        "max_rate": 90_000,
        "grade": "A",
        "term": 36,
        **changes,
    }
    return Request(**fields)


def loan(asked: Request, *notes: tuple[str, int, int], principal: int | None = None) -> e.LoanMade:
    made = [
        Note(offer_id, f"lender of {offer_id}", amount, rate) for offer_id, amount, rate in notes
    ]
    total = sum(note.amount for note in made) if principal is None else principal
    return e.LoanMade(now=9, loan=Loan(asked, total, Notes.of(made)))


def rest(asked: Request, amount: int, reason: str) -> e.RequestUnfunded:
    return e.RequestUnfunded(now=9, request=asked, amount=amount, reason=reason)


def posted(*offers: Offer, now: int = 1) -> list[e.Event]:
    return [e.OfferPosted(now=now, offer=made) for made in offers]


BOOK = posted(
    offer("o1"), offer("o2", min_rate=60_000), offer("o3", min_rate=70_000, expires_at=20)
)
MADE = loan(request(), ("o1", 100, 50_000), ("o2", 50, 60_000))


def rests(asked: Request, time_in_force: TimeInForce) -> e.RequestRests:
    return e.RequestRests(now=2, request=asked, time_in_force=time_in_force, hold_for=None)


def of(*notes: tuple[str, int, int]) -> dict[str, Any]:
    """The fields of an event about commitments to r1; each offer's place is its number."""
    made = [
        Note(offer_id, f"lender of {offer_id}", amount, rate) for offer_id, amount, rate in notes
    ]
    keys = np.array([int(offer_id[1:]) for offer_id, _, _ in notes], dtype=np.int64)
    return {"request_id": "r1", "notes": Notes.of(made), "keys": keys}


def commit(*notes: tuple[str, int, int], now: int = 2) -> e.MoneyCommitted:
    return e.MoneyCommitted(now=now, **of(*notes))


def release(
    *notes: tuple[str, int, int], now: int = 2, reason: str = "withdrawn"
) -> e.MoneyReleased:
    return e.MoneyReleased(now=now, reason=reason, **of(*notes))


def uncrossed(rate: int | None, volume: int, matched: int) -> e.CellUncrossed:
    return e.CellUncrossed(
        now=9,
        grade="A",
        term=36,
        rate=rate,
        matched=matched,
        volume=volume,
        supply=300,
        demand=0,
        at_margin=(0, 0),
        turned_away=(),
    )


LISTED = [*BOOK, rests(request(), Listing(closes_at=8))]
FULL = commit(("o1", 100, 50_000), ("o2", 50, 60_000))
BID = [*BOOK, rests(request(), Auction(closes_at=8)), FULL]
HELD_NOTES = [("o1", 100, 50_000), ("o2", 50, 60_000)]
HELD = e.LoanHeld(now=9, loan=MADE.loan, until=20)


@attrs.frozen(kw_only=True)
class Strange(e.Event):
    """Something that the audit has never heard of."""


class Wrong(Loan):
    """A loan that reckons its exact rate wrong."""

    @property
    def exact_rate(self) -> Fraction:
        return Fraction(160_001, 3)


HISTORIES: dict[str, tuple[list[e.Event], list[str]]] = {
    "nothing wrong": ([*BOOK, MADE], []),
    "an event of another kind": ([Strange(now=1)], ["unknown_event"]),
    "time goes back": ([*BOOK, e.TimeAdvanced(now=0)], ["time_backwards"]),
    "an offer twice": ([*BOOK, *posted(offer("o1"))], ["duplicate_offer"]),
    "an unknown grade": (posted(offer("x", grades={"Z"})), ["unknown_cell"]),
    "an unknown term": (posted(offer("x", terms={12, 99})), ["unknown_cell"]),
    "an unknown offer amended": (
        [*BOOK, e.OfferAmended(now=2, offer=offer("x"))], ["unknown_offer"],
    ),
    "a cancelled offer amended": (
        [*BOOK, e.OfferCancelled(now=2, offer_id="o1", amount=100), e.OfferAmended(now=2, offer=offer("o1", amount=7))],
        ["unknown_offer"],
    ),
    "an offer amended to be another's": (
        [*BOOK, e.OfferAmended(now=2, offer=offer("o1", lender_id="eve"))], ["wrong_lender"],
    ),
    "an offer amended to a strange term": (
        [*BOOK, e.OfferAmended(now=2, offer=offer("o1", terms={1}))], ["unknown_cell"],
    ),
    "an offer outlives its time": ([*BOOK, e.TimeAdvanced(now=20)], ["expiry"]),
    "an offer outlives its time and lends": (
        [*BOOK, attrs.evolve(loan(request(amount=10), ("o3", 10, 70_000)), now=20)], ["expiry", "unknown_offer"],
    ),
    "an offer expires": (
        [*BOOK, e.OfferExpired(now=20, offer_id="o3", amount=100), e.TimeAdvanced(now=20)], [],
    ),
    "an offer without a time expires": (
        [*BOOK, e.OfferExpired(now=20, offer_id="o1", amount=100)], ["expiry"],
    ),
    "an expiry put off": (
        [
            *BOOK,
            e.OfferAmended(now=2, offer=offer("o3", min_rate=70_000, expires_at=30)),
            e.TimeAdvanced(now=29),
        ],
        [],
    ),
    "a request twice": (
        [*BOOK, MADE, rest(request(), 150, "no_eligible_offer")],
        ["unfunded"],
    ),
    "a request twice, later": (
        [*BOOK, MADE, e.TimeAdvanced(now=9), rest(request(amount=900), 900, "below_min_amount")],
        ["duplicate_request"],
    ),
    "a request of an unknown grade": (
        [*BOOK, rest(request(grade="Z"), 150, "empty_book")], ["unknown_cell"],
    ),
    "a loan without notes": ([*BOOK, loan(request())], ["principal", "unfunded"]),
    "a loan without principal": (
        [*BOOK, loan(request(), ("o1", 100, 50_000), principal=0)], ["principal", "unfunded"],
    ),
    "an exact rate that is not": (
        [*BOOK, e.LoanMade(now=9, loan=Wrong(MADE.loan.request, 150, MADE.loan.notes))],
        ["blended_rate"] * 2,
    ),
    "a rest after another's loan": (
        [*BOOK, MADE, rest(request("r2", max_rate=1), 150, "no_eligible_offer")], [],
    ),
    "another reason": ([*BOOK, rest(request(max_rate=1), 150, "empty_book")], ["reason"]),
    "a reason where the book is empty": (
        [*posted(offer("o1", grades={"B"})), rest(request(), 150, "empty_book")], [],
    ),
    "a reason of the borrower's": (
        [
            *BOOK,
            e.BorrowerLimitsSet(now=2, borrower_id="bob", limits=BorrowerLimits(total=149)),
            rest(request(), 150, "borrower_limit"),
        ],
        [],
    ),
    "a loan beyond the borrower's limit": (
        [*BOOK, e.BorrowerLimitsSet(now=2, borrower_id="bob", limits=BorrowerLimits(total=149)), MADE],
        ["borrower_total"],
    ),
    "a limit taken away": (
        [
            *BOOK,
            e.BorrowerLimitsSet(now=2, borrower_id="bob", limits=BorrowerLimits(total=149)),
            e.BorrowerLimitsSet(now=2, borrower_id="bob", limits=BorrowerLimits()),
            e.LenderLimitsSet(now=2, lender_id="lender of o1", limits=Limits(total=1)),
            e.LenderLimitsSet(now=2, lender_id="lender of o1", limits=Limits()),
            MADE,
        ],
        [],
    ),
    "a lender beyond its own limit": (
        [*BOOK, e.LenderLimitsSet(now=2, lender_id="lender of o1", limits=Limits(total=99)), MADE],
        ["total"],
    ),
    "a lender of the borrower's group": (
        [*BOOK, e.GroupDeclared(now=2, borrower_id="bob", members=frozenset({"lender of o2"})), MADE],
        ["same_party"],
    ),
    "a repayment of no loan": ([e.LoanRepaid(now=1, request_id="r1", amount=1)], ["repaid"]),
    "too large a repayment": ([*BOOK, MADE, e.LoanRepaid(now=9, request_id="r1", amount=151)], ["repaid"]),
    "more given back than was left": (
        [*BOOK, MADE, e.OfferCancelled(now=9, offer_id="o2", amount=51)], ["released"],
    ),
    # Requests that rest
    "a listing fills": ([*LISTED, FULL, attrs.evolve(MADE, now=2)], []),
    "a listing closes with nothing": (
        [*posted(offer("o1", grades={"B"})), rests(request(), Listing(closes_at=8)), attrs.evolve(rest(request(), 150, "empty_book"), now=8)],
        [],
    ),
    "a listing waits beyond its close": ([*LISTED, FULL, e.TimeAdvanced(now=8)], ["overdue"]),
    "an immediate request waits beyond its expiry": (
        [*BOOK, rests(request(expires_at=5), IMMEDIATE), e.TimeAdvanced(now=5)], ["overdue"],
    ),
    "a listing rests twice": ([*LISTED, rests(request(), Listing(closes_at=8))], ["duplicate_request"]),
    "a strange cell rests": (
        [*BOOK, rests(request(grade="Z"), Listing(closes_at=8))], ["unknown_cell"],
    ),
    "money for nobody": ([*BOOK, FULL], ["unknown_request"]),
    "money back from nobody": ([*BOOK, release(("o1", 100, 50_000))], ["unknown_request"]),
    "money of no offer": ([*LISTED, commit(("o9", 100, 50_000))], ["unknown_offer"]),
    "money of another's offer": (
        [*LISTED, e.MoneyCommitted(now=2, request_id="r1", keys=np.array([1]), notes=Notes.of([Note("o1", "eve", 100, 50_000)]))],
        ["wrong_lender"],
    ),
    "more money than an offer has": (
        [*LISTED, commit(("o1", 101, 50_000))], ["overdrawn"],
    ),
    "money at another rate": ([*LISTED, commit(("o1", 100, 50_001))], ["overdrawn"]),
    "the dearer offer commits": ([*LISTED, commit(("o2", 100, 60_000), ("o1", 50, 50_000))], ["priority"]),
    "an auction holds the dearer offer": (
        [*BOOK, rests(request(), Auction(closes_at=8)), commit(("o2", 100, 60_000), ("o1", 50, 50_000))],
        ["priority"],
    ),
    "more comes back than was promised": ([*LISTED, FULL, release(("o1", 101, 50_000))], ["released"]),
    "another's money comes back": (
        [*LISTED, FULL, e.MoneyReleased(now=2, request_id="r1", reason="withdrawn", keys=np.array([1]), notes=of(("o2", 50, 60_000))["notes"])],
        ["released"],
    ),
    "a request ends and keeps its money": (
        [*LISTED, FULL, attrs.evolve(rest(request(), 150, "withdrawn"), now=2)], ["released"],
    ),
    "a request ends in part": (
        [*LISTED, attrs.evolve(rest(request(), 149, "withdrawn"), now=2)], ["unfunded"],
    ),
    "a loan of what nobody promised": (
        [*LISTED, commit(("o1", 100, 50_000), ("o2", 50, 60_000)), attrs.evolve(loan(request(), ("o1", 100, 50_000), ("o3", 50, 70_000)), now=2)],
        ["not_as_promised"],
    ),
    "an auction that does not wait": ([*BID, attrs.evolve(MADE, now=2)], ["not_as_promised"]),
    "an auction closes": ([*BID, attrs.evolve(MADE, now=8)], []),
    "an auction closes and gives back what could be a loan": (
        [*BID, release(*HELD_NOTES, now=8, reason="closed"), attrs.evolve(rest(request(), 150, "below_min_amount"), now=8)],
        ["not_as_promised"],
    ),
    "an auction closes and gives back some of it": (
        [
            *BOOK,
            rests(request(min_amount=1), Auction(closes_at=8)),
            FULL,
            release(("o2", 10, 60_000), now=8, reason="share_cap"),
            attrs.evolve(loan(request(min_amount=1), ("o1", 100, 50_000), ("o2", 40, 60_000)), now=8),
            attrs.evolve(rest(request(min_amount=1), 10, "not_enough_room"), now=8),
        ],
        ["not_as_promised"],
    ),
    "a loan of a listing waits though nobody asked for it": (
        [*LISTED, FULL, attrs.evolve(HELD, now=2)], ["not_as_promised"],
    ),
    "a loan of a listing waits too long": (
        [*BOOK, attrs.evolve(LISTED[-1], hold_for=5), FULL, e.LoanHeld(now=2, loan=MADE.loan, until=8)], ["not_as_promised"],
    ),
    "a loan of a listing waits as long as was asked": (
        [*BOOK, attrs.evolve(LISTED[-1], hold_for=5), FULL, e.LoanHeld(now=2, loan=MADE.loan, until=7)], [],
    ),
    "money comes back to another": (
        [*LISTED, FULL, e.MoneyReleased(now=2, request_id="r1", reason="withdrawn", keys=np.array([1]), notes=Notes.of([Note("o1", "eve", 100, 50_000)]))],
        ["wrong_lender"],
    ),
    # Loans that wait for a yes
    "a loan is held and accepted": ([*BOOK, HELD, attrs.evolve(MADE, now=19)], []),
    "a loan is accepted too late": (
        [*BOOK[:2], HELD, attrs.evolve(MADE, now=20)], ["not_as_held"],
    ),
    "a loan waits too long": ([*BOOK[:2], HELD, e.TimeAdvanced(now=20)], ["overdue"]),
    "another loan than was held": (
        [*BOOK, HELD, loan(request(), ("o1", 100, 50_000), ("o2", 50, 70_000))], ["not_as_held"],
    ),
    "a held loan is declined": (
        [*BOOK, HELD, release(*HELD_NOTES, now=9, reason="declined"), rest(request(), 150, "declined")], [],
    ),
    "less comes back than was held": (
        [*BOOK, HELD, release(HELD_NOTES[0], now=9, reason="declined"), rest(request(), 150, "declined")], ["released"],
    ),
    "a held loan comes back to another": (
        [*BOOK, HELD, e.MoneyReleased(now=9, request_id="r1", reason="declined", keys=np.array([1, 2]), notes=Notes.of([Note("o1", "eve", 100, 50_000), Note("o2", "lender of o2", 50, 60_000)])), rest(request(), 150, "declined")],
        ["released"],
    ),
    "a held loan is declined and keeps its money": (
        [*BOOK[:2], HELD, e.TimeAdvanced(now=9), rest(request(), 150, "declined")], ["released"],
    ),
    "a held loan is declined in part": (
        [*BOOK, HELD, release(*HELD_NOTES, now=9, reason="declined"), rest(request(), 149, "declined")], ["unfunded"],
    ),
    "a loan is held twice": ([*BOOK, HELD, HELD], ["not_as_held"]),
    "a loan nobody knows is declined": ([*BOOK, rest(request(), 150, "declined")], ["unknown_request"]),
    # Call auctions
    "a call without a loan": ([*BOOK, uncrossed(None, 0, 0)], []),
    "a call at no rate": ([*BOOK, uncrossed(50_000, 0, 0)], ["clearing"]),
    "a call that lends what it does not": (
        [*BOOK, uncrossed(None, 100, 100)], ["clearing", "clearing"],
    ),
    "a call in a strange cell": (
        [*BOOK, attrs.evolve(uncrossed(None, 0, 0), grade="Z")], ["unknown_cell"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HISTORIES)
def test_every_history_is_named(name: str) -> None:
    events, codes = HISTORIES[name]
    report = audit_events(RULES, events)
    assert [breach.code for breach in report.breaches] == codes, str(report.breaches)
    assert all(breach.where.startswith("event ") for breach in report.breaches)


def test_what_is_spoiled_later_is_booked_as_it_was_said() -> None:
    """A loan by the dearer of two offers: the next request meets the book that this left."""
    events = [
        *BOOK,
        loan(request(amount=100), ("o2", 100, 60_000)),
        loan(request("r2", amount=100), ("o1", 100, 50_000)),
    ]
    assert [breach.code for breach in audit_events(RULES, events).breaches] == ["priority"]


def test_a_report_can_be_asked_for_at_any_time() -> None:
    auditor = Auditor(RULES)
    for count, event in enumerate([*BOOK, MADE], 1):
        auditor.see(event)
        report = auditor.report()
        assert report.ok
        assert report.checked["events"] == count


def test_every_code_is_planted_somewhere() -> None:
    planted = {code for _, code, _ in CORRUPTIONS.values()}
    planted |= {code for _, codes in HISTORIES.values() for code in codes}
    assert planted | {"file_changed"} == set(BREACHES)


def test_a_lender_without_limits_may_bring_its_own_tail_up() -> None:
    rules = attrs.evolve(RULES, min_note=25)
    market = Marketplace(rules)
    auditor = Auditor(rules)
    market.subscribe(auditor.see)
    for number in range(2):
        market.post(offer(f"o{number}", lender_id="ann"), now=1)
    made = market.submit(request(amount=110), now=2).loan
    assert made is not None
    assert made.notes.amounts.tolist() == [85, 25]
    assert auditor.report().ok


@pytest.mark.long
@pytest.mark.parametrize("block", range(20))
def test_long_campaign(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        history = History(Random(20_000 + seed), large=seed % 5 == 0)
        auditor = Auditor(history.draw.rules)
        history.pair.market.subscribe(auditor.see)
        history.run(80)
        assert auditor.report().ok, seed


# Other rules


class Last:
    """The last to arrive gives first."""

    def allocate(self, level: Level) -> npt.NDArray[np.int64]:
        flipped = attrs.evolve(level, rooms=level.rooms[::-1])
        return Fifo().allocate(flipped)[::-1]


class Higher:
    """Every note bears a little more than was asked."""

    def price(self, accepted: Accepted) -> Priced:
        return Priced(accepted.asks + 1, "a little more")


def lived(rules: Rules) -> list[e.Event]:
    market = Marketplace(rules)
    events: list[e.Event] = []
    market.subscribe(events.append)
    for number, rate in enumerate([50_000, 50_000, 60_000, 60_000, 60_000]):
        market.post(offer(f"o{number}", min_rate=rate), now=1)
    market.submit(request(amount=350), now=2)
    market.submit(request("r2", amount=1_000), now=3)
    market.submit(request("r3", amount=120, min_amount=1), now=4)
    return events


def test_rules_of_others_are_held_to_what_holds_for_all() -> None:
    rules = attrs.evolve(RULES, allocation=Last(), pricing=Higher())
    events = lived(rules)
    assert audit_events(rules, events).ok
    assert not audit_events(RULES, events).ok


def test_fifo_may_be_given_as_an_object() -> None:
    assert audit_events(attrs.evolve(RULES, allocation=Fifo()), lived(RULES)).ok


def test_better_rates_come_first_under_any_rule() -> None:
    rules = attrs.evolve(RULES, allocation=Last())
    made = loan(request(amount=100), ("o1", 40, 50_000), ("o2", 60, 60_000))
    report = audit_events(rules, [*BOOK, made])
    assert [breach.code for breach in report.breaches] == ["priority"]
    assert "100" not in report.breaches[0].where
    assert "o1" in report.breaches[0].message
    nothing = rest(request(), 150, "below_min_amount")
    assert audit_events(rules, [*BOOK, nothing]).ok


@pytest.mark.parametrize(
    ("amount", "limit", "rate"),
    [
        # The third offer is left out, or the rest of the second; then the lender has no more.
        (150, None, 60_000),
        (200, None, 70_000),
        (110, 70, 60_000),
        (140, 70, 70_000),
        # Nothing is left out.
        (300, None, 90_000),
    ],
)
def test_the_first_rejected_rate_is_worked_out_again(
    amount: int, limit: int | None, rate: int
) -> None:
    rules = attrs.evolve(
        RULES, pricing="uniform_first_rejected", lender_limits=Limits(per_loan=limit)
    )
    market = Marketplace(rules)
    events: list[e.Event] = []
    market.subscribe(events.append)
    for number, ask in enumerate([50_000, 60_000, 70_000]):
        market.post(offer(f"o{number}", min_rate=ask), now=1)
    market.submit(request(amount=amount), now=2)
    made = events[-1]
    assert isinstance(made, e.LoanMade)
    assert {note.rate for note in made.loan.notes} == {rate}
    assert audit_events(rules, events).ok
    notes = [Note(n.offer_id, n.lender_id, n.amount, n.rate + 1) for n in made.loan.notes]
    events[-1] = attrs.evolve(made, loan=attrs.evolve(made.loan, notes=Notes.of(notes)))
    wrong = audit_events(rules, events).breaches
    assert {breach.code for breach in wrong} == {"rate" if rate < 90_000 else "above_max_rate"}
    assert len(wrong) == len(notes)


def test_a_rate_below_the_ask_is_wrong_under_any_pricing() -> None:
    rules = attrs.evolve(RULES, pricing=Higher())
    low = loan(request(amount=100), ("o1", 100, 49_999))
    high = loan(request(amount=100), ("o1", 100, 90_001))
    assert [b.code for b in audit_events(rules, [*BOOK, low]).breaches] == ["rate"]
    assert [b.code for b in audit_events(rules, [*BOOK, high]).breaches] == ["above_max_rate"]
