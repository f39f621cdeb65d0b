"""Writes the sample journals of the present version: `python -m tests.wire.make_samples`.

A sample that is committed is never written again: every later release must read it. When the form
of a record changes, raise VERSION, run this, and commit the new files beside the old.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from p2pmatch import (
    Auction,
    BorrowerLimits,
    Limits,
    Listing,
    Marketplace,
    Offer,
    P2PMatchError,
    Request,
    Rules,
    Step,
    Steps,
)
from p2pmatch.entries import Entry
from p2pmatch.stores import MemoryStore

VERSION = 1
FOLDER = Path(__file__).with_name("samples")


def offer(offer_id: str, amount: int, rate: Any, **more: Any) -> Offer:
    return Offer(
        offer_id=offer_id,
        lender_id=offer_id.rstrip("0123456789"),
        amount=amount,
        min_rate=rate,
        **more,
    )


def request(request_id: str, amount: int, **more: Any) -> Request:
    fields = {"borrower_id": "bob", "max_rate": 90_000, "grade": "A", "term": 36, **more}
    return Request(request_id=request_id, amount=amount, **fields)


def immediate() -> MemoryStore:
    """Every command but uncross, and every event but those of a call market."""
    rules = Rules(
        grades=("A", "B"),
        terms=(12, 36),
        min_note=10,
        allocation=Steps([Step("oldest", share=400_000), Step("pro_rata")]),
        pricing="uniform_marginal",
        max_share=900_000,
        lender_limits=Limits(per_loan=5_000),
    )
    store = MemoryStore()
    market = Marketplace.open(store, rules)
    market.post(offer("ann1", 300, {"A": 50_000, "B": 70_000}), now=0, command_id="post ann1")
    market.post(offer("Zoë 東京 1", 400, 50_000, requires={"new", "green"}, expires_at=40), now=1)
    columns: dict[str, list[Any]] = {
        "offer_id": ["ben1", "cleo1", "cleo2"],
        "lender_id": ["ben", "cleo", "cleo"],
        "amount": [500, 90, 2_000],
        "min_rate": [50_000, 60_000, 65_000],
        "grades": ["A", "", "A|B"],
        "terms": ["36", "12|36", ""],
        "max_per_loan": [None, 50, None],
        "refuses": ["", "shop", ""],
        "expires_at": [None, None, 70],
    }
    market.post_many(columns, now=2)
    market.amend("ann1", amount=350, max_per_loan=200, grades={"A"}, min_rate=51_000, now=3)
    market.set_lender_limits("cleo", Limits(per_borrower=1_500, max_share=500_000), now=4)
    market.set_borrower_limits("eve", BorrowerLimits(total=4_000), now=4)
    market.declare_group("eve", {"ben", "fay"}, now=4)
    market.submit(request("r1", 600, min_amount=100, tags={"new", "green"}), now=5)
    market.submit(request("r2", 100), now=6, hold_for=10, command_id="r2")
    market.accept("r2", now=7)
    market.submit(request("r3", 100), now=7, hold_for=3)
    market.decline("r3", now=8)
    market.submit(request("r4", 100), now=8, hold_for=3)
    market.submit(request("r5", 9_000, borrower_id="eve"), now=9, time_in_force=Listing(60))
    market.submit(
        request("r6", 700, min_amount=50, grade="B"), now=10, time_in_force=Auction(closes_at=50)
    )
    market.post(offer("dan1", 600, 40_000), now=12)
    market.withdraw("r5", now=13)
    market.post(offer("fay1", 600, 30_000, grades={"B"}), now=14)
    market.repay("r1", 77, now=15)
    market.cancel("ben1", now=16)
    with suppress(P2PMatchError):
        market.cancel("ben1", now=17, command_id="twice")
    with suppress(P2PMatchError):
        market.amend("cleo2", amount=1, requires={"x"}, now=17)
    many = {
        "request_id": ["r7", "r8"],
        "borrower_id": ["bob", "eve"],
        "amount": [40, 50],
        "max_rate": [90_000, 80_000],
        "grade": ["A", "B"],
        "term": [36, 12],
        "min_amount": [None, 20],
        "tags": ["", "new"],
    }
    market.submit_many(many, now=18, command_id="two")
    market.advance(80)
    return store


def call() -> MemoryStore:
    """A call market: loans one by one and together."""
    store = MemoryStore()
    rules = Rules(grades=("A",), terms=(36,), matching="call", clearing_point=500_000)
    market = Marketplace.open(store, rules)
    for number in range(4):
        market.post(offer(f"ann{number}", 100 + number, 50_000 + 1_000 * number), now=0)
    market.submit(request("r1", 150), now=1)
    market.submit(request("r2", 120, max_rate=60_000, min_amount=1), now=1)
    market.uncross("A", 36, now=2)
    market.set_lender_limits("ann", Limits(per_loan=60), now=3)
    market.submit(request("r3", 130, min_amount=20), now=3)
    market.uncross("A", 36, now=4)
    return store


SAMPLES = {"immediate": immediate, "call": call}


def lines(store: MemoryStore) -> Iterator[str]:
    """One entry a line; then what became of it all."""
    for entry in store.entries:
        yield json.dumps(
            {
                "seq": entry.seq,
                "previous": entry.previous.hex(),
                "command_id": entry.command_id,
                "command": entry.command.decode(),
                "events": entry.events.decode(),
                "hash": entry.hash.hex(),
            },
            ensure_ascii=False,
        )
    yield json.dumps({"outcome": outcome(Marketplace.open(store))}, ensure_ascii=False)


def read(path: Path) -> tuple[MemoryStore, Any]:
    """A sample as a store, and what became of it."""
    *entries, last = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    store = MemoryStore()
    for line in entries:
        entry = Entry(
            line["seq"],
            bytes.fromhex(line["previous"]),
            line["command_id"],
            line["command"].encode(),
            line["events"].encode(),
            bytes.fromhex(line["hash"]),
        )
        store.append([entry], entry.seq)
    return store, last["outcome"]


def outcome(market: Marketplace) -> Any:
    """All that can be seen of it, in words that outlive the classes."""
    loans = {
        name: [[note.offer_id, note.lender_id, note.amount, note.rate] for note in loan.notes]
        for name in (f"r{number}" for number in range(1, 7))
        for loan in [market._state.exposure.find(name)]
        if loan is not None
        for loan in [loan.loan]
    }
    return {
        "now": market.now,
        "offers": [
            [
                o.offer_id,
                o.lender_id,
                o.amount,
                o.remaining,
                o.committed,
                o.lent,
                o.cancelled,
                o.state,
            ]
            for o in market.offers()
        ],
        "loans": loans,
        "outstanding": {
            name: market.exposure(name).total for name in ("ann", "ben", "cleo", "dan", "fay")
        },
        "waiting": [[r.request.request_id, r.state] for r in market.requests()],
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, make in SAMPLES.items():
        path = FOLDER / f"journal-{VERSION}-{name}.jsonl"
        if path.exists():
            raise SystemExit(f"{path.name} is there already, and must stay what it is")
        path.write_text("".join(f"{line}\n" for line in lines(make())), encoding="utf-8")
