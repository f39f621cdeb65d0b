"""How long `import p2pmatch` takes over importing what it depends on: whole processes.

    python -m benchmarks.import_time [--small] [--write]

The processes take turns, so that a machine that slows down slows them all, and numpy starts no
threads of its own, which would take longer than anything here when others are at work.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
from typing import Any

from benchmarks.report import heading, table, write

__all__ = ["measure"]

PROGRAMS = {
    "nothing": "",
    "numpy, attrs": "import numpy, attrs",
    "numpy, attrs, sortedcontainers": "import numpy, attrs, sortedcontainers",
    "p2pmatch": "import p2pmatch",
    "p2pmatch, and a quote": "import p2pmatch; p2pmatch.Quote",
}
#: What the others are compared with.
BASE = "numpy, attrs"


def measure(times: int) -> dict[str, tuple[float, float]]:
    """The least and the median milliseconds of each program, compiled files being there."""
    # Compiled files are written by the first, uncounted, turn whatever the environment says.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["OPENBLAS_NUM_THREADS"] = "1"
    taken: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for turn in range(times + 1):
        for name, program in PROGRAMS.items():
            before = _children()
            subprocess.run([sys.executable, "-c", program], check=True, env=environment)  # noqa: S603 - our own programs
            if turn:
                taken[name].append(1_000 * (_children() - before))
    return {name: (min(each), statistics.median(each)) for name, each in taken.items()}


def _children() -> float:
    """The processor seconds of all processes started so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="few processes")
    parser.add_argument("--write", action="store_true", help="write into benchmarks/results")
    options = parser.parse_args()
    times = 5 if options.small else 60
    found: dict[str, Any] = measure(times)
    least, median = found[BASE]
    rows = [
        [
            f"`{name}`",
            f"{low:.0f}",
            f"{middle:.0f}",
            f"{low - least:+.0f}",
            f"{middle - median:+.0f}",
            f"{middle / median:.2f}",
        ]
        for name, (low, middle) in found.items()
    ]
    head = ["a process that imports", "least ms", "median ms"]
    head += [f"least over `{BASE}`", f"median over `{BASE}`", "times"]
    text = heading(
        "The import",
        f"`python -m benchmarks.import_time --write`; {times} processes each, by turns.",
        ["attrs", "sortedcontainers"],
    )
    page = f"{text}\n{table(head, rows)}"
    print(page)
    if options.write:
        write("import_time", page, found)


if __name__ == "__main__":
    main()
