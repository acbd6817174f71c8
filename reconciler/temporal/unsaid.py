"""What a described schedule has that `model.Schedule` cannot hold, in the spec's words."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping

from google.protobuf import duration_pb2, message, timestamp_pb2, unknown_fields
from temporalio.api.common.v1 import message_pb2 as common_pb2
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2
from temporalio.api.taskqueue.v1 import message_pb2 as taskqueue_pb2
from temporalio.api.workflow.v1 import message_pb2 as workflow_pb2

from reconciler.schedule import fields

_COMPOSITE: Mapping[type[message.Message], frozenset[str]] = {
    schedule_pb2.Schedule: frozenset({"spec", "action", "policies", "state"}),
    schedule_pb2.ScheduleSpec: frozenset(
        {
            *("structured_calendar", "exclude_structured_calendar", "interval", "start_time", "end_time", "jitter"),
            *("timezone_name", "timezone_data"),  # data of its own shows in the name that is compared
        }
    ),
    schedule_pb2.StructuredCalendarSpec: frozenset(
        {"second", "minute", "hour", "day_of_month", "month", "day_of_week", "year", "comment"}
    ),
    schedule_pb2.IntervalSpec: frozenset({"interval", "phase"}),
    schedule_pb2.SchedulePolicies: frozenset({"overlap_policy", "catchup_window"}),
    schedule_pb2.ScheduleState: frozenset({"notes", "paused", "limited_actions", "remaining_actions"}),
    schedule_pb2.ScheduleAction: frozenset({"start_workflow"}),
    workflow_pb2.NewWorkflowExecutionInfo: frozenset(
        {
            *("input", "memo", "search_attributes", "user_metadata"),
            *("retry_policy", "priority"),
        }
    ),
    taskqueue_pb2.TaskQueue: frozenset({"kind"}),  # the server fills it in
    common_pb2.RetryPolicy: frozenset(
        {
            *("initial_interval", "backoff_coefficient", "maximum_interval", "maximum_attempts"),
            "non_retryable_error_types",
        }
    ),
    common_pb2.Priority: frozenset({"priority_key", "fairness_key", "fairness_weight"}),
}
_WORDS = {
    "start_time": "start_at",
    "end_time": "end_at",
    "interval": "intervals",
    "phase": "intervals",
    **{row.proto.rpartition(".")[2]: row.key for row in fields.TABLE if row.proto},
}


def _held() -> dict[str, frozenset[str]]:
    """Return the fields that the model holds, by single rows of the table or by composite ones, of each message."""
    held = {kind.DESCRIPTOR.full_name: names for kind, names in _COMPOSITE.items()}
    for row in fields.TABLE:
        at = schedule_pb2.Schedule.DESCRIPTOR
        for name in filter(None, row.proto.split(".")):
            held[at.full_name] = held.get(at.full_name, frozenset()) | {name}
            at = at.fields_by_name[name].message_type or at
    return held


_HELD = _held()
_STAYS = "cannot be said; it stays with this schedule, and one made anew is without it"


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
        yield f"the nanoseconds of {word} cannot be said, and are lost when a change is written to it"
    if isinstance(value, timestamp_pb2.Timestamp):
        try:
            value.ToDatetime(tzinfo=datetime.UTC)
        except (ValueError, OverflowError):
            yield f"{word} is beyond the years 1 to 9999, and is said as the last that there is"
