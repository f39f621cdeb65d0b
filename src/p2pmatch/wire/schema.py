"""The JSON Schema of everything a journal holds, made from the code."""

from typing import Any

import msgspec

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
    references, definitions = msgspec.json.schema_components(forms, ref_template="#/$defs/{name}")
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


def _brief(definition: dict[str, Any]) -> dict[str, Any]:
    """Only the first line of a description, and nothing unknown."""
    description = definition.get("description", "An envelope.").split("\n")[0]
    return {**definition, "description": description, "additionalProperties": False}
