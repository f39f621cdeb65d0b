"""One command, from the first of its events to the last."""

import pytest

from p2pmatch import InvariantError, Listing
from p2pmatch import commands as c
from p2pmatch import events as e
from p2pmatch import perform as module
from p2pmatch.state import State
from tests.helpers import market, request


def test_what_is_due_never_makes_a_command_refusable(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it ever did, it would be our bug, and nobody would be told that all is well."""
    made = market(("a", "ann", 50, 5))
    made.submit(request(90), now=1, time_in_force=Listing(closes_at=5))
    decide = module.decide

    def refusing(state: State, command: c.Command) -> list[e.Event]:
        if isinstance(command, c.CancelOffer) and not state.waiting:
            return [e.Rejected(now=9, code="offer_closed", field="", value=None, accepted="")]
        return decide(state, command)

    monkeypatch.setattr(module, "decide", refusing)
    with pytest.raises(InvariantError, match="what is due never makes a command refusable"):
        made.cancel("a", now=9)
