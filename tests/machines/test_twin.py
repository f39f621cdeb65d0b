"""Whole random histories on the engine and its naive twin: after every step they agree."""

from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from p2pmatch import Limits, Offer, Request, Rules
from tests.examples import of_hundred
from tests.machines.pair import Pair
from tests.machines.small import cut_small
from tests.strategies import Draw


class History:
    """One marketplace's life, drawn step by step."""

    def __init__(self, random: Random, *, large: bool = False) -> None:
        self.random = random
        self.draw = Draw(random, large=large)
        self.pair = Pair(self.draw.rules)
        self.now = 0

    def step(self) -> None:
        if self.draw.chance(15):
            self.now += self.random.randrange(1, 3)
        self.act()

    def act(self) -> None:
        """Do one thing, chosen with the weights of `STEPS`."""
        names, weights = zip(*STEPS, strict=True)
        (name,) = self.random.choices(names, weights)
        getattr(self, name)()

    def run(self, steps: int) -> None:
        offers = [self.draw.offer(self.now, card=False) for _ in range(self.random.randrange(40))]
        self.pair.post_many(offers, self.now)
        for _ in range(steps):
            self.step()
        self.pair.compare()

    def offer_id(self) -> str:
        known = self.pair.offers
        return self.random.choice(known) if known and not self.draw.chance(5) else "nobody"

    def party(self) -> str:
        return self.random.choice([*self.draw.parties, "bob", "bea", "new"])

    def post(self) -> None:
        self.pair.post(self.draw.offer(self.now), self.now)

    def post_again(self) -> None:
        offer = self.draw.offer(self.now)
        for wrong in (
            {"offer_id": self.offer_id()},
            {"grades": {"Z"}, "min_rate": 1},
            {"terms": {99}},
            {"expires_at": self.now},
        ):
            fields = {name: getattr(offer, name) for name in FIELDS}
            self.pair.post(Offer(**{**fields, **wrong}), self.now)

    def post_many(self) -> None:
        count = self.random.choice([0, 1, 5, 40])
        offers = [self.draw.offer(self.now, card=False) for _ in range(count)]
        self.pair.post_many(offers, self.now)

    def amend(self) -> None:
        changes = self.draw.changes(self.now)
        if changes.get("requires", frozenset()) & changes.get("refuses", frozenset()):
            return
        self.pair.amend(self.offer_id(), changes, self.now)

    def cancel(self) -> None:
        self.pair.cancel(self.offer_id(), self.now)

    def submit(self) -> None:
        self.pair.submit(self.draw.request(self.now), self.now, self.hold_for())

    def hold_for(self) -> int | None:
        return self.random.randrange(1, 6) if self.draw.chance(15) else None

    def rest(self) -> None:
        kind = self.random.choice(["listing", "auction"])
        closes_at = self.now + self.random.choice([0, 1, 2, 4, 8, 12, 20])
        request = self.draw.request(self.now)
        self.pair.rest(request, kind, closes_at, self.now, self.hold_for())

    def request_id(self) -> str:
        waiting = [*self.pair.model.resting, *self.pair.model.held]
        known = waiting if waiting and self.draw.chance(85) else self.pair.requests
        return self.random.choice([*known, "nobody"])

    def withdraw(self) -> None:
        self.pair.withdraw(self.request_id(), self.now)

    def accept(self) -> None:
        self.pair.accept(self.request_id(), self.now)

    def decline(self) -> None:
        self.pair.decline(self.request_id(), self.now)

    def uncross(self) -> None:
        grade, term = self.random.choice(self.draw.rules.cells)
        self.pair.uncross(grade if self.draw.chance(97) else "Z", term, self.now)

    def submit_wrong(self) -> None:
        request = self.draw.request(self.now)
        fields = {
            name: getattr(request, name)
            for name in ("request_id", "borrower_id", "amount", "max_rate", "grade", "term")
        }
        for wrong in (
            {"grade": "Z"},
            {"term": 99},
            {"amount": self.draw.rules.increment * 3 + 1},
            {"request_id": self.random.choice([*self.pair.loans, "r-new"])},
        ):
            self.pair.submit(Request(**{**fields, **wrong}), self.now)
        self.pair.submit(request, self.now - 1)

    def submit_many(self) -> None:
        requests = [self.draw.request(self.now) for _ in range(self.random.choice([0, 1, 4, 12]))]
        self.pair.submit_many(requests, self.now)

    def advance(self) -> None:
        self.pair.advance(self.now + self.random.choice([-1, 0, 1]))
        self.now = self.pair.model.now or 0

    def set_lender_limits(self) -> None:
        self.pair.set_lender_limits(self.party(), self.draw.limits(), self.now)

    def set_borrower_limits(self) -> None:
        self.pair.set_borrower_limits(self.party(), self.draw.borrower_limits(), self.now)

    def declare_group(self) -> None:
        members = {self.party() for _ in range(self.random.randrange(3))}
        self.pair.declare_group(self.party(), members, self.now)

    def repay(self) -> None:
        known = self.pair.loans
        request_id = self.random.choice(known) if known else "nobody"
        self.pair.repay(request_id, self.draw.money(8), self.now)


FIELDS = ("offer_id", "lender_id", "amount", "min_rate", "grades", "terms", "expires_at")
STEPS = [
    ("post", 30),
    ("post_again", 2),
    ("post_many", 6),
    ("amend", 14),
    ("cancel", 4),
    ("submit", 20),
    ("rest", 14),
    ("withdraw", 2),
    ("accept", 4),
    ("decline", 2),
    ("uncross", 8),
    ("submit_wrong", 2),
    ("submit_many", 4),
    ("advance", 4),
    ("set_lender_limits", 4),
    ("set_borrower_limits", 2),
    ("declare_group", 2),
    ("repay", 5),
]


RANDOMS = st.randoms(use_true_random=False)


@pytest.mark.parametrize("seed", range(of_hundred(60)))
def test_seeded_histories(seed: int) -> None:
    History(Random(seed)).run(60)


@pytest.mark.parametrize("seed", range(10))
def test_seeded_histories_with_large_amounts(seed: int) -> None:
    History(Random(1_000 + seed), large=True).run(40)


@pytest.mark.parametrize("seed", range(2))
def test_histories_that_fill_several_chunks(seed: int) -> None:
    random = Random(2_000 + seed)
    history = History(random)
    for _ in range(3):
        offers = [history.draw.offer(history.now, card=False) for _ in range(500)]
        history.pair.post_many(offers, history.now)
    for _ in range(25):
        history.step()
        request = history.draw.request()
        history.pair.submit(request, history.now)


@pytest.mark.parametrize("seed", range(of_hundred(30)))
def test_histories_in_small_pieces(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_small(monkeypatch)
    History(Random(3_000 + seed), large=seed % 5 == 0).run(60)


class Machine(RuleBasedStateMachine):
    """The same life, with hypothesis choosing every step, so that it can shrink a failure."""

    @initialize(random=RANDOMS, large=st.booleans())
    def begin(self, random: Random, large: bool) -> None:
        self.history = History(random, large=large)
        self.history.post_many()

    @rule(random=RANDOMS, name=st.sampled_from([name for name, _ in STEPS]))
    def step(self, random: Random, name: str) -> None:
        self.history.random = self.history.draw.random = random
        getattr(self.history, name)()

    @rule(hours=st.integers(1, 3))
    def wait(self, hours: int) -> None:
        self.history.now += hours

    @invariant()
    def both_agree(self) -> None:
        self.history.pair.compare()


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=of_hundred(40), stateful_step_count=30, suppress_health_check=list(HealthCheck)
)


@pytest.mark.long
@pytest.mark.parametrize("block", range(200))
def test_long_campaign(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if block % 2:
        cut_small(monkeypatch)
    for seed in range(block * 50, block * 50 + 50):
        History(Random(10_000 + seed), large=seed % 5 == 0).run(120)


@pytest.mark.parametrize("seed", range(of_hundred(60)))
def test_histories_of_few_lenders_whose_limits_leave_less_than_a_note(seed: int) -> None:
    random = Random(seed)
    increment = random.choice([1, 5])
    note = increment * random.choice([2, 3])
    name = random.choice(["per_borrower", "per_grade", "total"])
    # One note, or two or three, and a little more.
    little = increment * random.randrange(1, note // increment)
    limits = Limits(**{name: note * random.randrange(1, 4) + little})
    rules = Rules(
        grades=["A"],
        terms=[36],
        increment=increment,
        min_note=note,
        lender_limits=limits,
        allocation=random.choice(["fifo", "fifo", "fifo", "pro_rata", "equal_share"]),
    )
    pair = Pair(rules)
    for step in range(70):
        if step < 12 or random.random() < 0.4:
            made = Offer(
                offer_id=f"o{step}",
                lender_id=f"l{random.randrange(12)}",
                amount=random.randrange(note, 5 * note),
                min_rate=random.randrange(9) * 10_000,
            )
            pair.post(made, step)
        else:
            asked = Request(
                request_id=f"r{step}",
                borrower_id=f"b{random.randrange(4)}",
                amount=increment * random.randrange(note // increment, 4 * note),
                max_rate=90_000,
                grade="A",
                term=36,
                min_amount=random.choice([None, note]),
            )
            pair.submit(asked, step)
        pair.compare()


@pytest.mark.parametrize("seed", range(of_hundred(30)))
def test_histories_of_amended_caps_and_commitments_that_leave_less_than_a_note(seed: int) -> None:
    random = Random(seed)
    pair = Pair(Rules(grades=["A", "B"], terms=[36], min_note=20))

    def cap() -> int | None:
        return random.choice([None, 20, 30, 50])

    for step in range(40):
        if step < 4 or random.random() < 0.3:
            made = Offer(
                offer_id=f"o{step}",
                lender_id=f"l{random.randrange(9)}",
                amount=random.randrange(20, 90),
                min_rate=random.randrange(1, 9),
                max_per_loan=cap(),
            )
            pair.post(made, step)
        elif random.random() < 0.6:
            amended = random.choice(pair.offers)
            changes = random.choice(
                [
                    {"max_per_loan": cap()},
                    {"min_rate": random.randrange(1, 9)},
                    {"amount": random.randrange(20, 150)},
                    {"grades": {random.choice("AB")}},
                ]
            )
            pair.amend(amended, changes, step)
        else:
            asked = Request(
                request_id=f"r{step}",
                borrower_id=f"b{step}",
                amount=random.randrange(20, 200),
                max_rate=9,
                grade=random.choice("AB"),
                term=36,
                min_amount=20,
            )
            pair.rest(asked, random.choice(["auction", "listing"]), step + 15, step, None)


def test_an_amended_offer_that_has_no_note_left_calls_nobody() -> None:
    pair = Pair(Rules(grades=["A"], terms=[36], min_note=20))
    pair.post(Offer(offer_id="o", lender_id="ann", amount=60, min_rate=5, max_per_loan=50), 0)
    asked = Request(
        request_id="r",
        borrower_id="bob",
        amount=100,
        max_rate=9,
        grade="A",
        term=36,
        min_amount=20,
    )
    pair.rest(asked, "auction", 9, 0, None)
    pair.amend("o", {"max_per_loan": None}, 1)
    # Ten are too few for a note, and nobody is asked to add them to the fifty he has.
    assert pair.market.offer("o").remaining == 10
