"""The schema that is committed is the one the code makes, and describes what is written."""

import json

import jsonschema
import pytest

from p2pmatch.wire import COMMANDS, EVENTS, schema
from tests.house.source import ROOT
from tests.wire.test_samples import PATHS, read

SCHEMA = ROOT / "docs" / "journal.schema.json"


def test_it_is_current() -> None:
    """Write it anew: `p2pmatch schema > docs/journal.schema.json`."""
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == schema()


def test_every_kind_stands_in_it() -> None:
    definitions = schema()["$defs"]
    for codec, name in ((COMMANDS, "Command"), (EVENTS, "Event")):
        assert len(definitions[name]["anyOf"]) == len(codec._kinds)


def test_what_is_written_keeps_to_it() -> None:
    whole = schema()
    command = {**whole, "anyOf": [{"$ref": "#/$defs/Command"}]}
    event = {**whole, "anyOf": [{"$ref": "#/$defs/Event"}]}
    checks = [jsonschema.Draft202012Validator(one) for one in (command, event)]
    for path in PATHS:
        for entry in read(path)[0].entries:
            checks[0].validate(json.loads(entry.command))
            for one in json.loads(entry.events):
                checks[1].validate(one)
    notes = whole["$defs"]["NotesForm"]["properties"]
    assert notes["offer_ids"] == {"type": "array", "items": {"type": "string"}}
    with pytest.raises(jsonschema.ValidationError):
        checks[0].validate({"kind": "repay", "v": 1, "seq": 1, "data": {"now": 1.5}})
