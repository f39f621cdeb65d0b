"""Folders that nobody thought of: sound ones pass, and no change of a result goes unseen."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from p2pmatch import (
    Limits,
    Lottery,
    Offer,
    Posted,
    Request,
    Rules,
    Split,
    Steps,
    format_amount,
    format_rate,
)
from tests.audit.folder import Folder, matched
from tests.strategies import Draw

RESULTS = ("loans", "notes", "unfunded")


def joined(values: object) -> str:
    return "|".join(sorted(map(str, values or ())))  # type: ignore[call-overload]


def money(value: int | None) -> str:
    return "" if value is None else format_amount(value)


def offer_line(offer: Offer, time: int) -> str:
    rate = offer.min_rate
    assert isinstance(rate, int)
    share = "" if offer.max_share is None else format_rate(offer.max_share)
    cells = [offer.offer_id, offer.lender_id, money(offer.amount), format_rate(rate)]
    cells += [joined(offer.grades), joined(offer.terms), money(offer.max_per_loan), share]
    cells += [joined(offer.requires), joined(offer.refuses)]
    cells += ["" if offer.expires_at is None else str(offer.expires_at), str(time)]
    return ",".join(cells)


def request_line(request: Request, time: int) -> str:
    cells = [request.request_id, request.borrower_id, money(request.amount)]
    cells += [format_rate(request.max_rate), request.grade, str(request.term)]
    cells += [money(request.min_amount), joined(request.tags), str(time)]
    return ",".join(cells)


def toml(value: Any) -> str:
    """A value on one line of TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def rule(given: Any) -> Any:
    """An allocation or pricing rule as the file has it."""
    match given:
        case Split():
            return {"rule": "split", "fifo_share": format_rate(given.fifo_share)}
        case Lottery():
            return {"rule": "lottery", "seed": given.seed}
        case Steps():
            steps = []
            for step in given.steps:
                steps.append({"rule": step.rule, "share": format_rate(step.share)})
                if step.at_most is not None:
                    steps[-1]["at_most"] = format_amount(step.at_most)
                if step.drop_below:
                    steps[-1]["drop_below"] = format_amount(step.drop_below)
            return {"rule": "steps", "steps": steps}
        case Posted():
            by_grade: dict[str, dict[int, str]] = {}
            for (grade, term), ppm in given.rates.items():
                by_grade.setdefault(grade, {})[term] = format_rate(ppm)
            return {"rule": "posted", "rates": by_grade}
        case _:
            return given


def rules_text(rules: Rules) -> str:
    def table(name: str, limits: Limits) -> list[str]:
        values = {
            limit: money(getattr(limits, limit))
            for limit in ("per_loan", "per_borrower", "per_grade", "total")
        }
        if limits.max_share is not None:
            values["max_share"] = format_rate(limits.max_share)
        return [f"[{name}]", *(f'{limit} = "{text}"' for limit, text in values.items() if text)]

    lines = [
        f'increment = "{money(rules.increment)}"',
        f'min_note = "{money(rules.smallest_note)}"',
        f"grades = {list(rules.grades)}",
        f"terms = {list(rules.terms)}",
        f"allocation = {toml(rule(rules.allocation))}",
        f"pricing = {toml(rule(rules.pricing))}",
    ]
    if rules.max_share is not None:
        lines.append(f'max_share = "{format_rate(rules.max_share)}"')
    lines += table("lender_limits", rules.lender_limits)
    if rules.borrower_limits.total is not None:
        lines += ["[borrower_limits]", f'total = "{money(rules.borrower_limits.total)}"']
    return "\n".join(lines)


def drawn(directory: Path, seed: int) -> Folder:
    """Match offers and requests that come at random times; some requests come twice."""
    random = Random(seed)
    draw = Draw(random)
    terms = "min_rate,grades,terms,max_per_loan,max_share,requires,refuses,expires_at"
    offers = [f"offer_id,lender_id,amount,{terms},submitted_at"]
    requests = ["request_id,borrower_id,amount,max_rate,grade,term,min_amount,tags,submitted_at"]
    for _ in range(random.randrange(5, 60)):
        time = random.randrange(20)
        offers.append(offer_line(draw.offer(time, card=False), time))
    for _ in range(random.randrange(1, 12)):
        request = draw.request()
        times = [random.randrange(20) for _ in range(random.choice([1, 1, 2, 3]))]
        requests += [request_line(request, time) for time in times]
    texts = ["\n".join(lines) + "\n" for lines in (offers, requests)]
    return Folder(matched(directory, texts[0], texts[1], rules_text(draw.rules)))


@pytest.mark.parametrize("seed", range(100))
def test_random_folders_pass(seed: int, tmp_path: Path) -> None:
    report = drawn(tmp_path, seed).audit()
    assert report.ok, str(report.breaches)


def changed(cell: str) -> str:
    """Another value of the same kind."""
    if cell.endswith("%"):
        return "6.0001%" if cell == "6.0000%" else "6.0000%"
    if "." in cell:
        return "25.00" if cell == "26.00" else "26.00"
    return f"{int(cell) + 1}" if cell.isdigit() else f"{cell}x"


@pytest.mark.parametrize("name", RESULTS)
def test_no_change_of_any_cell_goes_unseen(name: str, tmp_path: Path) -> None:
    folder = Folder(matched(tmp_path))
    rows = folder.rows(name)
    for at, row in enumerate(rows):
        for column, cell in row.items():
            spoiled = [dict(other) for other in rows]
            spoiled[at][column] = changed(cell)
            folder.write(name, spoiled)
            folder.seal()
            assert not folder.audit().ok, (at, column)
    folder.write(name, rows)
    folder.seal()
    assert folder.audit().ok


@pytest.mark.parametrize("name", RESULTS)
def test_no_row_that_goes_or_moves_is_unseen(name: str, tmp_path: Path) -> None:
    folder = Folder(matched(tmp_path))
    rows = folder.rows(name)
    for at, row in enumerate(rows):
        without = [*rows[:at], *rows[at + 1 :]]
        moved = [*without[: at - 1], row, *without[at - 1 :]]
        for spoiled in (without, [*rows[:at], row, *rows[at:]], *([moved] if at else [])):
            if spoiled != rows:
                folder.write(name, spoiled)
                folder.seal()
                assert not folder.audit().ok, at


@pytest.mark.parametrize("seed", range(40))
def test_garbage_is_no_accident(seed: int, tmp_path: Path) -> None:
    """Whatever bytes stand in a file: a report, never another exception."""
    random = Random(seed)
    folder = Folder(matched(tmp_path))
    for path in sorted(folder.path.iterdir()):
        content = path.read_bytes()
        for _ in range(3):
            spoiled = bytearray(content)
            at = random.randrange(len(spoiled))
            if random.random() < 0.3:
                del spoiled[at : at + random.randrange(1, 40)]
            else:
                spoiled[at] = random.choice(b'0179.,"%|-\r\n\x00{}[]xA \xff')
            path.write_bytes(bytes(spoiled))
            report = folder.audit()
            assert report.ok == (not report.breaches)
            assert report.breaches or bytes(spoiled) == content or path.name == "run.json"
        path.write_bytes(content)


# One id, several requests

OFFERS = """\
offer_id,lender_id,amount,min_rate,grades,terms,submitted_at
o1,ann,50.00,5%,,,0
o2,ben,100.00,6%,,,20
"""
REQUESTS = """\
request_id,borrower_id,amount,max_rate,grade,term,min_amount,submitted_at
"""


@pytest.mark.parametrize(
    "requests",
    [
        ["r,bob,100.00,9%,A,12,,10", "r,bob,100.00,9%,A,12,,30"],
        ["r,bob,50.00,9%,A,12,,10", "r,bob,200.00,9%,A,12,,30"],
        ["r,bob,70.00,9%,A,12,1.00,10", "r,bob,70.00,9%,A,12,1.00,30"],
        ["r,bob,70.00,9%,A,12,,10", "r,bob,100.00,9%,A,12,,30", "r,bob,60.00,9%,A,12,1.00,30"],
        ["r,bob,50.00,9%,A,12,,10", "r,bob,50.00,9%,A,12,,10", "r,bob,50.00,9%,A,12,,30"],
    ],
)
def test_requests_under_one_id(requests: list[str], tmp_path: Path) -> None:
    folder = Folder(matched(tmp_path, OFFERS, REQUESTS + "\n".join(requests) + "\n", ""))
    report = folder.audit()
    assert report.ok, str(report.breaches)
    folder.change("loans", lambda rows: rows.pop())
    folder.summary()
    folder.seal()
    codes = {breach.code for breach in folder.audit().breaches}
    assert codes & {"missing_result", "unfunded", "size", "unknown_request"}
