"""A script, run in a process of its own: the package as if nothing but its dependencies existed.

    python bare.py [PLANTED]

Imports p2pmatch with every other installed package hidden, then lives through a small history with
the clock, the random sources and all file and network access closed. Prints the digest at the end.
PLANTED is code that is run inside the history; it must make the script fail.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec

ALLOWED = frozenset({"attr", "attrs", "numpy", "p2pmatch", "sortedcontainers"})
CLOCKS = (
    "time",
    "time_ns",
    "monotonic",
    "monotonic_ns",
    "perf_counter",
    "perf_counter_ns",
    "process_time",
    "localtime",
    "gmtime",
    "sleep",
)
CLOSED = ("open", "os.", "shutil.", "socket.", "subprocess.")


class Hidden:
    """Finds nothing but the standard library and the packages allowed."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        top = name.partition(".")[0]
        if top in ALLOWED or top in sys.stdlib_module_names or top.startswith("_"):
            return None
        raise ModuleNotFoundError(f"No module named {name!r} (hidden)", name=name)


def forbid(name: str) -> object:
    def touched(*_: object, **__: object) -> None:
        raise AssertionError(f"the core touched {name}")

    return touched


def close_clock_and_random() -> None:
    import os
    import random
    import secrets
    import time
    import uuid

    for clock in CLOCKS:
        setattr(time, clock, forbid(f"time.{clock}"))
    for module, names in (
        (random, ("random", "randrange", "getrandbits", "Random", "SystemRandom")),
        (secrets, ("token_bytes", "randbelow")),
        (os, ("urandom",)),
        (uuid, ("uuid1", "uuid4")),
    ):
        for name in names:
            setattr(module, name, forbid(f"{module.__name__}.{name}"))


def history(planted: str) -> str:
    """Every kind of command once."""
    from p2pmatch import (
        BorrowerLimits,
        Fees,
        Limits,
        Marketplace,
        Offer,
        P2PMatchError,
        Request,
        Rules,
        finance,
    )

    rules = Rules(
        grades=("A", "B"),
        terms=(12, 36),
        min_note=25,
        max_share=250_000,
        lender_limits=Limits(per_loan=400),
        fees=Fees(origination=20_000),
    )
    market = Marketplace(rules)
    for i in range(40):
        offer = Offer(
            offer_id=f"o{i}",
            lender_id=f"l{i % 7}",
            amount=100 + i * 13,
            min_rate={"A": 50_000 + i % 5 * 1_000, "B": 70_000} if i % 3 else 55_000,
            requires={"green"} if i % 11 == 0 else frozenset(),
            expires_at=20 if i % 9 == 0 else None,
        )
        market.post(offer, now=i // 15)
    columns = {"offer_id": ["x", "y"], "lender_id": ["lx", "ly"], "amount": [500, 600]}
    cells = {"min_rate": [51_000, 52_000], "grades": ["A|B", ""], "terms": ["36", ""]}
    market.post_many({**columns, **cells}, now=4)
    market.amend("o1", now=5, amount=900, max_per_loan=200)
    market.cancel("o2", now=6)
    market.set_lender_limits("l3", Limits(total=300), now=7)
    market.set_borrower_limits("bob", BorrowerLimits(total=5_000), now=7)
    market.declare_group("bob", {"l5", "l6"}, now=7)
    for i in range(4):
        request = Request(
            request_id=f"r{i}",
            borrower_id="bob",
            amount=1_000,
            max_rate=90_000,
            grade="AB"[i % 2],
            term=36,
            min_amount=100,
            tags={"green", "new"},
        )
        quote = market.quote(request, now=8 + i)
        assert quote.cost is not None
        assert len(quote.ladder.sparkline()) == 40
        assert sum(lack.amount for lack in quote.shortfalls) == quote.unfunded
        str(market.compare(request, amounts=[100, 500], terms=[12, 36], now=8 + i))
        str(market.what_if(request, now=8 + i))
        str(market.explain(request, now=8 + i))
        loan = market.submit(request, now=8 + i).loan
        assert loan is not None
        assert sum(note.amount for note in loan.notes) == loan.principal
    market.position("o5", grade="B", term=36)
    market.repay("r0", 70, now=15)
    plan = finance.schedule(principal=loan.principal, rate=loan.exact_rate, term=loan.term)
    assert (plan.split(loan.notes).payments.sum(axis=0) == plan.payments).all()
    payments = list(enumerate(plan.payments.tolist(), 1))
    assert finance.apr(advances=[(0, loan.principal)], payments=payments, rule="us") > 0
    market.advance(30)
    code = ""
    try:
        market.cancel("o2", now=31)
    except P2PMatchError as refusal:
        code = refusal.code
    assert code == "offer_closed"
    exec(planted, {})  # noqa: S102 - the violation that must be caught
    market.check()
    return market.digest()


def main(arguments: Sequence[str]) -> None:
    planted = "".join(arguments)
    sys.meta_path.insert(0, Hidden)  # type: ignore[arg-type]
    import attrs  # noqa: F401
    import numpy  # noqa: F401, ICN001
    import sortedcontainers  # noqa: F401

    close_clock_and_random()
    history("")  # what numpy imports at first use is imported now
    watching = True

    def watch(event: str, details: tuple[object, ...]) -> None:
        if watching and event.startswith(CLOSED):
            raise AssertionError(f"the core touched {event} {details}")

    sys.addaudithook(watch)
    digest = history(planted)
    watching = False
    doors = sorted(name for name in sys.modules if name.startswith(DOOR_MODULES))
    assert not doors, f"importing p2pmatch opened {doors}"
    sys.stdout.write(f"{digest}\n")


DOOR_MODULES = (
    "p2pmatch.audit",
    "p2pmatch.batch",
    "p2pmatch.cli",
    "p2pmatch.demo",
    "p2pmatch.csv_table",
    "p2pmatch.files",
    "p2pmatch.frames",
    "p2pmatch.inputs",
    "p2pmatch.journal",
    "p2pmatch.plot",
    "p2pmatch.recorder",
    "p2pmatch.snapshots",
    "p2pmatch.stores",
    "p2pmatch.testing",
    "p2pmatch.wire",
)

if __name__ == "__main__":
    main(sys.argv[1:])
