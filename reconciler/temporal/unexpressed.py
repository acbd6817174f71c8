"""Parts of a described schedule that `model.Schedule` cannot express, in the spec's words."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Iterator, Mapping

from google.protobuf import descriptor, duration_pb2, message, timestamp_pb2, unknown_fields
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2
from temporalio.api.taskqueue.v1 import message_pb2 as taskqueue_pb2
from temporalio.api.workflow.v1 import message_pb2 as workflow_pb2

from reconciler.schedule import fields, records, rows
from reconciler.timing import calendars

_OTHERS: Mapping[str, frozenset[str]] = {  # fields of composite rows, and those that the server fills in
    schedule_pb2.ScheduleSpec.DESCRIPTOR.full_name: frozenset({"timezone_name", "timezone_data"}),
    schedule_pb2.ScheduleState.DESCRIPTOR.full_name: frozenset({"limited_actions", "remaining_actions"}),
    workflow_pb2.NewWorkflowExecutionInfo.DESCRIPTOR.full_name: frozenset({"input"}),
    taskqueue_pb2.TaskQueue.DESCRIPTOR.full_name: frozenset({"kind"}),
}


def _expressed() -> tuple[dict[str, frozenset[str]], dict[str, str]]:
    """Return the fields of each message that the table covers, and their names in the spec."""
    expressed, words = dict(_OTHERS), {}
    for row in fields.TABLE:
        at = schedule_pb2.Schedule.DESCRIPTOR
        for name in filter(None, row.proto.split(".")):
            expressed[at.full_name] = expressed.get(at.full_name, frozenset()) | {name}
            words[name] = row.key
            at = at.fields_by_name[name].message_type or at
        if parts := _parts(row):
            expressed[at.full_name] = frozenset(parts)
            words |= parts
    return expressed, words


def _parts(row: rows.Row) -> dict[str, str]:
    """Return the fields of a row's own message, with their names in the spec; none for a payload."""
    kind = row.kind if isinstance(row, rows.Field | rows.Times) else None
    match kind.of if isinstance(kind, records.Optional) else kind:
        case records.Record(parts=parts):
            return {part.proto or part.name: part.name for part in parts}
        case records.Versioning():  # older servers have the last two instead
            return dict.fromkeys(("auto_upgrade", "pinned", "behavior", "pinned_version"), row.key)
        case records.Calendars():
            return dict.fromkeys((*calendars.FIELDS, "comment"), row.key)
        case records.Intervals():
            return {"interval": row.key, "phase": row.key}
        case _:
            return {}


_EXPRESSED, _WORDS = _expressed()
_TIMES = frozenset({duration_pb2.Duration.DESCRIPTOR.full_name, timestamp_pb2.Timestamp.DESCRIPTOR.full_name})


class _Inside(enum.Enum):
    """What a field covered by the table contains."""

    WHOLE = enum.auto()  # a value that is covered as a whole
    TIME = enum.auto()
    PARTS = enum.auto()  # messages whose fields the table covers one by one


def _insides() -> Iterator[tuple[str, dict[str, _Inside]]]:
    """Yield the name of each message, with the contents of each of its covered fields."""
    rest = [schedule_pb2.Schedule.DESCRIPTOR]
    while rest:
        at = rest.pop()
        covered = {each.name: each.message_type for each in at.fields if each.name in _EXPRESSED[at.full_name]}
        yield at.full_name, {name: _inside(of) for name, of in covered.items()}
        rest.extend(of for of in covered.values() if of and _inside(of) is _Inside.PARTS)


def _inside(of: descriptor.Descriptor | None) -> _Inside:
    if of is not None and of.full_name in _TIMES:
        return _Inside.TIME
    return _Inside.PARTS if of is not None and of.full_name in _EXPRESSED else _Inside.WHOLE


_INSIDES = dict(_insides())
_NO_KEY = "has no charter key; it is kept on this schedule, but lost if the schedule is recreated"


def texts(proto: schedule_pb2.Schedule) -> tuple[str, ...]:
    """Return a sentence for each part of the schedule that a charter cannot express."""
    return tuple(dict.fromkeys(_sentences(proto)))


def _sentences(proto: message.Message) -> Iterator[str]:
    insides = _INSIDES[proto.DESCRIPTOR.full_name]
    for field, value in proto.ListFields():
        match insides.get(field.name):
            case None if not _is_empty(value):
                yield f"{field.name} {_NO_KEY}"
            case _Inside.TIME:
                yield from _inexact(_WORDS.get(field.name, field.name), value)
            case _Inside.PARTS:
                for part in [value] if isinstance(value, message.Message) else value:
                    yield from _sentences(part)


def _is_empty(value: object) -> bool:
    """Return whether a message has no content: the server keeps an empty header if one was sent."""
    if not isinstance(value, message.Message) or not all(_is_empty(inner) for _, inner in value.ListFields()):
        return False
    return not len(unknown_fields.UnknownFieldSet(value))


def _inexact(word: str, value: duration_pb2.Duration | timestamp_pb2.Timestamp) -> Iterator[str]:
    """Yield a sentence for each part of a time that microseconds and the years 1 to 9999 cannot express."""
    if value.nanos % 1000:
        yield f"the nanoseconds of {word} cannot be expressed, and are lost when this value is changed"
    if isinstance(value, timestamp_pb2.Timestamp):
        try:
            value.ToDatetime(tzinfo=datetime.UTC)
        except (ValueError, OverflowError):
            yield f"{word} is outside the years 1 to 9999, and is reported as the nearest possible time"
