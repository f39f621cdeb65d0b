"""Whole marketplaces on files that fail: nothing that was answered is lost, nothing happens twice.

    python -m tests.simulation.simulate [--seed N] [--minutes M] [--jobs J]

Random months of all mechanisms (`life`) are lived through beside two twins: the naive one, and a
marketplace in memory to which nothing ever happens. The one that is tried is in a process of its
own (`server`), on a SQLite file. That process is killed with SIGKILL while it writes or opens, or
ended at a drawn byte of what it writes; writes are refused, stop part way, find no room, or are
done and said not to be; the end of the log is torn off as by a power cut; snapshots are lost and
spoilt. The client (`client`) sends again what it heard nothing of, one command or many in another
order, and repeats commands long answered. After each fault the file is opened again: its digest is
the twin's, all of it verifies, and the audit finds no breach (`watch`).

What is drawn is drawn from the seed: the history, the faults, at which command, at which part of
the time that a write takes. How far a write has come at that moment is the operating system's to
say; whatever it says, the client goes on until the command is done, so the history is the same.
"""

import argparse
import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random

from tests.machines.pair import Pair
from tests.simulation.client import KINDS, Client
from tests.simulation.life import Life
from tests.simulation.server import FailingStore

#: What is counted as a fault; the rest is what came of them, and what clients did.
FAULTS = ("killed while opening", *dict.fromkeys(KINDS), "torn", "snapshot lost", "snapshot spoilt")


def simulate(seed: int, steps: int = 150, store: type[FailingStore] = FailingStore) -> Counter[str]:
    """One history: how many commands it had, and which faults it survived."""
    life = Life(Random(seed), large=seed % 5 == 0)
    with tempfile.TemporaryDirectory() as folder:
        client = life.client = Client(Path(folder), life.draw.rules, seed, store)
        try:
            life.pair = Pair(life.draw.rules, client)  # type: ignore[arg-type]
            life.run(steps)
            life.pair.market = client.close()
            life.pair.compare()
        finally:
            client.service.end()
    faults = sum(client.faults[fault] for fault in FAULTS)
    figures = Counter(histories=1, commands=client.commands, days=life.now, faults=faults)
    figures.update({f"steps at the pace {pace!r}": count for pace, count in life.steps.items()})
    return figures + client.faults


def campaign(
    seeds: Iterable[int], steps: int = 150, store: type[FailingStore] = FailingStore
) -> Counter[str]:
    """Histories, commands and faults survived, over all the seeds."""
    figures = Counter[str]()
    for seed in seeds:
        try:
            figures += simulate(seed, steps, store)
        except BaseException:
            repeat = f"python -m tests.simulation.simulate --seed {seed}"
            print(f"seed {seed} failed; again: {repeat}", flush=True)  # noqa: T201 - its own command
            raise
    return figures


def until(end: float, first: int, step: int) -> Iterator[int]:
    """Seeds, at least one, until the time is over."""
    yield first
    while time.monotonic() < end:
        first += step
        yield first


def _one_job(end: float, first: int, step: int) -> Counter[str]:
    return campaign(until(end, first, step))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--minutes", type=float, default=0, help="how long; 0: one history")
    parser.add_argument("--jobs", type=int, default=1, help="how many histories at a time")
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    if options.jobs == 1:
        figures = _one_job(end, options.seed, 1)
    else:
        context = multiprocessing.get_context("forkserver")
        with ProcessPoolExecutor(options.jobs, context) as pool:
            jobs = [
                pool.submit(_one_job, end, options.seed + number, options.jobs)
                for number in range(options.jobs)
            ]
            figures = sum((job.result() for job in jobs), Counter[str]())
    for figure, count in figures.items():
        print(f"{count:>9} {figure}")  # noqa: T201 - its own command


if __name__ == "__main__":
    main()
