"""Without an extra its packages are named, and how to have them; everything else goes on."""

import sys
from collections.abc import Callable

import pytest

from p2pmatch import Marketplace, Rules
from p2pmatch.extras import part
from tests.helpers import offer, request

RULES = Rules(grades=["A"], terms=[36])


def frame() -> object:
    return type("Frame", (), {})()


@pytest.mark.parametrize(
    ("package", "home", "call", "hint"),
    [
        (
            "msgspec",
            "snapshots",
            lambda market: market.copy(),
            "a copy of a marketplace needs msgspec: pip install 'p2pmatch[json]'",
        ),
        (
            "narwhals",
            "frames",
            lambda market: market.post_many(frame(), now=0),
            "a table that is no mapping needs narwhals: pip install 'p2pmatch[frames]'",
        ),
        (
            "matplotlib",
            "plot",
            lambda market: market.ladder("A", 36).plot(),
            "a picture needs matplotlib: pip install 'p2pmatch[plot]'",
        ),
        (
            "narwhals",
            "frames",
            lambda market: market.compare(request(5), amounts=[5], now=0).to_frame(),
            "a dataframe needs narwhals: pip install 'p2pmatch[frames]'",
        ),
    ],
    ids=["copy", "frame", "plot", "to_frame"],
)
def test_what_is_missing_is_named(
    package: str,
    home: str,
    call: Callable[[Marketplace], object],
    hint: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    market = Marketplace(RULES)
    market.post(offer("o", "ann", 5, 5), now=0)
    before = market.digest()
    # As if it were not installed.
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"p2pmatch.{home}", raising=False)
    with pytest.raises(ImportError) as missing:
        call(market)
    assert str(missing.value) == hint
    assert missing.value.name == package
    assert market.digest() == before


def test_a_package_of_no_extra_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sortedcontainers", None)
    monkeypatch.delitem(sys.modules, "p2pmatch.state")
    with pytest.raises(ModuleNotFoundError, match="sortedcontainers"):
        part("state", "everything")
