"""The main job on a built-in example: a book, a quote, a loan split over lenders, and why."""

from collections import Counter
from collections.abc import Iterator

from p2pmatch.explain import Explanation
from p2pmatch.limits import Limits
from p2pmatch.loans import Loan
from p2pmatch.marketplace import Marketplace
from p2pmatch.orders import Offer, Request
from p2pmatch.reasons import REASONS
from p2pmatch.rules import Rules
from p2pmatch.units import amount, format_amount, format_rate, rate
from p2pmatch.views import RateLadder

__all__ = ["demo_lines", "demo_market", "demo_request", "draw_ladder"]

_LENDERS = ("ann", "ben", "cleo", "dan", "eva", "finn", "gus", "hana", "ivo", "jo", "kim", "lea")
_BAR = "█"


def demo_market() -> Marketplace:
    """A small book: forty offers of twelve lenders, with limits on."""
    market = Marketplace(
        Rules(
            grades=("A", "B", "C"),
            terms=(12, 24, 36),
            increment=amount("1"),
            min_note=amount("25"),
            max_share=rate("15%"),
            lender_limits=Limits(per_loan=amount("700")),
        )
    )
    for i in range(40):
        lender = _LENDERS[i * 7 % len(_LENDERS)]
        offer = Offer(
            offer_id=f"{lender}-{i + 1}",
            lender_id=lender,
            amount=amount(150 + i * 37 % 9 * 75),
            min_rate=rate("4.5%") + i * 13 % 23 * rate("0.15%"),
            grades={"A", "B"} if i % 3 else {"A"},
            terms={36} if i % 4 else {24, 36},
            max_per_loan=amount("100") if i % 10 == 9 else None,
            refuses={"gambling"} if i % 5 == 2 else frozenset(),
        )
        market.post(offer, now=i)
    return market


def demo_request() -> Request:
    """What the example's borrower asks for."""
    return Request(
        request_id="r1",
        borrower_id="hana",
        amount=amount("4000"),
        max_rate=rate("7%"),
        grade="A",
        term=36,
        min_amount=amount("2500"),
        tags={"gambling"},
    )


def demo_lines(width: int = 80) -> Iterator[str]:
    """The example, a line at a time; pure text, at most `width` columns."""
    market, request = demo_market(), demo_request()
    ladder = market.ladder(request.grade, request.term)
    yield "THE BOOK  money that stands at or below each rate, grade A, 36 months"
    yield from draw_ladder(ladder, width)
    quote = market.quote(request, now=100)
    explanation = market.explain(request, now=100)
    result = market.submit(request, now=100)
    loan = result.loan
    if loan is None:
        return
    yield ""
    yield (
        f"THE QUOTE  {request.borrower_id} asks {format_amount(request.amount)} for "
        f"{request.term} months at {format_rate(request.max_rate)} at most"
    )
    yield (
        f"  {format_amount(quote.principal)} from {quote.lenders} lenders at "
        f"{format_rate(loan.rate)} on average, the dearest note {format_rate(loan.marginal_rate)}"
    )
    yield ""
    yield "THE LOAN  split over its lenders, best rate first"
    yield from _split(loan, width)
    yield ""
    yield "THE LIMITS  what kept offers up to that rate from giving more"
    yield from _limits(explanation)
    notes = sum(note.amount for note in loan.notes)
    yield ""
    yield (
        f"EVERY CENT  notes {format_amount(notes)} = principal {format_amount(loan.principal)}; "
        f"unfunded {format_amount(result.unfunded)}"
    )


def draw_ladder(ladder: RateLadder, width: int, most: int = 8) -> Iterator[str]:
    """A cell's depth as bars, at most `most` of its rates."""
    if not len(ladder):
        yield "  (nothing stands in this cell)"
        return
    count = len(ladder)
    rows = sorted({i * (count - 1) // max(most - 1, 1) for i in range(most)})
    whole = int(ladder.available[-1])
    for row in rows:
        available = int(ladder.available[row])
        bar = _BAR * max(1, available * (width - 32) // whole)
        yield f"  {format_rate(int(ladder.rates[row])):>9}  {format_amount(available):>13}  {bar}"


def _split(loan: Loan, width: int) -> Iterator[str]:
    by_lender: Counter[str] = Counter()
    for note in loan.notes:
        by_lender[note.lender_id] += note.amount
    largest = max(by_lender.values())
    for lender, part in by_lender.items():
        bar = _BAR * max(1, part * (width - 42) // largest)
        share = part * 1_000_000 // loan.principal
        rates = sorted({note.rate for note in loan.notes if note.lender_id == lender})
        shown = format_rate(rates[0]) if len(rates) == 1 else f"{format_rate(rates[0])}+"
        yield f"  {lender:<6} {format_amount(part):>9}  {share // 10_000:>3}%  {shown:>9}  {bar}"


def _limits(explanation: Explanation) -> Iterator[str]:
    left_out: Counter[str] = Counter()
    for line in explanation.lines:
        if line.reason not in ("budget", "need_met", "rate"):
            left_out[line.reason] += line.remaining - line.amount
    counts = explanation.by_reason()
    for reason, kept in left_out.most_common():
        offers = f"{counts[reason]} offer{'s' if counts[reason] > 1 else ''}"
        yield f"  {format_amount(kept):>10}  {offers:<9}  {REASONS[reason]}"
