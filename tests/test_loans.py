"""Loans: exact blended rates, and notes that are columns inside and objects at the door."""

import copy
import pickle
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import InvalidValue, Loan, Note, Notes, Request
from p2pmatch.loans import Loans
from p2pmatch.units import MAX_AMOUNT, MAX_ID_LENGTH, MAX_RATE
from tests.helpers import market, refusal_of, request

NOTES = [Note("o1", "ann", 100, 50_000), Note("o2", "ben", 50, 60_001), Note("o3", "ann", 1, 7)]


def test_notes_are_a_list_of_notes() -> None:
    notes = Notes.of(NOTES)
    assert len(notes) == 3
    assert list(notes) == NOTES
    assert notes[-1] == NOTES[-1]
    assert list(notes[1:]) == NOTES[1:]
    assert list(reversed(notes)) == NOTES[::-1]
    assert notes == Notes.of(NOTES)
    assert notes != Notes.of(NOTES[:2])
    assert notes != NOTES
    assert repr(notes) == "<3 notes, 151 minor units>"
    with pytest.raises(IndexError):
        notes[3]
    with pytest.raises(TypeError):
        hash(notes)


def test_columns_are_typed_and_read_only() -> None:
    notes = Notes.of(NOTES)
    assert notes.amounts.dtype == notes.rates.dtype == np.int64
    assert notes.offer_ids.tolist() == ["o1", "o2", "o3"]
    assert notes.lender_ids.tolist() == ["ann", "ben", "ann"]
    with pytest.raises(ValueError, match="read-only"):
        notes.amounts[0] = 5


some_notes = st.lists(
    st.builds(
        Note,
        st.sampled_from(["o1", "o2", "o3"]),
        st.sampled_from(["ann", "ben"]),
        st.integers(1, MAX_AMOUNT),
        st.integers(0, MAX_RATE),
        st.sampled_from(["own_ask", "midpoint"]),
    ),
    max_size=6,
)


@given(some_notes)
def test_any_notes_are_taken_as_they_are(given_notes: list[Note]) -> None:
    notes = Notes.of(given_notes)
    if len({note.rate_source for note in given_notes}) > 1:
        given_notes = [attrs.evolve(note, rate_source="several") for note in given_notes]
    assert list(notes) == given_notes
    assert notes == Notes.of(tuple(given_notes)) == Notes.of(note for note in given_notes)
    lenders = {note.lender_id for note in given_notes}
    assert len(np.unique(notes.lenders)) == len(lenders)
    for copied in (copy.copy(notes), copy.deepcopy(notes), pickle.loads(pickle.dumps(notes))):  # noqa: S301 - our own bytes
        assert copied == notes
        assert copied.amounts.dtype == copied.rates.dtype == np.int64
        assert not copied.amounts.flags.writeable
        assert not copied.rates.flags.writeable


def test_notes_of_different_sources_are_of_several() -> None:
    mixed = [Note("o1", "ann", 5, 0), Note("o2", "ben", 5, 0, "midpoint")]
    assert Notes.of(mixed).rate_source == "several"
    assert Notes.of(mixed[1:]).rate_source == "midpoint"
    assert Notes.of([]).rate_source == "own_ask"
    assert Notes.joined([]) == Notes.of([])


def test_numpy_numbers_become_plain() -> None:
    number: Any = np.int16(7)
    source: Any = np.str_("own_ask")
    (note,) = Notes.of([Note(source, source, number, number, source)])
    assert note == Note("own_ask", "own_ask", 7, 7)
    fields = (note.offer_id, note.lender_id, note.amount, note.rate, note.rate_source)
    assert [type(value) for value in fields] == [str, str, int, int, str]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        *(
            ({name: value}, code)
            for name in ("amount", "rate")
            for value, code in [
                (100.9, "wrong_type"),
                (Decimal("99.99"), "wrong_type"),
                ("100", "wrong_type"),
                (True, "wrong_type"),
                (None, "wrong_type"),
                (float("nan"), "wrong_type"),
                (float("inf"), "wrong_type"),
                (np.array([1]), "wrong_type"),
                (-5, "negative"),
                (10**30, "too_large"),
            ]
        ),
        ({"amount": 0}, "zero"),
        ({"amount": MAX_AMOUNT + 1}, "too_large"),
        ({"rate": MAX_RATE + 1}, "too_large"),
        *(
            ({name: value}, code)
            for name in ("offer_id", "lender_id", "rate_source")
            for value, code in [
                (None, "wrong_type"),
                (5, "wrong_type"),
                ("", "empty"),
                ("a\n", "malformed"),
                ("x" * (MAX_ID_LENGTH + 1), "too_long"),
            ]
        ),
    ],
)
def test_a_note_that_is_none_is_refused_by_its_row(change: dict[str, Any], code: str) -> None:
    (name,) = change
    with pytest.raises(InvalidValue) as refused:
        Notes.of([*NOTES, attrs.evolve(NOTES[0], **change)])
    assert (refused.value.code, refused.value.field) == (code, f"notes[3].{name}")
    assert refused.value.value is change[name]


def test_only_notes_are_notes() -> None:
    loose: Any = Notes.of
    for wrong in (5, None, "notes", NOTES[0], np.array(5)):
        told = refusal_of(partial(loose, wrong))
        assert told.startswith("notes: ")
        assert told.endswith(" has the wrong type; accepted: a list of Note")
    told = "notes[1]: 'x' has the wrong type; accepted: a Note"
    assert refusal_of(lambda: loose([NOTES[0], "x"])) == told
    assert refusal_of(lambda: loose([("o1", "ann", 5, 0)])).startswith("notes[0]: ")


def test_a_copied_loan_counts_its_lenders_as_before() -> None:
    made = market(("a", "ann", 100, 5), ("b", "ann", 100, 6)).submit(request(150), now=1)
    for copied in (made.loan, copy.copy(made.loan), copy.deepcopy(made.loan)):
        assert copied is not None
        assert copied == made.loan
        assert (len(copied.notes), copied.lenders) == (2, 1)


def test_no_numpy_scalar_leaks_out_of_a_note() -> None:
    made = market(("a", "ann", 100, 6), ("b", "ben", 100, 5)).submit(request(150), now=1)
    assert made.loan is not None
    note = made.loan.notes[0]
    assert [type(value) for value in (note.offer_id, note.amount, note.rate)] == [str, int, int]
    assert {type(made.loan.principal), type(made.loan.rate), type(made.loan.marginal_rate)} == {int}


def test_a_loan_can_be_pickled_without_the_marketplaces_names() -> None:
    made = market(*((f"o{i}", f"l{i}", 10, 5) for i in range(2_000)))
    loan = made.submit(request(30), now=1).loan
    stored = pickle.dumps(loan)
    assert len(stored) < 2_000
    assert pickle.loads(stored) == loan  # noqa: S301 - our own bytes
    assert copy.deepcopy(loan) == loan


def test_the_blended_rate_is_exact_and_shown_rounded_half_up() -> None:
    loan = Loan(request(2), 2, Notes.of([Note("a", "x", 1, 50_000), Note("b", "y", 1, 50_001)]))
    assert loan.exact_rate == Fraction(100_001, 2)
    assert loan.rate == 50_001
    assert (loan.request_id, loan.borrower_id, loan.grade, loan.term) == ("r1", "bob", "A", 36)
    assert loan.lenders == 2


def test_lenders_are_counted_once() -> None:
    made = market(("a", "ann", 100, 5), ("b", "ann", 100, 6)).submit(request(150), now=1)
    assert made.loan is not None
    assert (len(made.loan.notes), made.loan.lenders) == (2, 1)


def test_loans_made_together_look_like_a_list() -> None:
    asked = Request(
        request_id="r", borrower_id="bob", amount=30, max_rate=90_000, grade="A", term=36
    )
    notes = Notes.of([Note("o1", "ann", 10, 50_000), Note("o2", "ben", 20, 50_000)])
    loans = Loans([asked], np.array([2]), notes)
    assert repr(loans) == "<1 loans, 2 notes>"
    assert loans == Loans([asked], np.array([2]), notes)
    assert loans != [loans[0]]
    assert loans[:] == [Loan(asked, 30, notes)]
