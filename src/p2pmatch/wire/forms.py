"""How records are written that JSON has no word for: columns, notes, loans, times in force.

`FORMS` has one row per type of field that needs a form of its own. Every other field of a command
or an event is written as it is: whole numbers, text, lists for sets.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Protocol, cast

import attrs
import msgspec
import numpy as np
import numpy.typing as npt

from p2pmatch import checks
from p2pmatch.columns import OfferColumns, checked_columns
from p2pmatch.conditions import NEVER, NO_CAP, NO_SHARE, Place, TagRule
from p2pmatch.errors import InvalidValue
from p2pmatch.loans import Loan, Loans, Notes
from p2pmatch.offer_names import OfferNames
from p2pmatch.orders import Request
from p2pmatch.request_columns import RequestColumns
from p2pmatch.rules import Rules
from p2pmatch.time_in_force import Auction, Immediate, Listing, TimeInForce
from p2pmatch.wire.rules import RulesForm, read_rules, write_rules

__all__ = ["FORMS", "Form", "Names", "plain"]

# Larger numbers are no value of any field.
_MAX_INT64 = 2**63


class Names(Protocol):
    """The ids by number, as the state of a marketplace has them."""

    offer_names: OfferNames
    lender_names: list[str]


@attrs.frozen
class Form:
    """One type of field: what it is on the wire, and the way there and back.

    `read` gets the wire form, and the marketplace's names if there are any.
    """

    wire: Any
    write: Callable[[Any], Any]
    read: Callable[[Any, Names | None], Any]


class _Strict(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Knows its fields, and refuses all others."""


# Times in force


class ImmediateForm(_Strict, tag_field="kind", tag="immediate", frozen=True):
    """Match now."""


class ListingForm(_Strict, tag_field="kind", tag="listing", frozen=True):
    """Rest until the whole amount is committed, or until it closes."""

    closes_at: int


class AuctionForm(_Strict, tag_field="kind", tag="auction", frozen=True):
    """Rest until it closes; better offers displace the dearest."""

    closes_at: int


_TimeForm = ImmediateForm | ListingForm | AuctionForm


_TIME_FORMS: Mapping[type, Any] = MappingProxyType(
    {Immediate: ImmediateForm, Listing: ListingForm, Auction: AuctionForm}
)
_TIMES: Mapping[type, Any] = MappingProxyType({form: kind for kind, form in _TIME_FORMS.items()})


def _write_time(value: TimeInForce) -> object:
    return _TIME_FORMS[type(value)](*attrs.astuple(value))


def _read_time(form: _TimeForm, _: object) -> object:
    return _TIMES[type(form)](*msgspec.structs.astuple(form))


# Columns of offers


class ColumnsForm(_Strict, frozen=True):
    """Many offers as columns of equal length; null for a column in which nothing is set.

    `places` are the distinct pairs of grades and terms, `tag_rules` those of tags required and
    refused; `place_codes` and `tag_codes` say which of them a row has.
    """

    offer_ids: tuple[str, ...]
    lender_ids: tuple[str, ...]
    amounts: list[int]
    min_rates: list[int]
    places: list[Place]
    place_codes: list[int]
    tag_rules: list[TagRule]
    tag_codes: list[int]
    max_per_loan: list[int | None] | None
    max_share: list[int | None] | None
    expires_at: list[int | None] | None


#: The columns in which a value may be missing, and what stands for it inside.
_ABSENT: Mapping[str, int] = MappingProxyType(
    {"max_per_loan": NO_CAP, "max_share": NO_SHARE, "expires_at": NEVER}
)


def _write_columns(offers: OfferColumns) -> ColumnsForm:
    optional = {name: _with_gaps(getattr(offers, name), absent) for name, absent in _ABSENT.items()}
    return ColumnsForm(
        offer_ids=tuple(offers.offer_ids),
        lender_ids=tuple(offers.lender_ids),
        amounts=offers.amounts.tolist(),
        min_rates=offers.min_rates.tolist(),
        places=list(offers.places),
        place_codes=offers.place_codes.tolist(),
        tag_rules=list(offers.tag_rules),
        tag_codes=offers.tag_codes.tolist(),
        **optional,
    )


def _read_requests(requests: list[Request], _: object) -> RequestColumns:
    return RequestColumns.of(requests)


def _with_gaps(column: npt.NDArray[np.int64], absent: int) -> list[int | None] | None:
    gaps = column == absent
    if gaps.all():
        return None
    values: list[int | None] = column.tolist()
    for row in np.flatnonzero(gaps).tolist():
        values[row] = None
    return values


def _read_columns(form: ColumnsForm, _: object) -> OfferColumns:
    fields = {name: getattr(form, name) for name in form.__struct_fields__}
    return checked_columns({name: value for name, value in fields.items() if value is not None})


# Notes and loans


# Ids are only decoded when somebody asks for them.
_Ids = Annotated[
    msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "array", "items": {"type": "string"}})
]


class NotesForm(_Strict, frozen=True):
    """Notes as columns of equal length, in rank order.

    `offers` and `lenders` are the numbers that the marketplace has for them: offers by the order in
    which they (or a part added by amending) were posted, lenders by the order in which they came.
    """

    offer_ids: _Ids
    lender_ids: _Ids
    amounts: list[int]
    rates: list[int]
    offers: list[int]
    lenders: list[int]
    rate_source: str


_encode_names = msgspec.json.Encoder().encode
_decode_names = msgspec.json.Decoder(list[str]).decode


def _write_notes(notes: Notes) -> NotesForm:
    return NotesForm(
        offer_ids=msgspec.Raw(_encode_names(notes.offer_ids.tolist())),
        lender_ids=msgspec.Raw(_encode_names(notes.lender_ids.tolist())),
        amounts=notes.amounts.tolist(),
        rates=notes.rates.tolist(),
        offers=notes.offer_numbers.tolist(),
        lenders=notes.lenders.tolist(),
        rate_source=notes.rate_source,
    )


def _read_notes(form: NotesForm, names: Names | None) -> Notes:
    rows = len(form.amounts)
    if not len(form.rates) == len(form.offers) == len(form.lenders) == rows:
        raise InvalidValue("contradiction", "notes", rows, "columns of equal length")
    offers = _column(form.offers, "offers", np.int32)
    offer_names: OfferNames | Mapping[int, str]
    lender_names: Sequence[str] | Mapping[int, str]
    if names is None:
        offer_names = _named(form.offers, form.offer_ids, "offer_ids")
        lender_names = _named(form.lenders, form.lender_ids, "lender_ids")
    else:
        offer_names, lender_names = names.offer_names, names.lender_names
        offers = _slots_of(offers, offer_names)
    return Notes(
        _column(form.amounts, "amounts", np.int64),
        _column(form.rates, "rates", np.int64),
        offers,
        _column(form.lenders, "lenders", np.int32),
        offer_names,
        lender_names,
        form.rate_source,
    )


def _slots_of(numbers: npt.NDArray[np.int32], names: OfferNames) -> npt.NDArray[np.int32]:
    """Where the marketplace has the offers of these numbers."""
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(names):
        raise InvalidValue(
            "unknown_offer", "offers", numbers.tolist(), f"numbers below {len(names)}"
        )
    return names.slots_of(numbers)


def _named(numbers: Sequence[int], ids: msgspec.Raw, field: str) -> Mapping[int, str]:
    """The ids by number."""
    names = _decode_names(ids)
    if len(names) != len(numbers):
        raise InvalidValue("contradiction", field, len(names), f"{len(numbers)} ids")
    return dict(zip(numbers, names, strict=True))


def _column(values: Sequence[int], field: str, kind: type[np.integer[Any]]) -> npt.NDArray[Any]:
    try:
        return np.array(values, dtype=kind)
    except OverflowError:
        raise InvalidValue("too_large", field, max(values), f"what {kind.__name__} holds") from None


class LoanForm(_Strict, frozen=True):
    """A loan: its request, and who lends how much of it."""

    request: Request
    principal: int
    notes: NotesForm


def _write_loan(loan: Loan) -> LoanForm:
    return LoanForm(loan.request, loan.principal, _write_notes(loan.notes))


def _read_loan(form: LoanForm, names: Names | None) -> Loan:
    return Loan(form.request, form.principal, _read_notes(form.notes, names))


class LoansForm(_Strict, frozen=True):
    """Loans made together: `ends` says where each one's notes end among all."""

    requests: list[Request]
    ends: list[int]
    notes: NotesForm


def _write_loans(loans: Loans) -> LoansForm:
    return LoansForm(list(loans.requests), loans.ends.tolist(), _write_notes(loans.notes))


def _read_loans(form: LoansForm, names: Names | None) -> Loans:
    ends = _column(form.ends, "ends", np.int64)
    return Loans(form.requests, ends, _read_notes(form.notes, names))


# What an amendment changes, and any value that was refused


class ChangesForm(_Strict, omit_defaults=True, frozen=True):
    """What is left out stays as it is; null takes a value away."""

    amount: int | msgspec.UnsetType = msgspec.UNSET
    min_rate: int | dict[str, int] | msgspec.UnsetType = msgspec.UNSET
    grades: list[str] | msgspec.UnsetType | None = msgspec.UNSET
    terms: list[int] | msgspec.UnsetType | None = msgspec.UNSET
    max_per_loan: int | msgspec.UnsetType | None = msgspec.UNSET
    max_share: int | msgspec.UnsetType | None = msgspec.UNSET
    requires: list[str] | msgspec.UnsetType = msgspec.UNSET
    refuses: list[str] | msgspec.UnsetType = msgspec.UNSET
    expires_at: int | msgspec.UnsetType | None = msgspec.UNSET


def _write_changes(changes: Mapping[str, Any]) -> ChangesForm:
    """The wire form of changes, which the command has checked."""
    written = {name: plain(value) for name, value in changes.items()}
    return msgspec.convert(written, ChangesForm)


def _read_changes(form: ChangesForm, _: object) -> dict[str, Any]:
    given = {name: getattr(form, name) for name in form.__struct_fields__}
    return {name: value for name, value in given.items() if value is not msgspec.UNSET}


def plain(value: object) -> object:
    """Any value in a form that JSON has, the same in every process; for what JSON has not, text."""
    value = checks.as_plain(value)
    if value is None or (isinstance(value, int) and -_MAX_INT64 <= value < _MAX_INT64):
        return value
    if isinstance(value, str):
        return value if value.isprintable() else ascii(value)
    return _plain_collection(value)


def _plain_collection(value: object) -> object:
    if isinstance(value, Mapping):
        return {
            str(key): plain(item) for key, item in cast("Mapping[object, object]", value).items()
        }
    if isinstance(value, frozenset | set):
        return sorted(map(plain, cast("Iterable[object]", value)), key=_order)
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in cast("Iterable[object]", value)]
    kind = type(value)
    if attrs.has(kind):
        return {field.name: plain(getattr(value, field.name)) for field in attrs.fields(kind)}
    return f"a value of type {type(value).__name__}"


def _order(value: object) -> tuple[str, object]:
    """Numbers by size, text by letters, the rest by how it is written."""
    return type(value).__name__, value if isinstance(value, int | str) else repr(value)


def _as_it_is(value: Any, _: object = None) -> Any:  # noqa: ANN401 - any value
    return value


def _read_rules(form: msgspec.Struct, _: object) -> Rules:
    return read_rules(form)


def _write_keys(keys: npt.NDArray[np.int64]) -> list[int]:
    written: list[int] = keys.tolist()
    return written


def _read_keys(keys: list[int], _: object) -> npt.NDArray[np.int64]:
    return _column(keys, "keys", np.int64)


#: The types of fields that have a form of their own.
FORMS: Mapping[Any, Form] = MappingProxyType(
    {
        TimeInForce: Form(_TimeForm, _write_time, _read_time),
        Rules: Form(RulesForm, write_rules, _read_rules),
        OfferColumns: Form(ColumnsForm, _write_columns, _read_columns),
        RequestColumns: Form(list[Request], list, _read_requests),
        Loan: Form(LoanForm, _write_loan, _read_loan),
        Loans: Form(LoansForm, _write_loans, _read_loans),
        Notes: Form(NotesForm, _write_notes, _read_notes),
        npt.NDArray[np.int64]: Form(list[int], _write_keys, _read_keys),
        dict[str, Any]: Form(ChangesForm, _write_changes, _read_changes),
        object: Form(Any, plain, _as_it_is),
    }
)
