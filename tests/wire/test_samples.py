"""Every journal that a release has written is read by all later ones."""

import json
from pathlib import Path

import pytest

from p2pmatch.journal import replay, verify
from p2pmatch.wire import COMMANDS, EVENTS
from tests.wire.make_samples import FOLDER, SAMPLES, VERSION, outcome, read

PATHS = sorted(FOLDER.glob("journal-*.jsonl"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_sample_is_read_as_it_was_meant(path: Path) -> None:
    store, expected = read(path)
    assert json.loads(json.dumps(outcome(replay(store)))) == expected
    assert verify(store).entries == len(store.entries)


def test_the_samples_hold_every_kind_of_record() -> None:
    commands, events = set(), set()
    for path in PATHS:
        store, _ = read(path)
        for entry in store.entries:
            commands.add(type(COMMANDS.decode(entry.command, entry.seq)))
            events |= {type(event) for event in EVENTS.decode_all(entry.events, entry.seq)}
    assert commands == set(COMMANDS._kinds)
    assert events == set(EVENTS._kinds)


@pytest.mark.parametrize("name", SAMPLES)
def test_this_release_writes_what_the_newest_sample_says(name: str) -> None:
    """If this fails the form of a record has changed: see `p2pmatch.wire.upcasters`."""
    store, _ = read(FOLDER / f"journal-{VERSION}-{name}.jsonl")
    assert SAMPLES[name]().entries == store.entries
