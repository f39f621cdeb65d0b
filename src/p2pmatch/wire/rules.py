"""The rules of a marketplace as they are written down.

A rule that is more than a name is written as its kind and its parameters. A rule of the user's own
cannot be: nobody could later say what it did.
"""

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any, cast

import attrs
import msgspec

from p2pmatch.allocation import Fifo, Lottery, ProRata, Split, Step, Steps
from p2pmatch.allocation.equal_share import EqualShare
from p2pmatch.errors import InvalidValue
from p2pmatch.pricing import (
    Midpoint,
    PayAsOffered,
    Posted,
    UniformFirstRejected,
    UniformMarginal,
)
from p2pmatch.rules import Rules

__all__ = ["RulesForm", "read_rules", "write_rules"]


class _Tagged(msgspec.Struct, tag_field="kind", forbid_unknown_fields=True, frozen=True):
    """A rule's kind stands beside its parameters."""


class FifoForm(_Tagged, tag="fifo", frozen=True):
    """By arrival."""


class ProRataForm(_Tagged, tag="pro_rata", frozen=True):
    """In proportion to room."""


class EqualShareForm(_Tagged, tag="equal_share", frozen=True):
    """The same for everybody."""


class SplitForm(_Tagged, tag="split", frozen=True):
    """A fraction by arrival, ppm, the rest in proportion to room."""

    fifo_share: int


class LotteryForm(_Tagged, tag="lottery", frozen=True):
    """In an order drawn with a seed."""

    seed: int


class StepsForm(_Tagged, tag="steps", frozen=True):
    """Step by step."""

    steps: list[Step]


class MidpointForm(_Tagged, tag="midpoint", frozen=True):
    """Halfway between the two sides."""


class PayAsOfferedForm(_Tagged, tag="pay_as_offered", frozen=True):
    """Each note at its own offer's rate."""


class UniformMarginalForm(_Tagged, tag="uniform_marginal", frozen=True):
    """The highest rate accepted."""


class UniformFirstRejectedForm(_Tagged, tag="uniform_first_rejected", frozen=True):
    """The best rate left out."""


class PostedForm(_Tagged, tag="posted", frozen=True):
    """The platform's rates, as (grade, term, ppm)."""

    rates: list[tuple[str, int, int]]


_FORMS: Mapping[type, type[_Tagged]] = MappingProxyType(
    {
        Fifo: FifoForm,
        ProRata: ProRataForm,
        EqualShare: EqualShareForm,
        Split: SplitForm,
        Lottery: LotteryForm,
        Steps: StepsForm,
        Midpoint: MidpointForm,
        PayAsOffered: PayAsOfferedForm,
        UniformMarginal: UniformMarginalForm,
        UniformFirstRejected: UniformFirstRejectedForm,
        Posted: PostedForm,
    }
)
_RULES: Mapping[type[_Tagged], Any] = MappingProxyType(
    {form: rule for rule, form in _FORMS.items()}
)
_Allocation = str | FifoForm | ProRataForm | EqualShareForm | SplitForm | LotteryForm | StepsForm
_Pricing = (
    str
    | MidpointForm
    | PayAsOfferedForm
    | UniformMarginalForm
    | UniformFirstRejectedForm
    | PostedForm
)

#: How the fields are written that JSON has no word for; all others are written as they are.
_OTHERWISE: Mapping[str, Any] = MappingProxyType(
    {"allocation": _Allocation, "pricing": _Pricing, "clearing_point": tuple[int, int]}
)

#: The wire form of `Rules`; a field that `Rules` has a default for may be left out.
RulesForm: type[msgspec.Struct] = msgspec.defstruct(
    "RulesForm",
    [
        (field.name, type_)
        if field.default is attrs.NOTHING
        else (field.name, type_ | msgspec.UnsetType, msgspec.UNSET)
        for field in attrs.fields(Rules)
        for type_ in [_OTHERWISE.get(field.name, field.type)]
    ],
    forbid_unknown_fields=True,
)


def write_rules(rules: Rules) -> msgspec.Struct:
    """The wire form of rules; raises InvalidValue("own_rule") for a rule of the user's own."""
    values = {field.name: getattr(rules, field.name) for field in attrs.fields(Rules)}
    for name in ("allocation", "pricing"):
        values[name] = _write_rule(values[name], name)
    point = rules.clearing_point
    values["clearing_point"] = (point.numerator, point.denominator)
    return RulesForm(**values)


def _write_rule(rule: object, field: str) -> object:
    if isinstance(rule, str):
        return rule
    kind = type(rule)
    form = _FORMS.get(kind)
    if form is None or not attrs.has(kind):
        raise InvalidValue(
            "own_rule", field, rule, "a rule of this library, by name or as an object"
        )
    if isinstance(rule, Posted):
        return PostedForm([(*cell, ppm) for cell, ppm in sorted(rule.rates.items())])
    names = [field.name for field in attrs.fields(kind)]
    return form(**{name: getattr(rule, name) for name in names})


def read_rules(form: msgspec.Struct) -> Rules:
    """The rules that a wire form says; raises as `Rules` does."""
    values = {
        name: value
        for name in form.__struct_fields__
        if (value := getattr(form, name)) is not msgspec.UNSET
    }
    for name in ("allocation", "pricing"):
        if name in values:
            values[name] = _read_rule(values[name])
    if "clearing_point" in values:
        values["clearing_point"] = _fraction(*values["clearing_point"])
    return Rules(**values)


def _fraction(numerator: int, denominator: int) -> Fraction:
    if denominator < 1:
        accepted = "a numerator, and a denominator above 0"
        raise InvalidValue("malformed", "clearing_point", [numerator, denominator], accepted)
    return Fraction(numerator, denominator)


def _read_rule(form: object) -> object:
    if not isinstance(form, _Tagged):
        return form
    if isinstance(form, PostedForm):
        return Posted({(grade, term): ppm for grade, term, ppm in form.rates})
    fields = cast("Any", form).__struct_fields__
    return _RULES[type(form)](**{name: getattr(form, name) for name in fields})
