"""A marketplace that lives through random histories, kept in a store all the while."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from p2pmatch import commands as c
from p2pmatch.entries import Store
from p2pmatch.errors import P2PMatchError
from p2pmatch.journal import replay, verify
from p2pmatch.marketplace import Marketplace
from p2pmatch.rules import Rules
from p2pmatch.stores import MemoryStore
from p2pmatch.testing import strategies

__all__ = ["CALLS", "MarketplaceMachine", "tell"]

#: How each command is given to a marketplace: its call, the arguments that stand first, the others.
CALLS: Mapping[type[c.Command], tuple[str, tuple[str, ...], tuple[str, ...]]] = MappingProxyType(
    {
        c.PostOffer: ("post", ("offer",), ("now",)),
        c.PostOffers: ("post_many", ("offers",), ("now",)),
        c.CancelOffer: ("cancel", ("offer_id",), ("now",)),
        c.SubmitRequest: ("submit", ("request",), ("now", "time_in_force", "hold_for")),
        c.WithdrawRequest: ("withdraw", ("request_id",), ("now",)),
        c.AcceptLoan: ("accept", ("request_id",), ("now",)),
        c.DeclineLoan: ("decline", ("request_id",), ("now",)),
        c.Uncross: ("uncross", ("grade", "term"), ("now",)),
        c.AdvanceTime: ("advance", ("now",), ()),
        c.SetLenderLimits: ("set_lender_limits", ("lender_id", "limits"), ("now",)),
        c.SetBorrowerLimits: ("set_borrower_limits", ("borrower_id", "limits"), ("now",)),
        c.DeclareGroup: ("declare_group", ("borrower_id", "members"), ("now",)),
        c.Repay: ("repay", ("request_id", "amount"), ("now",)),
    }
)


def tell(market: Marketplace, command: c.Command, command_id: str | None = None) -> object:
    """Give a command to a marketplace by the call that is meant for it; the call's answer.

    Raises
    ------
    P2PMatchError : if it is refused.

    Examples
    --------
    >>> market = Marketplace(Rules(grades=("A",), terms=(36,)))
    >>> tell(market, c.AdvanceTime(now=5))
    (TimeAdvanced(now=5),)
    """
    if isinstance(command, c.AmendOffer):
        more: dict[str, Any] = {**command.changes, "now": command.now, "command_id": command_id}
        market.amend(command.offer_id, **more)
        return None
    name, first, rest = CALLS[type(command)]
    call: Callable[..., object] = getattr(market, name)
    return call(
        *(getattr(command, argument) for argument in first),
        **{argument: getattr(command, argument) for argument in rest},
        command_id=command_id,
    )


class MarketplaceMachine(RuleBasedStateMachine):
    """Gives commands, sound or not, to a marketplace that is closed and opened again at any time.

    After each step the memory agrees with itself; a command given twice under one id is done once;
    what is opened again is what was closed; and the journal verifies. Subclass it to keep the
    marketplace in a store of your own, and to add invariants:

    >>> from p2pmatch.stores import MemoryStore
    >>> class Mine(MarketplaceMachine):
    ...     def open_store(self) -> Store:
    ...         return MemoryStore()
    >>> TestMine = Mine.TestCase
    """

    def open_store(self) -> Store:
        """A new store."""
        return MemoryStore()

    @initialize(rules=strategies.rules())
    def begin(self, rules: Rules) -> None:
        """Open a new marketplace."""
        self.kept_under = rules
        self.store = self.open_store()
        self.market = Marketplace.open(self.store, rules)
        self.now = 0
        self.told = 0

    @rule(data=st.data(), hours=st.integers(0, 3), again=st.booleans())
    def tell_it(self, data: st.DataObject, hours: int, again: bool) -> None:  # noqa: FBT001 - drawn
        """Give a command; perhaps twice, as a client does that has not heard the answer."""
        self.now += hours
        command = data.draw(strategies.commands(self.kept_under, now=self.now))
        self.told += 1
        name = f"command {self.told}"
        first = _outcome(self.market, command, name)
        if again:
            digest = self.market.digest()
            assert _outcome(self.market, command, name) == first
            assert self.market.digest() == digest

    @rule(snapshot=st.booleans())
    def open_again(self, snapshot: bool) -> None:  # noqa: FBT001 - drawn
        """Read everything back."""
        if snapshot:
            self.market.snapshot()
        digest = self.market.digest()
        self.market = Marketplace.open(self.store, self.kept_under)
        assert self.market.digest() == digest

    @invariant()
    def memory_agrees_with_itself(self) -> None:
        """The marketplace's own checks."""
        self.market.check()

    def teardown(self) -> None:
        """What was kept is what is there."""
        assert replay(self.store).digest() == self.market.digest()
        assert verify(self.store).digest == self.market.digest()


def _outcome(market: Marketplace, command: c.Command, name: str) -> object:
    """The answer, or the code of the refusal."""
    try:
        return tell(market, command, name)
    except P2PMatchError as refusal:
        return refusal.code
