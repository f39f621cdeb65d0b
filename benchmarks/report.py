"""Measuring engines side by side, and writing down what was measured."""

import gc
import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

import p2pmatch
from benchmarks.engines import Run
from benchmarks.workload import Workload

__all__ = ["RESULTS", "heading", "seconds", "table", "write"]

RESULTS = Path(__file__).parent / "results"


def seconds(
    work: Workload, engines: Mapping[str, Callable[[Workload], Run]], times: int
) -> tuple[tuple[int, int], dict[str, float]]:
    """What all engines agree on, (notes, money), and the median seconds of each.

    They take turns, so that a machine that slows down slows them all; and it is processor time, of
    one thread each, so that others on the machine count less.
    """
    taken: dict[str, list[float]] = {name: [] for name in engines}
    answers = set()
    for _ in range(times):
        for name, engine in engines.items():
            run = engine(work)
            gc.collect()
            start = time.process_time()
            answers.add(run())
            taken[name].append(time.process_time() - start)
    assert len(answers) == 1, f"the engines disagree: {answers}"
    return answers.pop(), {name: statistics.median(each) for name, each in taken.items()}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as Markdown; all columns but the first are numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def heading(title: str, text: str, packages: Sequence[str] = ()) -> str:
    """What was run, on what."""
    known = [f"p2pmatch {p2pmatch.__version__}", f"Python {platform.python_version()}"]
    known.append(f"numpy {np.__version__}")
    for name in packages:
        try:
            known.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            known.append(f"{name}: not installed")
    machine = f"{platform.system()} {platform.machine()}, two cores"
    clock = "processor time, on a machine shared with others; read the ratios"
    return f"# {title}\n\n{text}\n\n{', '.join(known)}; {machine}; {clock}.\n"


def write(name: str, text: str, data: Any) -> None:
    """Keep a result: as a page, and as data for the plot."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    (RESULTS / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
