"""Splits: every column to the cent, nobody a cent away at any time, and nothing lost."""

from datetime import date
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from p2pmatch import Marketplace, Note, Notes, Offer, P2PMatchError, Request, Rules
from p2pmatch.finance import METHODS, Schedule, Split, schedule
from p2pmatch.finance.split import _choose, _Column, _Row
from tests.examples import of_hundred
from tests.model import finance as model


def notes_of(*notes: tuple[int, int]) -> Notes:
    return Notes.of([Note(f"o{i}", f"l{i}", *note) for i, note in enumerate(notes)])


def blended(notes: list[tuple[int, int]]) -> Fraction:
    lent = sum(amount for amount, _ in notes)
    return Fraction(sum(amount * rate for amount, rate in notes), lent)


def check_it_adds_up(s: Schedule, split: Split, notes: list[tuple[int, int]]) -> None:
    for name in ("payments", "interest", "principal", "balance"):
        assert np.array_equal(getattr(split, name).sum(axis=0), getattr(s, name)), name
        assert getattr(split, name).shape == (len(notes), len(s))
        assert (getattr(split, name) >= 0).all(), name
        assert not getattr(split, name).flags.writeable
    assert np.array_equal(split.payments, split.interest + split.principal)
    assert split.principal.sum(axis=1).tolist() == [amount for amount, _ in notes]
    assert not split.balance[:, -1].any()


def drifts(s: Schedule, split: Split, notes: list[tuple[int, int]]) -> dict[str, Fraction]:
    """The furthest any note ever is from its exact share of all that was paid so far."""
    lent = sum(amount for amount, _ in notes)
    earning = [amount * rate for amount, rate in notes]
    if not any(earning):
        earning = [amount for amount, _ in notes]
    worst = dict.fromkeys(("interest", "principal", "payments"), Fraction(0))
    for row, ((amount, _), earns) in enumerate(zip(notes, earning, strict=True)):
        for column in range(len(s)):
            until = slice(column + 1)
            interest = Fraction(int(s.interest[until].sum()) * earns, sum(earning))
            principal = Fraction(int(s.principal[until].sum()) * amount, lent)
            for name, exact in (
                ("interest", interest),
                ("principal", principal),
                ("payments", interest + principal),
            ):
                away = abs(int(getattr(split, name)[row, until].sum()) - exact)
                worst[name] = max(worst[name], away)
    return worst


@st.composite
def loans(draw: st.DrawFn, smallest: int, largest: int) -> tuple[Schedule, list[tuple[int, int]]]:
    """A schedule at the notes' blended rate, and the notes."""
    rates = draw(st.sampled_from([(0,), (90_000,), (50_000, 60_000, 200_000), (0, 80_000)]))
    notes = draw(
        st.lists(
            st.tuples(st.integers(smallest, largest), st.sampled_from(rates)),
            min_size=1,
            max_size=12,
        )
    )
    s = schedule(
        principal=sum(amount for amount, _ in notes),
        rate=blended(notes),
        term=draw(st.integers(1, 36)),
        method=draw(st.sampled_from(METHODS)),
    )
    return s, notes


@given(loans(2_500, 50_000))
def test_nobody_is_ever_a_cent_away(loan: tuple[Schedule, list[tuple[int, int]]]) -> None:
    s, notes = loan
    split = s.split(notes_of(*notes))
    check_it_adds_up(s, split, notes)
    worst = drifts(s, split, notes)
    assert worst["interest"] < 1
    assert worst["principal"] < 1
    assert worst["payments"] <= 1


#: Notes so small that none of the orders keeps their payments within a cent in every row.
STUCK = [(4, 0), (27, 900_000), (2, 900_000), (11, 50_000), (28, 900_000), (29, 900_000)]
STUCK += [(3, 90_000), (6, 90_000), (25, 90_000)]


@settings(max_examples=of_hundred(200))
@given(loans(1, 60))
@example((schedule(principal=135, rate=blended(STUCK), term=36), STUCK))
def test_with_dust_interest_and_principal_still_keep_within_a_cent(
    loan: tuple[Schedule, list[tuple[int, int]]],
) -> None:
    s, notes = loan
    split = s.split(notes_of(*notes))
    check_it_adds_up(s, split, notes)
    worst = drifts(s, split, notes)
    assert worst["interest"] < 1
    assert worst["principal"] < 1
    assert worst["payments"] < 2


@given(loans(2_500, 50_000))
def test_each_note_earns_its_own_rate(loan: tuple[Schedule, list[tuple[int, int]]]) -> None:
    """Interest by amount times rate is each note's own, as the borrower's cents allow."""
    s, notes = loan
    split = s.split(notes_of(*notes))
    for row, (amount, rate) in enumerate(notes):
        owed = [s.amount, *s.balance[:-1].tolist()]
        own = sum((Fraction(b * amount * rate, s.amount * 12_000_000) for b in owed), Fraction(0))
        # The borrower's interest is rounded once a period; a note bears its part of that, and 1.
        assert abs(int(split.interest[row].sum()) - own) <= 1 + Fraction(len(s), 2)


@given(loans(2_500, 50_000), st.integers(1, 36), st.integers(1, 10_000))
def test_a_prepayment_is_shared_like_the_rest(
    loan: tuple[Schedule, list[tuple[int, int]]], after: int, amount: int
) -> None:
    s, notes = loan
    after = min(after, len(s))
    if s.balance[after - 1] < amount:
        return
    early = s.prepay(after=after, amount=amount, then="lower")
    split = early.split(notes_of(*notes))
    check_it_adds_up(early, split, notes)
    worst = drifts(early, split, notes)
    assert worst["interest"] < 1
    assert worst["principal"] < 1
    # What is repaid early may leave payments in which notes get no cent of principal.
    assert worst["payments"] < 2


def test_a_prepayment_may_leave_payments_two_cents_away() -> None:
    notes = [(49_999, 200_000), (49_999, 200_000), (15_647, 60_000)]
    notes += [(16_432, 60_000), (2_500, 50_000), (16_432, 60_000), (21_279, 60_000)]
    s = schedule(principal=172_288, rate=blended(notes), term=27, method="interest_only")
    early = s.prepay(after=3, amount=166, then="lower")
    split = early.split(notes_of(*notes))
    check_it_adds_up(early, split, notes)
    assert 1 < drifts(early, split, notes)["payments"] < 2


def test_by_hand() -> None:
    # 100.00 at 5.4 %: 60.00 at 5 % and 40.00 at 6 %. Principal 6 : 4, interest 300 : 240.
    s = schedule(principal=10_000, rate=54_000, term=3)
    assert s.interest.tolist() == [45, 30, 15]
    assert s.principal.tolist() == [3_318, 3_333, 3_349]
    split = s.split(notes_of((6_000, 50_000), (4_000, 60_000)))
    # So far: interest 25, 41.67, 50 of 60.00; principal 1990.8, 3990.6, 6000.
    assert split.interest.tolist() == [[25, 17, 8], [20, 13, 7]]
    assert split.principal.tolist() == [[1_991, 2_000, 2_009], [1_327, 1_333, 1_340]]
    assert repr(split) == "<2 notes, 3 payments, 10090 minor units>"
    assert split == s.split(notes_of((6_000, 50_000), (4_000, 60_000)))
    assert split != s.split(notes_of((6_000, 50_000), (4_000, 60_001)), servicing=50_000)


def test_one_row_that_cannot_be_served_sends_the_whole_loan_to_the_fallback() -> None:
    s = schedule(principal=135, rate=blended(STUCK), term=36)
    split = s.split(notes_of(*STUCK))
    check_it_adds_up(s, split, STUCK)
    assert 1 < drifts(s, split, STUCK)["payments"] < 2


def test_an_interest_only_loan_prepaid_in_part_needs_the_second_order() -> None:
    """For a long time no principal is paid, so nobody's cent ahead of principal can be evened out."""
    notes = [(2_500 + 37 * i, 50_000 + 3_000 * i) for i in range(20)]
    s = schedule(
        principal=sum(a for a, _ in notes), rate=blended(notes), term=60, method="interest_only"
    )
    early = s.prepay(after=7, amount=12_345, then="lower")
    split = early.split(notes_of(*notes))
    check_it_adds_up(early, split, notes)
    assert drifts(early, split, notes)["payments"] <= 1


def test_a_row_that_cannot_be_served_is_said_so() -> None:
    """Two notes are a cent ahead where one cent is over."""
    row = _Row(_Column([1], [1, 1], 2), 0, [1, 1])
    assert _choose(row, row, 2, 2) is None


def test_the_cents_go_round() -> None:
    s = schedule(principal=9_000, rate=0, term=9)
    split = s.split(notes_of((3_000, 0), (3_000, 0), (3_000, 0)))
    # 10.00 over three: 3.34 for each of them in turn.
    assert split.payments[:, :3].sum(axis=1).tolist() == [1_000, 1_000, 1_000]
    assert (np.sort(split.payments, axis=0) == [[333]] * 2 + [[334]]).all()


def test_two_notes_of_one_lender_are_two_rows_and_one_lender() -> None:
    notes = Notes.of([Note("o1", "ann", 60, 0), Note("o2", "ben", 30, 0), Note("o3", "ann", 10, 0)])
    s = schedule(principal=100, rate=0, term=2)
    split = s.split(notes)
    assert (len(split), split.lender_ids.tolist()) == (3, ["ann", "ben", "ann"])
    assert {k: v.tolist() for k, v in split.by_lender().items()} == {
        "ann": [35, 35],
        "ben": [15, 15],
    }


@given(loans(2_500, 50_000), st.integers(0, 50_000))
def test_the_servicing_fee_is_each_notes_own_to_half_a_cent(
    loan: tuple[Schedule, list[tuple[int, int]]], fee: int
) -> None:
    s, notes = loan
    split = s.split(notes_of(*notes), servicing=fee)
    assert (split.fees >= 0).all()
    assert np.array_equal(split.net, split.payments - split.fees)
    owed = [s.amount, *s.balance[:-1].tolist()]
    for row, (amount, _) in enumerate(notes):
        exact = Fraction(0)
        for column, balance in enumerate(owed):
            exact += Fraction(balance * amount * fee, s.amount * 12_000_000)
            assert abs(int(split.fees[row, : column + 1].sum()) - exact) <= Fraction(1, 2)


def test_a_servicing_fee_by_days() -> None:
    s = schedule(
        principal=100_000,
        rate=0,
        term=2,
        method="interest_only",
        day_count="ACT/365F",
        start=date(2023, 1, 1),
    )
    split = s.split(notes_of((100_000, 0)), servicing=10_000)
    assert split.fees.tolist() == [[85, 162 - 85]]  # 1000 x 31 / 365, x 59 / 365
    assert model.half_up(Fraction(1_000 * 59, 365)) == 162


def test_the_notes_of_a_real_loan() -> None:
    market = Marketplace(Rules(grades=("A",), terms=(36,), min_note=2_500))
    for i in range(40):
        market.post(
            Offer(
                offer_id=f"o{i}",
                lender_id=f"l{i}",
                amount=2_500 + 100 * i,
                min_rate=50_000 + 500 * i,
            ),
            now=0,
        )
    loan = market.submit(
        Request(
            request_id="r", borrower_id="b", amount=100_000, max_rate=90_000, grade="A", term=36
        ),
        now=1,
    ).loan
    assert loan is not None
    s = schedule(principal=loan.principal, rate=loan.exact_rate, term=loan.term)
    rows = [(note.amount, note.rate) for note in loan.notes]
    split = s.split(loan.notes)
    check_it_adds_up(s, split, rows)
    assert drifts(s, split, rows)["payments"] <= 1
    assert split.lender_ids.tolist() == loan.notes.lender_ids.tolist()


def test_refusals() -> None:
    s = schedule(principal=100, rate=0, term=2)
    with pytest.raises(P2PMatchError, match="add up to 100") as caught:
        s.split(notes_of((99, 0)))
    assert (caught.value.field, caught.value.code) == ("notes", "contradiction")
    with pytest.raises(P2PMatchError) as caught:
        s.split(notes_of((100, 0)), servicing=-1)
    assert (caught.value.field, caught.value.code) == ("servicing", "negative")


@pytest.mark.parametrize(
    "notes",
    [
        [Note("o1", "ann", 100, 0)],
        [],
        None,
        5,
        Note("o1", "ann", 100, 0),
        SimpleNamespace(amounts=[100], rates=[0], lender_ids=["ann"]),
        SimpleNamespace(amounts=np.array([100.0]), rates=np.array([0])),
        SimpleNamespace(amounts=np.array([100]), rates=np.array([0.5])),
        SimpleNamespace(amounts=np.array([100]), rates=np.array([0])),
    ],
)
def test_what_is_no_notes_is_told_how_to_be_some(notes: Any) -> None:
    s = schedule(principal=100, rate=0, term=2)
    with pytest.raises(P2PMatchError, match=r"Notes\.of\(\[Note\(\.\.\.\), \.\.\.\]\)") as caught:
        s.split(notes)
    assert (caught.value.field, caught.value.code) == ("notes", "wrong_type")


def test_no_notes_do_not_add_up() -> None:
    with pytest.raises(P2PMatchError, match="add up to 100"):
        schedule(principal=100, rate=0, term=2).split(Notes.of([]))


def test_notes_of_ones_own_are_shared_among_too() -> None:
    own: Any = SimpleNamespace(
        amounts=np.array([60, 40], dtype=np.int32),
        rates=np.array([0, 0]),
        lender_ids=np.array(["ann", "ben"], dtype=object),
    )
    s = schedule(principal=100, rate=0, term=2)
    assert s.split(own).payments.tolist() == [[30, 30], [20, 20]]
