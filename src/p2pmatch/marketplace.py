"""The marketplace: a deterministic state machine behind plain calls.

Each call builds a command; `decide` reads the state and says what follows; `apply` makes it so. The
same commands give the same events, bit for bit, on every machine.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from p2pmatch import checks
from p2pmatch import commands as c
from p2pmatch.columns import OfferColumns, read_offers, read_requests
from p2pmatch.decide import check_now
from p2pmatch.errors import InvalidValue, Refused, StoreFailed, UnknownName, refusal
from p2pmatch.events import Event, LoanMade, OfferCancelled, Rejected, outcome_of
from p2pmatch.extras import part
from p2pmatch.fill_forms import Kernel
from p2pmatch.fill_of import fill_of
from p2pmatch.keys import rates_of
from p2pmatch.limits import BorrowerLimits, Limits
from p2pmatch.loans import Loan
from p2pmatch.mechanisms import commitment_notes
from p2pmatch.orders import Offer, Request
from p2pmatch.perform import perform
from p2pmatch.request_columns import RequestColumns
from p2pmatch.results import Result, Results
from p2pmatch.rules import Rules
from p2pmatch.state import State
from p2pmatch.table import STATE_NAMES
from p2pmatch.time_in_force import IMMEDIATE, TimeInForce
from p2pmatch.waiting import Held, Resting

# What only some calls need is imported by them, so that importing the package stays quick.
if TYPE_CHECKING:
    from p2pmatch.comparison import Comparison
    from p2pmatch.entries import Store
    from p2pmatch.explain import Explanation
    from p2pmatch.exposure import OpenLoan
    from p2pmatch.position import Position
    from p2pmatch.quote import Quote
    from p2pmatch.recorder import Opened, Recorder
    from p2pmatch.views import (
        OfferStatus,
        Outstanding,
        QueueEntry,
        RateLadder,
        RequestStatus,
        Uncrossed,
    )
    from p2pmatch.what_if import WhatIf

__all__ = ["Marketplace", "Result", "Results"]


class _Unset:
    """The type of `_UNSET`: "leave this field as it is", where None already means "none"."""

    def __repr__(self) -> str:
        return "unchanged"


_UNSET: Final = _Unset()
_COPY: Final = "a copy of a marketplace"


class _Stopped:
    """Stands for a state that may be ahead of its journal: nobody may ask it anything."""

    def __getattr__(self, name: str) -> NoReturn:
        raise _reopen(name)


class Marketplace:
    """An order book of loans: lenders' offers stand in it, borrowers' requests meet them.

    Changing it: `post`, `post_many`, `amend`, `cancel`, `submit`, `submit_many`, `withdraw`,
    `accept`, `decline`, `uncross`, `advance`, `set_lender_limits`, `set_borrower_limits`,
    `declare_group`, `repay`.
    Watching it: `subscribe`. Keeping it: `open`, `snapshot`, `batch`, `opened`. Branching: `copy`.
    Asking it: `quote`, `compare`, `what_if`, `position`, `explain`, `ladder`, `queue`, `offer`,
    `offers`, `offer_terms`, `request`, `requests`, `loan`, `loans`, `loan_outstanding`, `exposure`,
    `borrower_outstanding`, `lender_limits`, `borrower_limits`, `group`, `now`, `digest`, `check`.

    A call that is refused raises a `P2PMatchError` and changes nothing, not even the time.

    One that was opened on a store writes every command down before it answers. There each call that
    changes something takes a `command_id`, the caller's own name for it: the same call with an id
    seen before gives the first answer again, a refusal too, and changes nothing, whatever `now` is.

    Parameters
    ----------
    rules : what holds for every offer and request.
    compiled : whether `submit_many` uses the compiled loop of the extra `fast`; None: if it is
        installed, and the environment does not say `P2PMATCH_COMPILED=0`. The results are the same.

    Examples
    --------
    >>> from p2pmatch import Limits, amount, rate
    >>> rules = Rules(grades=("A",), terms=(36,), lender_limits=Limits(per_loan=5_000))
    >>> market = Marketplace(rules)
    >>> for name, price in [("ann", "5.2%"), ("ben", "5.5%"), ("cleo", "6%")]:
    ...     market.post(Offer(offer_id=f"{name}-1", lender_id=name, amount=amount("80"),
    ...                       min_rate=rate(price)), now=0)
    >>> result = market.submit(Request(request_id="r1", borrower_id="bob", amount=amount("120"),
    ...                                max_rate=rate("9%"), grade="A", term=36), now=1)
    >>> [(note.lender_id, note.amount, note.rate) for note in result.loan.notes]
    [('ann', 5000, 52000), ('ben', 5000, 55000), ('cleo', 2000, 60000)]
    """

    def __init__(self, rules: Rules, *, compiled: bool | None = None) -> None:
        checks.check_instance(rules, Rules, "rules", "Rules(...)")
        self._state = State(rules)
        self._state.kernel = fill_of(compiled=compiled)
        self._listeners: dict[object, Callable[[Event], object]] = {}
        self._unheard: deque[Event] = deque()
        self._telling = False
        self._recorder: Recorder | None = None

    @classmethod
    def open(
        cls, store: "Store", rules: Rules | None = None, *, compiled: bool | None = None
    ) -> "Marketplace":
        """A marketplace whose every command is kept in `store`; needs the `json` extra.

        A new one if the store is empty. Otherwise what the store leads to: the newest snapshot in
        order, and the entries after it; `opened` says which, and a `DamagedSnapshot` warning if one
        could not be used.

        Parameters
        ----------
        store : such as `SqliteStore("market.db")`; nobody else may write to it meanwhile.
        rules : must be those the journal was begun with; None: whatever those are.
        compiled : as for a marketplace that is not kept; what is written down is the same.

        Raises
        ------
        StoreFailed : if somebody else writes to the store, or what it holds is damaged.
        Refused("other_rules") : if the rules are not those.
        InvalidValue("own_rule") : for a rule of one's own, which cannot be written down.

        Notes
        -----
        O(offers + notes) for the snapshot, and the events after it.
        """
        # First, so that where it cannot be had nothing is begun.
        kernel = fill_of(compiled=compiled)
        # The one other look upwards: a journal is a door, opened only when somebody keeps one.
        journal = part("journal", "a journal")
        state, recorder = journal.open_journal(store, rules)
        return cls.over(state, recorder, kernel)

    @classmethod
    def over(
        cls, state: State, recorder: "Recorder | None" = None, kernel: Kernel | None = None
    ) -> "Marketplace":
        """A marketplace with this memory; without a recorder it writes nothing down."""
        state.kernel = kernel or fill_of(compiled=None)
        market = cls(state.rules)
        vars(market).update(_state=state, _recorder=recorder)
        return market

    def copy(self) -> "Marketplace":
        """Another marketplace with the same memory, to go its own way; needs the `json` extra.

        It is not kept anywhere, and nobody listens to it. `copy.copy` makes one, too, and `pickle`
        one in another process. O(offers + notes).

        Examples
        --------
        >>> market = Marketplace(Rules(grades=("A",), terms=(36,)))
        >>> other = market.copy()
        >>> other.post(Offer(offer_id="o", lender_id="ann", amount=5, min_rate=1), now=0)
        >>> market, other
        (<Marketplace: 0 offers, 0 loans, now=None>, <Marketplace: 1 offers, 0 loans, now=0>)
        """
        return self._restored(self.rules, self._taken(), self._state.kernel)

    def __copy__(self) -> "Marketplace":
        return self.copy()

    def __deepcopy__(self, _: object) -> "Marketplace":
        return self.copy()

    def __reduce__(self) -> tuple[Callable[..., "Marketplace"], tuple[Rules, list[bytes]]]:
        # A copy travels to another process.
        return self._restored, (self.rules, self._taken())

    def _taken(self) -> list[bytes]:
        # A look upwards likewise: a snapshot is all that there is to know.
        pieces: list[bytes] = part("snapshots", _COPY).take(self._state, b"")
        return pieces

    @classmethod
    def _restored(
        cls, rules: Rules, pieces: list[bytes], kernel: Kernel | None = None
    ) -> "Marketplace":
        state = part("snapshots", _COPY).restore(pieces, b"", rules)
        return cls.over(state, None, kernel)

    @property
    def opened(self) -> "Opened | None":
        """How it was opened; None if it is not kept anywhere."""
        return None if self._recorder is None else self._recorder.opened

    def snapshot(self) -> int:
        """Keep the whole memory in the store, so that the next opening is short. O(offers + notes).

        Returns
        -------
        The number of the journal's last entry, which the snapshot includes.
        """
        return self._kept().snapshot(self._state)

    @contextmanager
    def batch(self) -> Generator[None]:
        """Write everything done inside at one go when the block is left, all or none of it.

        One sync for many commands. No answer given inside is durable before the end, so pass none
        on before. An exception inside takes nothing back: what was done before it is written.
        Without a store it does nothing.

        Examples
        --------
        >>> from p2pmatch.stores import MemoryStore
        >>> market = Marketplace.open(MemoryStore(), Rules(grades=("A",), terms=(36,)))
        >>> with market.batch():
        ...     for name in ("ann", "ben"):
        ...         market.post(Offer(offer_id=name, lender_id=name, amount=5, min_rate=1), now=0)
        """
        if self._recorder is None:
            yield
            return
        recorder = self._kept()
        recorder.begin()
        try:
            yield
        finally:
            try:
                recorder.end()
            except BaseException:
                self._stop()
                raise

    def _kept(self) -> "Recorder":
        if self._recorder is None:
            raise Refused(
                "no_journal", "marketplace", self, "one that Marketplace.open(store) returned"
            )
        if isinstance(self._state, _Stopped):
            raise _reopen("marketplace")
        return self._recorder

    def _stop(self) -> None:
        """Refuse everything from now on: the memory may be ahead of the journal."""
        self._state = cast("State", _Stopped())

    def subscribe(self, listener: Callable[[Event], object]) -> Callable[[], None]:
        """Have `listener` called with every event from now on, once the state is what it says.

        All listeners hear all events, in the order in which these happened: of what comes of a
        listener's own calls they hear when they have heard of everything before it. An exception of
        a listener's (the first, if there are several) reaches the caller after that; the events
        have happened all the same.

        Returns
        -------
        A function that ends it.

        Examples
        --------
        >>> market = Marketplace(Rules(grades=("A",), terms=(36,)))
        >>> end = market.subscribe(print)
        >>> events = market.advance(5)
        TimeAdvanced(now=5)
        >>> end()
        >>> events = market.advance(6)
        """
        if not callable(listener):
            raise InvalidValue("wrong_type", "listener", listener, "a function of one event")
        # A key of its own, so that of one that subscribed twice one can end.
        key = object()
        self._listeners[key] = listener

        def end() -> None:
            self._listeners.pop(key, None)

        return end

    # Changing it

    def post(self, offer: Offer, *, now: int, command_id: str | None = None) -> None:
        """Put an offer at the back of its rate in all its cells. O(cells * log n)."""
        self._do(c.PostOffer(offer=offer, now=now), command_id)

    def post_many(
        self,
        columns: Mapping[str, Any] | object,
        *,
        now: int,
        command_id: str | None = None,
    ) -> None:
        """Put many offers into the book, all or none; the same as posting them one by one.

        Parameters
        ----------
        columns : a mapping of lists or arrays (see `p2pmatch.columns.read_offers`), or, with the
            `frames` extra, any dataframe; named as in the CSV files, in engine units. What
            `read_offers` returned is taken as it is.

        Notes
        -----
        O(n log n). Offers that stand in a cell where a request rests are met one after the other,
        and cost as much as single posts.
        """
        if not isinstance(columns, OfferColumns):
            columns = read_offers(_as_columns(columns))
        self._do(c.PostOffers(offers=columns, now=now), command_id)

    def amend(
        self,
        offer_id: str,
        *,
        now: int,
        amount: int | _Unset = _UNSET,
        min_rate: int | Mapping[str, int] | _Unset = _UNSET,
        grades: Set[str] | _Unset | None = _UNSET,
        terms: Set[int] | _Unset | None = _UNSET,
        max_per_loan: int | _Unset | None = _UNSET,
        max_share: int | _Unset | None = _UNSET,
        requires: Set[str] | _Unset = _UNSET,
        refuses: Set[str] | _Unset = _UNSET,
        expires_at: int | _Unset | None = _UNSET,
        command_id: str | None = None,
    ) -> None:
        """Change a standing offer; what is left out stays as it is, None takes a value away.

        `amount` is the new budget, lent money included. Lowering it, and changing limits, tags or
        expiry, keeps the offer's place; money added, places at a changed rate and added cells go to
        the back.
        """
        given = {
            "amount": amount,
            "min_rate": min_rate,
            "grades": grades,
            "terms": terms,
            "max_per_loan": max_per_loan,
            "max_share": max_share,
            "requires": requires,
            "refuses": refuses,
            "expires_at": expires_at,
        }
        changes = {name: value for name, value in given.items() if value is not _UNSET}
        self._do(c.AmendOffer(offer_id=offer_id, changes=changes, now=now), command_id)

    def cancel(self, offer_id: str, *, now: int, command_id: str | None = None) -> int:
        """Take what an offer has not lent out of the book; return how much. O(cells)."""
        events = self._do(c.CancelOffer(offer_id=offer_id, now=now), command_id)
        cancelled = 0
        # Others may have come due before it, and met what came free behind it.
        for event in events:
            if isinstance(event, OfferCancelled):
                cancelled = event.amount
        return cancelled

    def submit(
        self,
        request: Request,
        *,
        now: int,
        time_in_force: TimeInForce = IMMEDIATE,
        hold_for: int | None = None,
        command_id: str | None = None,
    ) -> Result:
        """Match a request now, or let it rest.

        Parameters
        ----------
        time_in_force : `Immediate()`, what cannot be matched now is cancelled; `Listing` or
            `Auction`, it rests until it closes. In a call market every request rests until it is
            matched or expires.
        hold_for : how long its loan waits for the borrower's yes (`accept`), counted from when it
            is found; without one its money goes back. None: the loan is made at once.
        """
        command = c.SubmitRequest(
            request=request, time_in_force=time_in_force, hold_for=hold_for, now=now
        )
        events = self._do(command, command_id)
        return Result(*outcome_of(events, request.request_id), events)

    def withdraw(
        self, request_id: str, *, now: int, command_id: str | None = None
    ) -> tuple[Event, ...]:
        """Take a resting request back: what is committed to it goes back to its offers."""
        return self._do(c.WithdrawRequest(request_id=request_id, now=now), command_id)

    def accept(self, request_id: str, *, now: int, command_id: str | None = None) -> Loan:
        """The borrower's yes to a loan that waits for it: the loan is made."""
        events = self._do(c.AcceptLoan(request_id=request_id, now=now), command_id)
        made = (event.loan for event in events if isinstance(event, LoanMade))
        return next(loan for loan in made if loan.request_id == request_id)

    def decline(
        self, request_id: str, *, now: int, command_id: str | None = None
    ) -> tuple[Event, ...]:
        """The borrower's no to a loan that waits for a yes: its money goes back to its offers."""
        return self._do(c.DeclineLoan(request_id=request_id, now=now), command_id)

    def uncross(
        self, grade: str, term: int, *, now: int, command_id: str | None = None
    ) -> "Uncrossed":
        """Clear a cell of a call market: its offers and requests meet at one rate.

        Notes
        -----
        O(n + m log n) for n offers and m requests in the cell, and a sweep for each loan.
        """
        from p2pmatch.views import uncrossed_of

        events = self._do(c.Uncross(grade=grade, term=term, now=now), command_id)
        return uncrossed_of(events)

    def submit_many(
        self,
        columns: Mapping[str, Any] | object,
        *,
        now: int,
        command_id: str | None = None,
    ) -> Results:
        """Match many requests, one after the other; either all are accepted or none is.

        Parameters
        ----------
        columns : as for `post_many` (see `p2pmatch.columns.read_requests`).

        Returns
        -------
        A list-like view: a `Result` is made when it is asked for, and the notes of all loans stand
        in columns.

        Notes
        -----
        The same results as from so many calls of `submit`. Where offers are used up in order of
        arrival at their own rates, and nobody waits, requests are filled in runs: with the extra
        `fast` some ten times as fast; without it, where nobody has limits, some seven times.
        """
        now = checks.check_time(now)
        if not isinstance(columns, RequestColumns):
            columns = read_requests(_as_columns(columns))
        command = c.SubmitRequests(requests=columns, now=now)
        if len(columns):
            return Results(columns, self._do(command, command_id))
        # No rows are no command: nothing is written down, and who asks again may ask at any time.
        if command_id is None:
            check_now(self._state, now)
        else:
            self._kept().answer(self._state, command, command_id)
        return Results(columns, ())

    def advance(self, now: int, *, command_id: str | None = None) -> tuple[Event, ...]:
        """Let time pass; return what happened: offers expire, requests close, loans lapse."""
        return self._do(c.AdvanceTime(now=now), command_id)

    def set_lender_limits(
        self, lender_id: str, limits: Limits, *, now: int, command_id: str | None = None
    ) -> None:
        """Give a lender limits of its own; those it leaves unset are the marketplace's."""
        command = c.SetLenderLimits(lender_id=lender_id, limits=limits, now=now)
        self._do(command, command_id)

    def set_borrower_limits(
        self,
        borrower_id: str,
        limits: BorrowerLimits,
        *,
        now: int,
        command_id: str | None = None,
    ) -> None:
        """Give a borrower limits of its own; those it leaves unset are the marketplace's."""
        command = c.SetBorrowerLimits(borrower_id=borrower_id, limits=limits, now=now)
        self._do(command, command_id)

    def declare_group(
        self,
        borrower_id: str,
        members: Set[str],
        *,
        now: int,
        command_id: str | None = None,
    ) -> None:
        """Name the parties whose offers a borrower's requests never meet, and no others."""
        command = c.DeclareGroup(borrower_id=borrower_id, members=members, now=now)
        self._do(command, command_id)

    def repay(
        self, request_id: str, amount: int, *, now: int, command_id: str | None = None
    ) -> None:
        """Record principal paid back on a request's loan: it is no longer outstanding.

        It is shared among the notes in proportion to what each has outstanding, by largest
        remainder.
        """
        self._do(c.Repay(request_id=request_id, amount=amount, now=now), command_id)

    def _do(self, command: c.Command, command_id: str | None = None) -> tuple[Event, ...]:
        known = False
        if self._recorder is None and command_id is None:
            events = perform(self._state, command)
        else:
            known, events = self._do_once(command, command_id)
        first = events[0]
        if type(first) is Rejected:
            raise refusal(first.code, first.field, first.value, first.accepted)
        if self._listeners and not known:
            self._tell(events)
        return tuple(events)

    def _tell(self, events: Iterable[Event]) -> None:
        """Tell the listeners, unless this comes of what one of them is being told."""
        self._unheard.extend(events)
        if self._telling:
            return
        failures: list[Exception] = []
        self._telling = True
        try:
            while self._unheard:
                event = self._unheard.popleft()
                for listener in tuple(self._listeners.values()):
                    try:
                        listener(event)
                    except Exception as failure:  # noqa: BLE001 - the others are to hear of it, too
                        failures.append(failure)
        finally:
            self._telling = False
        if failures:
            raise failures[0]

    def _do_once(self, command: c.Command, command_id: str | None) -> tuple[bool, list[Event]]:
        """Whether it was done before; and what it led to, now or then."""
        recorder, state = self._kept(), self._state
        if command_id is not None:
            known = recorder.answer(state, command, command_id)
            if known is not None:
                return True, known
        payload = recorder.prepare(command)
        try:
            return False, recorder.perform(state, command, payload, command_id)
        except BaseException:
            self._stop()
            raise

    # Asking it

    def quote(self, request: Request, *, now: int) -> "Quote":
        """What `submit` would give now, note by note, and what it would cost; changes nothing."""
        from p2pmatch.quote import quote

        return quote(self._state, request, now)

    def compare(
        self,
        request: Request,
        *,
        now: int,
        amounts: Iterable[int] | None = None,
        terms: Iterable[int] | None = None,
        grades: Iterable[str] | None = None,
    ) -> "Comparison":
        """Quotes of a request at several amounts, terms and grades; changes nothing.

        Parameters
        ----------
        amounts : minor units; None: the request's. For an amount below the request's least one,
            the borrower is taken to accept the whole of it only.
        terms : months; None: the request's.
        grades : None: the request's. For a platform's own use: what a grade is worth.

        Returns
        -------
        Comparison, with a row for each grade, term and amount, in that order, each as given. Every
        row is the quote that `quote` would give.

        Notes
        -----
        The ladder of each cell is read once, as far as the largest amount needs.
        """
        from p2pmatch.comparison import compare

        return compare(self._state, request, now, amounts=amounts, terms=terms, grades=grades)

    def what_if(self, request: Request, *, now: int) -> "WhatIf":
        """The least changes of a request, each by itself, that would fill it; changes nothing."""
        from p2pmatch.what_if import what_if

        return what_if(self._state, request, now)

    def position(self, offer_id: str, *, grade: str, term: int, last: int = 20) -> "Position":
        """Where an offer stands in a cell, and what would make it lend.

        Parameters
        ----------
        last : how many of the cell's latest loans to look back upon, at most `MAX_LOANS`.
        """
        from p2pmatch.position import position

        return position(self._state, offer_id, grade, checks.plain(term), last)

    def explain(self, request: Request, *, now: int) -> "Explanation":
        """Why each offer would get what it gets of this request, and not more; changes nothing."""
        from p2pmatch.explain import explain

        return explain(self._state, request, now)

    @property
    def rules(self) -> Rules:
        """The rules it was built with."""
        return self._state.rules

    @property
    def now(self) -> int | None:
        """The time of the last event; None before the first."""
        return self._state.now

    def queue(self, grade: str, term: int) -> "list[QueueEntry]":
        """The places of a cell in rank order, those with money for at least one note. O(n)."""
        from p2pmatch.views import QueueEntry

        state = self._state
        ladder = state.ladders[state.cell(grade, checks.plain(term))]
        least = state.rules.smallest_note
        remaining = state.table.remaining
        keys, slots = ladder.standing(remaining, least)
        return [
            QueueEntry(
                state.offer_names[slot],
                state.lender_names[state.table.lender[slot]],
                rate,
                int(remaining[slot]),
            )
            for slot, rate in zip(slots.tolist(), rates_of(keys).tolist(), strict=True)
        ]

    def ladder(self, grade: str, term: int) -> "RateLadder":
        """How much money stands in a cell at or below each rate. O(n)."""
        from p2pmatch.depth import depth

        return depth(self._state, grade, checks.plain(term))

    def offer(self, offer_id: str) -> "OfferStatus":
        """What has become of an offer's budget. O(1)."""
        return self._status(self._slot(offer_id))

    def offer_terms(self, offer_id: str) -> Offer:
        """An offer as it stands now, after what was amended: what to show its lender. O(1).

        Its `amount` is all that it brought, as in its status.
        """
        return self._state.offer_of(self._slot(offer_id))

    def _slot(self, offer_id: str) -> int:
        first = self._state.offer_names.find(checks.check_id(offer_id, "offer_id"))
        if first is None:
            raise UnknownName(
                "unknown_offer", "offer_id", offer_id, "the id of an offer posted here"
            )
        return first

    def offers(self) -> "Iterator[OfferStatus]":
        """All offers ever posted, in the order of posting."""
        state = self._state
        slots = state.offer_names.as_posted().tolist()
        return map(self._status, [slot for slot in slots if slot not in state.whole_of])

    def request(self, request_id: str) -> "RequestStatus":
        """What a request that waits has so far. O(its commitments)."""
        checks.check_id(request_id, "request_id")
        waiting = self._state.waiting
        if request_id in waiting.resting:
            return _resting_status(self._state, waiting.resting[request_id])
        if request_id in waiting.held:
            return _held_status(waiting.held[request_id])
        raise UnknownName(
            "unknown_request", "request_id", request_id, "a request that rests, or waits for a yes"
        )

    def requests(self) -> "Iterator[RequestStatus]":
        """The requests that rest, in rank order; then those whose loans wait, by id."""
        state = self._state
        resting = [_resting_status(state, resting) for resting in state.waiting.ranked()]
        held = [_held_status(held) for _, held in sorted(state.waiting.held.items())]
        return iter([*resting, *held])

    def loan(self, request_id: str) -> Loan:
        """The loan made under a request's id. O(1)."""
        return self._opened(request_id).loan

    def loans(self) -> "Iterator[Loan]":
        """All loans made, in the order in which they were made."""
        return self._state.exposure.made()

    def loan_outstanding(self, request_id: str) -> int:
        """What of a loan's principal is not paid back yet, minor units. O(1)."""
        return self._opened(request_id).total

    def _opened(self, request_id: str) -> "OpenLoan":
        opened = self._state.exposure.find(checks.check_id(request_id, "request_id"))
        if opened is None:
            raise UnknownName(
                "unknown_request", "request_id", request_id, "the request of a loan made here"
            )
        return opened

    def lender_limits(self, lender_id: str) -> Limits:
        """The limits in force for a lender: its own, and where it has none the marketplace's."""
        caps = self._state.lender_caps
        lender = self._state.lenders.get(checks.check_id(lender_id, "lender_id"), -1)
        return caps.own.get(lender, Limits()).over(caps.default)

    def borrower_limits(self, borrower_id: str) -> BorrowerLimits:
        """The limits in force for a borrower: its own, or the marketplace's."""
        caps = self._state.borrower_caps
        return caps.own.get(checks.check_id(borrower_id, "borrower_id"), caps.default)

    def group(self, borrower_id: str) -> frozenset[str]:
        """Whose offers a borrower's loans never meet: its own, and those of its declared group."""
        return self._state.parties_of(checks.check_id(borrower_id, "borrower_id"))

    def exposure(self, lender_id: str) -> "Outstanding":
        """What a lender has lent and not got back, in all, by grade and by borrower. O(notes)."""
        from p2pmatch.views import Outstanding

        state = self._state
        lender = state.lenders.get(checks.check_id(lender_id, "lender_id"))
        if lender is None:
            return Outstanding(0, {}, {}, 0)
        count = len(state.lender_names)
        by_grade = {
            grade: int(state.exposure.in_grade(grade, count)[lender])
            for grade in state.rules.grades
        }
        committed = 0
        for request, _, lenders, amounts in state.waiting.committed():
            part = int(amounts[lenders == lender].sum())
            by_grade[request.grade] -= part
            committed += part
        return Outstanding(
            int(state.exposure.in_total(count)[lender]) - committed,
            {grade: value for grade, value in by_grade.items() if value},
            state.exposure.borrowers_of(lender),
            committed,
        )

    def borrower_outstanding(self, borrower_id: str) -> int:
        """What a borrower has outstanding, minor units; commitments not counted. O(waiting)."""
        checks.check_id(borrower_id, "borrower_id")
        committed = sum(
            int(amounts.sum())
            for request, _, _, amounts in self._state.waiting.committed()
            if request.borrower_id == borrower_id
        )
        return self._state.exposure.owed_by(borrower_id) - committed

    def digest(self) -> str:
        """A hash, hex, of all that can influence what happens next. O(offers + notes)."""
        from p2pmatch.digest import digest_of

        return digest_of(self._state)

    def check(self) -> None:
        """Raise InvariantError if the memory contradicts itself. O(offers + notes)."""
        from p2pmatch.invariants import check

        check(self._state)

    def __repr__(self) -> str:
        state = self._state
        offers, loans = len(state.offer_names) - len(state.whole_of), len(state.exposure)
        return f"<Marketplace: {offers} offers, {loans} loans, now={state.now}>"

    def _status(self, first: int) -> "OfferStatus":
        from p2pmatch.views import OfferStatus

        state = self._state
        table = state.table
        slots = state.slots_of(first)
        amount = state.amount_of(first)
        remaining = state.remaining_of(first)
        cancelled = sum(int(table.cancelled[slot]) for slot in slots)
        committed = sum(int(table.committed[slot]) for slot in slots)
        return OfferStatus(
            offer_id=state.offer_names[first],
            lender_id=state.lender_names[table.lender[first]],
            amount=amount,
            remaining=remaining,
            committed=committed,
            lent=amount - remaining - committed - cancelled,
            cancelled=cancelled,
            state=STATE_NAMES[table.state[first]],
        )


def _reopen(field: str) -> StoreFailed:
    accepted = "Marketplace.open(store), which reads back what is kept"
    return StoreFailed("reopen_first", field, "its memory", accepted)


def _resting_status(state: State, resting: Resting) -> "RequestStatus":
    from p2pmatch.views import RequestStatus

    return RequestStatus(
        resting.request, "resting", resting.deadline, commitment_notes(state, resting.held)
    )


def _held_status(held: Held) -> "RequestStatus":
    from p2pmatch.views import RequestStatus

    return RequestStatus(held.loan.request, "held", held.until, held.loan.notes)


def _as_columns(columns: object) -> Mapping[str, Any]:
    """The columns as they are, or those of a dataframe."""
    if isinstance(columns, Mapping):
        return columns
    # The one look upwards: dataframes are a door, opened only when somebody hands one in.
    frames = part("frames", "a table that is no mapping")
    read: Mapping[str, Any] = frames.columns_of(columns)
    return read
