"""Who owes whom: sums that follow every loan and repayment, whatever the order."""

import pytest

from p2pmatch import InvariantError, Limits, Marketplace
from tests.helpers import market, request


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


@pytest.mark.parametrize("harm", ["left", "total", "owed"])
def test_sums_that_do_not_agree_are_noticed(harm: str) -> None:
    made = lent()
    exposure = made._state.exposure
    if harm == "left":
        exposure.find("r1").total += 1
    elif harm == "total":
        exposure.in_total(2)[0] += 1
    else:
        exposure._owed["bob"] += 1
    with pytest.raises(InvariantError):
        made.check()


def test_a_borrower_with_many_loans_is_summed_up_now_and_then() -> None:
    made = market(("a", "ann", 10**6, 5), ("b", "ben", 10**6, 5), lender_limits=Limits(per_loan=5))
    made.set_lender_limits("cleo", Limits(per_borrower=4_000), now=0)
    for i in range(700):
        made.submit(request(10, request_id=f"r{i}"), now=1)
        if i % 2:
            made.repay(f"r{i}", 10, now=1)
    lender = made._state.lenders["ben"]
    sums = made._state.exposure.to_borrower("bob", 3)
    assert sums is not None
    assert sums[lender] == made.exposure("ben").by_borrower["bob"] == 350 * 5
    assert len(made._state.exposure._borrowed["bob"].columns()[0]) < 1_024 + 4
    made.check()
