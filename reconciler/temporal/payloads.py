"""Convert payloads to and from values: JSON is decoded, whichever SDK wrote it; everything else is opaque bytes."""

from __future__ import annotations

import json

from temporalio.api.common.v1 import message_pb2 as common_pb2

from reconciler import json_values
from reconciler.schedule import encodings, model

_JSON = {encodings.PLAIN, encodings.PROTOBUF_JSON}
STANDARD = {*_JSON, encodings.NULL, encodings.BYTES, encodings.PROTOBUF}  # encodings of the SDKs' own converters


def read(payload: common_pb2.Payload) -> model.Argument:
    """Decode a JSON payload; any other stays opaque, identified by its encoding and bytes."""
    encoding = payload.metadata.get("encoding", b"").decode(errors="replace")
    if encoding == encodings.NULL:
        return None
    if encoding in _JSON:
        try:
            return json_values.canonical(json.loads(payload.data))
        except (ValueError, RecursionError):  # not JSON that can be compared: identified by its bytes
            encoding = f"malformed {encoding}"
    metadata = {name: value for name, value in payload.metadata.items() if name != "encoding"}
    return encodings.opaque(encoding or "raw", payload.data, metadata)


def read_argument(payload: common_pb2.Payload) -> model.AnyArgument:
    """Decode a workflow's argument; protobuf JSON keeps its message type, which is needed to read it."""
    value = read(payload)
    if payload.metadata.get("encoding") == encodings.PROTOBUF_JSON.encode() and not isinstance(value, model.Opaque):
        return model.Message(
            message_type=payload.metadata.get("messageType", b"").decode(errors="replace"), value=value
        )
    return value


def make_argument(argument: model.AnyArgument) -> common_pb2.Payload:
    """Return the payload for a workflow's argument; TypeError for an opaque one whose bytes are unknown."""
    match argument:
        case None:
            return common_pb2.Payload(metadata={"encoding": encodings.NULL.encode()})
        case model.Message():
            payload = make(argument.value)
            payload.metadata["encoding"] = encodings.PROTOBUF_JSON.encode()
        case model.Opaque(data=bytes() as data):
            payload = common_pb2.Payload(metadata={"encoding": argument.encoding.encode()}, data=data)
        case _:
            return make(argument)
    if argument.message_type:
        payload.metadata["messageType"] = argument.message_type.encode()
    return payload


def make(argument: model.Argument) -> common_pb2.Payload:
    """Return the JSON payload for a value."""
    if isinstance(argument, model.Opaque):
        raise TypeError("an opaque argument is only ever kept, never written")
    text = json.dumps(argument, ensure_ascii=False, separators=(",", ":"))
    return common_pb2.Payload(metadata={"encoding": b"json/plain"}, data=text.encode())


def read_attribute(payload: common_pb2.Payload) -> model.Attribute:
    """Decode a search attribute; if it has no declared type, its value determines the type."""
    value = read(payload)
    named = payload.metadata.get("type", b"").decode(errors="replace")
    known = {type_.value: type_ for type_ in model.AttributeType}
    return model.Attribute(type=known.get(named) or model.attribute_type(value), value=value)


def make_attribute(attribute: model.Attribute) -> common_pb2.Payload:
    """Return the payload for a search attribute, with its type as metadata."""
    payload = make(attribute.value)
    payload.metadata["type"] = attribute.type.value.encode()
    return payload
