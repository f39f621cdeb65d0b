"""What every record checks of its fields: whole numbers in range, ids, and sets of names.

The functions ending in `_set` and `plain` are attrs converters: they normalise what they understand
and leave the rest untouched, so that the validator, which knows the field's name, can refuse it.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice
from numbers import Integral
from typing import Any, cast

import attrs

from p2pmatch.errors import InvalidValue, UnknownName
from p2pmatch.hashes import hashes_of
from p2pmatch.units import MAX_ID_LENGTH, MAX_TIME

__all__ = [
    "are_distinct",
    "are_ids",
    "as_plain",
    "check_distinct",
    "check_id",
    "check_ids",
    "check_instance",
    "check_name",
    "check_time",
    "check_whole",
    "identifier",
    "in_order",
    "instance",
    "name_set",
    "names",
    "number_set",
    "one_of",
    "optional",
    "plain",
    "plain_or_none",
    "text",
    "time",
    "whole",
]

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def as_plain(value: object) -> object:
    """Turn other kinds of integers into `int`, and of text into `str`; leave everything else."""
    if type(value) in (int, str, bool):
        return value
    if isinstance(value, str):
        # Its characters, whatever it would rather be shown as.
        return str.__str__(value)
    return int(value) if isinstance(value, Integral) else value


def plain(value: int) -> int:
    """`as_plain`, as a converter for a field that holds an int."""
    return value if type(value) is int else cast("int", as_plain(value))


def text(value: str) -> str:
    """`as_plain`, as a converter for a field that holds text."""
    return value if type(value) is str else cast("str", as_plain(value))


def plain_or_none(value: int | None) -> int | None:
    """`as_plain`, as a converter for a field that holds an int or None."""
    return None if value is None else plain(value)


def name_set(value: Iterable[str]) -> frozenset[str]:
    """Turn a collection of names into a frozenset; leave the rest for the validator."""
    return cast("frozenset[str]", _frozen(value))


def number_set(value: Iterable[int]) -> frozenset[int]:
    """Turn a collection of integers into a frozenset; leave the rest for the validator."""
    return cast("frozenset[int]", _frozen(value))


def in_order(value: object, most: int | None = None) -> object:
    """Turn a collection that has an order into a tuple; leave the rest for the validator.

    A set of ints is taken from the least on: other sets have another order in each process. With
    `most`, no more members than that are asked for.
    """
    if isinstance(value, str) or not isinstance(value, Iterable):
        return value
    try:
        members = tuple(map(as_plain, islice(cast("Iterable[object]", value), most)))
    except TypeError:  # such as an array without dimensions
        return value
    if not isinstance(value, set | frozenset):
        return members
    if not set(map(type, members)) <= {int}:
        return value
    return tuple(sorted(cast("tuple[int, ...]", members)))


def _frozen(value: object) -> object:
    if type(value) is frozenset and not value:
        return value
    if isinstance(value, str) or not isinstance(value, Iterable):
        return value
    try:
        return frozenset(as_plain(member) for member in cast("Iterable[object]", value))
    except TypeError:  # an unhashable member
        return value


def check_whole(value: object, field: str, low: int, high: int) -> int:
    """Return `value` if it is an int from `low` to `high`; raise InvalidValue otherwise."""
    if type(value) is int and low <= value <= high:
        return value
    accepted = f"an int from {low} to {high}"
    if type(value) is not int:
        raise InvalidValue("wrong_type", field, value, accepted)
    if value < low:
        code = "zero" if value == 0 else "negative" if low >= 0 else "too_small"
        raise InvalidValue(code, field, value, accepted)
    raise InvalidValue("too_large", field, value, accepted)


def check_distinct(values: Sequence[object], field: str, accepted: str) -> None:
    """Raise unless there are values, each once. They must be hashable. O(n)."""
    if not values:
        raise InvalidValue("empty", field, values, accepted)
    seen: set[object] = set()
    for value in values:
        if value in seen:
            raise InvalidValue("duplicate", field, value, accepted)
        seen.add(value)


def check_time(value: object, field: str = "now") -> int:
    """Return a time as a plain int; raise InvalidValue unless it is one."""
    return check_whole(as_plain(value), field, -MAX_TIME, MAX_TIME)


def check_id(value: object, field: str) -> str:
    """Return `value` as a plain `str` if it is 1 to `MAX_ID_LENGTH` printable characters.

    Raises InvalidValue otherwise.
    """
    if type(value) is str and 0 < len(value) <= MAX_ID_LENGTH and value.isprintable():
        return value
    accepted = f"text of 1 to {MAX_ID_LENGTH} printable characters"
    if not isinstance(value, str):
        raise InvalidValue("wrong_type", field, value, accepted)
    if not value:
        raise InvalidValue("empty", field, value, accepted)
    if len(value) > MAX_ID_LENGTH:
        raise InvalidValue("too_long", field, value, accepted)
    if not value.isprintable():
        raise InvalidValue("malformed", field, value, accepted)
    return text(value)


def are_ids(values: Sequence[object]) -> bool:
    """Whether `check_id` gives back every value; told of many at once, several times as fast."""
    texts = cast("Sequence[str]", values)
    try:
        together = "".join(texts)
    except TypeError:
        return False
    if set(map(type, texts)) - {str}:
        return False
    lengths = set(map(len, texts))
    return 0 not in lengths and max(lengths, default=0) <= MAX_ID_LENGTH and together.isprintable()


def are_distinct(texts: Sequence[str]) -> bool:
    """Whether no text is there twice. O(n log n), and half the time a set of them would take."""
    hashes = hashes_of(texts)
    hashes.sort()
    # Few texts that differ have the same hash; where any have, it has to be seen which it is.
    return bool((hashes[1:] != hashes[:-1]).all()) or len(set(texts)) == len(texts)


def check_ids(values: Iterable[object], field: str) -> list[str]:
    """`check_id`, for many."""
    return [check_id(value, field) for value in values]


def check_name(value: object, known: Collection[str], field: str) -> str:
    """Return `value` if it is one of the names known; raise UnknownName with the list otherwise."""
    if not isinstance(value, str) or value not in known:
        raise UnknownName("unknown_rule", field, value, f"one of {sorted(known)}")
    return value


def one_of(known: Collection[str]) -> Validator:
    """An attrs validator: one of these names."""

    def validate(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        check_name(value, known, attribute.name)

    return validate


def whole(low: int, high: int) -> Validator:
    """An attrs validator: an int from `low` to `high`."""

    def validate(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        # What is in order is told at once: every field of every record comes by here.
        if type(value) is not int or not low <= value <= high:
            check_whole(value, attribute.name, low, high)

    return validate


def time() -> Validator:
    """An attrs validator: a time."""
    return whole(-MAX_TIME, MAX_TIME)


def identifier(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """An attrs validator: an id."""
    check_id(value, attribute.name)


def names(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    """An attrs validator: a frozenset of names; a bare text is not one."""
    if not isinstance(value, frozenset):
        raise InvalidValue(
            "wrong_type", attribute.name, value, "a set of names, such as {'A', 'B'}"
        )
    if value:
        check_ids(value, attribute.name)


def optional(validator: Validator) -> Validator:
    """An attrs validator: None, or what `validator` takes."""

    def validate(instance: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if value is not None:
            validator(instance, attribute, value)

    return validate


def check_instance(value: object, kind: type | tuple[type, ...], field: str, accepted: str) -> None:
    """Raise unless `value` is an instance of `kind`."""
    if not isinstance(value, kind):
        raise InvalidValue("wrong_type", field, value, accepted)


def instance(kind: type | tuple[type, ...], accepted: str) -> Validator:
    """An attrs validator: an instance of `kind`."""

    def validate(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if not isinstance(value, kind):
            check_instance(value, kind, attribute.name, accepted)

    return validate
