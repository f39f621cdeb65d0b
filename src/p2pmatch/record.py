"""What all records have in common: equal if their fields are, and telling what they hold.

attrs would write these methods for each class anew, and compiling them took a third of the time in
which the package is imported; so the records say `eq=False, repr=False` and are a `Record`.
"""

from collections.abc import Callable
from functools import partial
from types import MappingProxyType

import attrs

__all__ = ["Record"]


@attrs.frozen(eq=False, repr=False)
class Record:
    """The base of frozen classes that are compared, and shown, by their fields."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        compared = (field.name for field in attrs.fields(type(self)) if field.eq)
        return all(getattr(self, name) == getattr(other, name) for name in compared)

    def __hash__(self) -> int:
        fields = attrs.fields(type(self))
        kept = (field.name for field in fields if field.eq and field.hash is not False)
        return hash((type(self), *(getattr(self, name) for name in kept)))

    def __reduce__(self) -> tuple[Callable[[], object], tuple[()]]:
        # Made anew from its fields, because a read-only mapping can be neither pickled nor copied.
        values = {
            field.alias or field.name: getattr(self, field.name)
            for field in attrs.fields(type(self))
            if field.init
        }
        for name, value in values.items():
            if isinstance(value, MappingProxyType):
                values[name] = dict(value)
        return partial(type(self), **values), ()

    def __repr__(self) -> str:
        names = (field.name for field in attrs.fields(type(self)) if field.repr)
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({shown})"
