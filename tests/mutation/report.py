"""What mutation testing found: `mutmut run --max-children 1`, then `python -m tests.mutation.report`.

mutmut leaves its verdicts in `mutants/`. This counts them by module, looks up every mutant that no
test noticed in `accepted.toml`, and writes `results.md`. It fails if a survivor has no reason there,
a reason has no survivor, a mutant was not tried, or fewer than `LEAST_SCORE` percent were noticed.
"""

import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import attrs

#: The least share of all mutants that the tests must notice, percent.
LEAST_SCORE: Final = 95

HERE = Path(__file__).parent
ACCEPTED = HERE / "accepted.toml"
RESULTS = HERE / "results.md"


@attrs.frozen
class Mutant:
    """One change of one line, and whether a test noticed it.

    function : where it is, such as "p2pmatch.units.rate".
    line : what the changed line says.
    status : mutmut's word; "killed", "timeout" and "segfault" are noticed.
    """

    module: str
    function: str
    line: str
    status: str

    @property
    def noticed(self) -> bool:
        """Whether the tests failed, never ended, or took their process with them."""
        return self.status in {"killed", "timeout", "segfault"}

    @property
    def survived(self) -> bool:
        """Whether it was tried, and not noticed."""
        return not self.noticed and self.status != "not checked"


@attrs.frozen
class Accepted:
    """Mutants of one function that may survive, and why."""

    function: str
    reason: str
    lines: tuple[str, ...] = attrs.field(converter=tuple)


def changed_line(diff: str) -> str:
    """What a mutant's line says, joined where it is several; or which lines it lacks."""
    added, removed = (
        " ".join(
            line[1:].strip()
            for line in diff.splitlines()
            if line[:1] == sign and line[:3] != 3 * sign
        )
        for sign in "+-"
    )
    return added or f"without {removed}"


def function_of(name: str) -> str:
    """`p2pmatch.units.rate` for mutmut's name of one of its mutants."""
    module, _, mangled = name.partition("__mutmut_")[0].rpartition(".")
    parts = mangled.split("ǁ")[1:] if "ǁ" in mangled else [mangled.removeprefix("x_")]
    return ".".join([module, *parts])


def read_accepted() -> list[Accepted]:
    """The survivors that have a reason."""
    entries = tomllib.loads(ACCEPTED.read_text(encoding="utf-8"))["accepted"]
    return [Accepted(**entry) for entry in entries]


def read_mutants() -> list[Mutant]:
    """All mutants of the last run, with the lines of those that survived."""
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.stats import status_by_exit_code
    from mutmut.utils.file_utils import walk_mutatable_files

    found = []
    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        module = ".".join(path.with_suffix("").parts[1:]).removesuffix(".__init__")
        for name, code in data.exit_code_by_key.items():
            mutant = Mutant(module, function_of(name), "", status_by_exit_code[code])
            if mutant.survived:
                line = changed_line(get_diff_for_mutant(name, path=path))
                mutant = attrs.evolve(mutant, line=line)
            found.append(mutant)
    return found


def unexplained(mutants: Iterable[Mutant], accepted: Iterable[Accepted]) -> list[Mutant]:
    """Survivors without a reason."""
    known = {(entry.function, line) for entry in accepted for line in entry.lines}
    return [
        mutant
        for mutant in mutants
        if mutant.survived and (mutant.function, mutant.line) not in known
    ]


def outdated(mutants: Iterable[Mutant], accepted: Iterable[Accepted]) -> list[str]:
    """Reasons for what did not survive."""
    survivors = {(mutant.function, mutant.line) for mutant in mutants if mutant.survived}
    return [
        f"{entry.function}: {line}"
        for entry in accepted
        for line in entry.lines
        if (entry.function, line) not in survivors
    ]


def score(mutants: Sequence[Mutant]) -> float:
    """The share of the mutants tried that were noticed, percent."""
    noticed = sum(mutant.noticed for mutant in mutants)
    tried = noticed + sum(mutant.survived for mutant in mutants)
    return 100 * noticed / tried if tried else 0


def report(mutants: Sequence[Mutant], accepted: Sequence[Accepted]) -> str:
    """The page: a row for each module, and the survivors with their reasons."""
    modules = sorted({mutant.module for mutant in mutants})
    rows = [(f"`{module}`", [m for m in mutants if m.module == module]) for module in modules]
    lines = ["| module | mutants | noticed | of these timed out | survived | not tried | score |"]
    lines.append("|---|--:|--:|--:|--:|--:|--:|")
    for name, some in [*rows, ("**all**", list(mutants))]:
        noticed = sum(mutant.noticed for mutant in some)
        late = sum(mutant.status == "timeout" for mutant in some)
        survived = sum(mutant.survived for mutant in some)
        lines.append(
            f"| {name} | {len(some)} | {noticed} | {late} | {survived} "
            f"| {len(some) - noticed - survived} | {score(some):.1f} % |"
        )
    lines += ["", "The survivors, each with the reason why no test can or should notice it:", ""]
    for entry in accepted:
        lines.append(f"- `{entry.function}`: {entry.reason}")
        lines += [f"  - `{line}`" for line in entry.lines]
    return "\n".join(lines) + "\n"


def main() -> str | None:
    """Write the page; what is wrong with it, or None."""
    mutants, accepted = read_mutants(), read_accepted()
    RESULTS.write_text(report(mutants, accepted), encoding="utf-8")
    wrong = [
        f"survived: {mutant.function}: {mutant.line}" for mutant in unexplained(mutants, accepted)
    ]
    wrong += [f"did not survive: {line}" for line in outdated(mutants, accepted)]
    untried = sum(not mutant.noticed and not mutant.survived for mutant in mutants)
    if untried:
        wrong.append(f"{untried} mutants not tried")
    if score(mutants) < LEAST_SCORE:
        wrong.append(f"{score(mutants):.1f} % noticed, at least {LEAST_SCORE} wanted")
    return "\n".join(wrong) or None


if __name__ == "__main__":
    sys.exit(main())
