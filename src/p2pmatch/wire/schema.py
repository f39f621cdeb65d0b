"""The JSON Schema of everything a journal holds, made from the code."""

from typing import Any

import msgspec

from p2pmatch.errors import InvariantError
from p2pmatch.wire.codec import COMMANDS, EVENTS

__all__ = ["schema"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """One schema for commands and events: a JSON Schema of draft 2020-12.

    Examples
    --------
    >>> made = schema()
    >>> made["$defs"]["AdvanceTime"]["properties"]
    {'now': {'type': 'integer'}}
    """
    forms = [*COMMANDS.envelopes.values(), *EVENTS.envelopes.values()]
    references, definitions = msgspec.json.schema_components(
        forms, ref_template="#/$defs/{name}", schema_hook=_raw
    )
    split = len(COMMANDS.envelopes)
    return {
        "$schema": _DIALECT,
        "title": "The journal of a p2pmatch marketplace",
        "anyOf": [{"$ref": "#/$defs/Command"}, {"$ref": "#/$defs/Event"}],
        "$defs": {
            "Command": {"anyOf": list(references[:split])},
            "Event": {"anyOf": list(references[split:])},
            **{name: _brief(definition) for name, definition in sorted(definitions.items())},
        },
    }


def _raw(kind: type) -> dict[str, Any]:
    """What is kept undecoded until somebody asks: ids."""
    if kind is not msgspec.Raw:
        raise InvariantError(f"{kind} has no form on the wire")
    return {"type": "array", "items": {"type": "string"}}


def _brief(definition: dict[str, Any]) -> dict[str, Any]:
    """Only the first line of a description, and nothing unknown."""
    brief = dict(definition)
    if "description" in brief:
        brief["description"] = brief["description"].split("\n")[0]
    if brief.get("type") == "object" and "properties" in brief:
        brief["additionalProperties"] = False
    return brief
