"""Between the server's schedule protos and `model.Schedule`: reading, making, and editing in place."""

from __future__ import annotations

import datetime
import hashlib
import json
import math
from collections.abc import Iterable

import google.protobuf.duration_pb2
import google.protobuf.timestamp_pb2
from temporalio.api.common.v1 import message_pb2 as common_pb2
from temporalio.api.enums.v1 import schedule_pb2 as enums_pb2
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2
from temporalio.api.workflow.v1 import message_pb2 as workflow_pb2

from reconciler import diffing, model
from reconciler.timing import canonical, ranges

UNSET_CATCHUP = datetime.timedelta(days=365)
DEPTH_LIMIT = 120  # levels of an argument that is compared; a spec has fewer

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
_FIELDS = ("second", "minute", "hour", "day_of_month", "month", "day_of_week", "year")


def read(schedule_id: str, proto: schedule_pb2.Schedule) -> model.Schedule:
    """Return what a described schedule means, in canonical form."""
    start = proto.action.start_workflow
    return model.Schedule(
        id=schedule_id,
        timing=_timing(proto.spec),
        action=model.Action(
            workflow=start.workflow_type.name,
            task_queue=start.task_queue.name,
            workflow_id=start.workflow_id,
            arguments=tuple(map(_argument, start.input.payloads)),
        ),
        policies=_policies(proto.policies),
        paused=proto.state.paused,
        note=proto.state.notes,
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
    _edit_action(proto.action.start_workflow, schedule.action)
    if _policies(proto.policies) != schedule.policies or not proto.policies.HasField("catchup_window"):
        _edit_policies(proto.policies, schedule.policies)
    proto.state.paused = schedule.paused
    proto.state.notes = schedule.note


def _edit_policies(proto: schedule_pb2.SchedulePolicies, policies: model.Policies) -> None:
    proto.overlap_policy = _OVERLAPS[policies.overlap]
    proto.catchup_window.FromTimedelta(policies.catchup_window)
    proto.pause_on_failure = policies.pause_on_failure


def _timing(spec: schedule_pb2.ScheduleSpec) -> model.Timing:
    return model.Timing(
        calendars=canonical.distinct(map(_calendar, spec.structured_calendar)),
        intervals=canonical.distinct(map(_interval, spec.interval)),
        exclude=canonical.distinct(map(_calendar, spec.exclude_structured_calendar)),
        start_at=_moment(spec.start_time) if spec.HasField("start_time") else None,
        end_at=_moment(spec.end_time) if spec.HasField("end_time") else None,
        jitter=spec.jitter.ToTimedelta(),
        timezone=spec.timezone_name or "UTC",
    )


def _moment(stamp: google.protobuf.timestamp_pb2.Timestamp) -> datetime.datetime:
    return stamp.ToDatetime(tzinfo=datetime.UTC)


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
        overlap=_OVERLAP_WORDS[proto.overlap_policy],
        catchup_window=max(window, model.LEAST_CATCHUP),
        pause_on_failure=proto.pause_on_failure,
    )


def _argument(payload: common_pb2.Payload) -> model.Argument:
    """Decode a JSON payload; whatever else it is stays opaque, known by its encoding and bytes."""
    encoding = payload.metadata.get("encoding", b"").decode(errors="replace")
    if encoding == "binary/null":
        return None
    if encoding in {"json/plain", "json/protobuf"}:
        try:
            return _as_json_means(json.loads(payload.data))
        except (ValueError, RecursionError):  # not JSON that can be compared: known by its bytes
            encoding = f"malformed {encoding}"
    digest = hashlib.sha256(payload.SerializeToString(deterministic=True)).hexdigest()
    return model.Opaque(encoding=encoding or "raw", sha256=digest)


def _as_json_means(value: model.Json, depth: int = 0) -> model.Json:
    """Return the value with its numbers in one form, whichever way an SDK wrote them.

    Raises ValueError for what no JSON document holds (NaN, infinity) and for nesting that nobody compares.
    """
    if depth > DEPTH_LIMIT:
        raise ValueError(f"nested deeper than {DEPTH_LIMIT} levels")
    match value:
        case float() if not math.isfinite(value):
            raise ValueError(f"{value} is not a JSON number")
        case float():
            return model.json_number(value)
        case dict():
            return {name: _as_json_means(inner, depth + 1) for name, inner in value.items()}
        case list():
            return [_as_json_means(inner, depth + 1) for inner in value]
        case _:
            return value


def _payload(argument: model.Argument) -> common_pb2.Payload:
    if isinstance(argument, model.Opaque):
        raise TypeError("an opaque argument is only ever kept, never written")
    text = json.dumps(argument, ensure_ascii=False, separators=(",", ":"))
    return common_pb2.Payload(metadata={"encoding": b"json/plain"}, data=text.encode())


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


def _edit_action(start: workflow_pb2.NewWorkflowExecutionInfo, action: model.Action) -> None:
    start.workflow_id = action.workflow_id
    start.workflow_type.name = action.workflow
    start.task_queue.name = action.task_queue
    if not diffing.same_json(tuple(map(_argument, start.input.payloads)), action.arguments):
        _replace(start.input.payloads, map(_payload, action.arguments))


def _replace(repeated: object, items: Iterable[object]) -> None:
    del repeated[:]  # type: ignore[attr-defined]
    repeated.extend(items)  # type: ignore[attr-defined]


def _duration(value: datetime.timedelta) -> google.protobuf.duration_pb2.Duration:
    proto = google.protobuf.duration_pb2.Duration()
    proto.FromTimedelta(value)
    return proto
