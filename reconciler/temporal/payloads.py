"""Between payloads and decoded values: JSON by what it means, whichever SDK wrote it; everything else by its bytes."""

from __future__ import annotations

import hashlib
import json

from temporalio.api.common.v1 import message_pb2 as common_pb2

from reconciler import json_values
from reconciler.schedule import model

_JSON = {"json/plain", "json/protobuf"}
STANDARD = {*_JSON, "binary/null", "binary/plain", "binary/protobuf"}  # encodings of the SDKs' own converters


def read(payload: common_pb2.Payload) -> model.Argument:
    """Decode a JSON payload; whatever else it is stays opaque, known by its encoding and bytes."""
    encoding = payload.metadata.get("encoding", b"").decode(errors="replace")
    if encoding == "binary/null":
        return None
    if encoding in _JSON:
        try:
            return json_values.canonical(json.loads(payload.data))
        except (ValueError, RecursionError):  # not JSON that can be compared: known by its bytes
            encoding = f"malformed {encoding}"
    digest = hashlib.sha256(payload.SerializeToString(deterministic=True)).hexdigest()
    return model.Opaque(encoding=encoding or "raw", sha256=digest)


def make(argument: model.Argument) -> common_pb2.Payload:
    """Return the JSON payload of a value."""
    if isinstance(argument, model.Opaque):
        raise TypeError("an opaque argument is only ever kept, never written")
    text = json.dumps(argument, ensure_ascii=False, separators=(",", ":"))
    return common_pb2.Payload(metadata={"encoding": b"json/plain"}, data=text.encode())


def read_attribute(payload: common_pb2.Payload) -> model.Attribute:
    """Decode a search attribute; one without a type has that of its value."""
    value = read(payload)
    named = payload.metadata.get("type", b"").decode(errors="replace")
    known = {each.value: each for each in model.AttributeType}
    return model.Attribute(type=known.get(named) or model.attribute_type(value), value=value)


def make_attribute(attribute: model.Attribute) -> common_pb2.Payload:
    """Return the payload of a search attribute, its type beside it."""
    payload = make(attribute.value)
    payload.metadata["type"] = attribute.type.value.encode()
    return payload
