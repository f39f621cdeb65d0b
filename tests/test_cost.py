from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pmatch import Fees, Loan, Note, Notes, Request, Rules
from p2pmatch.cost import cost_of, schedule_of
from p2pmatch.finance import apr, schedule
from p2pmatch.units import MAX_RATE


def loan_of(principal: int, rate: int, term: int) -> Loan:
    request = Request(
        request_id="r", borrower_id="bob", amount=principal, max_rate=rate, grade="A", term=term
    )
    return Loan(request, principal, Notes.of([Note("o1", "ann", principal, rate)]))


def rules(**more: Any) -> Rules:
    return Rules(grades=["A"], terms=[12], **more)


def test_a_loan_without_fees() -> None:
    cost = cost_of(loan_of(100_000, 120_000, 12), rules())
    # The annuity of 1 000.00 at 1 % a month for a year.
    assert cost.monthly_payment == 8_885
    assert cost.total_interest == cost.total_cost == 6_619
    assert (cost.fees, cost.proceeds) == (0, 100_000)
    assert cost.apr == pytest.approx(120_000, abs=20)  # payments are whole cents
    assert cost.apr_rule == "us"


def test_fees_raise_the_apr_alike_however_they_are_paid() -> None:
    loan = loan_of(500_000, 90_000, 36)
    up_front = cost_of(loan, rules(fees=Fees(origination=30_000)))
    taken_out = cost_of(loan, rules(fees=Fees(origination=30_000, paid="from_proceeds")))
    assert up_front.proceeds == 500_000
    assert taken_out.proceeds == 485_000
    assert up_front.fees == taken_out.fees == 15_000
    assert up_front.total_cost == up_front.total_interest + 15_000
    payments = schedule(principal=500_000, rate=90_000, term=36).payments.tolist()
    expected = apr(advances=[(0, 485_000)], payments=list(enumerate(payments, 1)), rule="us")
    assert up_front.apr == taken_out.apr == expected
    assert expected > 110_000


def test_the_european_rule_compounds() -> None:
    loan = loan_of(500_000, 120_000, 12)
    us, eu = cost_of(loan, rules()), cost_of(loan, rules(apr_rule="eu"))
    assert us.apr == pytest.approx(120_000, abs=10)
    assert eu.apr == pytest.approx(126_825, abs=10)  # 1.01 ** 12
    assert eu.apr_rule == "eu"


def test_where_fees_eat_up_the_loan_there_is_no_rate() -> None:
    cost = cost_of(loan_of(1_000, 50_000, 12), rules(fees=Fees(origination_fixed=1_000)))
    assert cost.apr is None
    assert cost.total_cost == 1_000 + cost.total_interest


@given(st.integers(1, 10**9), st.integers(0, MAX_RATE), st.integers(1, 360))
def test_what_is_paid_is_principal_and_interest(principal: int, rate: int, term: int) -> None:
    loan = loan_of(principal, rate, term)
    planned, cost = schedule_of(loan), cost_of(loan, rules())
    assert cost.total_interest == int(planned.payments.sum()) - principal
    assert cost.monthly_payment == int(planned.payments[0])
    assert int(planned.balance[-1]) == 0
