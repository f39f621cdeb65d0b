"""What `import p2pmatch` brings, and what it leaves until somebody asks for it."""

import json
import pickle
import subprocess
import sys

import pytest

import p2pmatch

#: What the first request can be matched without.
LATER = {
    "comparison",
    "cost",
    "depth",
    "explain",
    "finance",
    "position",
    "quote",
    "recorder",
    "shared_rooms",
    "shortfall",
    "stores",
    "views",
    "what_if",
    "wire",
}
HISTORY = """
import json, sys
from p2pmatch import Marketplace, Offer, Request, Rules
market = Marketplace(Rules(grades=("A",), terms=(36,)))
market.post(Offer(offer_id="o", lender_id="ann", amount=100, min_rate=1), now=0)
asked = {"borrower_id": "bob", "amount": 50, "max_rate": 9, "grade": "A", "term": 36}
assert market.submit(Request(request_id="r", **asked), now=0).loan
assert market.submit_many({"request_id": ["s"], **{k: [v] for k, v in asked.items()}}, now=0)[0].loan
json.dump(sorted(sys.modules), sys.stdout)
"""


def loaded(program: str) -> set[str]:
    """The modules that a new process has when the program is done."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return set(json.loads(done.stdout))


def test_what_a_match_can_do_without_is_not_imported() -> None:
    modules = loaded(HISTORY)
    assert "p2pmatch.sweep" in modules
    assert {name.split(".")[1] for name in modules if name.startswith("p2pmatch.")} & LATER == set()
    assert {"hashlib", "html.entities", "msgspec"} & modules == set()


def test_every_name_is_there_when_it_is_asked_for() -> None:
    assert set(dir(p2pmatch)) == {*p2pmatch.__all__, "commands", "errors", "events", "finance"}
    for name in p2pmatch.__all__:
        assert getattr(p2pmatch, name) is not None
    assert p2pmatch.Quote is p2pmatch.quote.Quote
    assert p2pmatch.finance.apr


def test_what_is_not_there_is_said_as_of_any_module() -> None:
    with pytest.raises(AttributeError, match="module 'p2pmatch' has no attribute 'Kwote'"):
        _ = p2pmatch.Kwote  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["Change", "Quote", "Offer"])
def test_classes_can_be_pickled(name: str) -> None:
    kind = getattr(p2pmatch, name)
    assert pickle.loads(pickle.dumps(kind)) is kind  # noqa: S301 - our own


def test_everything_can_be_imported_at_once() -> None:
    program = "import json, sys\nfrom p2pmatch import *\njson.dump(dir(), sys.stdout)"
    assert set(p2pmatch.__all__) <= loaded(program)
