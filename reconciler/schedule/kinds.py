"""Kinds of values: how each is written in a spec and in our JSON documents, and the JSON Schemas for both."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from reconciler import json_values
from reconciler.schedule import faults, model, paths, redaction
from reconciler.timing import durations, moments

V = TypeVar("V")

Schema: TypeAlias = dict[str, Any]
Rule: TypeAlias = Callable[[Mapping[str, Any]], Iterator[faults.Fault]]  # checks the parts of a value together


class Kind(Protocol[V]):
    """The forms of a value.

    `parse` reads a spec's value that has passed the schema and the rules; `words` is its inverse, with None for a value
    that a spec omits. `encode` and `decode` do the same for documents; `declared` and `stored` return the two schemas.
    """

    def parse(self, value: Any) -> V:
        """Return the value that a spec declares."""

    def words(self, value: V) -> json_values.Json:
        """Return the value as it is written in a spec."""

    def encode(self, value: V) -> Any:
        """Return the value as a document stores it."""

    def decode(self, value: Any) -> V:
        """Return the value that a document stores; ValueError, KeyError, or TypeError if it is not valid."""

    def redact(self, value: V, within: redaction.Redaction, at: paths.Path, *names: str) -> V:
        """Return the value at a path with secrets removed; `names` are the names that can mark it as a secret."""

    def check(self, value: Any, name: str) -> Iterator[faults.Fault]:
        """Yield a fault for each violation that the schema cannot express; messages contain `name`."""

    def declared(self) -> Schema:
        """Return the JSON Schema of the value in a spec."""

    def stored(self) -> Schema:
        """Return the JSON Schema of the value in a document."""


class Flag:
    """True or false."""

    def parse(self, value: Any) -> bool:
        return bool(value)

    def words(self, value: bool) -> json_values.Json:
        return value

    def encode(self, value: bool) -> Any:
        return value

    def decode(self, value: Any) -> bool:
        return bool(value)

    def redact(self, value: bool, within: redaction.Redaction, at: paths.Path, *names: str) -> bool:
        del within, at, names  # contains no strings
        return value

    def check(self, value: Any, name: str) -> Iterator[faults.Fault]:
        del value, name  # the schema checks all of it
        yield from ()

    def declared(self) -> Schema:
        return {"type": "boolean"}

    def stored(self) -> Schema:
        return {"type": "boolean"}


FLAG = Flag()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A string of 1 to `longest` bytes; the schema counts characters.

    If it is a `name`, people compare it by eye, so it must not contain invisible characters. `refuse` raises ValueError
    for other invalid strings.
    """

    longest: int | None = None
    name: bool = False
    refuse: Callable[[str], object] | None = None

    def parse(self, value: Any) -> str:
        return str(value)

    def words(self, value: str) -> json_values.Json:
        return value

    def encode(self, value: str) -> Any:
        return value

    def decode(self, value: Any) -> str:
        return str(value)

    def redact(self, value: str, within: redaction.Redaction, at: paths.Path, *names: str) -> str:
        del names
        return within.text(value, *at)

    def check(self, value: Any, name: str) -> Iterator[faults.Fault]:
        if not isinstance(value, str) or not value:
            return
        if self.name:
            yield from faults.of_invisible(name, value)
        yield from faults.of_text(name, value, self._in_bytes)
        if self.refuse is not None:
            yield from faults.of_text(name, value, self.refuse)

    def _in_bytes(self, value: str) -> None:
        size = len(value.encode(errors="surrogatepass"))
        if self.longest is not None and len(value) <= self.longest < size:
            raise ValueError(f"it is {size} bytes long, but the server accepts at most {self.longest}; shorten it")

    def declared(self) -> Schema:
        longest = {} if self.longest is None else {"maxLength": self.longest}
        return {"type": "string", "minLength": 1, **longest}

    def stored(self) -> Schema:
        return {"type": "string"}


@dataclasses.dataclass(frozen=True, slots=True)
class Whole:
    """An integer between bounds; documents written by other programs may contain 1.0 instead of 1."""

    lowest: int
    highest: int

    def parse(self, value: Any) -> int:
        return int(value)

    def words(self, value: int) -> json_values.Json:
        return value

    def encode(self, value: int) -> Any:
        return value

    def decode(self, value: Any) -> int:
        return int(value)

    def redact(self, value: int, within: redaction.Redaction, at: paths.Path, *names: str) -> int:
        del within, at, names  # contains no strings
        return value

    def check(self, value: Any, name: str) -> Iterator[faults.Fault]:
        del value, name  # the schema checks all of it
        yield from ()

    def declared(self) -> Schema:
        return {"type": "integer", "minimum": self.lowest, "maximum": self.highest}

    def stored(self) -> Schema:
        return {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1}


@dataclasses.dataclass(frozen=True, slots=True)
class Number:
    """A number between bounds; `single` if the server stores it in single precision."""

    lowest: float
    highest: float | None = None
    single: bool = False

    def parse(self, value: Any) -> float:
        return json_values.short_float(value) if self.single else float(value)

    def words(self, value: float) -> json_values.Json:
        return json_values.number(value)

    def encode(self, value: float) -> Any:
        return value

    def decode(self, value: Any) -> float:
        return float(value)

    def redact(self, value: float, within: redaction.Redaction, at: paths.Path, *names: str) -> float:
        del within, at, names  # contains no strings
        return value

    def check(self, value: Any, name: str) -> Iterator[faults.Fault]:
        del value, name  # the schema checks all of it
        yield from ()

    def declared(self) -> Schema:
        return {"type": "number", "minimum": self.lowest} | ({"maximum": self.highest} if self.highest else {})

    def stored(self) -> Schema:
        return {"type": "number"}


@dataclasses.dataclass(frozen=True, slots=True)
class Duration:
    """A duration such as 1h30m; one below `least` is read as `least`, and one above `longest` is rejected.

    The server uses `most` instead of a longer one. `unset` is the value that it uses if none is set.
    """

    least: datetime.timedelta | None = None
    most: datetime.timedelta | None = None
    longest: datetime.timedelta | None = None
    unset: datetime.timedelta = durations.ZERO

    def parse(self, value: Any) -> datetime.timedelta:
        parsed = durations.parse(value)
        return parsed if self.least is None else max(parsed, self.least)

    def limit(self, declared: datetime.timedelta) -> datetime.timedelta | None:
        """Return the limit that Temporal uses instead of a declared duration; None if it uses that."""
        if self.least is not None and declared < self.least:
            return self.least
        return self.most if self.most is not None and declared > self.most else None

    def words(self, value: datetime.timedelta) -> json_values.Json:
        return durations.render(value)

    def encode(self, value: datetime.timedelta) -> Any:
        return durations.render(value)

    def decode(self, value: Any) -> datetime.timedelta:
        return durations.parse(value, bounded=False)

    def redact(
        self, value: datetime.timedelta, within: redaction.Redaction, at: paths.Path, *names: str
    ) -> datetime.timedelta:
        del within, at, names  # contains no strings
        return value

    def check(self, value: Any, name: str) -> Iterator[faults.Fault]:
        yield from faults.of_text(name, value, self._check)

    def _check(self, value: str) -> None:
        parsed = durations.parse(value)
        if parsed < durations.ZERO:
            raise ValueError(f"{value!r} is negative; write 0s or more")
        if self.longest is not None and parsed > self.longest:
            longest = durations.render(self.longest)
            raise ValueError(f"{value!r} is too long: Temporal would shorten it to {longest}; write {longest} or less")

    def declared(self) -> Schema:
        return {"type": "string", "minLength": 1}

    def stored(self) -> Schema:
        return {"$ref": "#/$defs/duration"}


class Moment:
    """An optional point in time, RFC 3339."""

    def parse(self, value: Any) -> datetime.datetime | None:
        return moments.parse(value)

    def words(self, value: datetime.datetime | None) -> json_values.Json:
        return value.isoformat().replace("+00:00", "Z") if value else None

    def encode(self, value: datetime.datetime | None) -> Any:
        return value.isoformat() if value else None

    def decode(self, value: Any) -> datetime.datetime | None:
        return moments.with_offset(value) if value else None

    def redact(
        self, value: datetime.datetime | None, within: redaction.Redaction, at: paths.Path, *names: str
    ) -> datetime.datetime | None:
        del within, at, names  # contains no strings
        return value

    def check(self, value: Any, name: str) -> Iterator[faults.Fault]:
        yield from faults.of_text(name, value, moments.parse)

    def declared(self) -> Schema:
        return {"type": "string", "minLength": 1}

    def stored(self) -> Schema:
        return {"anyOf": [{"$ref": "#/$defs/moment"}, {"type": "null"}]}


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """One of a fixed set of words."""

    options: tuple[str, ...]

    def parse(self, value: Any) -> str:
        return str(value)

    def words(self, value: str) -> json_values.Json:
        return value

    def encode(self, value: str) -> Any:
        return value

    def decode(self, value: Any) -> str:
        return str(value)

    def redact(self, value: str, within: redaction.Redaction, at: paths.Path, *names: str) -> str:
        del within, at, names  # contains nothing but one of the words
        return value

    def check(self, value: Any, name: str) -> Iterator[faults.Fault]:
        del value, name  # the schema checks all of it
        yield from ()

    def declared(self) -> Schema:
        return {"enum": list(self.options)}

    def stored(self) -> Schema:
        return {"type": "string"}


class Overlap:
    """An overlap policy, by its name in Temporal's CLI."""

    def parse(self, value: Any) -> model.Overlap:
        return model.Overlap(value)

    def words(self, value: model.Overlap) -> json_values.Json:
        return value.value

    def encode(self, value: model.Overlap) -> Any:
        return value.value

    def decode(self, value: Any) -> model.Overlap:
        return model.Overlap(value)

    def redact(self, value: model.Overlap, within: redaction.Redaction, at: paths.Path, *names: str) -> model.Overlap:
        del within, at, names  # contains no strings
        return value

    def check(self, value: Any, name: str) -> Iterator[faults.Fault]:
        del value, name  # the schema checks all of it
        yield from ()

    def declared(self) -> Schema:
        return {"enum": [each.value for each in model.Overlap if each is not model.Overlap.UNKNOWN]}

    def stored(self) -> Schema:
        return {"type": "string"}


@dataclasses.dataclass(frozen=True, slots=True)
class Texts:
    """A list of strings, sorted unless `ordered`; `item` is the schema of one string.

    `refuse` raises ValueError for a string that is invalid in a document.
    """

    item: Mapping[str, Any]
    schema: Mapping[str, Any]
    ordered: bool = False
    refuse: Callable[[str], object] | None = None

    def parse(self, value: Any) -> tuple[str, ...]:
        return tuple(value) if self.ordered else tuple(sorted(set(value)))

    def words(self, value: Sequence[str]) -> json_values.Json:
        return list(value)

    def encode(self, value: Sequence[str]) -> Any:
        return list(value)

    def decode(self, value: Any) -> tuple[str, ...]:
        if self.refuse is not None:
            for text in value:
                self.refuse(text)
        return tuple(value)

    def redact(self, value: Sequence[str], within: redaction.Redaction, at: paths.Path, *names: str) -> tuple[str, ...]:
        del names
        return within.texts(value, *at)

    def check(self, value: Any, name: str) -> Iterator[faults.Fault]:
        del value, name  # the schema checks all of it
        yield from ()

    def declared(self) -> Schema:
        return {"type": "array", "items": dict(self.item), **self.schema}

    def stored(self) -> Schema:
        return {"type": "array", "items": {"type": "string"}}


class OpaqueText(str):
    """A stand-in for an opaque payload, with a type of its own so that it never equals a decoded string."""

    __slots__ = ()


def shown(argument: model.Argument) -> json_values.Json:
    """Return a decoded value, or the digest of an opaque one."""
    if isinstance(argument, model.Opaque):
        return OpaqueText(f"({argument.encoding} payload, sha256:{argument.sha256[:12]})")
    return argument


class Payload:
    """A value that the server stores as a payload; a spec declares it as a string."""

    def parse(self, value: Any) -> model.Argument:
        parsed: model.Argument = value
        return parsed

    def words(self, value: model.Argument) -> json_values.Json:
        return shown(value)

    def encode(self, value: model.Argument) -> Any:
        return (
            {"encoding": value.encoding, "sha256": value.sha256} if isinstance(value, model.Opaque) else {"json": value}
        )

    def decode(self, value: Any) -> model.Argument:
        if "json" in value:
            return json_values.canonical(value["json"])
        return model.Opaque(encoding=value["encoding"], sha256=value["sha256"])

    def redact(self, value: model.Argument, within: redaction.Redaction, at: paths.Path, *names: str) -> model.Argument:
        return within.argument(value, at, *names)

    def check(self, value: Any, name: str) -> Iterator[faults.Fault]:
        del value, name  # the schema checks all of it
        yield from ()

    def declared(self) -> Schema:
        return {"type": "string", "minLength": 1}

    def stored(self) -> Schema:
        return {"$ref": "#/$defs/value"}


PAYLOAD = Payload()


@dataclasses.dataclass(frozen=True, slots=True)
class Named(Generic[V]):
    """Values by name, sorted; `of` is the kind of each value, `entry` is its schema, and `rule` checks them together.

    Charters cannot use names that begin with `reserved`, which are reserved for `whose`.
    """

    of: Kind[V]
    entry: Schema | None = None
    rule: Rule | None = None
    reserved: str = ""
    whose: str = "this tool"

    def is_reserved(self, name: str) -> bool:
        """Return whether a name is reserved."""
        return bool(self.reserved) and name.startswith(self.reserved)

    def parse(self, value: Any) -> Mapping[str, V]:
        return {name: self.of.parse(each) for name, each in value.items()}

    def words(self, value: Mapping[str, V]) -> json_values.Json:
        return {name: self.of.words(each) for name, each in value.items()}

    def encode(self, value: Mapping[str, V]) -> Any:
        return {name: self.of.encode(each) for name, each in sorted(value.items())}

    def decode(self, value: Any) -> Mapping[str, V]:
        return {name: self.of.decode(each) for name, each in value.items()}

    def redact(
        self, value: Mapping[str, V], within: redaction.Redaction, at: paths.Path, *names: str
    ) -> Mapping[str, V]:
        return {
            within.text(name, *at, name): self.of.redact(each, within, (*at, name), *names, name)
            for name, each in value.items()
        }

    def check(self, value: Any, name: str) -> Iterator[faults.Fault]:
        del name
        for key, each in value.items() if isinstance(value, Mapping) else ():
            if not self.is_reserved(key):  # the schema reports the name
                yield from faults.within(key, self.of.check(each, key))
        if isinstance(value, Mapping) and self.rule is not None:
            yield from self.rule(value)

    def declared(self) -> Schema:
        names = {
            "pattern": rf"^(?!{re.escape(self.reserved)})",
            "patternErrorMessage": f"has a name that begins with {self.reserved!r}; such names are reserved for "
            f"{self.whose}",
        }
        return {
            "type": "object",
            **({"propertyNames": names} if self.reserved else {}),
            **({} if self.entry is None else {"additionalProperties": self.entry}),
        }

    def stored(self) -> Schema:
        return {"type": "object", "additionalProperties": self.of.stored()}
