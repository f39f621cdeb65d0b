"""Nothing lost: every command is written down before anybody hears what came of it.

A journal is a chain of entries in a store (see `p2pmatch.entries`): first the rules, then one entry
for each command with the events it led to, refusals too. `replay` folds the events, so a later
release whose rules decide differently still gives the book that was; `verify` decides every command
again and compares. Needs the `json` extra.
"""

import warnings
from collections.abc import Iterator

import attrs

from p2pmatch import snapshots
from p2pmatch.apply import apply
from p2pmatch.checks import check_instance, plain_or_none
from p2pmatch.digest import digest_of
from p2pmatch.entries import BEGINNING, Entry, Store, linked
from p2pmatch.errors import InvalidValue, P2PMatchError, Refused, StoreFailed
from p2pmatch.events import Event
from p2pmatch.marketplace import Marketplace
from p2pmatch.perform import perform
from p2pmatch.recorder import Opened, Recorder
from p2pmatch.rules import Rules
from p2pmatch.state import State
from p2pmatch.wire import COMMANDS, EVENTS, OpenJournal

__all__ = ["DamagedSnapshot", "Opened", "Verified", "open_journal", "replay", "verify"]


class DamagedSnapshot(UserWarning):
    """A snapshot could not be used; an older one or the whole journal was, and gives the same."""


@attrs.frozen
class Verified:
    """What `verify` found in order.

    Parameters
    ----------
    entries : how many entries the journal has, the rules included.
    events : how many events were recomputed.
    head : the hash of the last entry, hex: keep it elsewhere, and nobody can cut the end off.
    digest : the digest of the state after the last entry.
    """

    entries: int
    events: int
    head: str
    digest: str


# Opening


def open_journal(store: Store, rules: Rules | None) -> tuple[State, Recorder]:
    """The state a store leads to, and who writes on; begins an empty one.

    Raises
    ------
    StoreFailed : if somebody else writes to the store, or what it holds is damaged.
    Refused("other_rules") : if it was kept under other rules.
    InvalidValue("own_rule") : for a rule of the user's own, which cannot be written down.
    """
    _check_store(store)
    store.claim()
    try:
        if next(store.read(0), None) is None:
            _begin(store, rules)
        state, entry, opened = _rebuilt(store, None, callers=2)
        if rules is not None:
            _check_same(rules, state.rules)
    except BaseException:
        # Nobody holds it, so nobody else would let go of it.
        store.close()
        raise
    return state, Recorder(store, entry.seq, entry.hash, opened)


def _check_store(store: Store) -> None:
    check_instance(store, Store, "store", "a Store, such as SqliteStore('market.db')")


def _begin(store: Store, rules: Rules | None) -> None:
    """Write the first entry: the rules."""
    if not isinstance(rules, Rules):
        raise InvalidValue("wrong_type", "rules", rules, "Rules(...), for an empty store")
    command = COMMANDS.encode(OpenJournal(rules=rules), 0)
    store.append([linked(0, BEGINNING, None, command, b"[]")], 0)


def _check_same(given: Rules, kept: Rules) -> None:
    for field in attrs.fields(Rules):
        mine, theirs = getattr(given, field.name), getattr(kept, field.name)
        if mine != theirs:
            raise Refused("other_rules", f"rules.{field.name}", mine, repr(theirs))


def _rebuilt(store: Store, upto: int | None, *, callers: int) -> tuple[State, Entry, Opened]:
    """The state after entry `upto`, that entry, and how it was come by.

    `callers` : how many of the calls that led here are the library's, so that a warning names the
    line of the user's that asked.
    """
    rules, first = _rules_of(store)
    upto = plain_or_none(upto)
    if upto is not None and (type(upto) is not int or upto < 0):
        code = "negative" if type(upto) is int else "wrong_type"
        raise InvalidValue(code, "upto", upto, "the number of an entry")
    state, entry, damaged = State(rules), first, []
    used = None
    for seq in store.snapshots():
        if upto is not None and seq > upto:
            continue
        try:
            state, entry = _from_snapshot(store, seq, rules)
        except StoreFailed as failure:
            damaged.append((seq, str(failure)))
            told = f"snapshot {seq} is not used: {failure}"
            warnings.warn(told, DamagedSnapshot, stacklevel=callers + 2)
        else:
            used = seq
            break
    before = entry
    for following in _chained(store, entry, upto):
        fold(state, following)
        entry = following
    if upto is not None and entry.seq != upto:
        raise InvalidValue("too_large", "upto", upto, f"at most the last entry's, {entry.seq}")
    return state, entry, Opened(used, entry.seq - before.seq, tuple(damaged))


def _rules_of(store: Store) -> tuple[Rules, Entry]:
    first = next(store.read(0), None)
    if first is None:
        raise StoreFailed("not_a_journal", "store", store, "a begun one")
    check_link(first, 0, BEGINNING)
    command = COMMANDS.decode(first.command, 0)
    if not isinstance(command, OpenJournal):
        raise StoreFailed("damaged", "entry 0", type(command).__name__, "the rules")
    return command.rules, first


def _from_snapshot(store: Store, seq: int, rules: Rules) -> tuple[State, Entry]:
    entry = next(store.read(seq), None)
    if entry is None:
        raise StoreFailed("damaged", "snapshot", seq, "a number that the journal has reached")
    return snapshots.restore(store.snapshot(seq), entry.hash, rules), entry


def _chained(store: Store, entry: Entry, upto: int | None) -> Iterator[Entry]:
    """The entries after `entry`, each checked against the one before."""
    for following in store.read(entry.seq + 1):
        if upto is not None and following.seq > upto:
            return
        check_link(following, entry.seq + 1, entry.hash)
        yield following
        entry = following


def check_link(entry: Entry, seq: int, previous: bytes) -> None:
    """Raise StoreFailed("damaged") unless an entry is whole and follows the one before."""
    where = f"entry {seq}"
    if entry.seq != seq:
        raise StoreFailed("damaged", where, f"entry {entry.seq}", f"the entry of number {seq}")
    if entry.previous != previous:
        accepted = f"the hash of the entry before, {previous.hex()}"
        raise StoreFailed("damaged", f"{where}.previous", entry.previous.hex(), accepted)
    if entry.hash != entry.own_hash():
        raise StoreFailed(
            "damaged", where, entry.own_hash().hex(), f"content of hash {entry.hash.hex()}"
        )


def fold(state: State, entry: Entry) -> list[Event]:
    """Make the state what it is after an entry, from its events alone."""
    events = []
    for event in EVENTS.decode_all(entry.events, entry.seq, state, trusted=True):
        apply(state, event)
        events.append(event)
    # Whom something came free for was asked when the events were decided.
    state.stirred.clear()
    state.fresh.clear()
    return events


# Reading


def replay(store: Store, upto: int | None = None) -> Marketplace:
    """The marketplace as it was after entry `upto` (None: the last); it writes nothing down.

    Raises
    ------
    StoreFailed : naming the first entry that is not what was written.

    Notes
    -----
    From the newest snapshot before it, and then the events. O(snapshot + events).

    Examples
    --------
    >>> from p2pmatch import Offer
    >>> from p2pmatch.stores import MemoryStore
    >>> store = MemoryStore()
    >>> market = Marketplace.open(store, Rules(grades=("A",), terms=(36,)))
    >>> for name in ("ann", "ben"):
    ...     market.post(Offer(offer_id=name, lender_id=name, amount=500, min_rate=50_000), now=1)
    >>> replay(store).digest() == market.digest()
    True
    >>> [status.offer_id for status in replay(store, upto=1).offers()]
    ['ann']
    """
    _check_store(store)
    state, _, _ = _rebuilt(store, upto, callers=1)
    return Marketplace.over(state)


def _check_head(head: object, digits: int) -> None:
    accepted = f"the {digits} hexadecimal digits that `verify` gave"
    if not isinstance(head, str):
        raise InvalidValue("wrong_type", "head", head, accepted)
    if len(head) != digits or set(head) - set("0123456789abcdef"):
        raise InvalidValue("malformed", "head", head, accepted)


def verify(store: Store, head: str | None = None) -> Verified:
    """Walk the whole chain, decide every command again, and compare every event.

    Parameters
    ----------
    head : the hash, hex, that an earlier `verify` gave: it must still be in the chain. Without it
        nothing can tell that entries were cut off the end.

    Raises
    ------
    StoreFailed : naming the first entry that is changed, missing, moved or repeated ("damaged"), or
        whose events are not what its command leads to ("not_recomputed").
    InvalidValue : for a `head` that cannot be one.

    Examples
    --------
    >>> from p2pmatch.stores import MemoryStore
    >>> store = MemoryStore()
    >>> market = Marketplace.open(store, Rules(grades=("A",), terms=(36,)))
    >>> _ = market.advance(5)
    >>> verify(store).entries
    2
    """
    _check_store(store)
    rules, entry = _rules_of(store)
    if head is not None:
        _check_head(head, len(entry.hash.hex()))
    state = State(rules)
    snapshots_at = set(store.snapshots())
    heads, events = {entry.hash.hex()}, 0
    _check_snapshot(store, state, entry, snapshots_at)
    for following in _chained(store, entry, None):
        entry = following
        events += _recomputed(state, entry)
        heads.add(entry.hash.hex())
        _check_snapshot(store, state, entry, snapshots_at)
    if head is not None and head not in heads:
        raise StoreFailed("damaged", "head", entry.hash.hex(), f"a journal that contains {head}")
    if snapshots_at:
        last = max(snapshots_at)
        raise StoreFailed("damaged", f"entry {entry.seq + 1}", "missing", f"entries up to {last}")
    return Verified(entry.seq + 1, events, entry.hash.hex(), digest_of(state))


def _recomputed(state: State, entry: Entry) -> int:
    """Perform an entry's command; how many events it leads to, which must be the entry's."""
    where = f"entry {entry.seq}"
    try:
        command = COMMANDS.decode(entry.command, entry.seq)
        if isinstance(command, OpenJournal):
            raise StoreFailed("damaged", where, "open_journal", "a command")
        events = perform(state, command)
        again = EVENTS.encode_all(events, entry.seq)
    except (P2PMatchError, LookupError) as error:
        if isinstance(error, StoreFailed):
            raise
        raise StoreFailed("damaged", where, str(error), "a command that can be read") from error
    if again != entry.events:
        raise StoreFailed("not_recomputed", where, _text(entry.events), _text(again))
    return len(events)


def _text(payload: bytes) -> str:
    return payload[:1_000].decode(errors="replace")


def _check_snapshot(store: Store, state: State, entry: Entry, seqs: set[int]) -> None:
    """Raise unless the snapshot of that entry, if there is one, is the state.

    One of another layout, which another release has written, nobody opens a journal from.
    """
    if entry.seq not in seqs:
        return
    seqs.remove(entry.seq)
    try:
        restored = snapshots.restore(store.snapshot(entry.seq), entry.hash, state.rules)
    except StoreFailed as other:
        if other.code == "not_a_journal":
            return
        raise
    kept = digest_of(restored)
    if kept != digest_of(state):
        raise StoreFailed("damaged", f"snapshot {entry.seq}", kept, f"digest {digest_of(state)}")
