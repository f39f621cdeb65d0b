"""Commands, events and rules as JSON, and back; needs the `json` extra.

Every record is written in an envelope: its kind, the version of that kind's form, the number of the
journal's entry, and its data. What is not understood to the last field is refused.
"""

from p2pmatch.wire.codec import COMMANDS, EVENTS, VERSIONS, Codec, OpenJournal, kind_name
from p2pmatch.wire.forms import FORMS, Form, Names, plain
from p2pmatch.wire.schema import schema
from p2pmatch.wire.upcasters import UPCASTERS

__all__ = [
    "COMMANDS",
    "EVENTS",
    "FORMS",
    "UPCASTERS",
    "VERSIONS",
    "Codec",
    "Form",
    "Names",
    "OpenJournal",
    "kind_name",
    "plain",
    "schema",
]
