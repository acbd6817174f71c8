"""Workflow arguments in a spec: plain JSON, or an object that describes a payload in another encoding."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reconciler import json_values, spelling
from reconciler.schedule import faults, model

PLAIN = "json/plain"
PROTOBUF_JSON = "json/protobuf"
NULL = "binary/null"
BYTES = "binary/plain"
PROTOBUF = "binary/protobuf"

_KEYS: Mapping[str, frozenset[str]] = {  # in addition to `encoding`
    PLAIN: frozenset({"data"}),
    PROTOBUF_JSON: frozenset({"data", "message_type"}),
    NULL: frozenset(),
    BYTES: frozenset({"base64"}),
    PROTOBUF: frozenset({"base64", "message_type"}),
}
_FORMS = [keys for keys in _KEYS.values() if keys]
_UNTYPED = '; message_type: "" means a payload without a type'
_LITERAL = "to pass this object itself, write {encoding: json/plain, data: {…}}"


def opaque(encoding: str, data: bytes, metadata: Mapping[str, bytes] | None = None) -> model.Opaque:
    """Return a payload that is compared by its bytes: its data, encoding, and `metadata`."""
    others = metadata or {}
    parts = [encoding.encode(), *(part for name in sorted(others) for part in (name.encode(), others[name])), data]
    digest = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()
    message_type = others.get("messageType", b"").decode(errors="replace")
    return model.Opaque(encoding=encoding, sha256=digest, message_type=message_type, data=data)


def parse(value: Any) -> model.AnyArgument:
    """Return the argument that a spec's value represents; the value must have passed `check`."""
    encoding = _encoding(value)
    argument: model.AnyArgument = value
    if encoding == PLAIN:
        argument = value["data"]
    elif encoding == PROTOBUF_JSON:
        argument = model.Message(message_type=value["message_type"], value=value["data"])
    elif encoding == NULL:
        argument = None
    elif encoding:
        argument = _typed(encoding, base64.b64decode(value["base64"]), value.get("message_type", ""))
    return argument


def _typed(encoding: str, data: bytes, message_type: str) -> model.Opaque:
    """Return an opaque payload whose only metadata is the name of a protobuf message, if any."""
    return opaque(encoding, data, {"messageType": message_type.encode()} if message_type else None)


def words(argument: model.AnyArgument) -> json_values.Json:
    """Return an argument as it is written in a spec, the inverse of `parse`; None if no spec can express it."""
    match argument:
        case model.Message():
            return {"encoding": PROTOBUF_JSON, "message_type": argument.message_type, "data": argument.value}
        case model.Opaque():
            return _opaque_words(argument)
        case _:
            return {"encoding": PLAIN, "data": argument} if _encoding(argument) else argument


def listed(arguments: Iterable[model.AnyArgument]) -> list[json_values.Json]:
    """Return all arguments as they are written in a spec, with null for any that a spec cannot express."""
    return list(map(words, arguments))


def _opaque_words(argument: model.Opaque) -> json_values.Json:
    if argument.data is None or argument.encoding not in {BYTES, PROTOBUF}:
        return None
    if _typed(argument.encoding, argument.data, argument.message_type) != argument:
        return None  # metadata for which a spec has no key
    encoded = base64.b64encode(argument.data).decode()
    is_typed = argument.encoding == PROTOBUF or argument.message_type
    named = {"message_type": argument.message_type} if is_typed else {}
    return {"encoding": argument.encoding, **named, "base64": encoded}


def check(value: Any) -> Iterator[faults.Fault]:
    """Yield what is wrong with an argument that specifies an encoding; any other JSON value is valid."""
    encoding = _encoding(value)
    if not encoding:
        return
    if encoding not in _KEYS:
        near = spelling.nearest(encoding, list(_KEYS))
        known = f"known encodings: {', '.join(_KEYS)}; {_LITERAL}"
        hint = f"did you mean {near!r}? Otherwise, {_LITERAL}" if near else known
        yield faults.Fault(path=("encoding",), message=f"unknown encoding {encoding!r}", hint=hint)
        return
    required = _KEYS[encoding]
    for key in sorted(required - value.keys()):
        more = _UNTYPED if key == "message_type" else ""
        yield faults.Fault(message=f"a {encoding} argument requires {key!r}", hint=f"add {key}, or {_LITERAL}{more}")
    for key in value:
        if key not in required | {"encoding"}:
            yield faults.Fault(path=(key,), message=f"unknown key {key!r} in a {encoding} argument", hint=_LITERAL)
    if not isinstance(value.get("message_type", ""), str):
        yield faults.Fault(
            path=("message_type",), message="'message_type' must be text", hint="for example, acme.Order"
        )
    if "base64" in required and "base64" in value and not _is_base64(value["base64"]):
        yield faults.Fault(
            path=("base64",), message="'base64' is not valid base64", hint="encode the bytes with: base64 --wrap=0 FILE"
        )


def _encoding(value: object) -> str:
    """Return the encoding that an object specifies; empty for any other value, which is itself the argument.

    An object with exactly the keys of an encoded argument also specifies one, whatever the value of `encoding` is, so
    that a misspelled encoding does not silently become a plain object.
    """
    encoding = value.get("encoding") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(encoding, str):
        return ""
    return encoding if "/" in encoding or value.keys() - {"encoding"} in _FORMS else ""


def _is_base64(text: object) -> bool:
    if not isinstance(text, str):
        return False
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True
