"""Draws docs/split.svg, the README's picture: the demo's loan, split over its lenders.

python docs/draw_split.py
"""

from collections import Counter
from pathlib import Path

from p2pmatch.demo import demo_market, demo_request
from p2pmatch.units import format_amount, format_rate

WIDTH, ROW, LEFT, SCALE = 760, 26, 150, 520


def main() -> None:
    request = demo_request()
    loan = demo_market().submit(request, now=100).loan
    assert loan is not None
    lent: Counter[str] = Counter()
    for note in loan.notes:
        lent[note.lender_id] += note.amount
    largest = max(lent.values())
    height = 92 + ROW * len(lent)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="system-ui, sans-serif" font-size="14">',
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#fbfaf7"/>',
        f'<text x="20" y="32" font-size="17" fill="#222">One loan of {format_amount(loan.principal)}'
        f" at {format_rate(loan.rate)}, {len(lent)} lenders</text>",
        '<text x="20" y="54" fill="#666">best rate first; nobody holds more than 15 %</text>',
    ]
    for i, (lender, amount) in enumerate(lent.items()):
        y = 72 + ROW * i
        rate = min(note.rate for note in loan.notes if note.lender_id == lender)
        capped = amount == largest
        lines += [
            f'<text x="20" y="{y + 15}" fill="#222">{lender}</text>',
            f'<text x="{LEFT - 12}" y="{y + 15}" text-anchor="end" fill="#666">'
            f"{format_rate(rate)}</text>",
            f'<rect x="{LEFT}" y="{y}" width="{amount * SCALE // largest}" height="{ROW - 7}" rx="3" '
            f'fill="{"#b5541c" if capped else "#2f6f73"}"/>',
            f'<text x="{LEFT + amount * SCALE // largest + 8}" y="{y + 15}" fill="#444">'
            f"{format_amount(amount)}</text>",
        ]
    Path(__file__).with_name("split.svg").write_text("\n".join([*lines, "</svg>", ""]))


if __name__ == "__main__":
    main()
