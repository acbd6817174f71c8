"""Between the server's schedule protos and `model.Schedule`: reading, making, and editing in place."""

from __future__ import annotations

import datetime
import functools
import math
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any, Literal, TypeVar

import google.protobuf.duration_pb2
import google.protobuf.message
import google.protobuf.timestamp_pb2
from temporalio.api.common.v1 import message_pb2 as common_pb2
from temporalio.api.enums.v1 import schedule_pb2 as enums_pb2
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2
from temporalio.api.workflow.v1 import message_pb2 as workflow_pb2

from reconciler import json_values
from reconciler.plan import diff
from reconciler.schedule import fields, kinds, model, ownership, rows
from reconciler.temporal import payloads
from reconciler.timing import canonical, ranges, timings

T = TypeVar("T")

UNSET_CATCHUP = datetime.timedelta(days=365)

_OVERLAPS = {
    model.Overlap.SKIP: enums_pb2.SCHEDULE_OVERLAP_POLICY_SKIP,
    model.Overlap.BUFFER_ONE: enums_pb2.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE,
    model.Overlap.BUFFER_ALL: enums_pb2.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL,
    model.Overlap.CANCEL_OTHER: enums_pb2.SCHEDULE_OVERLAP_POLICY_CANCEL_OTHER,
    model.Overlap.TERMINATE_OTHER: enums_pb2.SCHEDULE_OVERLAP_POLICY_TERMINATE_OTHER,
    model.Overlap.ALLOW_ALL: enums_pb2.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL,
}
_OVERLAP_WORDS = {proto: overlap for overlap, proto in _OVERLAPS.items()} | {
    enums_pb2.SCHEDULE_OVERLAP_POLICY_UNSPECIFIED: model.Overlap.SKIP
}
_NO_NUMBER = -1.0  # for NaN and infinity, which no JSON holds and which are not even equal to themselves
_COUNT = f"{ownership.MEMO_PREFIX}remaining_actions"
_TEXTS: tuple[Literal["summary"], Literal["details"]] = ("summary", "details")
_FIELDS = ("second", "minute", "hour", "day_of_month", "month", "day_of_week", "year")


def read(schedule_id: str, proto: schedule_pb2.Schedule) -> model.Schedule:
    """Return what a described schedule means, in canonical form."""
    plain = _plain(proto)
    return model.Schedule(
        id=schedule_id,
        timing=_timing(proto.spec),
        action=_action(proto.action.start_workflow, plain["action"]),
        policies=_policies(proto.policies, plain["policies"]),
        paused=proto.state.paused,
        remaining_actions=proto.state.remaining_actions if proto.state.limited_actions else None,
        counted_from=_counted_from(proto.action.start_workflow),
        note=proto.state.notes or None,
        owner=_owner(proto.action.start_workflow),
        seal=_seal(proto.action.start_workflow),
    )


def make(schedule: model.Schedule) -> schedule_pb2.Schedule:
    """Return the proto of a new schedule; what an edit would leave to the server's defaults is said as well."""
    proto = schedule_pb2.Schedule()
    proto.spec.timezone_name = schedule.timing.timezone
    if schedule.policies.overlap is not model.Overlap.UNKNOWN:
        proto.policies.overlap_policy = _OVERLAPS[schedule.policies.overlap]
    proto.policies.catchup_window.FromTimedelta(schedule.policies.catchup_window)
    edit(proto, schedule)
    return proto


def edit(proto: schedule_pb2.Schedule, schedule: model.Schedule) -> None:
    """Make the fields that we own say what `schedule` says; every other field keeps its value.

    What already means the same is not touched, down to each calendar, duration and payload: all that stands in those
    and that we do not know, fields of newer servers and fractions of a microsecond, is kept.
    """
    live = read(schedule.id, proto)
    _edit_spec(proto.spec, live.timing, schedule.timing)
    if not diff.same_action(live.action, schedule.action):
        _edit_action(proto.action.start_workflow, live.action, schedule.action)
    if schedule.counted_from != live.counted_from:
        _edit_mark(proto, _COUNT, schedule.counted_from)
    if schedule.owner != live.owner:
        _edit_mark(proto, ownership.OWNER_MARK, schedule.owner)
    if schedule.seal != live.seal:
        _edit_mark(proto, ownership.SEAL_MARK, schedule.seal)
    _edit_policies(proto.policies, live.policies, schedule.policies)
    for row in _PLAIN:
        message, name = _field(proto, row)
        edit_field = _edit_duration if isinstance(row.kind, kinds.Duration) else _edit_plain
        edit_field(message, name, row.at.get(live), row.at.get(schedule))
    if live.paused != schedule.paused:
        proto.state.paused = schedule.paused
    if live.note != schedule.note:
        proto.state.notes = schedule.note or ""
    if live.remaining_actions != schedule.remaining_actions:
        proto.state.limited_actions = schedule.remaining_actions is not None
        proto.state.remaining_actions = schedule.remaining_actions or 0


@functools.lru_cache(maxsize=20_000)
def timing(spec: bytes) -> timings.Timing:
    """Return the times of a serialized spec; a listing names the same ones over and over."""
    return _timing(schedule_pb2.ScheduleSpec.FromString(spec))


_PLAIN = tuple(row for row in fields.TABLE if isinstance(row, rows.Field) and row.proto)


def _plain(proto: schedule_pb2.Schedule) -> dict[str, dict[str, Any]]:
    """Return what the groups of the model have from single fields of the message, by attribute."""
    found: dict[str, dict[str, Any]] = {group: {} for group in rows.GROUPS}
    for row in _PLAIN:
        group, attribute = row.at.path
        message, name = _field(proto, row)
        value = getattr(message, name)
        found[group][attribute] = value.ToTimedelta() if isinstance(row.kind, kinds.Duration) else value
    return found


def _field(proto: schedule_pb2.Schedule, row: rows.Row) -> tuple[google.protobuf.message.Message, str]:
    """Return the message and the name of a row's field in it."""
    *path, name = row.proto.split(".")
    message: google.protobuf.message.Message = proto
    for each in path:
        message = getattr(message, each)
    return message, name


def _edit_policies(proto: schedule_pb2.SchedulePolicies, live: model.Policies, wanted: model.Policies) -> None:
    if live.overlap is not wanted.overlap and wanted.overlap is not model.Overlap.UNKNOWN:
        proto.overlap_policy = _OVERLAPS[wanted.overlap]
    if live.catchup_window != wanted.catchup_window:
        proto.catchup_window.FromTimedelta(wanted.catchup_window)


def _edit_plain(proto: google.protobuf.message.Message, name: str, live: object, wanted: object) -> None:
    if live != wanted:
        setattr(proto, name, wanted)


def _timing(spec: schedule_pb2.ScheduleSpec) -> timings.Timing:
    return timings.Timing(
        calendars=canonical.distinct(map(_calendar, spec.structured_calendar)),
        intervals=canonical.distinct(map(_interval, spec.interval)),
        exclude=canonical.distinct(map(_calendar, spec.exclude_structured_calendar)),
        start_at=_moment(spec.start_time) if spec.HasField("start_time") else None,
        end_at=_moment(spec.end_time) if spec.HasField("end_time") else None,
        jitter=spec.jitter.ToTimedelta(),
        timezone=f"{spec.timezone_name} (with its own data)" if spec.timezone_data else spec.timezone_name or "UTC",
    )


def _moment(stamp: google.protobuf.timestamp_pb2.Timestamp) -> datetime.datetime:
    """Return the moment; one that no calendar of ours has is the first or the last that it has."""
    try:
        return stamp.ToDatetime(tzinfo=datetime.UTC)
    except (ValueError, OverflowError):
        beyond = datetime.datetime.max if stamp.seconds > 0 else datetime.datetime.min
        return beyond.replace(tzinfo=datetime.UTC)


def _calendar(proto: schedule_pb2.StructuredCalendarSpec) -> timings.Calendar:
    fields = {
        name: tuple(ranges.Range(part.start, part.end, part.step) for part in getattr(proto, name)) for name in _FIELDS
    }
    return canonical.calendar_of(fields, comment=proto.comment)


def _interval(proto: schedule_pb2.IntervalSpec) -> timings.Interval:
    return timings.Interval(every=proto.interval.ToTimedelta(), offset=proto.phase.ToTimedelta())


def _policies(proto: schedule_pb2.SchedulePolicies, plain: Mapping[str, Any]) -> model.Policies:
    window = proto.catchup_window.ToTimedelta() if proto.HasField("catchup_window") else UNSET_CATCHUP
    return model.Policies(
        overlap=_OVERLAP_WORDS.get(proto.overlap_policy, model.Overlap.UNKNOWN),
        catchup_window=max(window, model.LEAST_CATCHUP),
        **plain,
    )


def _action(start: workflow_pb2.NewWorkflowExecutionInfo, plain: Mapping[str, Any]) -> model.Action:
    return model.Action(
        **plain,
        arguments=tuple(map(payloads.read, start.input.payloads)),
        retry_policy=_retry_policy(start.retry_policy) if start.HasField("retry_policy") else None,
        memo={name: payloads.read(each) for name, each in sorted(start.memo.fields.items()) if _is_declarable(name)},
        search_attributes={
            name: payloads.read_attribute(each) for name, each in sorted(start.search_attributes.indexed_fields.items())
        },
        priority=model.Priority(
            key=start.priority.priority_key,
            fairness_key=start.priority.fairness_key,
            fairness_weight=json_values.short_float(start.priority.fairness_weight)
            if math.isfinite(start.priority.fairness_weight)
            else _NO_NUMBER,
        ),
        summary=_text(start, "summary"),
        details=_text(start, "details"),
    )


def _counted_from(start: workflow_pb2.NewWorkflowExecutionInfo) -> int | None:
    """Return where the count of remaining actions was declared to start; the runs' memo remembers it."""
    value = payloads.read(start.memo.fields[_COUNT]) if _COUNT in start.memo.fields else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _owner(start: workflow_pb2.NewWorkflowExecutionInfo) -> str | None:
    """Return the owner's mark; one that cannot be read is somebody's all the same."""
    if ownership.OWNER_MARK not in start.memo.fields:
        return None
    value = payloads.read(start.memo.fields[ownership.OWNER_MARK])
    return value if isinstance(value, str) and value else "(an owner that cannot be read)"


def _seal(start: workflow_pb2.NewWorkflowExecutionInfo) -> str | None:
    value = payloads.read(start.memo.fields[ownership.SEAL_MARK]) if ownership.SEAL_MARK in start.memo.fields else None
    return value if isinstance(value, str) else None


def _is_declarable(memo_name: str) -> bool:
    return not memo_name.startswith(ownership.MEMO_PREFIX)


def _text(start: workflow_pb2.NewWorkflowExecutionInfo, name: Literal["summary", "details"]) -> model.Argument:
    return payloads.read(getattr(start.user_metadata, name)) if start.user_metadata.HasField(name) else None


def _retry_policy(proto: common_pb2.RetryPolicy) -> model.RetryPolicy:
    return model.RetryPolicy(
        initial_interval=proto.initial_interval.ToTimedelta(),
        backoff_coefficient=proto.backoff_coefficient if math.isfinite(proto.backoff_coefficient) else _NO_NUMBER,
        maximum_interval=proto.maximum_interval.ToTimedelta(),
        maximum_attempts=proto.maximum_attempts,
        non_retryable_errors=tuple(sorted(set(proto.non_retryable_error_types))),
    )


def _edit_spec(spec: schedule_pb2.ScheduleSpec, live: timings.Timing, wanted: timings.Timing) -> None:
    if live == wanted:
        return
    spec.ClearField("cron_string")
    spec.ClearField("calendar")
    spec.ClearField("exclude_calendar")
    _edit_set(spec.structured_calendar, _calendar, wanted.calendars, _structured)
    _edit_set(spec.exclude_structured_calendar, _calendar, wanted.exclude, _structured)
    _edit_set(spec.interval, _interval, wanted.intervals, _made_interval)
    if live.timezone != wanted.timezone:
        spec.timezone_name = wanted.timezone
        spec.ClearField("timezone_data")  # else it would count, and not the name
    if live.start_at != wanted.start_at:
        _edit_moment(spec, "start_time", wanted.start_at)
    if live.end_at != wanted.end_at:
        _edit_moment(spec, "end_time", wanted.end_at)
    if live.jitter != wanted.jitter:
        spec.jitter.FromTimedelta(wanted.jitter)


def _edit_set(repeated: Any, understand: Callable[[Any], T], wanted: Iterable[T], make: Callable[[T], object]) -> None:
    """Drop the messages that nobody wants, keep the others as they are, and add those that are missing."""
    found = [understand(proto) for proto in repeated]
    missing = [item for item in wanted if item not in found]
    for number in reversed(range(len(found))):
        if found[number] not in wanted:
            del repeated[number]
    repeated.extend(map(make, missing))


def _made_interval(interval: timings.Interval) -> schedule_pb2.IntervalSpec:
    return schedule_pb2.IntervalSpec(interval=_duration(interval.every), phase=_duration(interval.offset))


def _edit_moment(
    spec: schedule_pb2.ScheduleSpec, name: Literal["start_time", "end_time"], moment: datetime.datetime | None
) -> None:
    if moment is None:
        spec.ClearField(name)
    else:
        getattr(spec, name).FromDatetime(moment)


def _structured(calendar: timings.Calendar) -> schedule_pb2.StructuredCalendarSpec:
    proto = schedule_pb2.StructuredCalendarSpec(comment=calendar.comment)
    for name in _FIELDS:
        _replace(
            getattr(proto, name),
            (
                schedule_pb2.Range(start=part.start, end=part.end, step=part.step)
                for part in ranges.compress(getattr(calendar, name))
            ),
        )
    return proto


def _edit_mark(proto: schedule_pb2.Schedule, name: str, value: int | str | None) -> None:
    """Write one of our own names into the memo of the workflow, or remove it."""
    fields = proto.action.start_workflow.memo.fields
    fields.pop(name, None)
    if value is not None:
        fields[name].CopyFrom(payloads.make(value))


def _edit_action(start: workflow_pb2.NewWorkflowExecutionInfo, live: model.Action, wanted: model.Action) -> None:
    _edit_arguments(start.input.payloads, live.arguments, wanted.arguments)
    if live.retry_policy != wanted.retry_policy:
        _edit_retry_policy(start, live.retry_policy or model.RetryPolicy(), wanted.retry_policy)
    _edit_map(start.memo.fields, live.memo, wanted.memo, payloads.make)
    _edit_map(
        start.search_attributes.indexed_fields,
        live.search_attributes,
        wanted.search_attributes,
        payloads.make_attribute,
    )
    _edit_plain(start.priority, "priority_key", live.priority.key, wanted.priority.key)
    for name in ("fairness_key", "fairness_weight"):
        _edit_plain(start.priority, name, getattr(live.priority, name), getattr(wanted.priority, name))
    for text in _TEXTS:
        if not diff.same_json(getattr(live, text), getattr(wanted, text)):
            start.user_metadata.ClearField(text)
            if getattr(wanted, text) is not None:
                getattr(start.user_metadata, text).CopyFrom(payloads.make(getattr(wanted, text)))


def _edit_arguments(
    protos: Any,
    live: Sequence[model.Argument],
    wanted: Sequence[model.Argument],
) -> None:
    """Write the arguments that differ, each in its place; the others stay byte for byte."""
    del protos[len(wanted) :]
    for number, argument in enumerate(wanted):
        if number >= len(live):
            protos.append(payloads.make(argument))
        elif not diff.same_json(live[number], argument):
            protos[number].CopyFrom(payloads.make(argument))


def _edit_duration(
    message: google.protobuf.message.Message, name: str, live: datetime.timedelta, wanted: datetime.timedelta
) -> None:
    if live == wanted:
        return
    if wanted:
        getattr(message, name).FromTimedelta(wanted)
    else:
        message.ClearField(name)


def _edit_retry_policy(
    start: workflow_pb2.NewWorkflowExecutionInfo, live: model.RetryPolicy, wanted: model.RetryPolicy | None
) -> None:
    if wanted is None:
        start.ClearField("retry_policy")
        return
    proto = start.retry_policy
    proto.SetInParent()
    for name in ("initial_interval", "maximum_interval"):
        _edit_duration(proto, name, getattr(live, name), getattr(wanted, name))
    for name in ("backoff_coefficient", "maximum_attempts"):
        _edit_plain(proto, name, getattr(live, name), getattr(wanted, name))
    if live.non_retryable_errors != wanted.non_retryable_errors:
        _replace(proto.non_retryable_error_types, wanted.non_retryable_errors)


def _edit_map(
    proto: MutableMapping[str, common_pb2.Payload],
    live: Mapping[str, T],
    wanted: Mapping[str, T],
    make: Callable[[T], common_pb2.Payload],
) -> None:
    """Write the entries that differ and drop those that nobody wants; `live` names the ones that are ours."""
    for name in live:
        if name not in wanted:
            del proto[name]
    for name, value in wanted.items():
        if name not in live or not diff.same_json(live[name], value):
            proto[name].CopyFrom(make(value))


def _replace(repeated: object, items: Iterable[object]) -> None:
    del repeated[:]  # type: ignore[attr-defined]
    repeated.extend(items)  # type: ignore[attr-defined]


def _duration(value: datetime.timedelta) -> google.protobuf.duration_pb2.Duration:
    proto = google.protobuf.duration_pb2.Duration()
    proto.FromTimedelta(value)
    return proto
