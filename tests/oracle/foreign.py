"""Random schedules of other programs: any id, arguments in any encoding of an SDK, fields that no charter has."""

from __future__ import annotations

import json
import random

from temporalio.api.common.v1 import message_pb2 as common_pb2
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2

from reconciler.schedule import model
from reconciler.temporal import convert
from reconciler.timing import timings
from tests.oracle import schedules

_IDS = ("nightly-{}", "Nightly {}", "daily/{}", "report:{}", "{}", "governance:{}", "governance:Upper-{}", "ü-{}")


def schedule(seed: str, number: int) -> tuple[str, schedule_pb2.Schedule]:
    """Return the id and the message of a seed's schedule."""
    choose = random.Random(seed)  # noqa: S311  # repeatable, not secret
    declared = schedules.schedule(seed, f"S{number}")
    proto = convert.make(declared)
    start = proto.action.start_workflow
    start.workflow_id = f"run-{number}"
    if choose.random() < 0.8:
        del start.input.payloads[:]
        start.input.payloads.extend(argument(choose) for _ in range(choose.randrange(4)))
    if choose.random() < 0.2:
        start.memo.fields["sealed"].CopyFrom(_encrypted(choose))
    if choose.random() < 0.3:
        start.header.fields["trace"].CopyFrom(_payload(b"json/plain", b'"abc"'))
    if choose.random() < 0.2:
        proto.spec.jitter.nanos = 5
    return choose.choice(_IDS).format(number), proto


def own(seed: str) -> schedule_pb2.Schedule:
    """Return what a seed's schedule itself carries, in a message that has it where a run's memo and attributes are."""
    choose = random.Random(f"{seed}/own")  # noqa: S311
    drawn = schedules.schedule(f"{seed}/own", "OWN").action
    held = schedule_pb2.Schedule()
    if choose.random() < 0.6:
        source = convert.make_own(model_of(drawn))
        held.CopyFrom(source)
    if choose.random() < 0.2:
        held.action.start_workflow.memo.fields["sealed"].CopyFrom(_encrypted(choose))
    return held


def model_of(action: model.Action) -> model.Schedule:
    """Return a schedule whose own memo and search attributes are those of an action."""
    return model.Schedule(
        id="", timing=timings.Timing(), action=action, memo=action.memo, search_attributes=action.search_attributes
    )


def argument(choose: random.Random) -> common_pb2.Payload:
    """Return an argument as the Python, Go, TypeScript and Java SDKs, or an encrypting codec, write it."""
    value = choose.choice(
        (None, 7, "text", [1, "two", None], {"userId": 7, "tags": ["<a>"], "big": 2**40}, {"encoding": "text/plain"})
    )
    match choose.randrange(8):
        case 0:  # Go escapes HTML
            text = json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e")
            return _payload(b"json/plain", text.encode())
        case 1:  # Java may indent, and orders keys differently
            return _payload(b"json/plain", json.dumps(value, indent=2, sort_keys=True).encode())
        case 2:  # None, nil, undefined and null
            return _payload(b"binary/null", b"")
        case 3:  # bytes, []byte, Uint8Array and byte[]
            return _payload(b"binary/plain", choose.randbytes(choose.randrange(9)))
        case 4:
            return _payload(b"json/protobuf", b'{ "orderId": "7", "lines": [ 1 ] }', messageType=b"acme.v1.Order")
        case 5:
            return _payload(b"binary/protobuf", b"\x0a\x017", messageType=b"acme.v1.Order")
        case 6:
            return _encrypted(choose)
        case _:  # TypeScript
            return _payload(b"json/plain", json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def _encrypted(choose: random.Random) -> common_pb2.Payload:
    return _payload(b"binary/encrypted", choose.randbytes(16), **{"encryption-key-id": b"key-1"})


def _payload(encoding: bytes, data: bytes, **metadata: bytes) -> common_pb2.Payload:
    return common_pb2.Payload(metadata={"encoding": encoding, **metadata}, data=data)


def without_mark(proto: schedule_pb2.Schedule, names: tuple[str, ...]) -> schedule_pb2.Schedule:
    """Return the schedule without the memo entries that this tool adds to mark it."""
    bare = schedule_pb2.Schedule()
    bare.CopyFrom(proto)
    for name in names:
        bare.action.start_workflow.memo.fields.pop(name, None)
    return bare


ATTRIBUTES: dict[str, model.AttributeType] = schedules.ATTRIBUTES
