"""Every command and event has its handlers, every code its use: whatever is missing is named."""

import ast
import inspect
from collections.abc import Collection
from types import ModuleType

import attrs
import pytest

import p2pmatch
from p2pmatch import (
    CODES,
    Marketplace,
    commands,
    errors,
    events,
    fees,
    finance,
    limits,
    orders,
    rules,
)
from p2pmatch.apply import APPLICATIONS
from p2pmatch.audit import Auditor
from p2pmatch.audit.report import BREACHES
from p2pmatch.decide import DECISIONS
from p2pmatch.reasons import REASONS
from tests.house.source import all_files, read, said
from tests.machines.test_twin import STEPS

#: Which call builds a command, and which step of the random histories makes that call.
CALLS = {
    commands.PostOffer: "post",
    commands.PostOffers: "post_many",
    commands.AmendOffer: "amend",
    commands.CancelOffer: "cancel",
    commands.SubmitRequest: "submit",
    commands.SubmitRequests: "submit_many",
    commands.WithdrawRequest: "withdraw",
    commands.AcceptLoan: "accept",
    commands.DeclineLoan: "decline",
    commands.Uncross: "uncross",
    commands.AdvanceTime: "advance",
    commands.SetLenderLimits: "set_lender_limits",
    commands.SetBorrowerLimits: "set_borrower_limits",
    commands.DeclareGroup: "declare_group",
    commands.Repay: "repay",
}


def kinds(module: ModuleType, base: type) -> set[type]:
    """All kinds of a record that a module defines."""
    return {
        kind
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, base) and kind is not base
    }


def missing(wanted: Collection[object], table: Collection[object]) -> set[object]:
    """What one side has and the other has not."""
    return set(wanted) ^ set(table)


ALL_COMMANDS = kinds(commands, commands.Command)
ALL_EVENTS = kinds(events, events.Event)
# A refusal changes nothing, so there is nothing to apply or to fold.
EFFECTIVE = ALL_EVENTS - {events.Rejected}


def test_every_command_is_decided() -> None:
    assert missing(ALL_COMMANDS, DECISIONS) == set()


def test_every_event_is_applied() -> None:
    assert missing(EFFECTIVE, APPLICATIONS) == set()


def test_every_event_is_audited() -> None:
    assert missing(EFFECTIVE, Auditor._FOLDS) == set()


def test_every_command_has_a_call_and_a_step_of_the_random_histories() -> None:
    assert missing(ALL_COMMANDS, CALLS) == set()
    steps = {name for name, _ in STEPS}
    for call in CALLS.values():
        assert hasattr(Marketplace, call)
        assert call in steps


def test_every_rule_of_an_annual_rate_can_be_asked_for() -> None:
    assert missing(rules.APR_RULES, finance.APR_RULES) == set()


def test_a_planted_command_is_missed() -> None:
    class Planted(commands.Command):
        """Nobody decides this."""

    assert missing({*ALL_COMMANDS, Planted}, DECISIONS) == {Planted}
    assert missing(ALL_COMMANDS, list(DECISIONS)[1:]) == {next(iter(DECISIONS))}


def test_every_record_is_handed_on() -> None:
    for module, found in ((commands, ALL_COMMANDS), (events, ALL_EVENTS)):
        assert {kind.__name__ for kind in found} <= set(module.__all__)


# Codes


def texts(tree: ast.Module) -> set[str]:
    """All text literals of a file."""
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def refused_codes(tree: ast.Module) -> list[tuple[ast.Call, str]]:
    """The codes that a file refuses with."""
    kinds_of_refusal = {"InvalidValue", "UnknownName", "Refused"}
    return [
        (node, node.args[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in kinds_of_refusal
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ]


def test_every_code_is_used() -> None:
    used = set().union(*(texts(read(name)) for name in all_files() if name != "errors.py"))
    assert sorted(set(CODES) - used) == []


@pytest.mark.parametrize("name", all_files())
def test_every_refusal_has_a_code_that_exists(name: str) -> None:
    wrong = [said(call, code) for call, code in refused_codes(read(name)) if code not in CODES]
    assert wrong == []


def test_a_planted_code_is_caught() -> None:
    tree = ast.parse("raise InvalidValue('odd', 'amount', 3, 'an even number')")
    assert [code for _, code in refused_codes(tree)] == ["odd"]
    assert "odd" not in CODES


def test_every_breach_and_reason_is_used() -> None:
    audit = [name for name in all_files() if name.startswith("audit/")]
    used = set().union(*(texts(read(name)) for name in audit if name != "audit/report.py"))
    assert sorted(set(BREACHES) - used - set(REASONS)) == []
    engine = set().union(*(texts(read(n)) for n in all_files() if n not in {"reasons.py", *audit}))
    assert sorted(set(REASONS) - engine) == []


# Names and configurations


def undocumented(module: ModuleType) -> list[str]:
    """Public classes, functions, methods and properties without a docstring."""
    found = []
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.isfunction(thing) and not inspect.getdoc(thing):
            found.append(name)
        if inspect.isclass(thing):
            own = {name: thing} | {
                f"{name}.{member}": value
                for member, value in vars(thing).items()
                if not member.startswith("_")
                and (inspect.isfunction(value) or isinstance(value, property))
            }
            found += [where for where, value in own.items() if not inspect.getdoc(value)]
    return found


@pytest.mark.parametrize(
    "module", [p2pmatch, commands, events, errors, finance, orders, rules, limits]
)
def test_every_public_name_is_documented(module: ModuleType) -> None:
    assert undocumented(module) == []


def test_a_planted_silence_is_caught() -> None:
    class Silent:
        def speak(self) -> None: ...

    planted = ModuleType("planted")
    planted.Silent = Silent  # type: ignore[attr-defined]
    planted.__all__ = ["Silent"]  # type: ignore[attr-defined]
    assert undocumented(planted) == ["Silent", "Silent.speak"]


def booleans(kind: type) -> list[str]:
    """The fields of a configuration that are switches."""
    return [field.name for field in attrs.fields(kind) if field.type in {bool, "bool"}]


CONFIGURATIONS = (
    rules.Rules,
    limits.Limits,
    limits.BorrowerLimits,
    orders.Offer,
    orders.Request,
    fees.Fees,
)


@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_at_most_two_switches_in_a_configuration(kind: type) -> None:
    assert len(booleans(kind)) <= 2


def test_planted_switches_are_counted() -> None:
    @attrs.frozen
    class Planted:
        a: bool
        b: bool
        c: bool = False

    assert len(booleans(Planted)) == 3
