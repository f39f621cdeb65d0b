"""The command line: results on stdout, all else on stderr; exit 0 done, 1 failed, 2 bad input."""

import json
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, NoReturn, TextIO, TypeVar, cast

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console
from rich.progress import track

import p2pmatch
from p2pmatch import units
from p2pmatch.audit import audit_directory
from p2pmatch.batch import Run, load_book, match_files
from p2pmatch.csv_table import BadInput
from p2pmatch.demo import demo_lines
from p2pmatch.errors import InvalidValue, P2PMatchError, StoreFailed
from p2pmatch.fees import PAID
from p2pmatch.orders import Request
from p2pmatch.quote import Quote
from p2pmatch.reasons import REASONS
from p2pmatch.run_folder import check_target, summary_of, write_run
from p2pmatch.stores import MemoryStore
from p2pmatch.stores.place import is_url, store_at
from p2pmatch.units import MAX_RATE, format_amount, format_rate, rate

if TYPE_CHECKING:
    from p2pmatch.stores import SqliteStore, SqlStore

__all__ = ["app", "run"]

_DONE, _FAILED, _BAD = 0, 1, 2
_T = TypeVar("_T")

#: What the rules of the annual percentage rate are called.
APR_NAMES: Mapping[str, str] = MappingProxyType(
    {"us": "US, Regulation Z", "eu": "EU, Directive 2008/48/EC"}
)

app = App(
    name="p2pmatch",
    help="Match loan requests with lenders' offers.",
    version=p2pmatch.__version__,
    result_action="return_value",
)


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    for number in {signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}:
        # Who was started to outlive its terminal does.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    try:
        _make_writable(sys.stdout)
        code = app(list(arguments), exit_on_error=False, print_error=False, error_console=errors)
        sys.stdout.flush()
    except CycloptsError as error:
        errors.print(f"p2pmatch: {error}")
        return _BAD
    except (BadInput, P2PMatchError) as error:
        errors.print(f"p2pmatch: {error}" if "\n" not in str(error) else str(error))
        return _BAD
    except KeyboardInterrupt:
        errors.print("p2pmatch: interrupted")
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody to tell.
        sys.stderr.close()
        return _DONE
    except OSError as error:
        errors.print(f"p2pmatch: {error.filename or 'the output'}: {error.strerror}")
        if error.filename is None:
            # What is left of the output cannot be written at the end either.
            with suppress(OSError):
                sys.stdout.close()
        return _BAD
    return _DONE if code is None else cast("int", code)


def _make_writable(stream: TextIO) -> None:
    """What a terminal has no letters for is written as escapes."""
    if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
        stream.reconfigure(errors="backslashreplace")


def _stop(signum: int, _: object) -> NoReturn:
    """Leave through the finally clauses, so that nothing half-written stays behind."""
    sys.exit(128 + signum)


@app.command
def demo() -> None:
    """Show what it is for: a book, a quote, a loan split over lenders, and what each limit did."""
    for line in demo_lines(min(Console().width, 80)):
        print(line)


@app.command
def match(
    *,
    offers: Path,
    requests: Path,
    out: Path | None = None,
    rules: Path | None = None,
    store: str | None = None,
    journal: str | None = None,
) -> None:
    """Match the requests of one file with the offers of another.

    Parameters
    ----------
    offers
        CSV file of lenders' offers.
    requests
        CSV file of borrowers' requests.
    out
        Folder to write loans.csv, notes.csv, unfunded.csv and summary.json into; an earlier run's
        is replaced.
    rules
        TOML file with the marketplace's rules.
    store
        New file to keep the journal of the run in, for replay; or the URL of a database.
    journal
        Name of the new journal in a database.
    """
    _check_where(out, store, journal)
    kept = None if store is None else _new_journal(store, journal)
    done = match_files(offers, requests, rules, _progress("matching"), kept)
    for remark in _remarks(done, requests):
        _say(remark)
    try:
        summary = summary_of(done) if out is None else write_run(done, out)
    except BaseException:
        if isinstance(kept, Path):
            kept.unlink(missing_ok=True)
        raise
    if store is not None and not isinstance(kept, Path | None):
        with store_at(store, journal) as database:
            database.append(kept.entries, 0)
    for name, value in summary.items():
        if name != "unfunded_because":
            print(f"{name.replace('_', ' '):<26} {'-' if value is None else value}")
    for reason, count in summary["unfunded_because"].items():
        print(f"  {count:>6} because {REASONS[reason]} ({reason})")


@app.command
def quote(
    *,
    offers: Path,
    amount: Annotated[str, Parameter(help="Amount in major units, such as 1000 or 2,500.00.")],
    grade: str,
    term: str,
    max_rate: str | None = None,
    rules: Path | None = None,
) -> None:
    """Say what a request would get from the offers of a file.

    Parameters
    ----------
    offers
        CSV file of lenders' offers.
    grade
        Risk grade.
    term
        Months.
    max_rate
        The highest rate accepted, such as 9%; without it any rate.
    rules
        TOML file with the marketplace's rules.
    """
    request = _request(units.positive_amount(amount), grade, units.months(term), max_rate)
    market = load_book(offers, rules, [request.grade], [request.term])
    found = market.quote(request, now=market.now or 0)
    for label, value in _quote_rows(found):
        print(f"{label:<14} {value}")


@app.command
def compare(
    *,
    offers: Path,
    amount: Annotated[
        str, Parameter(help="Amount in major units, such as 2,500.00; several joined by |.")
    ],
    grade: str,
    terms: str,
    max_rate: str | None = None,
    rules: Path | None = None,
) -> None:
    """Compare what a request would get at several terms and amounts.

    Parameters
    ----------
    offers
        CSV file of lenders' offers.
    grade
        Risk grade; several joined by |.
    terms
        Months, such as 12,24,36.
    max_rate
        The highest rate accepted, such as 9%; without it any rate.
    rules
        TOML file with the marketplace's rules.
    """
    amounts = [units.positive_amount(text) for text in amount.split("|")]
    grades = [name.strip() for name in grade.split("|")]
    accepted = "months joined by commas, such as 12,24,36"
    months = [units.months(text, "terms", accepted) for text in re.split("[,|]", terms)]
    request = _request(amounts[0], grades[0], months[0], max_rate)
    market = load_book(offers, rules, grades, months)
    print(
        market.compare(request, amounts=amounts, terms=months, grades=grades, now=market.now or 0)
    )


@app.command
def replay(store: str, *, upto: str | None = None, journal: str | None = None) -> None:
    """Print the number of a journal's last entry and the digest of the book after it.

    Parameters
    ----------
    store
        What was given to `match --store`; the file of an `SqliteStore`, the URL of an `SqlStore`.
    upto
        The last entry to replay; the first, which holds the rules, is 0.
    journal
        Name of the journal in a database.
    """
    _need_json()
    from p2pmatch import journal as journals

    with _kept_at(store, journal) as kept:
        # Counted first: somebody may write on meanwhile.
        seq = sum(1 for _ in kept.read()) - 1 if upto is None else _entry(upto)
        found = journals.replay(kept, seq)
        print(f"seq    {seq}")
        print(f"digest {found.digest()}")


@app.command
def verify(store: str, *, head: str | None = None, journal: str | None = None) -> int:
    """Check a journal entry by entry, and decide every command in it again.

    Parameters
    ----------
    store
        The file of an `SqliteStore`, or the URL of an `SqlStore`.
    head
        The hash that an earlier check printed; it must still be in the chain.
    journal
        Name of the journal in a database.
    """
    _need_json()
    from p2pmatch import journal as journals

    with _kept_at(store, journal) as kept:
        try:
            found = journals.verify(kept, head)
        except StoreFailed as failure:
            if failure.code not in {"damaged", "not_recomputed"}:
                raise
            print(failure)
            return _FAILED
    print(f"entries {found.entries}")
    print(f"events  {found.events}")
    print(f"head    {found.head}")
    print(f"digest  {found.digest}")
    return _DONE


@app.command
def schema() -> None:
    """Print the JSON Schema of what a journal holds."""
    _need_json()
    from p2pmatch import wire

    print(json.dumps(wire.schema(), indent=1))


@app.command
def audit(folder: Path) -> int:
    """Check a folder that `match` wrote, from its files alone.

    Parameters
    ----------
    folder
        What was given to `match --out`.
    """
    report = audit_directory(folder, _progress("checking"))
    print(report)
    return _DONE if report.ok else _FAILED


def _entry(text: str) -> int:
    number = units.whole_number(text)
    if number is None:
        raise InvalidValue("malformed", "upto", text, "the number of an entry")
    return number


def _request(money: int, grade: str, term: int, max_rate: str | None) -> Request:
    return Request(
        request_id="quote",
        borrower_id="(you)",
        amount=money,
        max_rate=MAX_RATE if max_rate is None else rate(max_rate),
        grade=grade,
        term=term,
        min_amount=1,
    )


def _quote_rows(found: Quote) -> Iterable[tuple[str, str]]:
    yield "asked", format_amount(found.request.amount)
    yield "obtainable", format_amount(found.principal)
    yield from _loan_rows(found)
    if found.reason is not None:
        because = REASONS[found.reason]
        yield "unfunded", f"{format_amount(found.unfunded)} ({found.reason}: {because})"
    for shortfall in found.shortfalls:
        yield "", f"{format_amount(shortfall.amount)} {shortfall.reason}: {shortfall.meaning}"
    ladder = found.ladder
    if len(ladder):
        low, high = format_rate(int(ladder.rates[0])), format_rate(int(ladder.rates[-1]))
        yield "depth", f"{low} {ladder.sparkline()} {high}"
        yield "", f"{format_amount(int(ladder.available[-1]))} stands in all"
    if ladder.cost is not None and len(ladder.cost) > 1:
        sizes, rates = ladder.cost.amounts, ladder.cost.rates
        low, high = format_amount(int(sizes[0])), format_amount(int(sizes[-1]))
        yield "average rate", f"{low} {ladder.cost.sparkline()} {high}"
        yield "", f"by size of the loan, {format_rate(rates.min())} to {format_rate(rates.max())}"


def _loan_rows(found: Quote) -> Iterable[tuple[str, str]]:
    """What the loan is and costs."""
    loan, cost, share = found.loan, found.cost, found.largest_share
    if loan is None or cost is None or share is None:
        return
    yield "rate", format_rate(loan.rate)
    yield "marginal rate", format_rate(loan.marginal_rate)
    yield "lenders", f"{loan.lenders}, the largest with {format_rate(share)} of the loan"
    yield "notes", str(len(loan.notes))
    yield "a month", f"{format_amount(cost.monthly_payment)}, {loan.term} times"
    yield "interest", format_amount(cost.total_interest)
    if cost.fees:
        yield "fees", f"{format_amount(cost.fees)}, paid {PAID[found.rules.fees.paid]}"
        yield "paid out", format_amount(cost.proceeds)
    yield "total cost", format_amount(cost.total_cost)
    apr = "none: the fees leave nothing of the loan" if cost.apr is None else format_rate(cost.apr)
    yield "APR", f"{apr} ({APR_NAMES[cost.apr_rule]})"
    net = found.net_yield
    if net is not None and net != loan.rate:
        yield "lenders get", f"{format_rate(net)} of the rate, the servicing fee taken off"


def _progress(what: str) -> Callable[[Sequence[_T]], Iterable[_T]]:
    """A progress bar on stderr if that is a terminal; nothing otherwise."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return iter

    def show(steps: Sequence[_T]) -> Iterable[_T]:
        return track(steps, description=what, console=console, transient=True)

    return show


def _check_where(out: Path | None, store: str | None, journal: str | None) -> None:
    """Raise unless it is said where the results of `match` are to go, and they may."""
    if out is None and store is None:
        raise BadInput("match: accepted: --out FOLDER, --store FILE or URL, or both")
    if journal is not None and store is None:
        raise BadInput("match: --journal names one in a database; accepted: with --store URL")
    if out is not None:
        check_target(out)


def _new_journal(store: str, journal: str | None) -> Path | MemoryStore:
    """Where to keep the journal of a run: a new file; or memory, for a database to take whole."""
    _need_json()
    if not is_url(store):
        store_at(store, journal)
        _check_new(Path(store))
        return Path(store)
    with store_at(store, journal) as database:
        if next(database.read(), None) is not None:
            raise BadInput(f"{database}: is there already; accepted: a new journal")
    return MemoryStore()


def _check_new(store: Path) -> None:
    """Raise BadInput unless a new file can be made there."""
    if store.exists():
        raise BadInput(f"{store}: is there already; accepted: a new file")
    if not store.absolute().parent.is_dir():
        raise BadInput(f"{store}: its folder is not there; accepted: a new file in a folder")


def _remarks(done: Run, requests: Path) -> Iterator[str]:
    """What is worth a word, although nothing of it is wrong."""
    yield from done.inputs.remarks
    for request_id in done.repeated_ids:
        yield f"{requests}: request {request_id} stands in several rows; each is matched by itself"


def _kept_at(store: str, journal: str | None) -> "SqliteStore | SqlStore":
    """The store of a journal that was written before."""
    if not is_url(store) and not Path(store).exists():
        raise BadInput(f"{store}: no such file; accepted: what was given to `match --store`")
    return store_at(store, journal)


def _need_json() -> None:
    if find_spec("msgspec") is None:
        raise BadInput("a journal needs msgspec: pip install 'p2pmatch[json]'")


def _say(text: str) -> None:
    print(f"p2pmatch: {text}", file=sys.stderr)
