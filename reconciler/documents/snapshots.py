"""What a plan read, as a JSON document: to plan from later, with no server and no credentials.

Secrets are redacted to digests, so that they can still be compared; `schemas/snapshot.schema.json` describes it.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping
from typing import Any

from reconciler import errors, model, published, redacting
from reconciler.timing import canonical, durations, ranges

FORMAT_VERSION = "1.0"  # a minor step adds, a major step breaks
_SETS = ("second", "minute", "hour", "day_of_month", "month", "day_of_week", "year")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The schedules of a target as they were at a moment."""

    target: model.Target
    taken_at: datetime.datetime
    schedules: tuple[model.Schedule, ...]

    @property
    def live(self) -> dict[str, model.Live]:
        """Return the schedules as a plan takes them; nothing can be written to them."""
        return {each.id: model.Live(schedule=each, token=b"") for each in self.schedules}


def dumps(snapshot: Snapshot) -> str:
    """Return the document's text, with a newline at its end."""
    document = {
        "format_version": FORMAT_VERSION,
        "taken_at": _moment(snapshot.taken_at),
        "target": dataclasses.asdict(snapshot.target),
        "schedules": [_schedule(redacting.schedule(each)) for each in sorted(snapshot.schedules, key=lambda s: s.id)],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def loads(text: str, path: str) -> Snapshot:
    """Return what a document's text holds; `errors.UsageError` when it is none, `path` being for the message."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused(path, f"not JSON ({error})") from None
    broken = next(published.violations("snapshot", document), None)
    if broken is not None:
        where = ".".join(map(str, broken.path)) or "the document"
        raise _refused(path, f"{where} does not satisfy {broken.keyword}")
    try:
        return Snapshot(
            target=model.Target(**document["target"]),
            taken_at=datetime.datetime.fromisoformat(document["taken_at"]),
            schedules=tuple(map(_read_schedule, document["schedules"])),
        )
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise _refused(path, f"a value that cannot be read ({error})") from None


def _refused(path: str, what: str) -> errors.UsageError:
    return errors.UsageError(f"{path} is no snapshot: {what}", hint="make one with reconciler snapshot --out FILE")


def _schedule(schedule: model.Schedule) -> dict[str, Any]:
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
            "memo": {name: _argument(each) for name, each in action.memo.items()},
            "search_attributes": {
                name: {"type": each.type.value, **_argument(each.value)}
                for name, each in action.search_attributes.items()
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


def _read_schedule(said: Mapping[str, Any]) -> model.Schedule:
    timing, policies = said["timing"], said["policies"]
    return model.Schedule(
        id=said["id"],
        timing=model.Timing(
            calendars=canonical.distinct(map(_read_calendar, timing["calendars"])),
            intervals=canonical.distinct(
                model.Interval(every=durations.parse(each["every"]), offset=durations.parse(each["offset"]))
                for each in timing["intervals"]
            ),
            exclude=canonical.distinct(map(_read_calendar, timing["exclude"])),
            start_at=_read_moment(timing["start_at"]),
            end_at=_read_moment(timing["end_at"]),
            jitter=durations.parse(timing["jitter"]),
            timezone=timing["timezone"],
        ),
        action=_read_action(said["action"]),
        policies=model.Policies(
            overlap=model.Overlap(policies["overlap"]),
            catchup_window=durations.parse(policies["catchup_window"]),
            pause_on_failure=policies["pause_on_failure"],
            keep_original_workflow_id=policies["keep_original_workflow_id"],
        ),
        paused=said["paused"],
        remaining_actions=said["remaining_actions"],
        counted_from=said["counted_from"],
        note=said["note"],
    )


def _read_calendar(said: Mapping[str, Any]) -> model.Calendar:
    return canonical.calendar_of(
        {name: tuple(map(ranges.parse, said[name])) for name in _SETS}, comment=said["comment"]
    )


def _read_action(said: Mapping[str, Any]) -> model.Action:
    return model.Action(
        workflow=said["workflow"],
        task_queue=said["task_queue"],
        workflow_id=said["workflow_id"],
        arguments=tuple(map(_read_argument, said["arguments"])),
        execution_timeout=durations.parse(said["execution_timeout"]),
        run_timeout=durations.parse(said["run_timeout"]),
        task_timeout=durations.parse(said["task_timeout"]),
        retry_policy=_read_retry_policy(said["retry_policy"]) if said["retry_policy"] else None,
        memo={name: _read_argument(each) for name, each in said["memo"].items()},
        search_attributes={
            name: model.Attribute(type=model.AttributeType(each["type"]), value=_read_argument(each))
            for name, each in said["search_attributes"].items()
        },
        priority=model.Priority(**said["priority"]),
        summary=_read_argument(said["summary"]),
        details=_read_argument(said["details"]),
    )


def _read_argument(said: Mapping[str, Any]) -> model.Argument:
    if "json" in said:
        value: model.Argument = said["json"]
        return value
    return model.Opaque(encoding=said["encoding"], sha256=said["sha256"])


def _read_retry_policy(said: Mapping[str, Any]) -> model.RetryPolicy:
    return model.RetryPolicy(
        initial_interval=durations.parse(said["initial_interval"]),
        backoff_coefficient=said["backoff_coefficient"],
        maximum_interval=durations.parse(said["maximum_interval"]),
        maximum_attempts=said["maximum_attempts"],
        non_retryable_errors=tuple(said["non_retryable_errors"]),
    )


def _read_moment(text: str | None) -> datetime.datetime | None:
    return datetime.datetime.fromisoformat(text) if text else None
