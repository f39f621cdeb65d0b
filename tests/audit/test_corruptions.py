"""One corruption of every kind is planted in a sound folder: the audit finds and names each."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from p2pmatch.audit import BREACHES, audit_directory
from p2pmatch.errors import InvalidValue
from tests.audit.folder import Folder, Row, matched

Corrupt = Callable[[Folder], object]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(matched(tmp_path_factory.mktemp("sound")))


def test_a_sound_folder_has_no_breach(sound: Folder) -> None:
    report = sound.audit()
    assert report.ok, str(report)
    assert report.checked == {"files": 6, "offers": 11, "requests": 10, "notes": 22}


# Helpers that corrupt


def move(request_id: str, giver: str, taker: str, units: int) -> Corrupt:
    """Move money from one note of a loan to another."""

    def corrupt(folder: Folder) -> None:
        folder.add(
            "notes", folder.find("notes", request_id=request_id, offer_id=giver), "amount", -units
        )
        folder.add(
            "notes", folder.find("notes", request_id=request_id, offer_id=taker), "amount", units
        )
        folder.figures()

    return corrupt


def note(request_id: str, offer_id: str, /, **cells: str) -> Corrupt:
    """Change a note, and let the loan's figures follow."""

    def corrupt(folder: Folder) -> None:
        at = folder.find("notes", request_id=request_id, offer_id=offer_id)
        folder.set("notes", at, **cells)
        folder.figures()

    return corrupt


def add(name: str, column: str, units: int, **cells: str) -> Corrupt:
    """Add to one number of one row."""

    def corrupt(folder: Folder) -> None:
        folder.add(name, folder.find(name, **cells), column, units)
        folder.summary()

    return corrupt


def put(name: str, at: dict[str, str], **cells: str) -> Corrupt:
    """Change some cells of one row."""

    def corrupt(folder: Folder) -> None:
        folder.set(name, folder.find(name, **at), **cells)
        folder.summary()

    return corrupt


def rows(name: str, edit: Callable[[list[Row]], object]) -> Corrupt:
    """Change the rows of a file."""

    def corrupt(folder: Folder) -> None:
        folder.change(name, edit)
        folder.summary()

    return corrupt


def rules(**changed: object) -> Corrupt:
    """Pretend that other rules had been in force."""
    return lambda folder: folder.rules(**changed)


def text(name: str, edit: Callable[[str], str]) -> Corrupt:
    """Change a file's text."""

    def corrupt(folder: Folder) -> None:
        path = folder.path / name
        path.write_text(edit(path.read_text(encoding="utf-8")), encoding="utf-8", newline="")

    return corrupt


def swap(i: int, j: int) -> Callable[[list[Row]], object]:
    def edit(listed: list[Row]) -> None:
        listed[i], listed[j] = listed[j], listed[i]

    return edit


def drop(**cells: str) -> Callable[[list[Row]], object]:
    def edit(listed: list[Row]) -> None:
        listed[:] = [row for row in listed if not cells.items() <= row.items()]

    return edit


def insert(at: int, row: Row) -> Callable[[list[Row]], object]:
    return lambda listed: listed.insert(at, row)


def duplicate(at: int) -> Callable[[list[Row]], object]:
    return lambda listed: listed.insert(at, listed[at])


def both(*corruptions: Corrupt) -> Corrupt:
    def corrupt(folder: Folder) -> None:
        for one in corruptions:
            one(folder)

    return corrupt


def split_note(folder: Folder) -> None:
    """One note of 150 becomes two of 75: the sums all hold."""
    at = folder.find("notes", request_id="r2", offer_id="o1")
    folder.set("notes", at, amount="75.00")
    folder.change("notes", duplicate(at))
    folder.figures()


def skip_better(folder: Folder) -> None:
    """A dearer offer lends in place of a cheaper one."""
    at = folder.find("notes", request_id="r6", offer_id="o3")
    folder.set("notes", at, offer_id="o11", lender_id="ivy", rate="8.5000%")
    folder.change("notes", swap(at, at + 1))
    folder.figures()


def smaller_loan(folder: Folder) -> None:
    """A loan is cut by what its last lender gave, and all else follows."""
    folder.change("notes", drop(request_id="r3", offer_id="o11"))
    folder.figures()
    folder.set("unfunded", folder.find("unfunded", request_id="r3"), amount="4100.00")
    folder.summary()


def forged_loan(folder: Folder) -> None:
    """A loan to somebody who never asked."""
    folder.change("loans", lambda listed: listed.insert(1, {**listed[0], "request_id": "nobody"}))
    folder.summary()


def no_loan(folder: Folder) -> None:
    """A loan and its notes vanish, and the request is said to be unfunded."""
    folder.change("notes", drop(request_id="r6"))
    folder.change("loans", drop(request_id="r6"))
    at = folder.find("unfunded", request_id="r7")
    row = {"request_id": "r6", "amount": "130.00", "reason": "below_min_amount"}
    folder.change("unfunded", insert(at, row))
    folder.summary()


# The table: what is done, the code that must be found, and what the breach must name

CORRUPTIONS: dict[str, tuple[Corrupt, str, tuple[str, ...]]] = {
    # Money
    "a unit moved to a worse note": (move("r6", "o2", "o4", 100), "priority", ("r6", "o2")),
    "a unit moved to a better note": (move("r6", "o4", "o3", 100), "offer_max_share", ("r6", "o3")),
    "a cent moved": (move("r6", "o2", "o4", 1), "not_multiple", ("r6", "o2", "39.99")),
    "a unit created": (
        add("notes", "amount", 100, request_id="r1", offer_id="o6"),
        "principal",
        ("r1",),
    ),
    "a unit destroyed": (add("notes", "amount", -100, request_id="r9"), "principal", ("r9",)),
    "a cent on the principal": (
        add("loans", "principal", 1, request_id="r2"),
        "principal",
        ("r2",),
    ),
    "an unfunded amount changed": (
        add("unfunded", "amount", -100, request_id="r3"),
        "unfunded",
        ("r3", "3899.00", "3900.00"),
    ),
    "an unfunded row dropped": (
        rows("unfunded", drop(request_id="r3")),
        "unfunded",
        ("r3", "3900.00"),
    ),
    "an unfunded rest where all is funded": (
        rows("unfunded", insert(0, {"request_id": "r1", "amount": "1.00", "reason": "x"})),
        "unfunded",
        ("r1",),
    ),
    "another reason": (
        put("unfunded", {"request_id": "r3"}, reason="below_min_amount"),
        "reason",
        ("r3", "not_enough_room"),
    ),
    "an offer that had less": (
        put("book", {"offer_id": "o11"}, amount="254.00"),
        "overdrawn",
        ("o11",),
    ),
    "a smaller loan than the borrower accepts": (
        put("asked", {"request_id": "r3"}, min_amount="1101.00"),
        "below_min_amount",
        ("r3",),
    ),
    "a larger loan than was asked": (
        put("asked", {"request_id": "r6"}, amount="129.00"),
        "unfunded",
        ("r6",),
    ),
    # Notes
    "a note twice": (
        rows("notes", lambda listed: listed.insert(3, listed[3])),
        "duplicate_note",
        ("r1", "o6"),
    ),
    "a note split in two": (split_note, "duplicate_note", ("r2", "o1")),
    "another lender": (note("r2", "o8", lender_id="ann"), "wrong_lender", ("r2", "o8", "ann")),
    "an unknown offer": (note("r2", "o8", offer_id="o88"), "unknown_offer", ("r2", "o88")),
    "an offer of later": (note("r2", "o8", offer_id="o9"), "unknown_offer", ("r2", "o9")),
    "a note below the smallest": (move("r5", "o8", "o2", 600), "below_min_note", ("r5", "24.00")),
    "a larger smallest note": (rules(min_note="31.00"), "below_min_note", ("r5", "30.00")),
    "a larger increment": (rules(increment="2.50"), "not_multiple", ("r6", "32.00")),
    "notes in another order": (
        rows("notes", swap(0, 1)),
        "order",
        ("r1",),
    ),
    "notes of one loan missing": (
        rows("notes", drop(request_id="r2")),
        "principal",
        ("r2", "300.00"),
    ),
    # Rates
    "a note's rate raised": (note("r1", "o2", rate="5.5001%"), "rate", ("r1", "o2", "5.5000%")),
    "a note's rate lowered": (note("r1", "o2", rate="5.4999%"), "rate", ("r1", "o2", "5.5000%")),
    "a rate above the borrower's": (
        put("asked", {"request_id": "r1"}, max_rate="7.4999%"),
        "above_max_rate",
        ("r1", "o6"),
    ),
    "a blended rate off by one": (
        add("loans", "rate", 1, request_id="r3"),
        "blended_rate",
        ("r3", "6.2955%"),
    ),
    "another marginal rate": (
        add("loans", "marginal_rate", -1, request_id="r3"),
        "marginal_rate",
        ("r3", "8.5000%"),
    ),
    "another number of notes": (
        put("loans", {"request_id": "r3"}, notes="8"),
        "note_count",
        ("r3", "7"),
    ),
    "another number of lenders": (
        put("loans", {"request_id": "r3"}, lenders="7"),
        "lender_count",
        ("r3", "6"),
    ),
    # Eligibility
    "an offer of another grade": (
        put("book", {"offer_id": "o2"}, grades="B"),
        "wrong_cell",
        ("r1", "o2"),
    ),
    "an offer of another term": (
        put("book", {"offer_id": "o2"}, terms="12"),
        "wrong_cell",
        ("r1", "o2"),
    ),
    "a required tag missing": (
        put("book", {"offer_id": "o2"}, requires="blue"),
        "tags",
        ("r1", "o2"),
    ),
    "a refused tag there": (put("book", {"offer_id": "o8"}, refuses="new"), "tags", ("r2", "o8")),
    "a lender that is the borrower": (
        both(
            put("book", {"offer_id": "o2"}, lender_id="bob"),
            note("r1", "o2", lender_id="bob"),
        ),
        "same_party",
        ("r1", "o2"),
    ),
    "an offer that had expired": (
        put("book", {"offer_id": "o7"}, expires_at="30"),
        "expired",
        ("r3", "o7"),
    ),
    # Limits, each broken by one unit
    "an offer's cap per loan": (
        put("book", {"offer_id": "o2"}, max_per_loan="99.00"),
        "offer_max_per_loan",
        ("r1", "o2", "99.00"),
    ),
    "an offer's share of a loan": (
        put("book", {"offer_id": "o3"}, max_share="24.9%"),
        "offer_max_share",
        ("r1", "o3", "149.00"),
    ),
    "a lender's limit per loan": (
        rules(lender_limits={"per_loan": "199.00"}),
        "per_loan",
        ("r1", "ann", "199.00", "200.00"),
    ),
    "a lender's limit per borrower": (
        rules(lender_limits={"per_borrower": "199.00"}),
        "per_borrower",
        ("r1", "ann", "199.00"),
    ),
    "a lender's limit per grade": (
        rules(lender_limits={"per_grade": "637.00"}),
        "per_grade",
        ("r6", "ann", "638.00"),
    ),
    "a lender's limit in total": (
        rules(lender_limits={"total": "637.00"}),
        "total",
        ("r6", "ann", "638.00"),
    ),
    "a lender's share": (
        rules(lender_limits={"max_share": "49.9999%"}),
        "max_share",
        ("r2", "149.00", "150.00"),
    ),
    "the marketplace's share": (
        rules(max_share="49.9999%"),
        "max_share",
        ("r2", "149.00", "150.00"),
    ),
    "a borrower's limit": (
        rules(borrower_limits={"total": "709.00"}),
        "borrower_total",
        ("r9", "bob", "710.00", "709.00"),
    ),
    # Priority
    "a better offer skipped": (skip_better, "priority", ("r6", "o3")),
    "a smaller loan than possible": (smaller_loan, "size", ("r3", "900.00", "1100.00")),
    "no loan where one was possible": (no_loan, "size", ("r6", "130.00")),
    "better room that was there": (
        put("book", {"offer_id": "o2"}, max_per_loan="101.00"),
        "priority",
        ("r1", "o2"),
    ),
    "a loan too large for a share": (
        put("book", {"offer_id": "o6"}, max_per_loan="150.00", max_share="24%"),
        "offer_max_share",
        ("r1", "o6"),
    ),
    # Results
    "a loan dropped": (rows("loans", drop(request_id="r2")), "missing_result", ("r2",)),
    "loans in another order": (rows("loans", swap(0, 1)), "result_order", ("loans.csv",)),
    "rests in another order": (rows("unfunded", swap(0, 1)), "result_order", ("unfunded.csv",)),
    "loans' notes in another order": (
        rows("notes", lambda listed: listed.append(listed.pop(4))),
        "result_order",
        ("notes.csv", "r3"),
    ),
    "a forged loan": (forged_loan, "unknown_request", ("nobody", "loans.csv")),
    "a forged note": (
        rows("notes", lambda listed: listed.insert(4, {**listed[4], "request_id": "nobody"})),
        "unknown_request",
        ("nobody", "notes.csv"),
    ),
    "a loan twice": (rows("loans", duplicate(0)), "unknown_request", ("r1", "loans.csv")),
    "a rest twice": (rows("unfunded", duplicate(0)), "unknown_request", ("r3", "unfunded.csv")),
    "a request nobody answered": (
        rows("asked", lambda listed: listed.insert(4, {**listed[4], "request_id": "r45"})),
        "missing_result",
        ("r45",),
    ),
    "a request withdrawn afterwards": (
        rows("asked", drop(request_id="r6")),
        "unknown_request",
        ("r6",),
    ),
    "a total in the summary": (
        text("summary.json", lambda t: t.replace('"2360.00"', '"2361.00"')),
        "summary",
        ("lent", "2361.00"),
    ),
    # Input as read
    "an offer twice": (rows("book", duplicate(1)), "duplicate_offer", ("o2", "book.csv")),
    "offers against the clock": (rows("book", swap(0, 10)), "time_backwards", ("book.csv",)),
    "requests against the clock": (
        put("asked", {"request_id": "r6"}, submitted_at="59"),
        "time_backwards",
        ("asked.csv",),
    ),
    "a request of an unknown grade": (
        put("asked", {"request_id": "r4"}, grade="Z"),
        "unknown_cell",
        ("r4", "Z"),
    ),
    "an offer of an unknown term": (
        put("book", {"offer_id": "o9"}, terms="36|99"),
        "unknown_cell",
        ("o9", "99"),
    ),
    "a request that is no multiple": (
        put("asked", {"request_id": "r4"}, amount="300.50"),
        "not_multiple",
        ("r4",),
    ),
    # Files that cannot be read
    "a file cut off in a line": (
        text("notes.csv", lambda t: t[:-10]),
        "file_unreadable",
        ("notes.csv",),
    ),
    "a file cut off between lines": (
        text("notes.csv", lambda t: "\n".join(t.split("\n")[:-3]) + "\n"),
        "principal",
        ("r9",),
    ),
    "an empty file": (text("notes.csv", lambda _: ""), "file_unreadable", ("notes.csv",)),
    "a file without columns": (
        text("loans.csv", lambda _: "\n"),
        "file_unreadable",
        ("loans.csv",),
    ),
    "a column missing": (
        text("loans.csv", lambda t: t.replace("request_id", "request")),
        "file_unreadable",
        ("request_id",),
    ),
    "a column twice": (
        text("notes.csv", lambda t: t.replace("rate", "amount", 1)),
        "file_unreadable",
        ("notes.csv",),
    ),
    "a row with too few cells": (
        text("notes.csv", lambda t: t.replace(",ben", "", 1)),
        "file_unreadable",
        ("notes.csv", "3"),
    ),
    "an amount that is none": (
        text("notes.csv", lambda t: t.replace("100.00", "1e2", 1)),
        "file_unreadable",
        ("notes.csv", "1e2"),
    ),
    "a negative amount": (
        text("notes.csv", lambda t: t.replace("100.00", "-100.00", 1)),
        "file_unreadable",
        ("-100.00",),
    ),
    "a number that is none": (
        put("loans", {"request_id": "r3"}, notes="7.0"),
        "file_unreadable",
        ("loans.csv", "7.0"),
    ),
    "a term that is none": (
        put("asked", {"request_id": "r3"}, term="3_6"),
        "file_unreadable",
        ("asked.csv", "3_6"),
    ),
    "a time that is none": (
        put("asked", {"request_id": "r3"}, submitted_at="now"),
        "file_unreadable",
        ("asked.csv", "now"),
    ),
    "quotes that do not end": (
        text("book.csv", lambda t: t.replace("ivy", '"ivy', 1)),
        "file_unreadable",
        ("book.csv",),
    ),
    "no text": (
        lambda folder: (folder.path / "notes.csv").write_bytes(b"\xff\xfe\n"),
        "file_unreadable",
        ("notes.csv",),
    ),
    "a summary that is no JSON": (
        text("summary.json", lambda t: t[:40]),
        "file_unreadable",
        ("summary.json",),
    ),
    "a summary that is a list": (
        text("summary.json", lambda _: "[]"),
        "file_unreadable",
        ("summary.json",),
    ),
    **{
        f"{name} missing": (
            lambda folder, name=name: (folder.path / name).unlink(),
            "file_missing",
            (name,),
        )
        for name in (
            "book.csv",
            "asked.csv",
            "loans.csv",
            "notes.csv",
            "unfunded.csv",
            "summary.json",
        )
    },
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_corruption_is_named(name: str, sound: Folder, tmp_path: Path) -> None:
    corrupt, code, named = CORRUPTIONS[name]
    folder = sound.copy(tmp_path / "out")
    corrupt(folder)
    folder.seal()
    report = folder.audit()
    assert not report.ok
    assert {breach.code for breach in report.breaches} <= BREACHES.keys()
    found = [str(breach) for breach in report.breaches if breach.code == code]
    assert any(all(part in line for part in named) for line in found), str(report.breaches)
    assert "file_changed" not in {breach.code for breach in report.breaches}


@pytest.mark.parametrize(
    "name", ["asked.csv", "book.csv", "loans.csv", "notes.csv", "unfunded.csv"]
)
def test_a_file_that_was_changed(name: str, sound: Folder, tmp_path: Path) -> None:
    folder = sound.copy(tmp_path / "out")
    text(name, lambda t: re.sub(r"^(\w+)", r'"\1"', t))(folder)
    report = folder.audit()
    assert [(breach.code, breach.where) for breach in report.breaches] == [("file_changed", name)]


def test_the_hash_comes_after_what_is_wrong(sound: Folder, tmp_path: Path) -> None:
    folder = sound.copy(tmp_path / "out")
    move("r6", "o2", "o4", 100)(folder)
    codes = [breach.code for breach in folder.audit().breaches]
    assert codes[0] == "priority"
    assert codes[-1] == "file_changed"


def test_a_file_without_hash(sound: Folder, tmp_path: Path) -> None:
    folder = sound.copy(tmp_path / "out")
    run = folder.run()
    del run["files"]["notes.csv"]
    (folder.path / "run.json").write_text(json.dumps(run))
    report = folder.audit()
    assert [(breach.code, breach.where) for breach in report.breaches] == [
        ("file_changed", "notes.csv")
    ]


# run.json


def test_no_run_is_no_result(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InvalidValue):
            audit_directory(folder)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"version": 1',
        '{"version": 2}',
        '{"version": true, "rules": {}, "files": {}}',
        "[" * 100_000,
        '{"version": 1, "rules": 7, "files": {}}',
        '{"version": 1, "rules": {}, "files": []}',
    ],
)
def test_a_run_that_cannot_be_read(content: str, sound: Folder, tmp_path: Path) -> None:
    folder = sound.copy(tmp_path / "out")
    (folder.path / "run.json").write_text(content)
    report = folder.audit()
    assert report.breaches[0].code == "file_unreadable"
    assert report.breaches[0].where == "run.json"


@pytest.mark.parametrize(
    "changed",
    [
        {"increment": "0.00"},
        {"increment": 1},
        {"increment": "1"},
        {"grades": None},
        {"grades": "AB"},
        {"grades": [["A"]]},
        {"terms": ["x"]},
        {"terms": []},
        {"max_share": "200%"},
        {"min_note": "0.50"},
        {"lender_limits": 5},
        {"borrower_limits": []},
        {"allocation": "best"},
        {"allocation": {"rule": "other", "steps": []}},
        {"allocation": {"rule": "split", "fifo_share": "100.0001%"}},
        {"allocation": {"rule": "lottery", "seed": "abc"}},
        {"allocation": {"rule": "lottery", "seed": -1}},
        {"allocation": {"rule": "lottery", "seed": 2**64}},
        {"allocation": {"rule": "lottery"}},
        {"allocation": {"rule": "steps", "steps": [{"rule": "best", "share": "100%"}]}},
        {"allocation": {"rule": "steps", "steps": ["fifo"]}},
        {"allocation": {"rule": "steps", "steps": []}},
        {"allocation": {"rule": "steps", "steps": [{"rule": "fifo", "share": "1%"}] * 21}},
        {"pricing": 3},
        {"pricing": {"rule": "other", "rates": {}}},
        {"pricing": {"rule": "posted", "rates": {"A": {"x": "6%"}}}},
        {"pricing": {"rule": "posted", "rates": []}},
        # What only a marketplace has that `match` does not make.
        {"matching": "call"},
        {"clearing_point": 1},
    ],
)
def test_rules_that_cannot_be_read(
    changed: dict[str, object], sound: Folder, tmp_path: Path
) -> None:
    folder = sound.copy(tmp_path / "out")
    run = folder.run()
    run["rules"].update(changed)
    (folder.path / "run.json").write_text(json.dumps(run))
    report = folder.audit()
    if changed == {"increment": "1"}:
        assert report.ok
    else:
        assert [breach.code for breach in report.breaches] == ["file_unreadable"]
        assert report.breaches[0].where == "run.json"


def test_rules_that_are_not_set(sound: Folder, tmp_path: Path) -> None:
    folder = sound.copy(tmp_path / "out")
    run = folder.run()
    for name in ("lender_limits", "borrower_limits", "max_share"):
        run["rules"][name] = None
    del run["rules"]["allocation"], run["rules"]["pricing"]
    (folder.path / "run.json").write_text(json.dumps(run))
    codes = {breach.code for breach in folder.audit().breaches}
    assert codes <= {"priority", "size", "reason"}


# Reading a report


def test_a_report_can_be_read(sound: Folder, tmp_path: Path) -> None:
    report = sound.audit()
    assert str(report).startswith("no breach: ")
    folder = sound.copy(tmp_path / "out")
    folder.set("loans", 0, lenders="9")
    report = folder.audit()
    lines = str(report).splitlines()
    assert [line.split(": ")[1] for line in lines[:-1]] == ["lender_count", "file_changed"]
    assert lines[-1].startswith("checked ")
    lines = str(attrs.evolve(report, breaches=31 * report.breaches[:1])).splitlines()
    assert len(lines) == 21
    assert lines[-1].startswith("and 11 more; checked ")
