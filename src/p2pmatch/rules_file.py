"""The rules of a marketplace as a TOML file: read, and written in the same words.

A key is one entry in a table of readers. Where a rule takes parameters, its key is a table: `rule`
names it, and the other keys are its parameters.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import attrs

from p2pmatch import checks
from p2pmatch.allocation import AllocationRule, Lottery, Split, Step, Steps
from p2pmatch.csv_table import BadInput, Problems
from p2pmatch.errors import InvalidValue, P2PMatchError, UnknownName
from p2pmatch.fees import Fees
from p2pmatch.limits import BorrowerLimits, Limits
from p2pmatch.pricing import Posted, PricingRule
from p2pmatch.rules import Rules
from p2pmatch.units import amount, format_amount, format_rate, months, rate, share

__all__ = ["read_rules", "rules_as_written", "rules_for"]

_Reader = Callable[[Any], Any]


def read_rules(path: Path | None) -> dict[str, Any]:
    """The keyword arguments for `Rules` that a TOML file gives; none without a file.

    Raises
    ------
    BadInput : naming every key that is unknown or has a wrong value.
    """
    if path is None:
        return {}
    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; accepted: the path of a TOML file") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}; accepted: TOML") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{path}: cannot be read: {error}; accepted: TOML") from None
    try:
        return _read_table(document, _RULE_KEYS)
    except _Wrong as wrong:
        problems = Problems()
        for key, refused in wrong.found:
            text = str(refused).removeprefix(f"{refused.field}: ")
            problems.add(str(path), 0, f"key {key!r}: {text}")
        problems.raise_if_any()
        raise


def rules_for(
    settings: dict[str, Any], path: Path | None, grades: Sequence[str], terms: Sequence[int]
) -> Rules:
    """The rules that a file's settings make; without grades or terms in it, those of the data."""
    found: dict[str, Any] = {
        "grades": sorted(set(grades)) or ["A"],
        "terms": sorted(set(terms)) or [12],
    }
    try:
        return Rules(**{**found, **settings})
    except P2PMatchError as error:
        raise BadInput(f"{path or 'rules'}: {error}") from None


def rules_as_written(rules: Rules) -> dict[str, Any]:
    """The rules in force, in the words of the file; None where nothing is set."""
    return {
        "grades": list(rules.grades),
        "terms": list(rules.terms),
        "increment": format_amount(rules.increment),
        "min_note": format_amount(rules.smallest_note),
        "max_share": None if rules.max_share is None else format_rate(rules.max_share),
        "allocation": _rule_as_written(rules.allocation),
        "pricing": _rule_as_written(rules.pricing),
        "lender_limits": _limits_as_written(rules.lender_limits),
        "borrower_limits": _limits_as_written(rules.borrower_limits),
        "fees": _fees_as_written(rules.fees),
        "apr_rule": rules.apr_rule,
    }


# Reading


class _Wrong(Exception):
    """What is wrong in a table: the key's whole name, and the refusal."""

    def __init__(self, found: list[tuple[str, P2PMatchError]]) -> None:
        super().__init__(found)
        self.found = found


def _read_table(table: Mapping[str, Any], readers: Mapping[str, _Reader]) -> dict[str, Any]:
    """Each key of a table by its own reader; all that is wrong is told together."""
    read: dict[str, Any] = {}
    wrong: list[tuple[str, P2PMatchError]] = []
    for key, value in table.items():
        try:
            if key not in readers:
                raise UnknownName("unknown_field", key, key, ", ".join(readers))
            read[key] = readers[key](value)
        except P2PMatchError as error:
            wrong.append((key, error))
        except _Wrong as inner:
            wrong += [(f"{key}.{name}", error) for name, error in inner.found]
    if wrong:
        raise _Wrong(wrong)
    return read


def _table(
    make: Callable[..., Any], readers: Mapping[str, _Reader], needed: Iterable[str] = ()
) -> _Reader:
    """A reader of a TOML table whose values are handed to `make`, which needs some of them."""

    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise InvalidValue("wrong_type", "", value, f"a table with {', '.join(readers)}")
        for key in needed:
            if key not in value:
                raise InvalidValue("empty", key, None, f"a value for {key!r}")
        return make(**_read_table(value, readers))

    return read


def _text(value: object) -> str:
    return checks.check_id(value, "")


def _list(value: object) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise InvalidValue("wrong_type", "", value, "a list")
    return tuple(value)


def _as_it_is(value: object) -> object:
    return value


def _steps(value: object) -> tuple[object, ...]:
    return tuple(map(_table(Step, _STEP_KEYS, needed=("rule",)), _list(value)))


def _rates(value: object) -> dict[tuple[str, int], int]:
    """A rate by term in a table by grade; TOML's keys are text, terms too."""
    accepted = "a table by grade of tables by term, such as { A = { 36 = '6%' } }"
    rates = {}
    if not isinstance(value, dict):
        raise InvalidValue("wrong_type", "", value, accepted)
    for grade, by_term in value.items():
        if not isinstance(by_term, dict):
            raise InvalidValue("wrong_type", grade, by_term, accepted)
        for term, text in by_term.items():
            cell = grade, months(term, accepted=accepted)
            if cell in rates:
                raise InvalidValue("duplicate", f"{grade}.{term}", term, "each term once")
            rates[cell] = rate(text)
    return rates


def _rule(kinds: Mapping[str, tuple[type[Any], Mapping[str, _Reader]]]) -> _Reader:
    """A reader of a rule: its name, or a table that names one of `kinds` and has its parameters."""

    def read(value: object) -> object:
        if isinstance(value, str) and value in kinds:
            wanted = "".join(f", {key} = ..." for key in kinds[value][1])
            raise InvalidValue("wrong_type", "rule", value, f"{{ rule = {value!r}{wanted} }}")
        if not isinstance(value, dict):
            return _text(value)
        name = value.get("rule")
        if not isinstance(name, str) or name not in kinds:
            raise UnknownName("unknown_rule", "rule", name, f"one of {sorted(kinds)}")
        make, readers = kinds[name]
        return _table(make, readers, needed=readers)(
            {key: value[key] for key in value if key != "rule"}
        )

    return read


_LIMIT_KEYS: Final[Mapping[str, _Reader]] = MappingProxyType(
    {
        "per_loan": amount,
        "per_borrower": amount,
        "per_grade": amount,
        "total": amount,
        "max_share": share,
    }
)
_BORROWER_KEYS: Final[Mapping[str, _Reader]] = MappingProxyType({"total": amount})
_FEE_KEYS: Final[Mapping[str, _Reader]] = MappingProxyType(
    {"origination": rate, "origination_fixed": amount, "paid": _text, "servicing": rate}
)
_STEP_KEYS: Final[Mapping[str, _Reader]] = MappingProxyType(
    {"rule": _text, "share": rate, "at_most": amount, "drop_below": amount}
)
#: Allocation and pricing rules with parameters: name, class, and a reader for each parameter.
_ALLOCATIONS: Final[Mapping[str, tuple[type[Any], Mapping[str, _Reader]]]] = MappingProxyType(
    {
        "split": (Split, MappingProxyType({"fifo_share": rate})),
        "lottery": (Lottery, MappingProxyType({"seed": _as_it_is})),
        "steps": (Steps, MappingProxyType({"steps": _steps})),
    }
)
_PRICINGS: Final[Mapping[str, tuple[type[Any], Mapping[str, _Reader]]]] = MappingProxyType(
    {"posted": (Posted, MappingProxyType({"rates": _rates}))}
)
_RULE_KEYS: Final[Mapping[str, _Reader]] = MappingProxyType(
    {
        "increment": amount,
        "min_note": amount,
        "max_share": share,
        "allocation": _rule(_ALLOCATIONS),
        "pricing": _rule(_PRICINGS),
        "grades": _list,
        "terms": _list,
        "lender_limits": _table(Limits, _LIMIT_KEYS),
        "borrower_limits": _table(BorrowerLimits, _BORROWER_KEYS),
        "fees": _table(Fees, _FEE_KEYS),
        "apr_rule": _text,
    }
)


# Writing


def _rule_as_written(rule: str | AllocationRule | PricingRule) -> object:
    match rule:
        case Split():
            return {"rule": "split", "fifo_share": format_rate(rule.fifo_share)}
        case Lottery():
            return {"rule": "lottery", "seed": rule.seed}
        case Steps():
            return {"rule": "steps", "steps": [_step_as_written(step) for step in rule.steps]}
        case Posted():
            rates: dict[str, dict[str, str]] = {}
            for (grade, term), rate_ppm in rule.rates.items():
                rates.setdefault(grade, {})[str(term)] = format_rate(rate_ppm)
            return {"rule": "posted", "rates": rates}
        case _:
            return rule


def _step_as_written(step: Step) -> dict[str, str]:
    written = {"rule": step.rule, "share": format_rate(step.share)}
    if step.at_most is not None:
        written["at_most"] = format_amount(step.at_most)
    if step.drop_below:
        written["drop_below"] = format_amount(step.drop_below)
    return written


def _limits_as_written(limits: Limits | BorrowerLimits) -> dict[str, str]:
    return {
        name: format_rate(value) if name == "max_share" else format_amount(value)
        for name, value in attrs.asdict(limits).items()
        if value is not None
    }


def _fees_as_written(fees: Fees) -> dict[str, str]:
    return {
        "origination": format_rate(fees.origination),
        "origination_fixed": format_amount(fees.origination_fixed),
        "paid": fees.paid,
        "servicing": format_rate(fees.servicing),
    }
