"""W5: the command line on a pair of files, the whole process, with its peak memory.

    python -m benchmarks.w5 [--small] [--write]

Beside it: a process that only reads the two files with the csv module.
"""

import argparse
import csv
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.report import heading, table, write
from benchmarks.workload import W3A, Workload, build
from p2pmatch import format_amount, format_rate

__all__ = ["run"]

_ONLY_READ = """
import csv, sys
print(sum(len(row) for name in sys.argv[1:] for row in csv.reader(open(name))))
"""


def _files(work: Workload, folder: Path) -> tuple[Path, Path]:
    offers, requests = folder / "offers.csv", folder / "requests.csv"
    with offers.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        names = ["offer_id", "lender_id", "amount", "min_rate", "grades", "terms"]
        out.writerow([*names, "requires", "refuses"])
        columns = (work.offers[name] for name in ("offer_id", "lender_id"))
        money = map(format_amount, work.offers["amount"].tolist())
        rates = map(format_rate, work.offers["min_rate"].tolist())
        tags = (work.offers[name] for name in ("requires", "refuses"))
        rows = zip(*columns, money, rates, *tags, strict=True)
        out.writerows((*row[:4], "A", "36", *row[4:]) for row in rows)
    with requests.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["request_id", "borrower_id", "amount", "max_rate", "grade", "term", "tags"])
        columns = (work.requests[name] for name in ("request_id", "borrower_id"))
        money = map(format_amount, work.requests["amount"].tolist())
        rates = map(format_rate, work.requests["max_rate"].tolist())
        rest = (work.requests[name] for name in ("grade", "term", "tags"))
        out.writerows(zip(*columns, money, rates, *rest, strict=True))
    (folder / "rules.toml").write_text('[lender_limits]\nper_loan = "0.10"\n', encoding="utf-8")
    return offers, requests


def _process(command: list[str]) -> tuple[float, float]:
    """Seconds, and the peak memory in MB of the largest child so far."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own programs
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took, after.ru_maxrss / 1024


def run(offers: int, requests: int) -> dict[str, Any]:
    """Seconds and MB of both processes."""
    work = build(W3A, offers, requests)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        books = [str(path) for path in _files(work, folder)]
        read = _process([sys.executable, "-c", _ONLY_READ, *books])
        command = [sys.executable, "-m", "p2pmatch", "match", "--offers", books[0]]
        command += ["--requests", books[1], "--out", str(folder / "out")]
        match = _process([*command, "--rules", str(folder / "rules.toml")])
        with (folder / "out" / "notes.csv").open(encoding="utf-8") as file:
            notes = sum(1 for _ in file) - 1
    return {
        "offers": offers,
        "requests": work.count,
        "notes": notes,
        "match": match,
        "read": read,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="small files")
    parser.add_argument("--write", action="store_true", help="write into benchmarks/results")
    options = parser.parse_args()
    found = run(10_000 if options.small else 1_000_000, 5_000)
    rows = [
        [
            name,
            f"{found[key][0]:.1f}",
            f"{found[key][0] / found['read'][0]:.1f}",
            f"{found[key][1]:.0f}",
        ]
        for key, name in (("match", "p2pmatch match"), ("read", "reading the files alone"))
    ]
    text = heading("W5: the command line", "`python -m benchmarks.w5 --write`; whole processes.")
    shown = table(["", "seconds", "times reading", "peak MB"], rows)
    page = (
        f"{text}\n{shown}\n\n{found['offers']:,} offers, {found['requests']:,} requests, "
        f"{found['notes']:,} notes written.\n"
    )
    print(page)
    if options.write:
        write("w5", page, found)


if __name__ == "__main__":
    main()
