"""Records in envelopes: `COMMANDS` and `EVENTS` encode and decode all kinds of each.

Reading takes one pass over the bytes, straight into the records. Only when that fails is it worked
out what is wrong: JSON that is none, a kind or a version nobody knows, a value no field takes.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from inspect import isclass
from types import GenericAlias, MappingProxyType, ModuleType
from typing import Annotated, Any, Final, Generic, TypeVar, Union, cast

import attrs
import msgspec

from p2pmatch import checks, commands, events
from p2pmatch.errors import InvalidValue, P2PMatchError, UnknownName
from p2pmatch.rules import Rules
from p2pmatch.wire.forms import FORMS, Names
from p2pmatch.wire.upcasters import UPCASTERS, Upcaster

__all__ = ["COMMANDS", "EVENTS", "VERSIONS", "Codec", "OpenJournal", "kind_name"]

#: The present version of each kind's form, where it is not the first.
VERSIONS: Mapping[str, int] = MappingProxyType({})

_T = TypeVar("_T")
# What reading raises for bytes that are not what they should be.
_NOT_READ: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
# The hook is for frozen mappings.
_ENCODER: Final = msgspec.json.Encoder(order="deterministic", enc_hook=dict)


@attrs.frozen(kw_only=True)
class OpenJournal:
    """The first entry of every journal: the rules under which it is kept."""

    rules: Rules = attrs.field(validator=checks.instance(Rules, "Rules(...)"))


def kind_name(record: type) -> str:
    """What a kind of record is called on the wire.

    Examples
    --------
    >>> kind_name(commands.PostOffer)
    'post_offer'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "_", record.__name__).lower()


@attrs.frozen
class _Kind:
    """One kind of record: its name, its version, and what its data is on the wire.

    `translated` : the fields that have a form of their own; empty: the record is its own form.
    """

    record: type
    name: str
    version: int
    form: Any
    translated: Mapping[str, Any]

    @classmethod
    def of(cls, record: type, versions: Mapping[str, int]) -> "_Kind":
        name = kind_name(record)
        fields = attrs.fields(record)
        translated = {field.name: FORMS[field.type] for field in fields if field.type in FORMS}
        form = _form_of(record, translated) if translated else record
        return cls(record, name, versions.get(name, 1), form, translated)

    def write(self, record: Any) -> Any:  # noqa: ANN401 - a record of this kind
        if not self.translated:
            return record
        values = {name: getattr(record, name) for name in self.form.__struct_fields__}
        for name, form in self.translated.items():
            values[name] = form.write(values[name])
        return self.form(**values)

    def read(self, data: Any, names: Names | None) -> Any:  # noqa: ANN401
        if not self.translated:
            return data
        values = {name: getattr(data, name) for name in data.__struct_fields__}
        for name, form in self.translated.items():
            values[name] = form.read(values[name], names)
        return self.record(**values)


def _form_of(record: type, translated: Mapping[str, Any]) -> type[msgspec.Struct]:
    """A strict form with the record's fields."""
    fields: list[Any] = []
    for field in attrs.fields(record):
        form = translated.get(field.name)
        wire = field.type if form is None else form.wire
        if field.default is attrs.NOTHING:
            fields.append((field.name, wire))
        else:
            default = field.default if form is None else form.write(field.default)
            fields.append((field.name, wire, default))
    return msgspec.defstruct(
        f"{record.__name__}Form", fields, kw_only=True, forbid_unknown_fields=True, frozen=True
    )


class _Written(msgspec.Struct):
    """An envelope on its way out."""

    kind: str
    v: int
    seq: int
    data: Any


class _Envelope(msgspec.Struct):
    """An envelope of which nothing is known yet but that it is one."""

    kind: str
    v: int
    seq: int
    data: dict[str, Any]


class Codec(Generic[_T]):
    """Encodes and decodes all kinds of one sort of record.

    Methods: `encode`, `decode` one; `encode_all`, `decode_all` a list; `envelopes` for the schema.

    Parameters
    ----------
    records : the classes.
    versions : the present version of each kind, where it is not 1.
    upcasters : from (kind, version) to the function that makes its data the next version's.

    Examples
    --------
    >>> line = COMMANDS.encode(commands.AdvanceTime(now=5), seq=3)
    >>> line
    b'{"kind":"advance_time","v":1,"seq":3,"data":{"now":5}}'
    >>> COMMANDS.decode(line, seq=3)
    AdvanceTime(now=5)
    """

    def __init__(
        self,
        records: Iterable[type],
        versions: Mapping[str, int] = VERSIONS,
        upcasters: Mapping[tuple[str, int], Upcaster] = UPCASTERS,
    ) -> None:
        made = [_Kind.of(record, versions) for record in records]
        self._kinds = {kind.record: kind for kind in made}
        self._by_name = {kind.name: kind for kind in made}
        self._upcasters = upcasters
        #: The strict forms of the envelopes, by kind.
        self.envelopes: Mapping[str, type[msgspec.Struct]] = {
            kind.name: msgspec.defstruct(
                f"{kind.record.__name__}Envelope",
                [
                    ("v", Annotated[int, msgspec.Meta(ge=kind.version, le=kind.version)]),
                    ("seq", int),
                    ("data", kind.form),
                ],
                tag_field="kind",
                tag=kind.name,
                forbid_unknown_fields=True,
            )
            for kind in made
        }
        self._by_envelope = {self.envelopes[kind.name]: kind for kind in made}
        # Cast and aliased: no type checker can read forms that are made here in an annotation.
        one = cast("Any", Union[tuple(self.envelopes.values())])  # noqa: UP007 - it is made here
        self._one = msgspec.json.Decoder(one)
        self._many = msgspec.json.Decoder(cast("Any", GenericAlias(list, (one,))))

    def encode(self, record: _T, seq: int) -> bytes:
        """The record in its envelope. Equal records give equal bytes, in every process."""
        return _ENCODER.encode(self._written(record, seq))

    def encode_all(self, records: Sequence[_T], seq: int) -> bytes:
        """Records of one entry, as a list."""
        return _ENCODER.encode([self._written(record, seq) for record in records])

    def _written(self, record: _T, seq: int) -> _Written:
        kind = self._kinds[type(record)]
        return _Written(kind.name, kind.version, seq, kind.write(record))

    def decode(self, payload: bytes, seq: int, names: Names | None = None) -> _T:
        """The record in an envelope.

        Parameters
        ----------
        seq : the number that the envelope must bear.
        names : the ids by number; without them notes know the ids that stand in the envelope.

        Raises
        ------
        InvalidValue, UnknownName : for anything that is not understood to the last field.
        """
        (record,) = self._decode(payload, seq, names, self._one)
        return record

    def decode_all(
        self, payload: bytes, seq: int, names: Names | None = None, *, trusted: bool = False
    ) -> Iterator[_T]:
        """The records in a list of envelopes, each read when it is asked for.

        An event may speak of an offer that the one before it posts, so that must be applied first.
        With `trusted` it is not looked for fields that nobody knows: the bytes are known to be
        those that `encode_all` wrote.
        """
        return self._decode(payload, seq, names, self._many, trusted=trusted)

    def _decode(
        self,
        payload: bytes,
        seq: int,
        names: Names | None,
        decoder: Any,  # noqa: ANN401 - msgspec's decoder of one or of many
        *,
        trusted: bool = False,
    ) -> Iterator[_T]:
        try:
            read = decoder.decode(payload)
        except _NOT_READ as error:
            payload = self._brought_up_to_date(payload, error)
            try:
                read = decoder.decode(payload)
            except msgspec.ValidationError as still:
                raise _what_is_wrong(still) from None
        # Classes of attrs take what they do not know without a word; the bytes tell.
        if not trusted and _ENCODER.encode(read) != payload:
            _refuse_unknown(_loads(payload), msgspec.to_builtins(read, enc_hook=dict), "")
        return self._read(read if isinstance(read, list) else [read], seq, names)

    def _read(self, envelopes: Sequence[Any], seq: int, names: Names | None) -> Iterator[_T]:
        for envelope in envelopes:
            if envelope.seq != seq:
                accepted = f"the entry's number, {seq}"
                raise InvalidValue("contradiction", "seq", envelope.seq, accepted)
            yield self._by_envelope[type(envelope)].read(envelope.data, names)

    def _brought_up_to_date(self, payload: bytes, error: Exception) -> bytes:
        """The same in the present versions; raises what is wrong if that cannot be done."""
        given = _loads(payload)
        old = [self._checked(item) for item in (given if isinstance(given, list) else [given])]
        new = [self._upcast(envelope) for envelope in old]
        if new == old:
            raise _what_is_wrong(error)
        lines = [_ENCODER.encode(envelope) for envelope in new]
        return b"[%b]" % b",".join(lines) if isinstance(given, list) else lines[0]

    def _checked(self, item: object) -> _Envelope:
        """An envelope of a kind and a version that are known."""
        try:
            envelope = msgspec.convert(item, _Envelope)
        except msgspec.ValidationError as error:
            raise InvalidValue("malformed", "envelope", item, str(error)) from None
        kind = self._by_name.get(envelope.kind)
        if kind is None:
            accepted = f"one of {sorted(self._by_name)}"
            raise UnknownName("unknown_kind", "kind", envelope.kind, accepted)
        if not 1 <= envelope.v <= kind.version:
            accepted = f"1 to {kind.version}"
            raise UnknownName("unknown_version", f"{envelope.kind}.v", envelope.v, accepted)
        return envelope

    def _upcast(self, envelope: _Envelope) -> _Envelope:
        data, version = envelope.data, envelope.v
        while version < self._by_name[envelope.kind].version:
            data = self._upcasters[envelope.kind, version](data)
            version += 1
        return _Envelope(envelope.kind, version, envelope.seq, data)


def _loads(payload: bytes) -> Any:  # noqa: ANN401 - any JSON
    try:
        loaded = msgspec.json.decode(payload)
        # Only this one sees that a name stands twice.
        json.loads(payload, object_pairs_hook=_distinct)
    except P2PMatchError:
        raise
    except (*_NOT_READ, ValueError) as error:
        raise InvalidValue("malformed", "record", payload[:200], f"JSON ({error})") from None
    return loaded


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    """Refuse a name that stands twice in one object: nobody can say which value is meant."""
    seen: set[str] = set()
    for name, value in pairs:
        if name in seen:
            raise InvalidValue("duplicate", name, value, "each name once")
        seen.add(name)


def _what_is_wrong(error: Exception) -> P2PMatchError:
    """Our own refusal if one of our checks failed; else what msgspec says, as a refusal."""
    if isinstance(error.__cause__, P2PMatchError):
        return error.__cause__
    what, _, where = str(error).partition(" - at `$")
    field = re.search(r"(?:field `)(\w+)", what)
    if field is not None and "unknown" in what:
        return UnknownName("unknown_field", field[1], where.strip("`") or "record", "no such field")
    return InvalidValue("malformed", where.strip(".`") or "record", what, "what the schema says")


def _refuse_unknown(given: Any, understood: Any, where: str) -> None:  # noqa: ANN401 - any JSON
    """Raise for the first field that is given and was not understood."""
    if isinstance(given, dict) and isinstance(understood, dict):
        for name, value in given.items():
            if name not in understood:
                accepted = f"one of {sorted(understood)}"
                raise UnknownName("unknown_field", f"{where}.{name}".strip("."), value, accepted)
            _refuse_unknown(value, understood[name], f"{where}.{name}")
    elif isinstance(given, list) and isinstance(understood, list):
        for item, same in zip(given, understood, strict=False):
            _refuse_unknown(item, same, where)


def _records(module: ModuleType, base: type) -> list[type]:
    """All records that a module defines, by name."""
    found = [kind for kind in vars(module).values() if isclass(kind) and issubclass(kind, base)]
    return sorted((kind for kind in found if kind is not base), key=lambda kind: kind.__name__)


#: Everything a marketplace can be told, and the beginning of a journal.
COMMANDS: Final[Codec[Any]] = Codec([OpenJournal, *_records(commands, commands.Command)])
#: Everything that can happen.
EVENTS: Final[Codec[Any]] = Codec(_records(events, events.Event))
