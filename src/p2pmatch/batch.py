"""A file-driven run: offers and requests merged in time, matched, and written out.

Everything is matched in memory first; then the files are written to a sibling folder which takes
its name at the end, so that a run that fails leaves nothing behind.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import chain, pairwise, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch.columns import OfferColumns, read_offers
from p2pmatch.fill_of import is_compiled
from p2pmatch.inputs import OFFER_COLUMNS, REQUEST_COLUMNS, Inputs, read_inputs
from p2pmatch.marketplace import Marketplace, Result
from p2pmatch.orders import Request
from p2pmatch.request_columns import RequestColumns
from p2pmatch.rules import Rules
from p2pmatch.rules_file import rules_as_written
from p2pmatch.tables import BadInput
from p2pmatch.units import MAX_ID_LENGTH, MAX_TIME, format_amount, format_rate

if TYPE_CHECKING:
    from p2pmatch.entries import Store

__all__ = [
    "FORMAT_VERSION",
    "Run",
    "check_new",
    "check_target",
    "load_book",
    "match_files",
    "summary_of",
    "write_run",
]

#: The layout of a result folder; `run.json` says which one it has.
FORMAT_VERSION = 1

_RUN_FILE = "run.json"
# So many requests at one time are worth a bulk call: loading the compiled loop takes a second.
_BULK = 10_000
# What is kept of an id that gets a number, so that it does not become too long.
_STEM = MAX_ID_LENGTH - 20


@attrs.frozen(eq=False)
class Run:
    """What a run did.

    order : the requests' rows, in order of processing; results : one per request, in that order.
    book_order : the rows of the offers that were posted, in order of arrival.
    expired : how many offers had expired when they arrived.
    repeated_ids : request ids that stand in several rows, each a request of its own.
    """

    inputs: Inputs
    order: Sequence[int]
    results: Sequence[Result]
    book_order: Sequence[int]
    offer_times: Sequence[int]
    request_times: Sequence[int]
    expired: int
    repeated_ids: Sequence[str]


def match_files(
    offers: Path,
    requests: Path,
    rules: Path | None,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
    store: "Path | Store | None" = None,
) -> Run:
    """Match the requests of one file with the offers of another.

    Offers and requests merge by submitted_at; at the same time offers come first, then file order.
    Without the column in either file, all offers come before all requests; a row without a time
    comes before all that have one.

    Parameters
    ----------
    progress : wraps the loop over the requests, to show how far it is.
    store : where to keep the marketplace's journal: an empty store, or a new file, where nothing is
        left if the run fails.

    Raises
    ------
    BadInput : naming every bad row.
    """
    inputs = read_inputs(offers, requests, rules)
    times = _Times.of(inputs.offers["submitted_at"], inputs.requests["submitted_at"])
    # What a journal holds does not depend on what is installed; without the compiled loop single
    # calls are as quick as bulk calls.
    bulk = _BULK if store is None and is_compiled() else 0
    with _market(inputs.rules, store) as market:
        return _matched(market, inputs, times, progress, bulk)


@contextmanager
def _market(rules: Rules, kept: "Path | Store | None") -> Generator[Marketplace]:
    """A new marketplace; its journal is in a file only when the block is left well."""
    if not isinstance(kept, Path):
        yield Marketplace(rules) if kept is None else Marketplace.open(kept, rules)
        return
    # What it is kept with is an extra.
    stores = import_module("p2pmatch.stores")
    with tempfile.TemporaryDirectory(prefix=f".{kept.name}-", dir=kept.parent) as folder:
        partial = Path(folder, kept.name)
        with stores.SqliteStore(partial) as store:
            yield Marketplace.open(store, rules)
        partial.rename(kept)


def _matched(
    market: Marketplace,
    inputs: Inputs,
    times: "_Times",
    progress: Callable[[Sequence[int]], Iterable[int]],
    bulk: int,
) -> Run:
    book_order = times.offer_order[_still_valid(inputs, times)]
    book = _book(inputs, book_order.tolist()) if len(book_order) else None
    arrivals = times.offers[book_order]
    order = times.request_order.tolist()
    # How many offers stand in the book when each request comes.
    request_times = times.requests[times.request_order]
    before = np.searchsorted(arrivals, request_times, side="right")
    requests_made = _requests(inputs, order)
    results: list[Result] = []
    posted = 0
    starts = _starts(request_times, bulk)
    # Kept all at once: nobody is told anything before the end.
    with market.batch():
        for step, start in enumerate(progress(starts)):
            due = int(before[start])
            if book is not None and due > posted:
                market.post_many(book[posted:due], now=int(arrivals[posted]))
                posted = due
            now = int(request_times[start])
            stop = starts[step + 1] if step + 1 < len(starts) else len(order)
            if stop == start + 1:
                results.append(market.submit(requests_made[start], now=now))
            else:
                columns = RequestColumns.of(requests_made[start:stop])
                results.extend(market.submit_many(columns, now=now))
    return Run(
        inputs,
        order,
        results,
        book_order.tolist(),
        times.offers.tolist(),
        times.requests.tolist(),
        len(times.offer_order) - len(book_order),
        [name for name, count in Counter(inputs.requests["request_id"]).items() if count > 1],
    )


def _starts(times: npt.NDArray[np.int64], bulk: int) -> list[int]:
    """Where the steps of a run begin: one request each, or up to `bulk` where so many come at once.

    With `bulk` 0 it is always one. Offers come before the requests of the same time, so none comes
    within a step.
    """
    firsts = np.flatnonzero(np.diff(times, prepend=times[:1] - 1))
    starts: list[int] = []
    for first, end in pairwise([*firsts.tolist(), len(times)]):
        starts += range(first, end, bulk if 0 < bulk <= end - first else 1)
    return starts


def load_book(offers: Path, rules: Path | None) -> Marketplace:
    """A marketplace with all offers of a file that have not expired when they arrive."""
    inputs = read_inputs(offers, None, rules)
    times = _Times.of(inputs.offers["submitted_at"], [])
    market = Marketplace(inputs.rules)
    book_order = times.offer_order[_still_valid(inputs, times)]
    if len(book_order):
        first = int(times.offers[book_order[0]])
        market.post_many(_book(inputs, book_order.tolist()), now=first)
        market.advance(int(times.offers.max()))
    return market


@attrs.frozen(eq=False)
class _Times:
    """When each row comes (int64), and the rows in the order they come."""

    offers: Any
    requests: Any
    offer_order: Any
    request_order: Any

    @classmethod
    def of(cls, offers: Sequence[int | None], requests: Sequence[int | None]) -> "_Times":
        given = [time for time in chain(offers, requests) if time is not None]
        before, latest = max(min(given, default=1) - 1, -MAX_TIME), max(given, default=0)
        # A row without a time comes before all that have one; requests none of which has a time
        # come after all offers.
        untimed = latest if all(time is None for time in requests) else before
        offer_times = [before if time is None else time for time in offers]
        request_times = [untimed if time is None else time for time in requests]
        offer_column = np.array(offer_times, dtype=np.int64)
        request_column = np.array(request_times, dtype=np.int64)
        return cls(
            offer_column,
            request_column,
            offer_column.argsort(kind="stable"),
            request_column.argsort(kind="stable"),
        )


def _still_valid(inputs: Inputs, times: _Times) -> Any:  # noqa: ANN401 - a mask
    """Which offers, in order of arrival, have not expired when they arrive."""
    expires = inputs.offers["expires_at"]
    if not any(time is not None for time in expires):
        return np.ones(len(expires), dtype=np.bool_)
    arrivals = times.offers.tolist()
    return np.array(
        [
            expires[row] is None or expires[row] > arrivals[row]
            for row in times.offer_order.tolist()
        ],
        dtype=np.bool_,
    )


def _book(inputs: Inputs, rows: Sequence[int]) -> OfferColumns:
    """The offers in order of arrival, as checked columns."""
    columns = {
        name: [values[row] for row in rows]
        for name, values in inputs.offers.items()
        if name != "submitted_at" and values.count(None) < len(values)
    }
    return read_offers(columns)


def _requests(inputs: Inputs, order: Sequence[int]) -> list[Request]:
    """The requests in order of processing, each with an id of its own."""
    columns = inputs.requests
    own_ids = _own_ids([columns["request_id"][row] for row in order])
    return [
        Request(
            request_id=own_id,
            borrower_id=columns["borrower_id"][row],
            amount=columns["amount"][row],
            max_rate=columns["max_rate"][row],
            grade=columns["grade"][row],
            term=columns["term"][row],
            min_amount=columns["min_amount"][row],
            tags=columns["tags"][row],
        )
        for row, own_id in zip(order, own_ids, strict=True)
    ]


def _own_ids(ids: Sequence[str]) -> list[str]:
    """The ids; one that comes again gets the first free of #2, #3, ... behind it.

    A marketplace takes an id once; in a file every row is a request.
    """
    taken = set(ids)
    times = Counter[str]()
    own_ids = []
    for request_id in ids:
        times[request_id] += 1
        own_id = request_id
        while times[request_id] > 1:
            own_id = f"{request_id[:_STEM]}#{times[request_id]}"
            if own_id not in taken:
                break
            times[request_id] += 1
        taken.add(own_id)
        own_ids.append(own_id)
    return own_ids


# Writing


def check_new(store: Path) -> None:
    """Raise BadInput unless a new file can be made there."""
    if store.exists():
        raise BadInput(f"{store}: is there already; accepted: a new file")
    if not store.absolute().parent.is_dir():
        raise BadInput(f"{store}: its folder is not there; accepted: a new file in a folder")


def check_target(out: Path) -> None:
    """Raise BadInput unless `out` is free, empty, or holds an earlier run."""
    if not out.exists():
        return
    if not out.is_dir():
        raise BadInput(f"{out}: is a file; accepted: a new folder, or one of an earlier run")
    held = [entry.name for entry in out.iterdir()]
    if held and _RUN_FILE not in held:
        raise BadInput(
            f"{out}: holds other files ({held[0]}); accepted: a new or empty folder, or one of an "
            "earlier run"
        )


def write_run(run: Run, out: Path, offers: Path, requests: Path) -> dict[str, Any]:
    """Write a run's files to the folder `out`, all or none; returns the summary.

    Raises
    ------
    BadInput : if `out` cannot be written, or holds something else.
    """
    check_target(out)
    summary = summary_of(run)
    texts = {
        "loans.csv": _lines(_LOAN_COLUMNS, _loan_rows(run)),
        "notes.csv": _lines(_NOTE_COLUMNS, _note_rows(run)),
        "unfunded.csv": _lines(_UNFUNDED_COLUMNS, _unfunded_rows(run)),
        "book.csv": _book_lines(run),
        "asked.csv": _asked_lines(run),
        "summary.json": json.dumps(summary, indent=1) + "\n",
    }
    files = {name: text.encode() for name, text in texts.items()}
    sources = {"offers": _source(offers), "requests": _source(requests)}
    description = {
        "version": FORMAT_VERSION,
        **sources,
        "rules": rules_as_written(run.inputs.rules),
        "files": {name: _sha256(content) for name, content in files.items()},
    }
    files[_RUN_FILE] = (json.dumps(description, indent=1) + "\n").encode()
    try:
        _replace_folder(out, files)
    except OSError as error:
        raise BadInput(f"{out}: cannot be written: {error.strerror}") from None
    return summary


def _replace_folder(out: Path, files: Mapping[str, bytes]) -> None:
    """Write the files to a sibling of `out`, then let it take the place of `out`."""
    parent = out.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=parent))
    old = partial.with_name(partial.name + "-old")
    try:
        for name, content in files.items():
            (partial / name).write_bytes(content)
        partial.chmod(0o777 & ~_umask())
        if out.exists():
            out.rename(old)
        try:
            partial.rename(out)
        except BaseException:
            if old.exists():
                old.rename(out)
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


_LOAN_COLUMNS = ("request_id", "principal", "rate", "marginal_rate", "notes", "lenders")
_NOTE_COLUMNS = ("request_id", "offer_id", "lender_id", "amount", "rate")
_UNFUNDED_COLUMNS = ("request_id", "amount", "reason")


class _Written(dict[int, str]):
    """Numbers and how they are written, each worked out once."""

    def __init__(self, write: Callable[[int], str]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, number: int) -> str:
        text = self[number] = self._write(number)
        return text


_TO_QUOTE = re.compile(r'[,"\r\n]')
_PERHAPS_TO_QUOTE = re.compile(r'[,"\s]')


def _cell(text: str) -> str:
    """A field as CSV writes it: quoted only where it must be."""
    if _TO_QUOTE.search(text) or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text


def _cells(texts: Sequence[str]) -> Sequence[str]:
    """`_cell` of many texts, most of which are plain."""
    return [*map(_cell, texts)] if _PERHAPS_TO_QUOTE.search("".join(texts)) else texts


def _lines(header: Sequence[str], rows: Iterable[str]) -> str:
    """A CSV file with the line ends of RFC 4180."""
    return "\r\n".join([",".join(header), *rows, ""])


def _loan_rows(run: Run) -> Iterable[str]:
    for row, result in zip(run.order, run.results, strict=True):
        loan = result.loan
        if loan is not None:
            yield (
                f"{_cell(run.inputs.requests['request_id'][row])},{format_amount(loan.principal)},"
                f"{format_rate(loan.rate)},{format_rate(loan.marginal_rate)},"
                f"{len(loan.notes)},{loan.lenders}"
            )


def _note_rows(run: Run) -> Iterable[str]:
    amounts, rates = _Written(format_amount), _Written(format_rate)
    for row, result in zip(run.order, run.results, strict=True):
        if result.loan is None:
            continue
        request = _cell(run.inputs.requests["request_id"][row])
        notes = result.loan.notes
        columns = (
            repeat(request),
            _cells(notes.offer_ids.tolist()),
            _cells(notes.lender_ids.tolist()),
            map(amounts.__getitem__, notes.amounts.tolist()),
            map(rates.__getitem__, notes.rates.tolist()),
        )
        yield from map(",".join, zip(*columns, strict=False))


def _unfunded_rows(run: Run) -> Iterable[str]:
    for row, result in zip(run.order, run.results, strict=True):
        if result.unfunded:
            request = _cell(run.inputs.requests["request_id"][row])
            yield f"{request},{format_amount(result.unfunded)},{result.reason}"


def _book_lines(run: Run) -> str:
    """The offers as they were read, in order of arrival."""
    times = [run.offer_times[row] for row in run.book_order]
    return _input_lines(OFFER_COLUMNS, "offers", run, run.book_order, times)


def _asked_lines(run: Run) -> str:
    """The requests as they were read, in order of processing."""
    times = [run.request_times[row] for row in run.order]
    return _input_lines(REQUEST_COLUMNS, "requests", run, run.order, times)


def _input_lines(
    names: Sequence[str], kind: str, run: Run, rows: Sequence[int], times: Sequence[int]
) -> str:
    """One side of the input, normalised, with the columns that are only carried along."""
    columns = run.inputs.offers if kind == "offers" else run.inputs.requests
    written: list[Iterable[str]] = []
    for name in names:
        if name == "submitted_at":
            written.append(map(str, times))
            continue
        values = [columns[name][row] for row in rows]
        if name in _IDS:
            written.append(_cells(values))
            continue
        texts = {value: _cell(_write_value(name, value)) for value in set(values)}
        written.append(map(texts.__getitem__, values))
    extras = run.inputs.extras[kind]
    written.extend(_cells([column[row] for row in rows]) for column in extras.values())
    header = [*names, *map(_cell, extras)]
    return _lines(header, map(",".join, zip(*written, strict=True)))


_IDS = ("offer_id", "lender_id", "request_id", "borrower_id")
_RATES = ("min_rate", "max_rate", "max_share")
_AMOUNTS = ("amount", "max_per_loan", "min_amount")


def _write_value(name: str, value: Any) -> str:  # noqa: ANN401 - any cell
    if value is None:
        return ""
    if name in _AMOUNTS:
        return format_amount(value)
    if name in _RATES:
        return format_rate(value)
    if isinstance(value, tuple):
        return "|".join(map(str, value))
    return str(value)


def summary_of(run: Run) -> dict[str, Any]:
    """The run in numbers; amounts as text of major units."""
    loans = [result.loan for result in run.results if result.loan is not None]
    lent = sum(loan.principal for loan in loans)
    interest = sum(int(loan.notes.amounts @ loan.notes.rates) for loan in loans)
    reasons = Counter(result.reason for result in run.results if result.reason is not None)
    return {
        "offers": len(run.book_order),
        "offers_expired_on_arrival": run.expired,
        "requests": len(run.results),
        "loans": len(loans),
        "notes": sum(len(loan.notes) for loan in loans),
        "asked": format_amount(sum(run.inputs.requests["amount"])),
        "lent": format_amount(lent),
        "unfunded": format_amount(sum(result.unfunded for result in run.results)),
        "mean_rate": format_rate((2 * interest + lent) // (2 * lent)) if lent else None,
        "unfunded_because": dict(sorted(reasons.items())),
    }


def _source(path: Path) -> dict[str, str]:
    return {"path": str(path), "sha256": _sha256(path.read_bytes())}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
