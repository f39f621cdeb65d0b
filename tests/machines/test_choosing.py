"""Random markets: what quotes, comparisons, what-ifs and positions say, beside the twin and by trial."""

from random import Random

import attrs
import pytest

from p2pmatch import Change, Marketplace, Quote, Request
from p2pmatch.units import MAX_RATE
from tests.examples import of_hundred
from tests.machines.test_twin import History
from tests.model import choosing

SEEDS = range(of_hundred(40))
# How many values are tried of a long range: those next to the answer, and some of the others.
TRIALS = 40


def lived(seed: int, steps: int = 30) -> History:
    """A market with a past; some wait, some are held, some is call."""
    history = History(Random(7_000 + seed))
    history.run(steps)
    history.advance()
    return history


def requests(history: History, count: int = 6) -> list[Request]:
    return [attrs.evolve(history.draw.request(), expires_at=None) for _ in range(count)]


def some(values: range) -> list[int]:
    """The values if they are few; or the first, which are nearest to the answer, and some more."""
    if len(values) <= TRIALS:
        return list(values)
    half = TRIALS // 2
    return [*values[:half], *values[half :: max(len(values) // half, 1)]]


def funded(market: Marketplace, now: int, request: Request) -> Quote | None:
    quote = market.quote(request, now=now)
    return None if quote.unfunded else quote


@pytest.mark.parametrize("seed", SEEDS)
def test_shortfalls_add_up_and_are_those_of_the_twin(seed: int) -> None:
    history = lived(seed)
    market, now = history.pair.market, history.now
    for request in requests(history):
        quote = market.quote(request, now=now)
        said = [(shortfall.reason, shortfall.amount) for shortfall in quote.shortfalls]
        assert sum(amount for _, amount in said) == quote.unfunded
        assert said == choosing.shortfalls(history.pair.model, request, now)


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_of_a_comparison_are_single_quotes(seed: int) -> None:
    history = lived(seed)
    market, now, rules = history.pair.market, history.now, history.draw.rules
    before = market.digest()
    for request in requests(history, 3):
        step = rules.increment
        amounts = sorted({step * history.random.randrange(1, 200) for _ in range(8)})
        history.random.shuffle(amounts)
        table = market.compare(
            request, amounts=amounts, terms=rules.terms, grades=rules.grades, now=now
        )
        cells = [(grade, term) for grade in rules.grades for term in rules.terms]
        asked = [(grade, term, amount) for grade, term in cells for amount in amounts]
        assert [(q.request.grade, q.request.term, q.request.amount) for q in table] == asked
        for row in table:
            least = (
                None if request.min_amount is None else min(request.min_amount, row.request.amount)
            )
            assert row.request.min_amount == least
            single = market.quote(row.request, now=now)
            assert row == single
            assert row.loan is None or row.loan.notes == single.loan.notes
    assert market.digest() == before


@pytest.mark.parametrize("seed", SEEDS)
def test_what_would_fill_a_request_is_the_least(seed: int) -> None:
    history = lived(seed)
    market, now, rules = history.pair.market, history.now, history.draw.rules
    if rules.matching == "call":
        return
    for request in requests(history):
        answer = market.what_if(request, now=now)
        assert answer.quote == market.quote(request, now=now)
        assert answer.filled == (not answer.quote.unfunded)
        if answer.filled:
            assert answer.changes == ()
            continue
        for change in answer.changes:
            assert change.quote == market.quote(change.request, now=now)
            assert getattr(change.request, change.field) == change.after
        check_max_rate(market, now, request, answer.max_rate)
        check_amount(market, now, request, answer.amount)
        check_min_amount(market, now, request, answer.min_amount)
        fills = [
            term
            for term in sorted(rules.terms, key=lambda term: (abs(term - request.term), term))
            if funded(market, now, attrs.evolve(request, term=term))
        ]
        assert [answer.term.after if answer.term else None] == (fills or [None])[:1]


def check_max_rate(market: Marketplace, now: int, request: Request, change: Change | None) -> None:
    if change is not None:
        assert not change.quote.unfunded
    rates = [entry.rate for entry in market.queue(request.grade, request.term)]
    for rate in {*rates, MAX_RATE, *(rate - 1 for rate in rates)}:
        if request.max_rate <= rate < (MAX_RATE + 1 if change is None else change.after):
            assert funded(market, now, attrs.evolve(request, max_rate=rate)) is None


def check_amount(market: Marketplace, now: int, request: Request, change: Change | None) -> None:
    step = market.rules.increment
    after = 0 if change is None else change.after
    if change is not None:
        assert change.quote.principal == after
        assert not change.quote.unfunded
    for amount in some(range(after + step, request.amount, step)):
        assert funded(market, now, request.resized(amount)) is None


def check_min_amount(
    market: Marketplace, now: int, request: Request, change: Change | None
) -> None:
    made = market.quote(request, now=now).loan is not None
    if change is not None:
        assert not made
        assert change.quote.principal == change.after
    after = 0 if change is None else change.after
    if not made:
        for least in some(range(after + 1, request.least_amount)):
            assert market.quote(attrs.evolve(request, min_amount=least), now=now).loan is None


@pytest.mark.parametrize("seed", SEEDS)
def test_positions_are_those_of_a_naive_count(seed: int) -> None:
    history = lived(seed, 60)
    pair, rules = history.pair, history.draw.rules
    posted = getattr(rules.pricing, "rates", None)
    for grade, term in rules.cells:
        queue = pair.model.queue(grade, term)
        for offer_id in {entry[0] for entry in queue}:
            place = pair.market.position(offer_id, grade=grade, term=term, last=3)
            at = [entry[0] for entry in queue].index(offer_id)
            ahead = [
                (entry[2], entry[3] // rules.increment * rules.increment) for entry in queue[:at]
            ]
            same = [money for rate, money in ahead if rate == queue[at][2]]
            offer = pair.model.book[offer_id]
            assert (place.rank, place.offers_ahead) == (at + 1, at)
            assert place.ahead == sum(money for _, money in ahead)
            assert (place.ahead_at_rate, place.offers_ahead_at_rate) == (sum(same), len(same))
            assert place.rate == place.net_rate == offer.rate(grade)
            assert place.remaining == offer.remaining()
            if not ahead:
                first = place.rate
            elif posted is not None or not queue[0][2]:
                first = None
            else:
                first = queue[0][2] - 1
            assert place.rate_to_be_first == first
            loans = [
                (pair.market.loan(name).request, pair.model.loan(name)) for name in pair.model.debts
            ]
            loans = [loan for loan in loans if (loan[0].grade, loan[0].term) == (grade, term)][-3:]
            assert place.loans == len(loans)
            filled = choosing.filled_rate(loans, offer.record, place.remaining, pair.model.groups)
            assert place.filled_rate == (None if posted is not None else filled)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rate_to_be_first_makes_an_offer_first(seed: int) -> None:
    history = lived(seed)
    pair, rules = history.pair, history.draw.rules
    grade, term = rules.cells[0]
    for entry in pair.market.queue(grade, term)[-1:]:
        place = pair.market.position(entry.offer_id, grade=grade, term=term)
        if place.rank == 1 or place.rate_to_be_first is None:
            continue
        card = dict.fromkeys(rules.grades, place.rate_to_be_first)
        grades = pair.model.book[entry.offer_id].record.grades
        own = {name: card[name] for name in grades} if grades else place.rate_to_be_first
        pair.market.amend(entry.offer_id, min_rate=own, now=history.now)
        # Resting requests may have taken it all at that rate.
        queue = [found.offer_id for found in pair.market.queue(grade, term)]
        assert entry.offer_id not in queue or queue[0] == entry.offer_id


@pytest.mark.parametrize("seed", range(of_hundred(100)))
def test_a_larger_or_cheaper_book_never_raises_a_quote(seed: int) -> None:
    """Where the loan is the cheapest of its size: offers taken in order, at their own rates, and no
    smallest note but the increment."""
    random = Random(9_000 + seed)
    history = History(random)
    rules = attrs.evolve(
        history.draw.rules,
        allocation="fifo",
        pricing="pay_as_offered",
        matching="immediate",
        clearing_point=0,
        min_note=None,
    )
    history.draw.rules = rules
    history.draw.unit = rules.smallest_note
    market = Marketplace(rules)
    for _ in range(random.randrange(2, 30)):
        market.post(history.draw.offer(0), now=0)
    request = attrs.evolve(history.draw.request(), min_amount=1, expires_at=None)
    before = market.quote(request, now=0)
    if history.draw.chance(50):
        market.post(history.draw.offer(0, card=False), now=0)
    else:
        offer_id = random.choice([status.offer_id for status in market.offers()])
        record = market._state.offer_of(market._state.slot_of(offer_id))
        lower = (
            record.min_rate // 2
            if isinstance(record.min_rate, int)
            else {grade: rate // 2 for grade, rate in record.min_rate.items()}
        )
        if lower != record.min_rate:
            market.amend(offer_id, min_rate=lower, now=0)
    after = market.quote(request, now=0)
    assert after.principal >= before.principal
    if before.principal:
        # The same money costs no more; more money may.
        same = market.quote(request.resized(before.principal), now=0)
        assert same.exact_rate is not None
        assert before.exact_rate is not None
        assert same.principal == before.principal
        assert same.exact_rate <= before.exact_rate
