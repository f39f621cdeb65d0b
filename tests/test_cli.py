"""The command line as a stranger meets it: what it prints, what it refuses, what it leaves behind."""

import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2pmatch.cli import run
from tests.stores.postgres import needs_postgres, schema

OFFERS = """\
offer_id,lender_id,amount,min_rate,grades,terms,max_per_loan,submitted_at,note
o1,ann,"1,000.00",5%,A|B,12|36,250.00,1,hello
o2,ben,500.00,5.5%,,,,2,"a, b"
o3,cleo,500.00,6%,A,36,,9,
"""
REQUESTS = """\
request_id,borrower_id,amount,max_rate,grade,term,min_amount,tags,submitted_at,recorded_x
r1,bob,600.00,9%,A,36,,,5,x
r2,bea,900.00,9%,A,36,300.00,,10,y
r3,zed,900.00,1%,B,12,,,11,z
"""


class Files:
    """A folder with offers and requests, and the command line on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.offers = folder / "offers.csv"
        self.requests = folder / "requests.csv"
        self.rules = folder / "rules.toml"
        self.out = folder / "out"
        self.offers.write_text(OFFERS)
        self.requests.write_text(REQUESTS)

    def arguments(self, *more: str) -> list[str]:
        paths = ["--offers", self.offers, "--requests", self.requests, "--out", self.out]
        return ["match", *map(str, paths), *more]

    def match(self, *more: str) -> int:
        return run(self.arguments(*more))

    def left(self) -> list[str]:
        """What lies in the folder besides the input."""
        names = {path.name for path in self.folder.iterdir()}
        return sorted(names - {"offers.csv", "requests.csv", "rules.toml"})


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_match_writes_loans_notes_unfunded_and_a_summary(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    assert files.match() == 0
    assert sorted(path.name for path in files.out.iterdir()) == [
        "asked.csv",
        "book.csv",
        "loans.csv",
        "notes.csv",
        "run.json",
        "summary.json",
        "unfunded.csv",
    ]
    assert (files.out / "notes.csv").read_text().splitlines() == [
        "request_id,offer_id,lender_id,amount,rate",
        "r1,o1,ann,250.00,5.0000%",
        "r1,o2,ben,350.00,5.5000%",
        "r2,o1,ann,250.00,5.0000%",
        "r2,o2,ben,150.00,5.5000%",
        "r2,o3,cleo,500.00,6.0000%",
    ]
    assert (files.out / "loans.csv").read_text().splitlines() == [
        "request_id,principal,rate,marginal_rate,notes,lenders",
        "r1,600.00,5.2917%,5.5000%,2,2",
        "r2,900.00,5.6389%,6.0000%,3,3",
    ]
    assert (files.out / "unfunded.csv").read_text().splitlines() == [
        "request_id,amount,reason",
        "r3,900.00,no_eligible_offer",
    ]
    summary = json.loads((files.out / "summary.json").read_text())
    assert (summary["loans"], summary["lent"], summary["unfunded"]) == (2, "1500.00", "900.00")
    printed = capsys.readouterr()
    assert "1500.00" in printed.out
    assert printed.err == ""


def test_columns_nobody_knows_are_carried_along(files: Files) -> None:
    assert files.match() == 0
    assert 'o2,ben,500.00,5.5000%,,,,,,,,2,"a, b"' in (files.out / "book.csv").read_text()
    assert (files.out / "asked.csv").read_text().splitlines()[1].endswith(",5,x")


def test_audit_passes_and_then_fails_on_a_changed_cent(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    files.match()
    capsys.readouterr()
    assert run(["audit", str(files.out)]) == 0
    assert capsys.readouterr().out.startswith("no breach")
    notes = files.out / "notes.csv"
    notes.write_text(notes.read_text().replace("350.00", "350.01"))
    assert run(["audit", str(files.out)]) == 1
    assert "principal: 600.00, expected 600.01" in capsys.readouterr().out
    assert run(["audit", str(files.folder)]) == 2


def test_what_spreadsheets_write_is_understood(files: Files) -> None:
    files.match()
    expected = (files.out / "notes.csv").read_bytes()
    for path in (files.offers, files.requests):
        quoted = path.read_text().replace("ann", '"ann"').replace("\n", "\r\n")
        path.write_bytes(b"\xef\xbb\xbf" + quoted.encode() + b"\r\n")
    assert files.match() == 0
    assert (files.out / "notes.csv").read_bytes() == expected


def test_without_times_all_offers_come_first(files: Files) -> None:
    files.requests.write_text(REQUESTS.replace("submitted_at", "whenever"))
    assert files.match() == 0
    assert (files.out / "notes.csv").read_text().splitlines()[1:3] == [
        "r1,o1,ann,250.00,5.0000%",
        "r1,o2,ben,350.00,5.5000%",
    ]
    assert "cleo" in (files.out / "notes.csv").read_text()


def test_offers_keep_their_order_of_time_when_requests_have_none(files: Files) -> None:
    files.offers.write_text(
        "offer_id,lender_id,amount,min_rate,grades,terms,submitted_at\n"
        "late,ann,900.00,5%,,,9\n"
        "early,ben,900.00,5%,,,4\n"
        "first,cleo,100.00,5%,,,\n"
    )
    files.requests.write_text(REQUESTS.replace("submitted_at", "whenever"))
    assert files.match() == 0
    notes = (files.out / "notes.csv").read_text().splitlines()[1:]
    assert [line.split(",")[1] for line in notes] == ["first", "early", "early", "late"]
    assert run(["audit", str(files.out)]) == 0


def test_offers_without_times_come_before_timed_requests(files: Files) -> None:
    files.offers.write_text(OFFERS.replace("submitted_at", "whenever"))
    assert files.match() == 0
    assert "r1,o1" in (files.out / "notes.csv").read_text()
    assert run(["audit", str(files.out)]) == 0


def test_expired_offers_do_not_stand(files: Files) -> None:
    files.offers.write_text(
        "offer_id,lender_id,amount,min_rate,grades,terms,expires_at,submitted_at\n"
        "o1,ann,900.00,5%,,,4,4\n"
        "o2,ann,900.00,5%,,,6,4\n"
        "o3,ben,900.00,6%,,,,\n"
        "o4,eva,900.00,5.5%,,,10,4\n"
    )
    assert files.match() == 0
    notes = (files.out / "notes.csv").read_text()
    assert "r1,o2" in notes
    assert "r2,o3" in notes
    summary = json.loads((files.out / "summary.json").read_text())
    assert (summary["offers"], summary["offers_expired_on_arrival"]) == (3, 1)
    assert run(["audit", str(files.out)]) == 0


def test_a_request_id_twice_is_two_requests_and_said_so(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    files.requests.write_text(REQUESTS + "r1,bob,100.00,9%,A,36,,,12,\n")
    assert files.match() == 0
    assert "r1 stands in several rows" in capsys.readouterr().err
    loans = (files.out / "loans.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in loans[1:]] == ["r1", "r2", "r1"]
    assert run(["audit", str(files.out)]) == 0


BAD_OFFERS = [
    ("o1", "o1,ann,,5%,,", "offers.csv:2: column amount: '' cannot be read"),
    ("o1", "o1,ann,5.001,5%,,", "column amount: '5.001' has too many decimals"),
    ("o1", "o1,ann,-5,5%,,", "column amount: '-5' is negative"),
    ("o1", "o1,ann,0,5%,,", "column amount: '0' is zero"),
    ("o1", "o1,ann,nan,5%,,", "column amount: 'nan' cannot be read"),
    ("o1", "o1,ann,1e3,5%,,", "column amount: '1e3' cannot be read"),
    ("o1", "o1,ann,9999999999999,5%,,", "column amount: '9999999999999' is too large"),
    ("o1", "o1,ann,5,5,,", "column min_rate: '5' cannot be read"),
    ("o1", "o1,ann,5,0.05,,", "column min_rate: '0.05' cannot be read"),
    ("o1", "o1,ann,5,5%,Z,", "column grades: 'Z' is not a grade of this marketplace"),
    ("o1", "o1,ann,5,5%,A||B,", "column grades: '' is empty"),
    ("o1", "o1,ann,5,5%,,99", "column terms: 99 is not a term of this marketplace"),
    ("o1", "o1,ann,5,5%,,x", "column terms: 'x' cannot be read"),
    ("o1", ",ann,5,5%,,", "column offer_id: '' is empty"),
    ("o1", "o1,,5,5%,,", "column lender_id: '' is empty"),
    ("o1", f"{'x' * 201},ann,5,5%,,", "is too long"),
    ("o1", "o1,ann,5,5%,", "offers.csv:2: has 5 fields; accepted: 6"),
    ("o1", "o1,ann,5,5%,,,7", "offers.csv:2: has 7 fields"),
    ("o1", 'o1,"ann,5,5%,,', "unexpected end of data"),
    ("o1", "o1,a\x00n,5,5%,,", "column lender_id: 'a\\x00n' cannot be read"),
    ("o1", "o1,ann,5,5%,,\no1,ann,5,5%,,", "offers.csv:3: column offer_id: 'o1' is already used"),
]  # fmt: skip


@pytest.mark.parametrize(("_", "row", "message"), BAD_OFFERS, ids=[b[2][-40:] for b in BAD_OFFERS])
def test_a_bad_offer_is_named_by_file_line_and_column(
    files: Files, capsys: pytest.CaptureFixture[str], _: str, row: str, message: str
) -> None:
    files.offers.write_text(f"offer_id,lender_id,amount,min_rate,grades,terms\n{row}\n")
    files.rules.write_text('grades = ["A", "B"]\nterms = [12, 36]\n')
    assert files.match("--rules", str(files.rules)) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert "accepted: " in printed.err or "cannot be read" in printed.err
    assert printed.out == ""
    assert files.left() == []


BAD_REQUESTS = [
    ("r1,bob,5.50,9%,A,36,", "column amount: '5.50' is not a multiple of the increment"),
    ("r1,bob,5,9%,A,36,6", "column min_amount: '6' is above the amount; accepted: at most"),
    ("r1,bob,5,9%,A|B,36,", "column grade: 'A|B' cannot be read"),
    ("r1,bob,5,9%,A,12|36,", "column term: '12|36' cannot be read"),
    ("r1,bob,5,9%,Z,36,", "column grade: 'Z' is not a grade"),
    ("r1,bob,5,9%,A,99,", "column term: 99 is not a term"),
    ("r1,bob,5,2000%,A,36,", "column max_rate: '2000%' is too large"),
]


@pytest.mark.parametrize(("row", "message"), BAD_REQUESTS)
def test_a_bad_request_is_named_by_file_line_and_column(
    files: Files, capsys: pytest.CaptureFixture[str], row: str, message: str
) -> None:
    files.requests.write_text(
        f"request_id,borrower_id,amount,max_rate,grade,term,min_amount\n{row}\n"
    )
    files.rules.write_text('increment = "1"\ngrades = ["A", "B"]\nterms = [12, 36]\n')
    assert files.match("--rules", str(files.rules)) == 2
    assert f"requests.csv:2: {message}" in capsys.readouterr().err
    assert files.left() == []


def test_bad_tags_times_and_contradictions_are_named(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    files.offers.write_text(
        "offer_id,lender_id,amount,min_rate,grades,terms,requires,refuses,expires_at,max_share\n"
        "o1,ann,5,5%,,,x|y,y,,\n"
        "o2,ann,5,5%,,,,,soon,\n"
        "o3,ann,5,5%,,,,,,101%\n"
        "o4,ann,5,5%,,,,,99999999999999999999,\n"
    )
    assert files.match() == 2
    errors = capsys.readouterr().err
    assert "offers.csv:3: column expires_at: 'soon' cannot be read" in errors
    assert "offers.csv:4: column max_share" in errors
    assert "offers.csv:5: column expires_at" in errors
    files.offers.write_text(
        "offer_id,lender_id,amount,min_rate,grades,terms,requires,refuses\no1,ann,5,5%,,,x|y,y\n"
    )
    assert files.match() == 2
    assert "column refuses: ['y'] contradicts another value" in capsys.readouterr().err


def test_twenty_problems_are_told_and_the_rest_counted(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"o{i},ann,x,5%,,\n" for i in range(30))
    files.offers.write_text("offer_id,lender_id,amount,min_rate,grades,terms\n" + rows)
    assert files.match() == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 21
    assert lines[0].endswith(
        "accepted: text such as '1,234.50', a Decimal without exponent or an int, from 0.01 to 5000000000.00"
    )
    assert lines[-1] == "and 10 more"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"offer_id,lender_id\n", "column 'amount' is missing"),
        (b"offer_id,offer_id,lender_id,amount,min_rate,grades,terms\n", "stands there twice"),
        (b"offer_id,lender_id,amount,min_rate,grades,terms\n\xff,a,5,5%,,\n", "is not UTF-8"),
        (b"o,l\n" + b"x" * 200_000 + b",y\n", "field larger than field limit"),
        (None, "no such file"),
        ("folder", "cannot be read"),
    ],
)
def test_files_that_are_no_such_table(
    files: Files, capsys: pytest.CaptureFixture[str], content: bytes | str | None, message: str
) -> None:
    files.offers.unlink()
    if content == "folder":
        files.offers.mkdir()
    elif isinstance(content, bytes):
        files.offers.write_bytes(content)
    assert files.match() == 2
    assert message in capsys.readouterr().err
    assert "out" not in files.left()


def test_a_header_alone_is_an_empty_book(files: Files) -> None:
    files.offers.write_text("offer_id,lender_id,amount,min_rate,grades,terms\n")
    assert files.match() == 0
    assert json.loads((files.out / "summary.json").read_text())["loans"] == 0
    files.requests.write_text("request_id,borrower_id,amount,max_rate,grade,term\n")
    assert files.match() == 0
    assert run(["audit", str(files.out)]) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "key 'x': 'x' is not a field that can be given; accepted: increment, min_note"),
        ("x = 1\ny = 2", "key 'y': 'y' is not a field"),
        ("increment = 1.5", "key 'increment': 1.5 has the wrong type"),
        ('increment = "1.005"', "key 'increment': '1.005' has too many decimals"),
        ('max_share = "5"', "key 'max_share': '5' cannot be read"),
        ('grades = "A"', "key 'grades': 'A' has the wrong type"),
        ("grades = [1]", "grades: 1 has the wrong type"),
        ("grades = []", "grades: () is empty"),
        ("lender_limits = 5", "key 'lender_limits': 5 has the wrong type"),
        (
            '[lender_limits]\nper_lone = "5"',
            "key 'lender_limits.per_lone': 'per_lone' is not a field that can be given; accepted: per_loan",
        ),
        ('[lender_limits]\nper_loan = "-5"\ntotal = 3.5', "key 'lender_limits.total': 3.5 has"),
        ('allocation = { rule = "lifo" }', "one of ['lottery', 'split', 'steps']"),
        (
            'allocation = "split"',
            "key 'allocation': 'split' has the wrong type; accepted: { rule = 'split', fifo_share = ... }",
        ),
        (
            'pricing = "posted"',
            "key 'pricing': 'posted' has the wrong type; accepted: { rule = 'posted', rates = ... }",
        ),
        ('allocation = { fifo_share = "4%" }', "key 'allocation': None is not a rule"),
        (
            'allocation = { rule = "split" }',
            "key 'allocation': None is empty; accepted: a value for 'fifo_share'",
        ),
        (
            'allocation = { rule = "split", fifo_share = "40" }',
            "key 'allocation.fifo_share': '40' cannot be read",
        ),
        (
            'allocation = { rule = "split", fifo_share = "4%", seed = 1 }',
            "key 'allocation.seed': 'seed' is not a field that can be given; accepted: fifo_share",
        ),
        (
            'allocation = { rule = "lottery", seed = "x" }',
            "key 'allocation': 'x' has the wrong type",
        ),
        (
            'allocation = { rule = "steps", steps = [{ rule = "fifo", share = "5" }] }',
            "key 'allocation.steps.share': '5' cannot be read",
        ),
        (
            'allocation = { rule = "steps", steps = [{ share = "40%" }, { rule = "fifo" }] }',
            "key 'allocation.steps': None is empty; accepted: a value for 'rule'",
        ),
        (
            'allocation = { rule = "steps", steps = [{ rule = "oldest" }] }',
            "a last step without bounds",
        ),
        (
            'pricing = { rule = "posted", rates = { A = "6%" } }',
            "key 'pricing.rates': '6%' has the wrong type",
        ),
        ('pricing = { rule = "posted", rates = { A = { x = "6%" } } }', "'x' cannot be read"),
        (
            "[pricing]\nrule = 'posted'\nrates = { A = { 36 = '6%', ' 036' = '9%' } }",
            "' 036' stands there twice",
        ),
        (f"[pricing]\nrule = 'posted'\nrates = {{ A = {{ {'9' * 5_000} = '6%' }} }}", "too large"),
        (
            'pricing = { rule = "posted", rates = { Z = { 36 = "6%" } } }',
            "pricing: 'Z' is not a grade",
        ),
        ('matching = "call"', "key 'matching': 'matching' is not a field that can be given"),
        ('[lender_limits]\nper_loan = "-5"', "key 'lender_limits.per_loan': '-5' is negative"),
        (
            "[borrower_limits]\ntotal = 1e3",
            "key 'borrower_limits.total': 1000.0 has the wrong type",
        ),
        (
            'allocation = "lifo"',
            "allocation: 'lifo' is not a rule; accepted: one of ['equal_share', 'fifo'",
        ),
        ('pricing = "x"', "pricing: 'x' is not a rule"),
        ('increment = "5"\nmin_note = "12"', "min_note: 1200 is not a multiple"),
        ("increment = ", "cannot be read"),
    ],
)
def test_bad_rules_are_named_by_key(
    files: Files, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    files.rules.write_text(text)
    assert files.match("--rules", str(files.rules)) == 2
    assert message in capsys.readouterr().err
    assert files.left() == []


def test_rules_that_are_not_there_or_no_file(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    assert files.match("--rules", str(files.rules)) == 2
    assert files.match("--rules", str(files.folder)) == 2
    files.rules.write_bytes(b'x = "\xff"')
    assert files.match("--rules", str(files.rules)) == 2
    errors = capsys.readouterr().err
    assert "no such file" in errors
    assert errors.count("accepted: TOML") == 2


def test_an_earlier_run_is_replaced_and_anything_else_is_left_alone(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    assert files.match() == 0
    (files.out / "stale").write_text("x")
    assert files.match() == 0
    assert not (files.out / "stale").exists()
    assert files.left() == ["out"]
    other = files.folder / "other"
    other.mkdir()
    (other / "precious").write_text("x")
    files.out = other
    assert files.match() == 2
    assert "holds other files (precious)" in capsys.readouterr().err
    files.out = other / "precious"
    assert files.match() == 2
    assert "is a file" in capsys.readouterr().err
    assert (other / "precious").read_text() == "x"


@pytest.mark.parametrize(
    ("offers", "requests", "told"),
    [
        (
            ("max_per_loan", "Max_per_laon"),
            ("recorded_x", "max_rates"),
            "offers.csv: column 'Max_per_laon' is not read; is 'max_per_loan' meant?",
        ),
        (
            (",2,", ",,"),
            ("", ""),
            "offers.csv: rows without submitted_at: 1; they come before all with one",
        ),
        (
            ("", ""),
            ("recorded_x", "expires_at"),
            "requests.csv: column 'expires_at' is not read: a file's requests are matched as they come",
        ),
    ],
    ids=["a column that may be misspelt", "rows without a time among others", "a column not read"],
)
def test_what_is_worth_a_word_is_told(
    offers: tuple[str, str],
    requests: tuple[str, str],
    told: str,
    files: Files,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files.offers.write_text(OFFERS.replace(*offers))
    files.requests.write_text(REQUESTS.replace(*requests))
    assert files.match() == 0
    assert capsys.readouterr().err == f"p2pmatch: {files.folder}/{told}\n"


def test_the_name_of_a_journal_needs_a_database(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    assert files.match("--journal", "x") == 2
    assert "--store URL" in capsys.readouterr().err
    assert not files.out.exists()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_the_letters_gets_escapes(encoding: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "p2pmatch", "demo"],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
    )
    assert b"\\u2588" in done.stdout
    assert done.stderr == b""


@pytest.mark.parametrize(
    "arguments",
    [
        ["match"],
        ["matsch"],
        ["match", "--offers"],
        ["quote", "--offers", "x.csv", "--amount", "5", "--grade", "A", "--term", "soon"],
        ["quote", "--offers", "x.csv", "--amount", "5", "--grade", "A", "--term", "35.6"],
        ["quote", "--offers", "x.csv", "--amount", "5", "--grade", "A", "--term", "0x24"],
        ["demo", "--loud"],
    ],
)
def test_wrong_words_on_the_command_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    printed = capsys.readouterr()
    assert printed.err
    assert printed.out == ""


def test_quote_tells_what_a_request_would_get(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["quote", "--offers", str(files.offers), "--grade", "A", "--term", "36"]
    assert run([*base, "--amount", "2,000"]) == 0
    printed = capsys.readouterr().out
    assert "obtainable     1250.00" in printed
    assert "lenders        3" in printed
    assert "750.00 (not_enough_room" in printed
    assert run([*base, "--amount", "600", "--max-rate", "5%"]) == 0
    assert "obtainable     250.00" in capsys.readouterr().out
    assert run([*base, "--amount", "600", "--max-rate", "1%"]) == 0
    assert "no_eligible_offer" in capsys.readouterr().out
    assert run([*base, "--amount", "6.005"]) == 2
    assert run([*base[:-1], "99", "--amount", "6"]) == 2
    errors = capsys.readouterr().err
    assert "too many decimals" in errors
    assert "99 is not a term" in errors


FEES = """\
apr_rule = "eu"
[fees]
origination = "3%"
origination_fixed = "5.00"
paid = "from_proceeds"
servicing = "1%"
"""


def test_offers_for_all_grades_and_terms_are_for_those_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offers = tmp_path / "offers.csv"
    header = "offer_id,lender_id,amount,min_rate,grades,terms\n"
    offers.write_text(header + "o1,ann,500,5%,,\n")
    asked = ["--offers", str(offers), "--amount", "800"]
    assert run(["quote", *asked, "--grade", "B", "--term", "36"]) == 0
    assert re.search(r"obtainable +500\.00", capsys.readouterr().out)
    assert run(["compare", *asked, "--grade", "A|B", "--terms", "12,24"]) == 0
    assert capsys.readouterr().out.count("500.00") == 4
    # Where an offer says where it stands, others are no terms of the data.
    offers.write_text(header + "o1,ann,500,5%,,\no2,ben,300,6%,A,12\n")
    assert run(["quote", *asked, "--grade", "A", "--term", "36"]) == 2
    assert "one of [12]" in capsys.readouterr().err


def test_quote_tells_what_a_loan_costs_and_what_is_missing(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    files.rules.write_text(FEES)
    base = ["quote", "--offers", str(files.offers), "--grade", "A", "--term", "36"]
    assert run([*base, "--amount", "2,000", "--rules", str(files.rules)]) == 0
    printed = capsys.readouterr().out
    for line in (
        "lenders        3, the largest with 40.0000% of the loan",
        "a month        37.80, 36 times",
        "interest       110.83",
        "fees           42.50, paid out of the loan",
        "paid out       1207.50",
        "total cost     153.33",
        "(EU, Directive 2008/48/EC)",
        "lenders get    4.6000% of the rate, the servicing fee taken off",
        "750.00 offer_max_per_loan: an offer's own cap per loan",
        "depth          5.0000%",
        "average rate",
    ):
        assert line in printed
    files.rules.write_text('[fees]\norigination_fixed = "5000.00"\n')
    assert run([*base, "--amount", "2,000", "--rules", str(files.rules)]) == 0
    assert "none: the fees leave nothing of the loan" in capsys.readouterr().out


def test_fees_change_no_match_and_are_audited_along(files: Files) -> None:
    files.match()
    expected = (files.out / "notes.csv").read_bytes()
    files.rules.write_text(FEES)
    assert files.match("--rules", str(files.rules)) == 0
    assert (files.out / "notes.csv").read_bytes() == expected
    assert run(["audit", str(files.out)]) == 0
    written = json.loads((files.out / "run.json").read_text())["rules"]
    assert written["apr_rule"] == "eu"
    assert written["fees"] == {
        "origination": "3.0000%",
        "origination_fixed": "5.00",
        "paid": "from_proceeds",
        "servicing": "1.0000%",
    }


def test_compare_puts_terms_amounts_and_grades_side_by_side(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["compare", "--offers", str(files.offers)]
    assert run([*base, "--amount", "1,000", "--grade", "A", "--terms", "12,36"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["term", "12", "36"]
    more = ["--amount", "100|1000", "--grade", "A | B", "--terms", "36|12", "--max-rate", "5%"]
    assert run([*base, *more]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        [grade, term, amount]
        for grade in "AB"
        for term in ("36", "12")
        for amount in ("100.00", "1000.00")
    ]
    assert "not_enough_room" in lines[2]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--terms": "12,x"}, "terms: 'x' cannot be read; accepted: months joined by commas"),
        ({"--terms": ""}, "terms: '' cannot be read"),
        ({"--terms": "12,,36"}, "terms: '' cannot be read"),
        ({"--terms": "1" * 40}, "is too large; accepted: months joined by commas"),
        ({"--terms": "99"}, "term: 99 is not a term"),
        ({"--terms": "36,36"}, "terms: 36 stands there twice"),
        ({"--amount": "0"}, "amount: '0' is zero"),
        ({"--amount": "100|5.005"}, "too many decimals"),
        ({"--amount": "-5"}, "'-5' is negative"),
        ({"--grade": "Z"}, "grade: 'Z' is not a grade"),
        ({"--grade": "A|"}, "grades: '' is empty"),
        ({"--max-rate": "9"}, "rate: '9' cannot be read"),
        ({"--offers": "nowhere.csv"}, "nowhere.csv: no such file"),
    ],
)
def test_compare_refuses_rubbish_with_a_reason(
    files: Files, capsys: pytest.CaptureFixture[str], changed: dict[str, str], said: str
) -> None:
    given = {"--offers": str(files.offers), "--amount": "100", "--grade": "A", "--terms": "36"}
    arguments = [f"{name}={value}" for name, value in {**given, **changed}.items()]
    assert run(["compare", *arguments]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[fees]\npaid = "later"', "'later' is not a rule; accepted: one of ['from_proceeds'"),
        ('[fees]\norigination = "101%"', "1010000 is too large"),
        ("[fees]\norigination = 3", "key 'fees.origination': 3 has the wrong type"),
        ('[fees]\ntip = "3%"', "key 'fees.tip': 'tip' is not a field"),
        ('apr_rule = "uk"', "apr_rule: 'uk' is not a rule; accepted: one of ['eu', 'us']"),
    ],
)
def test_fees_that_cannot_be_are_named(
    files: Files, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    files.rules.write_text(text)
    assert files.match("--rules", str(files.rules)) == 2
    assert said in capsys.readouterr().err


def test_the_demo_fits_one_screen(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    for part in ("THE BOOK", "THE QUOTE", "THE LOAN", "THE LIMITS", "EVERY CENT"):
        assert part in text
    assert "notes 4000.00 = principal 4000.00" in text


def many(files: Files, offers: int) -> None:
    rows = "".join(f"o{i},l{i % 999},100.00,{5 + i % 50 / 10:.1f}%,,\n" for i in range(offers))
    files.offers.write_text("offer_id,lender_id,amount,min_rate,grades,terms\n" + rows)
    rows = "".join(f"r{i},b{i},5000.00,12%,A,36\n" for i in range(3_000))
    files.requests.write_text("request_id,borrower_id,amount,max_rate,grade,term\n" + rows)


def started(arguments: list[str], on_hangup: str = "SIG_DFL") -> "subprocess.Popen[bytes]":
    """The command as it starts, whatever whoever runs the tests does when its terminal closes."""
    command = (
        f"import os, signal, sys; signal.signal(signal.SIGHUP, signal.{on_hangup}); "
        "os.execv(sys.executable, [sys.executable, '-m', 'p2pmatch', *sys.argv[1:]])"
    )
    return subprocess.Popen(
        [sys.executable, "-c", command, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    "sent", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL], ids=lambda s: s.name
)
def test_killed_half_way_it_leaves_no_result(files: Files, sent: signal.Signals) -> None:
    many(files, 60_000)
    process = started(files.arguments())
    time.sleep(0.6)
    process.send_signal(sent)
    assert process.wait(timeout=30) != 0
    assert files.left() == []


def test_a_journal_half_written_goes_with_the_terminal(files: Files) -> None:
    pytest.importorskip("msgspec")
    many(files, 60_000)
    process = started(files.arguments("--store", str(files.folder / "market.db")))
    # Until the journal is begun.
    while not any(name.startswith(".market.db") for name in files.left()):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=30) != 0
    assert files.left() == []


def test_who_is_to_outlive_its_terminal_does(files: Files) -> None:
    many(files, 20_000)
    # As `nohup` does it.
    process = started(files.arguments(), on_hangup="SIG_IGN")
    time.sleep(0.6)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=60) == 0
    assert files.left() == ["out"]


def test_an_output_that_takes_no_more_is_not_a_breach() -> None:
    command = [sys.executable, "-m", "p2pmatch", "demo"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "p2pmatch: the output: " in done.stderr


def test_what_cannot_be_written_is_told_and_tried_no_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: int) -> list[str]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("p2pmatch.cli.demo_lines", full)
    output = io.StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    assert run(["demo"]) == 2
    assert output.closed
    assert capsys.readouterr().err == "p2pmatch: the output: No space left on device\n"


def test_who_ignores_a_closed_terminal_goes_on_ignoring_it() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run(["demo"]) == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        assert run(["demo"]) == 0
        with pytest.raises(SystemExit, match=str(128 + signal.SIGHUP)):
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_reader_that_goes_away_is_no_error(files: Files) -> None:
    command = f"{sys.executable} -m p2pmatch demo | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)  # noqa: S602
    assert done.stderr == ""


def test_nothing_is_written_where_nothing_can_be(files: Files) -> None:
    blocker = files.folder / "file"
    blocker.write_text("x")
    files.out = blocker / "out"
    assert files.match() == 2
    blocker.unlink()
    assert files.left() == []


def test_without_the_extra_the_command_says_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "from importlib.machinery import PathFinder\n"
        "class Hidden(PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        return None if name in ('cyclopts', 'rich') else PathFinder.find_spec(name, path, target)\n"
        "sys.meta_path[:] = [Hidden if f is PathFinder else f for f in sys.meta_path]\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "p2pmatch", "demo"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 2
    assert "needs cyclopts and rich: pip install 'p2pmatch[cli]'" in done.stderr


def test_every_row_is_a_request_whatever_its_id(files: Files) -> None:
    """Also where numbered ids stand in the file, or an id is as long as an id may be."""
    long = "r" * 200
    ids = ["r1", "r1#2", "r1", long, long, "r1"]
    rows = [f"{request_id},bob,100.00,9%,A,36" for request_id in ids]
    header = "request_id,borrower_id,amount,max_rate,grade,term"
    files.requests.write_text("\n".join([header, *rows]) + "\n")
    files.rules.write_text('allocation = { rule = "lottery", seed = 7 }\n')
    assert files.match("--rules", str(files.rules)) == 0
    rows = (files.out / "loans.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ids
    assert run(["audit", str(files.out)]) == 0


# Journals


def kept(files: Files) -> Path:
    """A run that was kept."""
    store = files.folder / "market.db"
    assert run(files.arguments("--store", str(store))) == 0
    return store


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    """What a command prints, by its first word."""
    capsys.readouterr()
    assert run(arguments) == 0
    return dict(line.split() for line in capsys.readouterr().out.splitlines())


def test_a_run_is_kept_replayed_and_verified(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    store = kept(files)
    assert files.left() == ["market.db", "out"]
    whole = printed(capsys, "replay", str(store))
    assert whole["seq"] == "5"
    assert len(whole["digest"]) == 64
    assert printed(capsys, "replay", str(store), "--upto", "5") == whole
    part = printed(capsys, "replay", str(store), "--upto", "2")
    assert part["seq"] == "2"
    assert part["digest"] != whole["digest"]
    found = printed(capsys, "verify", str(store))
    assert (found["entries"], found["digest"]) == ("6", whole["digest"])
    assert printed(capsys, "verify", str(store), "--head", found["head"]) == found
    assert printed(capsys, "replay", str(store)) == whole
    assert files.left() == ["market.db", "out"]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=needs_postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/lending.db"
    else:
        with schema() as url:
            yield url.render_as_string(hide_password=False)


def test_a_run_is_kept_in_a_database(
    files: Files, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    in_file = kept(files)
    expected = printed(capsys, "verify", str(in_file))
    assert run(files.arguments("--store", database)) == 0
    assert printed(capsys, "verify", database) == expected
    assert printed(capsys, "verify", database, "--journal", "market") == expected
    replayed = printed(capsys, "replay", database, "--upto", "5")
    assert replayed == printed(capsys, "replay", str(in_file))
    # Another journal of the same database; and none is written over.
    assert run(["replay", database, "--journal", "eur"]) == 2
    assert run(files.arguments("--store", database, "--journal", "eur")) == 0
    assert printed(capsys, "verify", database, "--journal", "eur") == expected
    assert run(files.arguments("--store", database)) == 2
    assert "is there already" in capsys.readouterr().err
    assert printed(capsys, "verify", database) == expected


def test_a_run_that_fails_leaves_nothing_in_a_database(files: Files) -> None:
    files.requests.write_text(REQUESTS.replace("600.00", "600.005"))
    assert run(files.arguments("--store", f"sqlite:///{files.folder}/market.db")) == 2
    assert files.left() == []


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://bob:hunter2@127.0.0.1:1/market?connect_timeout=5",
        "postgresql+psycopg://bob:hunter2@127.0.0.1:port/market",
        "postgresql+nothing://bob:hunter2@127.0.0.1/market",
        "mysql://bob:hunter2@127.0.0.1/market",
        "://bob:hunter2@127.0.0.1/market",
    ],
)
def test_a_database_that_is_not_there_is_said_without_its_password(
    files: Files, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["replay", url], ["verify", url], files.arguments("--store", url)):
        assert run(arguments) == 2
        said = capsys.readouterr()
        assert said.err.startswith("p2pmatch: ")
        assert said.out == ""
        assert "hunter2" not in said.err
        assert "Traceback" not in said.err
    assert files.left() == []


def test_a_run_may_be_kept_only(files: Files) -> None:
    arguments = ["match", "--offers", str(files.offers), "--requests", str(files.requests)]
    assert run([*arguments, "--store", str(files.folder / "market.db")]) == 0
    assert files.left() == ["market.db"]


def test_a_changed_journal_fails_the_check(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    store = kept(files)
    with sqlite3.connect(store) as file:
        (events,) = file.execute("SELECT events FROM entry WHERE seq = 2").fetchone()
        assert b"25000" in events
        changed = events.replace(b"25000", b"25001")
        file.execute("UPDATE entry SET events = ? WHERE seq = 2", (changed,))
    file.close()
    capsys.readouterr()
    assert run(["verify", str(store)]) == 1
    assert "entry 2" in capsys.readouterr().out
    assert run(["replay", str(store)]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["replay", "none.db"], "none.db: no such file"),
        (["replay", "offers.csv"], "offers.csv"),
        (["replay", "."], "could not be read"),
        (["verify", "none.db"], "none.db: no such file"),
        (["verify", "x" * 300], "File name too long"),
        (["replay", "market.db", "--upto", "-1"], "upto"),
        (["replay", "market.db", "--upto", "99"], "upto"),
        (["replay", "market.db", "--upto", "x"], "upto"),
        (["replay", "market.db", "--upto", "1.5"], "upto"),
        (["match", "--offers", "offers.csv", "--requests", "requests.csv"], "--store FILE"),
        (
            ["match", "--offers", "offers.csv", "--requests", "requests.csv", "--store", "no/m.db"],
            "folder is not there",
        ),
        (
            [
                "match",
                "--offers",
                "offers.csv",
                "--requests",
                "requests.csv",
                "--store",
                "market.db",
            ],
            "is there already",
        ),
    ],
)
def test_what_no_journal_can_be_made_of_is_refused(
    files: Files,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    kept(files)
    monkeypatch.chdir(files.folder)
    left = files.left()
    capsys.readouterr()
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.out == ""
    assert files.left() == left


def test_a_run_that_fails_leaves_no_journal(files: Files) -> None:
    files.requests.write_text(REQUESTS.replace("600.00", "600.005"))
    assert run(files.arguments("--store", str(files.folder / "market.db"))) == 2
    assert files.left() == []


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["$defs"]["Command"]


def test_a_posted_rate_is_no_secret(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody lends below it, or where none is posted, and both are said in words."""
    files.rules.write_text('[pricing]\nrule = "posted"\nrates = { A = { 36 = "8%" } }\n')
    rules = ["--rules", str(files.rules)]
    assert files.match(*rules) == 0
    assert run(["audit", str(files.out)]) == 0
    book = ["quote", "--offers", str(files.offers), "--amount", "100", "--grade"]
    assert run([*book, "A", "--term", "36", "--max-rate", "7%", *rules]) == 0
    assert "the borrower accepts less than the posted rate" in capsys.readouterr().out
    assert run([*book, "B", "--term", "36", *rules]) == 0
    assert "no rate is posted for this grade and term" in capsys.readouterr().out
