"""A schedule in the spec's own words, what a charter would have to say to declare it; and a lock's holder in words."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from reconciler import model
from reconciler.timing import calendars, cron, durations

_NULLABLE = ("dbScheduleId",)  # and each of the arguments
TIMES = ("cron", "calendars", "intervals", "exclude")  # sets, whatever their order in the file
ORDER = (
    *TIMES,
    *("timezone", "start_at", "end_at", "jitter"),
    *("overlap", "catchup_window", "pause_on_failure", "keep_original_workflow_id"),
    *("workflow", "task_queue", "workflow_id", "execution_timeout", "run_timeout", "task_timeout", "retry_policy"),
    *("memo", "search_attributes", "priority", "static_summary", "static_details"),
    *model.ARGUMENT_KEYS,
    *("args", "paused", "remaining_actions", "note", "owner"),
)

Fields: TypeAlias = dict[str, model.Json]
Kind: TypeAlias = Literal["cron", "calendars"]


def fields(schedule: model.Schedule, *, like: model.Timing | None = None) -> Fields:
    """Return the schedule's fields in the spec's words and order; those that say nothing are left out.

    Calendars go under `cron` or `calendars`, as they were declared in `like` (its own timing when left out).
    """
    said: Fields = {
        **_timing(schedule.timing, like or schedule.timing),
        **_policies(schedule.policies),
        **_action(schedule.action),
        **_arguments(schedule.action.arguments),
        "paused": schedule.paused,
        "remaining_actions": _count(schedule.remaining_actions, schedule.counted_from),
        "note": schedule.note,
        "owner": schedule.owner,
    }
    return {name: value for name, value in said.items() if value is not None or name in _NULLABLE or "[" in name}


def _count(left: int | None, start: int | None) -> model.Json:
    return left if left is None or start in (None, left) else {"left": left, "of": start}


def _timing(timing: model.Timing, like: model.Timing) -> Fields:
    kinds = {calendar: kind(calendar) for calendar in like.calendars}
    missing = {kinds[calendar] for calendar in like.calendars if calendar not in timing.calendars}
    other: Kind = "calendars" if (missing or set(kinds.values())) == {"calendars"} else "cron"
    by_kind: dict[Kind, list[model.Calendar]] = {"cron": [], "calendars": []}
    for calendar in timing.calendars:
        by_kind[kinds.get(calendar, other)].append(calendar)
    return {
        "cron": _one_or_many(map(cron.render, by_kind["cron"])),
        "calendars": [calendars.words(each) for each in by_kind["calendars"]] or None,
        "intervals": [_interval(each) for each in timing.intervals] or None,
        "exclude": [calendars.words(each, excludes=True) for each in timing.exclude] or None,
        "timezone": timing.timezone,
        "start_at": _moment(timing.start_at),
        "end_at": _moment(timing.end_at),
        "jitter": _duration(timing.jitter),
    }


def kind(calendar: model.Calendar) -> Kind:
    """Tell how a calendar was declared: a cron leaves its text in the comment."""
    return "cron" if cron.says(calendar.comment, calendar) else "calendars"


def _one_or_many(texts: Iterable[str]) -> model.Json:
    said = list(texts)
    return said[0] if len(said) == 1 else said or None


def _interval(interval: model.Interval) -> Fields:
    said: Fields = {"every": durations.render(interval.every)}
    return said | ({"offset": durations.render(interval.offset)} if interval.offset else {})


def _moment(moment: datetime.datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def _duration(duration: datetime.timedelta) -> str | None:
    return durations.render(duration) if duration else None


def _policies(policies: model.Policies) -> Fields:
    return {
        "overlap": policies.overlap.value,
        "catchup_window": durations.render(policies.catchup_window),
        "pause_on_failure": policies.pause_on_failure or None,
        "keep_original_workflow_id": policies.keep_original_workflow_id or None,
    }


def _action(action: model.Action) -> Fields:
    return {
        "workflow": action.workflow,
        "task_queue": action.task_queue,
        "workflow_id": action.workflow_id,
        "execution_timeout": _duration(action.execution_timeout),
        "run_timeout": _duration(action.run_timeout),
        "task_timeout": _duration(action.task_timeout),
        "retry_policy": _retry_policy(action.retry_policy) if action.retry_policy else None,
        "memo": {name: shown(value) for name, value in action.memo.items()} or None,
        "search_attributes": {name: _attribute(each) for name, each in action.search_attributes.items()} or None,
        "priority": _priority(action.priority) or None,
        "static_summary": shown(action.summary),
        "static_details": shown(action.details),
    }


def _retry_policy(policy: model.RetryPolicy) -> Fields:
    said: Fields = {
        "initial_interval": _duration(policy.initial_interval),
        "backoff_coefficient": model.json_number(policy.backoff_coefficient) or None,
        "maximum_interval": _duration(policy.maximum_interval),
        "maximum_attempts": policy.maximum_attempts or None,
        "non_retryable_errors": list(policy.non_retryable_errors) or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _attribute(attribute: model.Attribute) -> model.Json:
    """Return the value alone where its type is the one that the value has by itself."""
    value = shown(attribute.value)
    if attribute.type is model.attribute_type(attribute.value):
        return value
    return {"type": attribute.type.value, "value": value}


def _priority(priority: model.Priority) -> Fields:
    said: Fields = {
        "key": priority.key or None,
        "fairness_key": priority.fairness_key or None,
        "fairness_weight": model.json_number(priority.fairness_weight) or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _arguments(arguments: tuple[model.Argument, ...]) -> Fields:
    """Return the keys of the object that a governed workflow is given; all else under its place, as `args[1]`."""
    places: Fields = {f"args[{index}]": shown(argument) for index, argument in enumerate(arguments)}
    first = places.get("args[0]")
    if not isinstance(first, Mapping) or first.keys().isdisjoint(model.ARGUMENT_KEYS):
        return places
    named: Fields = {key: first[key] for key in model.ARGUMENT_KEYS if key in first}
    places["args[0]"] = {key: value for key, value in first.items() if key not in named}
    return named | {place: value for place, value in places.items() if place != "args[0]" or value}


class OpaqueText(str):
    """What an opaque payload is known by; of another type than a decoded text, so that the two never compare as one."""

    __slots__ = ()


def shown(argument: model.Argument) -> model.Json:
    """Return a decoded value, or what an opaque one is known by."""
    if isinstance(argument, model.Opaque):
        return OpaqueText(f"({argument.encoding} payload, sha256:{argument.sha256[:12]})")
    return argument


def holder(holder: model.Holder, now: datetime.datetime) -> str:
    """Return who holds a lock: `alice@laptop, run 123, for 2 min`."""
    run = f", run {holder.run}" if holder.run else ""
    seconds = int((now - holder.since).total_seconds()) if holder.since else None
    age = "" if seconds is None else f", for {seconds // 60} min" if seconds >= 120 else f", for {max(seconds, 0)} s"
    return f"{holder.who}{run}{age}"


LONGEST_NAME = 200  # characters of a name that somebody else gave, such as an owner's


def brief(name: str) -> str:
    """Return a name, cut when it is very long."""
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}… ({len(name)} characters)"
