"""Between the server's schedule protos and `model.Schedule`: reading, making, and editing in place."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Literal, TypeVar

import google.protobuf.duration_pb2
import google.protobuf.message
import google.protobuf.timestamp_pb2
from temporalio.api.common.v1 import message_pb2 as common_pb2
from temporalio.api.enums.v1 import schedule_pb2 as enums_pb2
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2
from temporalio.api.workflow.v1 import message_pb2 as workflow_pb2

from reconciler import diffing, model
from reconciler.temporal import payloads
from reconciler.timing import canonical, ranges

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
_COUNT = f"{model.MEMO_PREFIX}remaining_actions"
_TEXTS: tuple[Literal["summary"], Literal["details"]] = ("summary", "details")
_FIELDS = ("second", "minute", "hour", "day_of_month", "month", "day_of_week", "year")


def read(schedule_id: str, proto: schedule_pb2.Schedule) -> model.Schedule:
    """Return what a described schedule means, in canonical form."""
    return model.Schedule(
        id=schedule_id,
        timing=_timing(proto.spec),
        action=_action(proto.action.start_workflow),
        policies=_policies(proto.policies),
        paused=proto.state.paused,
        remaining_actions=proto.state.remaining_actions if proto.state.limited_actions else None,
        counted_from=_counted_from(proto.action.start_workflow),
        note=proto.state.notes or None,
        owner=_owner(proto.action.start_workflow),
    )


def make(schedule: model.Schedule) -> schedule_pb2.Schedule:
    """Return the proto of a new schedule."""
    proto = schedule_pb2.Schedule()
    edit(proto, schedule)
    return proto


def edit(proto: schedule_pb2.Schedule, schedule: model.Schedule) -> None:
    """Make the fields that we own say what `schedule` says; every other field keeps its value.

    A part that already means the same is not touched, so that pausing a schedule changes its state alone.
    """
    if _timing(proto.spec) != schedule.timing:
        _edit_spec(proto.spec, schedule.timing)
    _edit_action(proto, schedule.action)
    if schedule.counted_from != _counted_from(proto.action.start_workflow):
        _edit_mark(proto, _COUNT, schedule.counted_from)
    if schedule.owner != _owner(proto.action.start_workflow):
        _edit_mark(proto, model.OWNER_MARK, schedule.owner)
    if _policies(proto.policies) != schedule.policies or not proto.policies.HasField("catchup_window"):
        _edit_policies(proto.policies, schedule.policies)
    proto.state.paused = schedule.paused
    proto.state.notes = schedule.note or ""
    proto.state.limited_actions = schedule.remaining_actions is not None
    proto.state.remaining_actions = schedule.remaining_actions or 0


def _edit_policies(proto: schedule_pb2.SchedulePolicies, policies: model.Policies) -> None:
    if policies.overlap is not model.Overlap.UNKNOWN:
        proto.overlap_policy = _OVERLAPS[policies.overlap]
    proto.catchup_window.FromTimedelta(policies.catchup_window)
    proto.pause_on_failure = policies.pause_on_failure
    proto.keep_original_workflow_id = policies.keep_original_workflow_id


def _timing(spec: schedule_pb2.ScheduleSpec) -> model.Timing:
    return model.Timing(
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


def _calendar(proto: schedule_pb2.StructuredCalendarSpec) -> model.Calendar:
    fields = {
        name: tuple(ranges.Range(part.start, part.end, part.step) for part in getattr(proto, name)) for name in _FIELDS
    }
    return canonical.calendar_of(fields, comment=proto.comment)


def _interval(proto: schedule_pb2.IntervalSpec) -> model.Interval:
    return model.Interval(every=proto.interval.ToTimedelta(), offset=proto.phase.ToTimedelta())


def _policies(proto: schedule_pb2.SchedulePolicies) -> model.Policies:
    window = proto.catchup_window.ToTimedelta() if proto.HasField("catchup_window") else UNSET_CATCHUP
    return model.Policies(
        overlap=_OVERLAP_WORDS.get(proto.overlap_policy, model.Overlap.UNKNOWN),
        catchup_window=max(window, model.LEAST_CATCHUP),
        pause_on_failure=proto.pause_on_failure,
        keep_original_workflow_id=proto.keep_original_workflow_id,
    )


def _action(start: workflow_pb2.NewWorkflowExecutionInfo) -> model.Action:
    return model.Action(
        workflow=start.workflow_type.name,
        task_queue=start.task_queue.name,
        workflow_id=start.workflow_id,
        arguments=tuple(map(payloads.read, start.input.payloads)),
        execution_timeout=start.workflow_execution_timeout.ToTimedelta(),
        run_timeout=start.workflow_run_timeout.ToTimedelta(),
        task_timeout=start.workflow_task_timeout.ToTimedelta(),
        retry_policy=_retry_policy(start.retry_policy) if start.HasField("retry_policy") else None,
        memo={name: payloads.read(each) for name, each in start.memo.fields.items() if _is_declarable(name)},
        search_attributes={
            name: payloads.read_attribute(each) for name, each in start.search_attributes.indexed_fields.items()
        },
        priority=model.Priority(
            key=start.priority.priority_key,
            fairness_key=start.priority.fairness_key,
            fairness_weight=model.short_float(start.priority.fairness_weight)
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
    if model.OWNER_MARK not in start.memo.fields:
        return None
    value = payloads.read(start.memo.fields[model.OWNER_MARK])
    return value if isinstance(value, str) and value else "(an owner that cannot be read)"


def _is_declarable(memo_name: str) -> bool:
    return not memo_name.startswith(model.MEMO_PREFIX)


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


def _edit_spec(spec: schedule_pb2.ScheduleSpec, timing: model.Timing) -> None:
    spec.ClearField("cron_string")
    spec.ClearField("calendar")
    spec.ClearField("exclude_calendar")
    _replace(spec.structured_calendar, map(_structured, timing.calendars))
    _replace(spec.exclude_structured_calendar, map(_structured, timing.exclude))
    _replace(
        spec.interval,
        (
            schedule_pb2.IntervalSpec(interval=_duration(each.every), phase=_duration(each.offset))
            for each in timing.intervals
        ),
    )
    spec.timezone_name = timing.timezone
    spec.ClearField("timezone_data")  # else it would count, and not the name
    spec.ClearField("start_time")
    if timing.start_at is not None:
        spec.start_time.FromDatetime(timing.start_at)
    spec.ClearField("end_time")
    if timing.end_at is not None:
        spec.end_time.FromDatetime(timing.end_at)
    spec.jitter.FromTimedelta(timing.jitter)


def _structured(calendar: model.Calendar) -> schedule_pb2.StructuredCalendarSpec:
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


def _edit_action(proto: schedule_pb2.Schedule, action: model.Action) -> None:
    live = _action(proto.action.start_workflow)
    if diffing.same_action(live, action):
        return
    start = proto.action.start_workflow
    start.workflow_id = action.workflow_id
    start.workflow_type.name = action.workflow
    start.task_queue.name = action.task_queue
    if not diffing.same_json(live.arguments, action.arguments):
        _replace(start.input.payloads, map(payloads.make, action.arguments))
    for name in ("execution_timeout", "run_timeout", "task_timeout"):
        if getattr(live, name) != getattr(action, name):
            _edit_duration(start, f"workflow_{name}", getattr(action, name))
    if live.retry_policy != action.retry_policy:
        _edit_retry_policy(start, action.retry_policy)
    _edit_map(start.memo.fields, live.memo, action.memo, payloads.make)
    _edit_map(
        start.search_attributes.indexed_fields,
        live.search_attributes,
        action.search_attributes,
        payloads.make_attribute,
    )
    if live.priority != action.priority:
        start.priority.priority_key = action.priority.key
        start.priority.fairness_key = action.priority.fairness_key
        start.priority.fairness_weight = action.priority.fairness_weight
    for name in _TEXTS:
        if not diffing.same_json(getattr(live, name), getattr(action, name)):
            start.user_metadata.ClearField(name)
            if getattr(action, name) is not None:
                getattr(start.user_metadata, name).CopyFrom(payloads.make(getattr(action, name)))


def _edit_duration(message: google.protobuf.message.Message, name: str, value: datetime.timedelta) -> None:
    message.ClearField(name)
    if value:
        getattr(message, name).FromTimedelta(value)


def _edit_retry_policy(start: workflow_pb2.NewWorkflowExecutionInfo, policy: model.RetryPolicy | None) -> None:
    if policy is None:
        start.ClearField("retry_policy")
        return
    proto = start.retry_policy
    proto.SetInParent()
    _edit_duration(proto, "initial_interval", policy.initial_interval)
    proto.backoff_coefficient = policy.backoff_coefficient
    _edit_duration(proto, "maximum_interval", policy.maximum_interval)
    proto.maximum_attempts = policy.maximum_attempts
    _replace(proto.non_retryable_error_types, policy.non_retryable_errors)


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
        if name not in live or not diffing.same_json(live[name], value):
            proto[name].CopyFrom(make(value))


def _replace(repeated: object, items: Iterable[object]) -> None:
    del repeated[:]  # type: ignore[attr-defined]
    repeated.extend(items)  # type: ignore[attr-defined]


def _duration(value: datetime.timedelta) -> google.protobuf.duration_pb2.Duration:
    proto = google.protobuf.duration_pb2.Duration()
    proto.FromTimedelta(value)
    return proto
