"""Commands that are drawn now and done later: several are on their way at once."""

import inspect
from collections.abc import Callable
from typing import Any

import attrs

from p2pmatch import Rules
from tests.machines.pair import Pair
from tests.simulation.server import Call


@attrs.frozen
class Sent:
    """A command on its way: as the marketplace gets it, and how the pair does it at a time."""

    call: Call
    do: Callable[[int | None], None]


class Drawn:
    """Stands for the pair while commands are drawn: takes them down, and does none."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self.kept: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._pair, name)
        if not inspect.ismethod(found):
            return found

        def call(*arguments: Any) -> None:
            # Nothing is no command.
            if arguments[0] != []:
                self.kept.append((name, arguments))

        return call


class Sketch(Pair):
    """What a call of the pair would tell a marketplace; nobody does anything."""

    def __init__(self, rules: Rules) -> None:
        super().__init__(rules)
        self.market = _Told()  # type: ignore[assignment]

    def _both(self, real: Callable[[], Any], twin: Callable[[], Any]) -> bool:
        real()
        return False

    def _try(self, call: Callable[[], Any]) -> Any:
        return ""


class _Told:
    """Takes down the first thing that would change something."""

    def digest(self) -> str:
        return ""

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **more: Any) -> None:
            raise Sketched(name, arguments, more)

        return call


class Sketched(Exception):
    """The call that was to be found out."""


def sent(pair: Pair, name: str, what: str, arguments: tuple[Any, ...]) -> Sent:
    """The call of the pair with that name, as a command on its way under an id."""
    given = inspect.signature(getattr(pair, what)).bind(*arguments)
    try:
        getattr(Sketch(pair.rules), what)(*arguments)
    except Sketched as found:
        call = Call(name, *found.args)

    def do(now: int | None) -> None:
        if now is not None and what != "advance":
            given.arguments["now"] = now
        getattr(pair, what)(*given.args, **given.kwargs)

    return Sent(call, do)
