"""An entry's hash covers every part of it, and parts cannot run into each other."""

import attrs
import pytest

from p2pmatch.entries import BEGINNING, Entry, linked

ENTRY = linked(3, BEGINNING, "id", b"command", b"events")


@pytest.mark.parametrize(
    "changed",
    [
        attrs.evolve(ENTRY, seq=4),
        attrs.evolve(ENTRY, previous=b"\x01" + bytes(31)),
        attrs.evolve(ENTRY, command_id=None),
        attrs.evolve(ENTRY, command_id=""),
        attrs.evolve(ENTRY, command_id="ie"),
        attrs.evolve(ENTRY, command=b"commane"),
        attrs.evolve(ENTRY, command=b"commandevents", events=b""),
        attrs.evolve(ENTRY, command_id="idcommand", command=b""),
        attrs.evolve(ENTRY, events=b"event"),
    ],
)
def test_whatever_is_changed_the_hash_is_another(changed: Entry) -> None:
    assert ENTRY.own_hash() == ENTRY.hash
    assert changed.own_hash() != changed.hash


def test_no_id_and_an_empty_one_differ() -> None:
    assert linked(0, BEGINNING, None, b"", b"").hash != linked(0, BEGINNING, "", b"", b"").hash


def test_the_hash_is_what_it_always_was() -> None:
    """Written down once: a later release must read the chains of this one."""
    assert ENTRY.hash.hex() == "459b823291ecf9e058a65d57159e3c35f9d4c78a0f7a161c580920d1182a15af"
