"""Loans: exact blended rates, and notes that are columns inside and objects at the door."""

import copy
import pickle
from fractions import Fraction

import numpy as np
import pytest

from p2pmatch import Loan, Note, Notes, Request
from p2pmatch.loans import Loans
from tests.helpers import market, request

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
