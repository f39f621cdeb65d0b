"""The refusals: one hierarchy, stable codes, and what would have been accepted.

Every refusal is a `P2PMatchError` with `.code`, `.field`, `.value` and `.accepted`. Codes never
change their meaning; `CODES` lists them all. An `InvariantError` is not a refusal: it is a bug of
ours, or of a rule of somebody's own.
"""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = [
    "CODES",
    "InvalidValue",
    "InvariantError",
    "P2PMatchError",
    "Refused",
    "StoreFailed",
    "UnknownName",
    "refusal",
]

# A wrong value, found while an object is built.
_INVALID: Mapping[str, str] = MappingProxyType(
    {
        "wrong_type": "has the wrong type",
        "malformed": "cannot be read",
        "negative": "is negative",
        "zero": "is zero",
        "too_large": "is too large",
        "too_small": "is too small",
        "too_many_decimals": "has too many decimals",
        "empty": "is empty",
        "too_long": "is too long",
        "duplicate": "stands there twice",
        "not_multiple": "is not a multiple of the increment",
        "above_amount": "is above the amount",
        "contradiction": "contradicts another value",
        "missing_column": "is missing",
        "out_of_order": "is out of order",
        "one_sign": "goes one way only, so no rate solves it",
        "ambiguous": "may have more than one rate",
        "own_rule": "is a rule of your own, which a journal cannot write down",
    }
)
# A name nobody knows.
_UNKNOWN: Mapping[str, str] = MappingProxyType(
    {
        "unknown_grade": "is not a grade of this marketplace",
        "unknown_term": "is not a term of this marketplace",
        "unknown_rule": "is not a rule",
        "unknown_offer": "is not an offer of this marketplace",
        "unknown_request": "is not such a request",
        "unknown_field": "is not a field that can be given",
        "unknown_kind": "is not a kind of record",
        "unknown_version": "is not a version that this release reads",
    }
)
# Well-formed, but the present state refuses it.
_REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "duplicate_id": "is already used",
        "time_backwards": "is before the marketplace's time",
        "offer_closed": "is cancelled or expired",
        "nothing_to_change": "would change nothing",
        "already_expired": "is not after now",
        "advance_first": "is after a request closes or a loan lapses",
        "batch_open": "is inside a batch",
        "not_waiting": "does not wait for that",
        "not_a_call_market": "is not how a call market matches",
        "call_market": "is how a call market matches: nothing is known before it is uncrossed",
        "outdated": "was quoted before the marketplace changed",
        "no_book": "has no book to read",
        "not_in_queue": "does not stand in that queue",
        "below_lent": "is below what is already lent or committed",
        "book_full": "would make the book larger than it can add up exactly",
        "above_outstanding": "is above what is outstanding",
        "loan_repaid": "is repaid in full",
        "no_journal": "needs a journal to be remembered in",
        "command_id_reused": "was given to another command",
        "other_rules": "is not the rule under which the journal was kept",
    }
)
# What a journal is kept in cannot be used, or is not what was written.
_STORE: Mapping[str, str] = MappingProxyType(
    {
        "store_locked": "is written by somebody else",
        "store_failed": "could not be read or written",
        "store_moved_on": "is not the next entry",
        "store_closed": "is closed",
        "not_a_journal": "is not a journal that this release reads",
        "damaged": "is not what was written",
        "not_recomputed": "is not what the command leads to",
        "reopen_first": "may be ahead of the journal",
    }
)

#: Every code, and what it says of the value.
CODES: Mapping[str, str] = MappingProxyType({**_INVALID, **_UNKNOWN, **_REFUSED, **_STORE})

_LONGEST_VALUE_SHOWN = 80


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than Python writes out
        return "a huge number"
    if len(text) > _LONGEST_VALUE_SHOWN:
        return text[: _LONGEST_VALUE_SHOWN - 3] + "..."
    return text


class P2PMatchError(Exception):
    """A refusal: what was wrong with which value, and what would be accepted.

    Parameters
    ----------
    code : a key of `CODES`; stable, for programs.
    field : the parameter or column that was wrong.
    value : the value that was refused, as it was given.
    accepted : what would have been accepted, for people.

    Examples
    --------
    >>> from p2pmatch import amount
    >>> try:
    ...     amount("12.345")
    ... except P2PMatchError as error:
    ...     print(error.code, error)
    too_many_decimals amount: '12.345' has too many decimals; accepted: at most 2 decimals
    """

    def __init__(self, code: str, field: str, value: object, accepted: str) -> None:
        self.code = code
        self.field = field
        self.value = value
        self.accepted = accepted
        super().__init__(f"{field}: {_shown(value)} {CODES[code]}; accepted: {accepted}")

    def __reduce__(self) -> tuple[type["P2PMatchError"], tuple[str, str, object, str]]:
        return type(self), (self.code, self.field, self.value, self.accepted)


class InvalidValue(P2PMatchError, ValueError):
    """A value that no marketplace would take."""


class UnknownName(P2PMatchError, LookupError):
    """A grade, term, rule, offer, request or column that is not there."""


class Refused(P2PMatchError, ValueError):
    """A well-formed command that the present state refuses."""


class StoreFailed(P2PMatchError, OSError):
    """The store of a journal cannot be used, or what it holds is not what was written."""


def refusal(code: str, field: str, value: object, accepted: str) -> P2PMatchError:
    """The error of the kind that bears this code.

    Examples
    --------
    >>> type(refusal("unknown_grade", "grade", "Z", "one of ['A', 'B']"))
    <class 'p2pmatch.errors.UnknownName'>
    """
    for kind, codes in (
        (InvalidValue, _INVALID),
        (UnknownName, _UNKNOWN),
        (StoreFailed, _STORE),
    ):
        if code in codes:
            return kind(code, field, value, accepted)
    return Refused(code, field, value, accepted)


class InvariantError(AssertionError):
    """Something that must always hold does not. Never caught inside.

    A bug in this library; or in an allocation or a pricing rule of your own, which it names then.
    """
