"""A file-driven run: offers and requests merged in time, and matched in memory."""

import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import numpy.typing as npt

from p2pmatch.columns import OfferColumns, read_offers
from p2pmatch.extras import part
from p2pmatch.fill_of import is_compiled
from p2pmatch.inputs import Inputs, read_inputs
from p2pmatch.marketplace import Marketplace, Result
from p2pmatch.orders import Request
from p2pmatch.request_columns import RequestColumns
from p2pmatch.rules import Rules
from p2pmatch.units import MAX_ID_LENGTH, MAX_TIME

if TYPE_CHECKING:
    from p2pmatch.entries import Store

__all__ = ["Run", "load_book", "match_files"]

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
    stores = part("stores", "a journal")
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


def load_book(
    offers: Path, rules: Path | None, grades: Sequence[str], terms: Sequence[int]
) -> Marketplace:
    """A marketplace with all offers of a file that have not expired when they arrive.

    grades, terms : those that will be asked for.
    """
    inputs = read_inputs(offers, None, rules, grades, terms)
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
