"""A schedule as JSON, within the documents that hold some: everything that is compared, secrets as digests."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

from reconciler import model, redacting
from reconciler.timing import calendars, canonical, durations, ranges

_SETS = ("second", "minute", "hour", "day_of_month", "month", "day_of_week", "year")


def encode(schedule: model.Schedule, *, coded: bool = False) -> dict[str, Any]:
    """Return the schedule's document; of one whose payloads a codec made (`coded`) with digests for all they say."""
    schedule = redacting.schedule(schedule, coded=coded)
    timing, action = schedule.timing, schedule.action
    return {
        "id": schedule.id,
        "timing": {
            "calendars": [_calendar(each) for each in timing.calendars],
            "intervals": [{"every": _text(each.every), "offset": _text(each.offset)} for each in timing.intervals],
            "exclude": [_calendar(each) for each in timing.exclude],
            "start_at": _moment(timing.start_at) if timing.start_at else None,
            "end_at": _moment(timing.end_at) if timing.end_at else None,
            "jitter": _text(timing.jitter),
            "timezone": timing.timezone,
        },
        "action": {
            **{name: getattr(action, name) for name in ("workflow", "task_queue", "workflow_id")},
            "arguments": [_argument(each) for each in action.arguments],
            **{name: _text(getattr(action, name)) for name in _TIMEOUTS},
            "retry_policy": _retry_policy(action.retry_policy) if action.retry_policy else None,
            "memo": {name: _argument(each) for name, each in sorted(action.memo.items())},
            "search_attributes": {
                name: {"type": each.type.value, **_argument(each.value)}
                for name, each in sorted(action.search_attributes.items())
            },
            "priority": dataclasses.asdict(action.priority),
            "summary": _argument(action.summary),
            "details": _argument(action.details),
        },
        "policies": {
            "overlap": schedule.policies.overlap.value,
            "catchup_window": _text(schedule.policies.catchup_window),
            "pause_on_failure": schedule.policies.pause_on_failure,
            "keep_original_workflow_id": schedule.policies.keep_original_workflow_id,
        },
        "paused": schedule.paused,
        "remaining_actions": schedule.remaining_actions,
        "counted_from": schedule.counted_from,
        "note": schedule.note,
        "owner": schedule.owner,
        "not_secret": list(schedule.not_secret),
    }


_TIMEOUTS = ("execution_timeout", "run_timeout", "task_timeout")


def _calendar(calendar: model.Calendar) -> dict[str, Any]:
    sets = {name: [str(each) for each in ranges.compress(getattr(calendar, name))] for name in _SETS}
    return {**sets, "comment": calendar.comment}


def _retry_policy(policy: model.RetryPolicy) -> dict[str, Any]:
    said = dataclasses.asdict(policy)
    return {name: _text(value) if isinstance(value, datetime.timedelta) else value for name, value in said.items()}


def _argument(argument: model.Argument) -> dict[str, Any]:
    return dataclasses.asdict(argument) if isinstance(argument, model.Opaque) else {"json": argument}


def _text(duration: datetime.timedelta) -> str:
    return durations.render(duration)


def _moment(moment: datetime.datetime) -> str:
    return moment.isoformat()


def decode(said: Mapping[str, Any]) -> model.Schedule:
    """Return the schedule of a document; ValueError, KeyError or TypeError for a value that cannot be one."""
    timing, policies = said["timing"], said["policies"]
    return model.Schedule(
        id=said["id"],
        timing=model.Timing(
            calendars=canonical.distinct(map(_read_calendar, timing["calendars"])),
            intervals=canonical.distinct(
                model.Interval(every=_duration(each["every"]), offset=_duration(each["offset"]))
                for each in timing["intervals"]
            ),
            exclude=canonical.distinct(map(_read_calendar, timing["exclude"])),
            start_at=_read_moment(timing["start_at"]),
            end_at=_read_moment(timing["end_at"]),
            jitter=_duration(timing["jitter"]),
            timezone=timing["timezone"],
        ),
        action=_read_action(said["action"]),
        policies=model.Policies(
            overlap=model.Overlap(policies["overlap"]),
            catchup_window=_duration(policies["catchup_window"]),
            pause_on_failure=policies["pause_on_failure"],
            keep_original_workflow_id=policies["keep_original_workflow_id"],
        ),
        paused=said["paused"],
        remaining_actions=_count(said["remaining_actions"]),
        counted_from=_count(said["counted_from"]),
        note=said["note"],
        owner=said.get("owner"),
        not_secret=tuple(said.get("not_secret", ())),
    )


def _read_calendar(said: Mapping[str, Any]) -> model.Calendar:
    fields = {name: tuple(map(ranges.parse, said[name])) for name in _SETS}
    for name, parts in fields.items():
        least, greatest = calendars.FIELDS[name].lowest, calendars.FIELDS[name].highest
        if not all(least <= part.start <= part.end <= greatest for part in parts):
            raise ValueError(f"{name} must be between {least} and {greatest}")
    return canonical.calendar_of(fields, comment=said["comment"])


def _read_action(said: Mapping[str, Any]) -> model.Action:
    return model.Action(
        workflow=said["workflow"],
        task_queue=said["task_queue"],
        workflow_id=said["workflow_id"],
        arguments=tuple(map(_read_argument, said["arguments"])),
        execution_timeout=_duration(said["execution_timeout"]),
        run_timeout=_duration(said["run_timeout"]),
        task_timeout=_duration(said["task_timeout"]),
        retry_policy=_read_retry_policy(said["retry_policy"]) if said["retry_policy"] else None,
        memo={name: _read_argument(each) for name, each in said["memo"].items()},
        search_attributes={
            name: model.Attribute(type=model.AttributeType(each["type"]), value=_read_argument(each))
            for name, each in said["search_attributes"].items()
        },
        priority=_read_priority(said["priority"]),
        summary=_read_argument(said["summary"]),
        details=_read_argument(said["details"]),
    )


def _read_argument(said: Mapping[str, Any]) -> model.Argument:
    if "json" in said:
        return model.json_value(said["json"])
    return model.Opaque(encoding=said["encoding"], sha256=said["sha256"])


def _read_retry_policy(said: Mapping[str, Any]) -> model.RetryPolicy:
    return model.RetryPolicy(
        initial_interval=_duration(said["initial_interval"]),
        backoff_coefficient=float(said["backoff_coefficient"]),
        maximum_interval=_duration(said["maximum_interval"]),
        maximum_attempts=int(said["maximum_attempts"]),
        non_retryable_errors=tuple(said["non_retryable_errors"]),
    )


def _read_priority(said: Mapping[str, Any]) -> model.Priority:
    return model.Priority(
        key=int(said["key"]), fairness_key=said["fairness_key"], fairness_weight=float(said["fairness_weight"])
    )


def _count(said: float | None) -> int | None:
    return None if said is None else int(said)  # 1.0 is an integer in JSON


def _duration(text: str) -> datetime.timedelta:
    return durations.parse(text, bounded=False)


def _read_moment(text: str | None) -> datetime.datetime | None:
    return _with_offset(text) if text else None


def moment(said: str) -> datetime.datetime:
    """Return a moment; ValueError without an offset from UTC, or beyond what a clock somewhere can show."""
    found = _with_offset(said)
    if not datetime.MINYEAR < found.year < datetime.MAXYEAR:
        raise ValueError(f"{said} is out of range")
    return found


def _with_offset(said: str) -> datetime.datetime:
    found = datetime.datetime.fromisoformat(said)
    if found.tzinfo is None:
        raise ValueError(f"{said} has no offset from UTC")
    return found
