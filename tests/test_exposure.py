"""Who owes whom: sums that follow every loan and repayment, whatever the order."""

from collections.abc import Callable

import numpy as np
import pytest

from p2pmatch import InvariantError, Limits, Marketplace
from p2pmatch.exposure import Exposure, OpenLoan
from tests.helpers import market, notes, request


def lent() -> Marketplace:
    made = market(("a", "ann", 100, 5), ("b", "ben", 100, 6), grades=["A", "B"])
    made.submit(request(150), now=1)
    made.submit(request(40, request_id="r2", borrower_id="bea", grade="B"), now=1)
    return made


def test_what_is_outstanding_by_lender_grade_and_borrower() -> None:
    made = lent()
    ben = made.exposure("ben")
    assert (ben.total, ben.by_grade, ben.by_borrower) == (
        90,
        {"A": 50, "B": 40},
        {"bob": 50, "bea": 40},
    )
    assert made.borrower_outstanding("bob") == 150
    assert made.exposure("nobody").total == made.borrower_outstanding("nobody") == 0


def test_paying_back_is_shared_by_what_each_note_has_left() -> None:
    made = lent()
    made.repay("r1", 50, now=2)  # of 100 and 50: 33.33 and 16.67
    assert made.exposure("ann").total == 100 - 33
    assert made.exposure("ben").by_borrower == {"bob": 33, "bea": 40}
    made.repay("r1", 100, now=3)
    assert made.exposure("ann").by_grade == {}
    assert made.borrower_outstanding("bob") == 0
    assert made.borrower_outstanding("bea") == 40
    made.check()


def harm_left(exposure: Exposure) -> None:
    opened(exposure).total += 1


def harm_note(exposure: Exposure) -> None:
    """One note below nothing, the other as much above: the sums still agree."""
    opened(exposure).left = np.array([151, -1])


def harm_total(exposure: Exposure) -> None:
    exposure.in_total(2)[0] += 1


def harm_grade(exposure: Exposure) -> None:
    exposure.in_grade("B", 2)[1] += 1


def harm_owed(exposure: Exposure) -> None:
    exposure.owed_by("bob")
    exposure._owed["bob"] += 1


def harm_stranger(exposure: Exposure) -> None:
    exposure._owed["eve"] = 1


def opened(exposure: Exposure) -> OpenLoan:
    found = exposure.find("r1")
    assert found is not None
    return found


LEFT = "what is left of a loan is the sum over its notes"
LENT = "what lenders have outstanding is the sum over the loans"
OWED = "what borrowers owe is the sum over their loans"


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (harm_left, LEFT),
        (harm_note, LEFT),
        (harm_total, LENT),
        (harm_grade, LENT),
        (harm_owed, OWED),
        (harm_stranger, OWED),
    ],
)
def test_sums_that_do_not_agree_are_noticed(harm: Callable[[Exposure], None], message: str) -> None:
    made = lent()
    harm(made._state.exposure)
    with pytest.raises(InvariantError, match=f"^{message}$"):
        made.check()


def test_a_borrower_with_many_loans_is_summed_up_now_and_then() -> None:
    made = market(("a", "ann", 10**6, 5), ("b", "ben", 10**6, 5), lender_limits=Limits(per_loan=5))
    made.set_lender_limits("cleo", Limits(per_borrower=4_000), now=0)
    for i in range(1_500):
        made.submit(request(10, request_id=f"r{i}"), now=1)
        if i % 2:
            made.repay(f"r{i}", 10, now=1)
    lender = made._state.lenders["ben"]
    sums = made._state.exposure.to_borrower("bob", 3)
    assert sums is not None
    assert sums[lender] == made.exposure("ben").by_borrower["bob"] == 750 * 5
    assert len(made._state.exposure._borrowed["bob"].columns()[0]) < 4_096 + 4
    made.check()


def test_nothing_is_paid_back_where_there_is_no_loan() -> None:
    with pytest.raises(InvariantError, match=r"^r1 has no loan$"):
        Exposure(("A",)).repay("r1", 5)


def many_small_loans() -> Marketplace:
    """600 loans of bob's, one unit of ann's and one of ben's each: more than is kept unsummed."""
    made = market(("a", "ann", 10**6, 5), ("b", "ben", 10**6, 5), lender_limits=Limits(per_loan=1))
    for i in range(600):
        made.submit(request(2, request_id=f"r{i}"), now=1)
    return made


def test_who_is_paid_back_may_lend_again_and_who_is_owed_one_unit_may_not() -> None:
    made = many_small_loans()
    for i in range(599):
        made.repay(f"r{i}", 2, now=2)
    made.repay("r599", 1, now=2)
    for lender in ("ann", "ben"):
        made.set_lender_limits(lender, Limits(per_borrower=1), now=3)
    assert made.exposure("ben").by_borrower == {"bob": 1}
    assert notes(made.submit(request(2, request_id="next"), now=3)) == [("a", 1)]


def test_a_borrower_who_has_paid_everything_back_may_borrow_again() -> None:
    made = many_small_loans()
    for i in range(600):
        made.repay(f"r{i}", 2, now=2)
    made.set_lender_limits("ben", Limits(per_borrower=1), now=3)
    assert notes(made.submit(request(2, request_id="next"), now=3)) == [("a", 1), ("b", 1)]


def test_sums_are_exact_beyond_what_a_float_holds() -> None:
    exposure = Exposure(("A",))
    large = 2**43 + 1
    everybody = np.zeros(4_097, dtype=np.int32)
    exposure.count(request(1), everybody, np.full(4_097, large), 4_097 * large)
    owed = exposure.to_borrower("bob", 1)
    assert owed is not None
    assert owed.tolist() == exposure.in_total(1).tolist() == [4_097 * large]


def test_what_was_lent_to_a_borrower_entry_by_entry() -> None:
    made = lent()
    lenders, amounts = made._state.exposure.lent_to("bob")
    names = [made._state.lender_names[who] for who in lenders.tolist()]
    assert (names, amounts.tolist()) == (["ann", "ben"], [100, 50])
    assert made._state.exposure.lent_to("nobody")[1].tolist() == []


def test_sums_are_compared_beyond_what_a_float_holds() -> None:
    exposure = Exposure(("A", "B", "C"))
    ann = np.zeros(1, dtype=np.int32)
    committed = [
        (request(1, grade=grade), None, ann, np.array([amount]))
        for grade, amount in (("A", 2**53), ("B", 1), ("C", 1))
    ]
    for asked, _, lenders, amounts in committed:
        exposure.count(asked, lenders, amounts, int(amounts[0]))
    exposure.check(1, committed)
    with pytest.raises(InvariantError):
        exposure.check(1, committed[:2])
