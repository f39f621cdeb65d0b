import copy
import pickle

import pytest

from p2pmatch import Fees, Limits, P2PMatchError, Quote, Refused
from p2pmatch.finance import schedule
from tests.helpers import market, offer, request


def quoted(**rules: object) -> Quote:
    made = market(
        ("o1", "ann", 6_000, 5), ("o2", "ben", 3_000, 7), ("o3", "ann", 9_000, 8), **rules
    )
    return made.quote(request(10_000), now=1)


def test_a_quote_says_all_a_borrower_needs() -> None:
    quote = quoted(fees=Fees(origination=20_000, servicing=10_000, paid="from_proceeds"))
    assert (quote.principal, quote.lenders, quote.unfunded, quote.reason) == (10_000, 2, 0, None)
    assert (quote.rate, quote.marginal_rate) == (59_000, 80_000)
    assert quote.largest_share == 700_000
    planned = schedule(principal=10_000, rate=59_000, term=36)
    assert quote.monthly_payment == int(planned.payments[0])
    assert quote.schedule is not None
    assert quote.schedule.payments.tolist() == planned.payments.tolist()
    assert quote.total_interest == planned.total_interest
    assert (quote.fees, quote.proceeds) == (200, 9_800)
    assert quote.total_cost == planned.total_interest + 200
    assert quote.apr is not None
    assert quote.apr > quote.rate
    assert quote.apr_rule == "us"
    assert quote.net_yield == 49_000
    assert quote.shortfalls == ()


def test_without_a_loan_there_is_nothing_to_pay() -> None:
    quote = market().quote(request(10_000), now=1)
    assert (quote.principal, quote.lenders, quote.reason) == (0, 0, "empty_book")
    for name in ("rate", "exact_rate", "marginal_rate", "largest_share", "net_yield", "schedule"):
        assert getattr(quote, name) is None
    for name in (
        "cost",
        "monthly_payment",
        "total_interest",
        "fees",
        "proceeds",
        "total_cost",
        "apr",
    ):
        assert getattr(quote, name) is None
    assert len(quote.ladder) == 0
    assert quote.ladder.sparkline() == ""
    assert [(lack.reason, lack.amount) for lack in quote.shortfalls] == [("empty_book", 10_000)]


def test_the_largest_share_counts_a_lender_over_all_its_offers_and_never_exceeds_its_cap() -> None:
    quote = quoted(max_share=600_000)
    assert quote.loan is not None
    assert quote.principal == 7_500  # 0.6 F + 3 000 = F
    assert len(quote.loan.notes) == 2
    assert quote.largest_share == 600_000


def test_the_ladder_has_the_cell_and_the_cost_of_every_size() -> None:
    quote = quoted()
    ladder = quote.ladder
    assert ladder.rates.tolist() == [50_000, 70_000, 80_000]
    assert ladder.available.tolist() == [6_000, 9_000, 18_000]
    assert ladder.request == quote.request
    assert ladder.cost is not None
    sizes, rates = ladder.cost.amounts.tolist(), ladder.cost.rates.tolist()
    assert sizes == sorted(set(sizes))
    assert (sizes[-1], rates[-1]) == (10_000, 59_000)
    assert rates[0] == 50_000
    # By hand: 9 000 at (6 x 5 % + 3 x 7 %) / 9.
    made = market(("o1", "ann", 6_000, 5), ("o2", "ben", 3_000, 7), ("o3", "ann", 9_000, 8))
    for size, rate in zip(sizes, rates, strict=True):
        assert made.quote(request(size), now=1).rate == rate


def test_what_is_read_from_the_book_is_read_before_it_changes() -> None:
    made = market(("o1", "ann", 6_000, 5), lender_limits=Limits(per_loan=4_000))
    quote = made.quote(request(5_000), now=1)
    assert [(lack.reason, lack.amount) for lack in quote.shortfalls] == [("per_loan", 1_000)]
    made.quote(request(5_000), now=1)
    with pytest.raises(P2PMatchError):
        made.post(offer("o1", "ann", 6_000, 5), now=1)
    assert quote.ladder.at(50_000) == 6_000  # asking, and refusals, change nothing
    made.post(offer("o2", "ben", 6_000, 5), now=1)
    for read in ("ladder", "shortfalls"):
        with pytest.raises(P2PMatchError) as refused:
            getattr(quote, read)
        assert refused.value.code == "outdated"
    assert quote.monthly_payment is not None


def test_a_copy_that_is_deep_or_pickled_leaves_the_book_behind_and_says_so() -> None:
    quote = quoted(max_share=600_000)
    assert len(pickle.dumps(quote)) < 5_000
    for copied in (pickle.loads(pickle.dumps(quote)), copy.deepcopy(quote)):  # noqa: S301 - our own
        assert copied == quote
        assert copied.monthly_payment == quote.monthly_payment
        assert copied.largest_share == quote.largest_share
        for read in ("ladder", "shortfalls"):
            with pytest.raises(Refused, match="copy that is deep or was pickled") as refused:
                getattr(copied, read)
            assert (refused.value.code, refused.value.field) == ("no_book", "quote")


def test_a_shallow_copy_reads_the_same_book() -> None:
    made = market(("o1", "ann", 6_000, 5))
    quote = made.quote(request(7_000), now=1)
    copied = copy.copy(quote)
    assert copied == quote
    assert copied.ladder == quote.ladder
    assert copied.shortfalls == quote.shortfalls != ()
    made.post(offer("o2", "ben", 6_000, 5), now=1)
    with pytest.raises(P2PMatchError) as refused:
        copied.ladder  # noqa: B018 - reading it is the test
    assert refused.value.code == "outdated"


def test_a_copied_quote_counts_its_lenders_as_before() -> None:
    made = market(("o1", "ann", 6_000, 5), ("o2", "ann", 3_000, 7), ("o3", "ben", 3_000, 8))
    quote = made.quote(request(10_000), now=1)
    copied = copy.deepcopy(quote)
    assert (copied.lenders, copied.largest_share) == (2, 900_000)
    assert (quote.lenders, quote.largest_share) == (2, 900_000)


def test_in_a_call_market_nothing_is_known_before_it_is_uncrossed() -> None:
    quote = market(("o1", "ann", 6_000, 5), matching="call").quote(request(5_000), now=1)
    assert (quote.principal, quote.unfunded, quote.reason) == (0, 5_000, "resting")
    assert [(lack.reason, lack.amount) for lack in quote.shortfalls] == [("resting", 5_000)]
    assert quote.ladder.at(50_000) == 6_000
    assert quote.ladder.cost is None
