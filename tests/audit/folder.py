"""A result folder of `match` to corrupt: its files as rows, and seals put right afterwards."""

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from p2pmatch.audit import Report, audit_directory
from p2pmatch.batch import match_files
from p2pmatch.run_folder import write_run
from p2pmatch.units import amount, format_amount, format_rate, rate, round_half_up

Row = dict[str, str]

OFFERS = """\
offer_id,lender_id,amount,min_rate,grades,terms,max_per_loan,max_share,requires,refuses,expires_at,submitted_at,note
o1,ann,500.00,5%,A|B,12|36,,,,,,0,plain
o2,ben,300.00,5.5%,A,36,100.00,,,,,0,"quoted, twice
over two lines"
o3,cleo,400.00,6%,A,36,,25%,,,,0,
o4,ann,200.00,6.5%,A,36,,,,,,0,
o5,dan,400.00,7%,A|B,12|36,,,green,,,0,a\x0cb
o6,eve,400.00,7.5%,,,,,,red,,0,a\u2028b
o7,fay,300.00,8%,A,36,,,,,100,0,
o8,bob,400.00,4%,A,36,,,,,,0,
o9,gus,500.00,9%,A,36,,,,,,50,
o10,hal,300.00,5%,B,12,,,,,,0,
o11,ivy,900.00,8.5%,A,12|36,,,,,,0,
"""
REQUESTS = """\
request_id,borrower_id,amount,max_rate,grade,term,min_amount,tags,submitted_at
r1,bob,600.00,8%,A,36,,,10
r2,cat,300.00,9%,A,36,,green|new,20
r3,dee,5000.00,9%,A,36,500.00,red,30
r4,zed,300.00,1%,A,36,,,40
r5,kim,60.00,9%,A,36,,,60
r5,kim,60.00,9%,A,36,,,60
r6,lou,130.00,9%,A,36,100.00,,120
r7,max,40.00,9%,B,12,,,130
r8,max,2000.00,20%,B,12,,,140
r9,bob,110.00,20%,A,12,,,150
"""
RULES = """\
increment = "1.00"
min_note = "25.00"
grades = ["A", "B", "C"]
terms = [12, 36]
max_share = "60%"
[lender_limits]
per_loan = "200.00"
per_borrower = "450.00"
per_grade = "900.00"
total = "1000.00"
max_share = "50%"
[borrower_limits]
total = "5000.00"
"""


def matched(
    directory: Path, offers: str = OFFERS, requests: str = REQUESTS, rules: str = RULES
) -> Path:
    """Match offers with requests; return the folder written."""
    sources = {"offers.csv": offers, "requests.csv": requests, "rules.toml": rules}
    for name, text in sources.items():
        (directory / name).write_text(text, encoding="utf-8")
    paths = [directory / name for name in sources]
    write_run(match_files(*paths), directory / "out")
    return directory / "out"


class Folder:
    """A folder that can be changed row by row."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def copy(self, target: Path) -> "Folder":
        shutil.copytree(self.path, target)
        return Folder(target)

    def audit(self) -> Report:
        return audit_directory(self.path)

    # Rows

    def rows(self, name: str) -> list[Row]:
        with (self.path / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def write(self, name: str, rows: list[Row]) -> None:
        path = self.path / f"{name}.csv"
        header = path.read_text(encoding="utf-8").split("\n")[0].split(",")
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, header, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    def change(self, name: str, edit: Callable[[list[Row]], object]) -> None:
        rows = self.rows(name)
        edit(rows)
        self.write(name, rows)

    def set(self, name: str, at: int, **cells: str) -> None:
        self.change(name, lambda rows: rows[at].update(cells))

    def find(self, name: str, **cells: str) -> int:
        """The first row with these cells."""
        rows = self.rows(name)
        return next(i for i, row in enumerate(rows) if cells.items() <= row.items())

    def notes(self, request_id: str) -> list[int]:
        """Where the notes of a loan stand."""
        return [i for i, row in enumerate(self.rows("notes")) if row["request_id"] == request_id]

    def add(self, name: str, at: int, column: str, units: int) -> None:
        """Add minor units to an amount, or ppm to a rate."""
        text = self.rows(name)[at][column]
        if text.endswith("%"):
            self.set(name, at, **{column: format_rate(rate(text) + units)})
        else:
            self.set(name, at, **{column: format_amount(amount(text) + units)})

    def run(self) -> Any:
        return json.loads((self.path / "run.json").read_text())

    def rules(self, **rules: object) -> None:
        """Change rules; a mapping changes some of a table's entries."""
        run = self.run()
        for name, value in rules.items():
            if isinstance(value, dict):
                run["rules"][name].update(value)
            else:
                run["rules"][name] = value
        (self.path / "run.json").write_text(json.dumps(run))

    # Putting right what follows from a change

    def figures(self) -> None:
        """Let loans.csv and the summary say what the notes say."""
        notes = self.rows("notes")
        loans = self.rows("loans")
        for loan in loans:
            own = [note for note in notes if note["request_id"] == loan["request_id"]]
            if loan["request_id"] != "r5" and own:
                amounts = [amount(note["amount"]) for note in own]
                rates = [rate(note["rate"]) for note in own]
                total = sum(amounts)
                interest = sum(a * r for a, r in zip(amounts, rates, strict=True))
                if total:
                    loan["rate"] = format_rate(round_half_up(Fraction(interest, total)))
                loan["principal"] = format_amount(total)
                loan["marginal_rate"] = format_rate(max(rates))
                loan["notes"] = str(len(own))
                loan["lenders"] = str(len({note["lender_id"] for note in own}))
        self.write("loans", loans)
        self.summary()

    def summary(self) -> None:
        """Let the summary say what the files say."""
        notes, rests = self.rows("notes"), self.rows("unfunded")
        lent = sum(amount(note["amount"]) for note in notes)
        interest = sum(amount(note["amount"]) * rate(note["rate"]) for note in notes)
        reasons = [rest["reason"] for rest in rests]
        path = self.path / "summary.json"
        summary = json.loads(path.read_text())
        summary.update(
            offers=len(self.rows("book")),
            requests=len(self.rows("asked")),
            loans=len(self.rows("loans")),
            notes=len(notes),
            asked=format_amount(sum(amount(row["amount"]) for row in self.rows("asked"))),
            lent=format_amount(sum(amount(loan["principal"]) for loan in self.rows("loans"))),
            unfunded=format_amount(sum(amount(rest["amount"]) for rest in rests)),
            mean_rate=format_rate(round_half_up(Fraction(interest, lent))),
            unfunded_because={reason: reasons.count(reason) for reason in sorted(set(reasons))},
        )
        path.write_text(json.dumps(summary))

    def seal(self) -> None:
        """Let run.json say that the files are as they were written."""
        run = self.run()
        for name in run["files"]:
            if (self.path / name).exists():
                content = (self.path / name).read_bytes()
                run["files"][name] = hashlib.sha256(content).hexdigest()
        (self.path / "run.json").write_text(json.dumps(run))
