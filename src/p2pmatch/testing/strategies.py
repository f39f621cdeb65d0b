"""Offers, requests, rules and whole histories, small enough that everything meets everything."""

from typing import Any

from hypothesis import strategies as st

from p2pmatch import commands as c
from p2pmatch.allocation import Lottery, Split, Step, Steps
from p2pmatch.columns import read_offers
from p2pmatch.fees import Fees
from p2pmatch.limits import BorrowerLimits, Limits
from p2pmatch.orders import Offer, Request
from p2pmatch.pricing import Posted
from p2pmatch.request_columns import RequestColumns
from p2pmatch.rules import Rules
from p2pmatch.time_in_force import Auction, Immediate, Listing
from p2pmatch.units import FULL_SHARE

__all__ = ["borrower_limits", "commands", "histories", "limits", "offers", "requests", "rules"]

_PARTIES = ("ann", "ben", "cleo", "dan")
_TAGS = ("green", "new")
_RATES = (0, 40_000, 50_000, 60_000, 90_000)
_tags = st.frozensets(st.sampled_from(_TAGS))
_parties = st.sampled_from(_PARTIES)


def _optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def limits(least: int = 1) -> st.SearchStrategy[Limits]:
    """Limits of a lender that leave room for a note of `least`, minor units."""
    money = _optional(st.integers(least, 40 * least))
    share = _optional(st.integers(50_000, FULL_SHARE))
    return st.builds(
        Limits, per_loan=money, per_borrower=money, per_grade=money, total=money, max_share=share
    )


def borrower_limits(least: int = 1) -> st.SearchStrategy[BorrowerLimits]:
    """Limits of a borrower."""
    return st.builds(BorrowerLimits, total=_optional(st.integers(least, 80 * least)))


@st.composite
def rules(draw: st.DrawFn) -> Rules:
    """Rules of every kind that a journal can write down."""
    grades = ("A", "B")[: draw(st.integers(1, 2))]
    terms = (12, 36)[: draw(st.integers(1, 2))]
    increment = draw(st.sampled_from([1, 5, 25]))
    least = increment * draw(st.integers(1, 3))
    call = draw(st.booleans())
    rate, paid = st.integers(0, 50_000), st.sampled_from(["up_front", "from_proceeds"])
    steps = Steps([Step("oldest", share=400_000), Step("pro_rata_floors"), Step("fifo")])
    split = st.builds(Split, st.integers(0, FULL_SHARE))
    lottery = st.builds(Lottery, st.integers(0, 2**64 - 1))
    names = st.sampled_from(["fifo", "pro_rata", "equal_share"])
    cells = [(grade, term) for grade in grades for term in terms]
    posted = Posted({cell: draw(st.sampled_from(_RATES)) for cell in cells})
    prices: list[Any] = [
        "pay_as_offered",
        "uniform_marginal",
        "uniform_first_rejected",
        "midpoint",
        posted,
    ]
    return Rules(
        grades=grades,
        terms=terms,
        increment=increment,
        min_note=draw(st.sampled_from([None, least])) if least == increment else least,
        allocation=draw(names | split | lottery | st.just(steps)),
        pricing="pay_as_offered" if call else draw(st.sampled_from(prices)),
        max_share=draw(_optional(st.integers(50_000, FULL_SHARE))),
        lender_limits=draw(st.just(Limits()) | limits(least)),
        borrower_limits=draw(borrower_limits(least)),
        matching="call" if call else "immediate",
        clearing_point=draw(st.fractions(0, 1, max_denominator=4)) if call else 0,
        fees=draw(st.just(Fees()) | st.builds(Fees, origination=rate, servicing=rate, paid=paid)),
        apr_rule=draw(st.sampled_from(["us", "eu"])),
    )


@st.composite
def offers(
    draw: st.DrawFn, rules: Rules, *, now: int = 0, ids: st.SearchStrategy[str] | None = None
) -> Offer:
    """An offer that a marketplace with these rules takes at `now`.

    `ids` : where its id comes from; few ids make offers that are refused as known.
    """
    least = rules.smallest_note
    requires = draw(_tags)
    grades = draw(_optional(st.frozensets(st.sampled_from(rules.grades), min_size=1)))
    card = st.fixed_dictionaries({g: st.sampled_from(_RATES) for g in grades or rules.grades})
    return Offer(
        offer_id=draw(st.uuids().map(str) if ids is None else ids),
        lender_id=draw(_parties),
        amount=draw(st.integers(1, 40 * least)),
        min_rate=draw(st.sampled_from(_RATES) | card),
        grades=grades,
        terms=draw(_optional(st.frozensets(st.sampled_from(rules.terms), min_size=1))),
        max_per_loan=draw(_optional(st.integers(least, 10 * least))),
        max_share=draw(_optional(st.integers(50_000, FULL_SHARE))),
        requires=requires,
        refuses=draw(_tags) - requires,
        expires_at=draw(_optional(st.integers(now + 1, now + 9))),
    )


@st.composite
def requests(
    draw: st.DrawFn, rules: Rules, *, now: int = 0, ids: st.SearchStrategy[str] | None = None
) -> Request:
    """A request that a marketplace with these rules takes at `now`; `ids` as for `offers`."""
    amount = rules.increment * draw(st.integers(1, 200))
    return Request(
        request_id=draw(st.uuids().map(str) if ids is None else ids),
        borrower_id=draw(st.sampled_from((*_PARTIES, "bob"))),
        amount=amount,
        max_rate=draw(st.sampled_from(_RATES)),
        grade=draw(st.sampled_from(rules.grades)),
        term=draw(st.sampled_from(rules.terms)),
        min_amount=draw(_optional(st.integers(1, amount))),
        tags=draw(_tags),
        expires_at=draw(_optional(st.integers(now + 1, now + 20))),
    )


def commands(rules: Rules, *, now: int, known: int = 9) -> st.SearchStrategy[c.Command]:
    """Anything such a marketplace can be told at `now`, sound or not.

    `known` : how many ids of offers and of requests there are.
    """
    numbers = st.integers(0, known)
    offer_ids, request_ids = numbers.map("o{}".format), numbers.map("r{}".format)
    time = st.just(now)
    offer = offers(rules, now=now, ids=offer_ids)
    closes_at = st.integers(now + 1, now + 9)
    terms = st.just(Immediate()) | st.builds(Listing, closes_at) | st.builds(Auction, closes_at)
    holds = _optional(st.integers(1, 5))
    cells = st.sampled_from(rules.cells)
    return st.one_of(
        st.builds(c.PostOffer, offer=offer, now=time),
        st.builds(c.PostOffers, offers=_columns(rules, now, offer_ids), now=time),
        st.builds(
            c.AmendOffer, offer_id=offer_ids, changes=_changes(rules.smallest_note, now), now=time
        ),
        st.builds(c.CancelOffer, offer_id=offer_ids, now=time),
        st.builds(
            c.SubmitRequest,
            request=requests(rules, now=now, ids=request_ids),
            time_in_force=terms,
            hold_for=holds,
            now=time,
        ),
        st.builds(
            c.SubmitRequests,
            requests=st.lists(
                requests(rules, now=now, ids=request_ids), min_size=1, max_size=4
            ).map(RequestColumns.of),
            now=time,
        ),
        st.builds(c.WithdrawRequest, request_id=request_ids, now=time),
        st.builds(c.AcceptLoan, request_id=request_ids, now=time),
        st.builds(c.DeclineLoan, request_id=request_ids, now=time),
        cells.map(lambda cell: c.Uncross(grade=cell[0], term=cell[1], now=now)),
        st.builds(c.AdvanceTime, now=time),
        st.builds(c.SetLenderLimits, lender_id=_parties, limits=limits(1), now=time),
        st.builds(c.SetBorrowerLimits, borrower_id=_parties, limits=borrower_limits(), now=time),
        st.builds(c.DeclareGroup, borrower_id=_parties, members=st.frozensets(_parties), now=time),
        st.builds(c.Repay, request_id=request_ids, amount=st.integers(1, 500), now=time),
    )


@st.composite
def histories(draw: st.DrawFn, rules: Rules, *, most: int = 30) -> list[c.Command]:
    """Commands in the order of their times, for a marketplace with these rules."""
    told: list[c.Command] = []
    now = 0
    for _ in range(draw(st.integers(0, most))):
        now += draw(st.integers(0, 3))
        told.append(draw(commands(rules, now=now)))
    return told


@st.composite
def _columns(draw: st.DrawFn, rules: Rules, now: int, ids: st.SearchStrategy[str]) -> Any:  # noqa: ANN401
    """Some offers without rate cards, as checked columns."""
    drawn = draw(st.lists(offers(rules, now=now, ids=ids), max_size=4))
    return read_offers(
        {
            "offer_id": [offer.offer_id for offer in drawn],
            "lender_id": [offer.lender_id for offer in drawn],
            "amount": [offer.amount for offer in drawn],
            "min_rate": [offer.rate_for(min(offer.grades or rules.grades)) for offer in drawn],
            "grades": [None if offer.grades is None else tuple(offer.grades) for offer in drawn],
            "terms": [None if offer.terms is None else tuple(offer.terms) for offer in drawn],
            "max_per_loan": [offer.max_per_loan for offer in drawn],
            "max_share": [offer.max_share for offer in drawn],
            "requires": [tuple(offer.requires) for offer in drawn],
            "refuses": [tuple(offer.refuses) for offer in drawn],
            "expires_at": [offer.expires_at for offer in drawn],
        }
    )


def _changes(least: int, now: int) -> st.SearchStrategy[dict[str, Any]]:
    """What to amend, sound or not."""
    return st.fixed_dictionaries(
        {},
        optional={
            "amount": st.integers(1, 60 * least),
            "min_rate": st.sampled_from(_RATES),
            "grades": _optional(st.just(frozenset({"A"}))),
            "terms": _optional(st.just(frozenset({12}))),
            "max_per_loan": _optional(st.integers(1, 9 * least)),
            "max_share": _optional(st.integers(1, FULL_SHARE)),
            "requires": _tags,
            "refuses": _tags,
            "expires_at": _optional(st.integers(now, now + 9)),
        },
    )
