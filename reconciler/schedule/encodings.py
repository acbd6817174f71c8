"""Workflow arguments in a spec: plain JSON, or an object that names the encoding of another payload."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler import json_values, spelling
from reconciler.schedule import faults, model

PLAIN = "json/plain"
PROTOBUF_JSON = "json/protobuf"
NULL = "binary/null"
BYTES = "binary/plain"
PROTOBUF = "binary/protobuf"

_KEYS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {  # required and optional keys next to `encoding`
    PLAIN: (frozenset({"data"}), frozenset()),
    PROTOBUF_JSON: (frozenset({"data"}), frozenset({"message_type"})),
    NULL: (frozenset(), frozenset()),
    BYTES: (frozenset({"base64"}), frozenset()),
    PROTOBUF: (frozenset({"base64"}), frozenset({"message_type"})),
}
_LITERAL = "to pass this object itself, write {encoding: json/plain, data: {…}}"


def opaque(encoding: str, data: bytes, metadata: Mapping[str, bytes] | None = None) -> model.Opaque:
    """Return a payload that is compared by its bytes: its data, encoding and `metadata`."""
    others = metadata or {}
    parts = [encoding.encode(), *(part for name in sorted(others) for part in (name.encode(), others[name])), data]
    digest = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()
    message_type = others.get("messageType", b"").decode(errors="replace")
    return model.Opaque(encoding=encoding, sha256=digest, message_type=message_type, data=data)


def parse(value: Any) -> model.AnyArgument:
    """Return the argument that a spec's value means; the value must have passed `check`."""
    if not _names_encoding(value):
        argument: model.AnyArgument = value
        return argument
    match value["encoding"]:
        case "json/plain":
            plain: model.AnyArgument = value["data"]
            return plain
        case "json/protobuf":
            return model.Message(message_type=value.get("message_type", ""), value=value["data"])
        case "binary/null":
            return None
        case encoding:
            kind = value.get("message_type", "")
            return opaque(encoding, _decoded(value["base64"]), {"messageType": kind.encode()} if kind else {})


def words(argument: model.AnyArgument) -> json_values.Json:
    """Return an argument as a spec writes it, the inverse of `parse`; None if no spec can express it."""
    match argument:
        case model.Message():
            named = {"message_type": argument.message_type} if argument.message_type else {}
            return {"encoding": PROTOBUF_JSON, **named, "data": argument.value}
        case model.Opaque():
            return _opaque_words(argument)
        case _:
            return {"encoding": PLAIN, "data": argument} if _names_encoding(argument) else argument


def is_expressible(argument: model.AnyArgument) -> bool:
    """Return whether a spec can express the argument."""
    return not isinstance(argument, model.Opaque) or _opaque_words(argument) is not None


def _opaque_words(argument: model.Opaque) -> json_values.Json:
    if argument.data is None or argument.encoding not in {BYTES, PROTOBUF}:
        return None
    kind = argument.message_type
    if opaque(argument.encoding, argument.data, {"messageType": kind.encode()} if kind else {}) != argument:
        return None  # metadata that a spec has no key for
    named = {"message_type": kind} if kind else {}
    return {"encoding": argument.encoding, **named, "base64": base64.b64encode(argument.data).decode()}


def check(value: Any) -> Iterator[faults.Fault]:
    """Yield what is wrong with an argument that names an encoding; any other JSON value is valid."""
    encoding = value.get("encoding") if isinstance(value, Mapping) else None
    if not isinstance(encoding, str) or "/" not in encoding:
        return
    if encoding not in _KEYS:
        near = spelling.nearest(encoding, list(_KEYS))
        hint = f"did you mean {near!r}? Otherwise, {_LITERAL}" if near else f"known: {', '.join(_KEYS)}; {_LITERAL}"
        yield faults.Fault(path=("encoding",), message=f"unknown encoding {encoding!r}", hint=hint)
        return
    required, optional = _KEYS[encoding]
    for key in sorted(required - value.keys()):
        yield faults.Fault(message=f"an argument in {encoding} has no {key!r}", hint=f"add {key}, or {_LITERAL}")
    for key in value:
        if key not in required | optional | {"encoding"}:
            yield faults.Fault(path=(key,), message=f"unknown key {key!r} of an argument in {encoding}", hint=_LITERAL)
    if not isinstance(value.get("message_type", ""), str):
        yield faults.Fault(path=("message_type",), message="'message_type' must be text", hint="for example acme.Order")
    if "base64" in required and "base64" in value and not _is_base64(value["base64"]):
        yield faults.Fault(
            path=("base64",), message="'base64' is not valid base64", hint="encode the bytes with: base64 --wrap=0 FILE"
        )


def _names_encoding(value: object) -> bool:
    encoding = value.get("encoding") if isinstance(value, Mapping) else None
    return isinstance(encoding, str) and "/" in encoding


def _is_base64(text: object) -> bool:
    try:
        _decoded(text)
    except (ValueError, TypeError):
        return False
    return isinstance(text, str)


def _decoded(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
