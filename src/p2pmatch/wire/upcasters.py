"""From an old version of a record's form to the next one, so that every journal can be read.

When the form of a kind of record changes so that old data no longer fits it, its number in
`codec.VERSIONS` goes up by one, and a function from the old data to the new is added here. A new
field with a default needs neither.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["UPCASTERS", "Upcaster"]

#: Takes the data of one version, as plain lists and dicts, and returns that of the next.
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

#: By kind and the version it reads. All forms are still at their first version.
UPCASTERS: Mapping[tuple[str, int], Upcaster] = MappingProxyType({})
