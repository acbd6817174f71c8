"""What a described schedule has that `model.Schedule` cannot hold, in the spec's words."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping

from google.protobuf import duration_pb2, message, timestamp_pb2, unknown_fields
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2
from temporalio.api.taskqueue.v1 import message_pb2 as taskqueue_pb2
from temporalio.api.workflow.v1 import message_pb2 as workflow_pb2

from reconciler.schedule import fields, records, rows
from reconciler.timing import calendars

_OTHERS: Mapping[str, frozenset[str]] = {  # which rows of several fields hold, and what the server fills in
    schedule_pb2.ScheduleSpec.DESCRIPTOR.full_name: frozenset({"timezone_name", "timezone_data"}),
    schedule_pb2.ScheduleState.DESCRIPTOR.full_name: frozenset({"limited_actions", "remaining_actions"}),
    workflow_pb2.NewWorkflowExecutionInfo.DESCRIPTOR.full_name: frozenset({"input"}),
    taskqueue_pb2.TaskQueue.DESCRIPTOR.full_name: frozenset({"kind"}),
}


def _held() -> tuple[dict[str, frozenset[str]], dict[str, str]]:
    """Return the fields of each message that the model holds, and the words for them, from the table."""
    held, words = dict(_OTHERS), {}
    for row in fields.TABLE:
        at = schedule_pb2.Schedule.DESCRIPTOR
        for name in filter(None, row.proto.split(".")):
            held[at.full_name] = held.get(at.full_name, frozenset()) | {name}
            words[name] = row.key
            at = at.fields_by_name[name].message_type or at
        if parts := _parts(row):
            held[at.full_name] = frozenset(parts)
            words |= parts
    return held, words


def _parts(row: rows.Row) -> dict[str, str]:
    """Return the fields of the message that holds a row's value, with the words for them; none of a payload."""
    kind = row.kind if isinstance(row, rows.Field | rows.Times) else None
    match kind.of if isinstance(kind, records.Optional) else kind:
        case records.Record(parts=parts):
            return {part.proto or part.name: part.name for part in parts}
        case records.Calendars():
            return dict.fromkeys((*calendars.FIELDS, "comment"), row.key)
        case records.Intervals():
            return {"interval": row.key, "phase": row.key}
        case _:
            return {}


_HELD, _WORDS = _held()
_STAYS = "has no charter key; it is kept on this schedule, but lost if the schedule is recreated"


def texts(proto: schedule_pb2.Schedule) -> tuple[str, ...]:
    """Return a sentence for each thing that the schedule has and a charter has no word for."""
    return tuple(dict.fromkeys(_found(proto)))


def _found(proto: message.Message) -> Iterator[str]:
    held = _HELD.get(proto.DESCRIPTOR.full_name)
    for field, value in proto.ListFields():
        if _is_empty(value):
            continue
        if held is not None and field.name not in held:
            yield f"{field.name} {_STAYS}"
            continue
        for each in value if _is_repeated(value) else [value]:
            if isinstance(each, duration_pb2.Duration | timestamp_pb2.Timestamp):
                yield from _fine(_WORDS.get(field.name, field.name), each)
            elif isinstance(each, message.Message) and each.DESCRIPTOR.full_name in _HELD:
                yield from _found(each)


def _is_empty(value: object) -> bool:
    """Return whether a message has no content: the server keeps an empty header as it was sent."""
    if not isinstance(value, message.Message) or len(unknown_fields.UnknownFieldSet(value)):
        return False
    return all(_is_empty(inner) for _, inner in value.ListFields())


def _is_repeated(value: object) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str | bytes | message.Message)


def _fine(word: str, value: duration_pb2.Duration | timestamp_pb2.Timestamp) -> Iterator[str]:
    """Yield what microseconds and our calendar cannot hold of a time."""
    if value.nanos % 1000:
        yield f"the nanoseconds of {word} cannot be expressed, and are lost when a change is written to it"
    if isinstance(value, timestamp_pb2.Timestamp):
        try:
            value.ToDatetime(tzinfo=datetime.UTC)
        except (ValueError, OverflowError):
            yield f"{word} is beyond the years 1 to 9999, and is reported as the latest possible one"
