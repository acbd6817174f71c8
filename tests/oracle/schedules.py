"""Random schedules that a charter could declare: each field is left out, or drawn from what a server takes."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable
from typing import Any, TypeVar

from reconciler import json_values
from reconciler.schedule import model, ownership
from reconciler.timing import timings
from tests.oracle import cases

ATTRIBUTES = {
    "CustomKeyword": model.AttributeType.KEYWORD,
    "CustomText": model.AttributeType.TEXT,
    "CustomInt": model.AttributeType.INT,
    "CustomDouble": model.AttributeType.DOUBLE,
    "CustomBool": model.AttributeType.BOOL,
    "CustomKeywordList": model.AttributeType.KEYWORD_LIST,
    "CustomDatetime": model.AttributeType.DATETIME,
}
_WORDS = ("small", "large", "1", "true", "null", "", " ", "ü", "a: b", "#x", "line\nbreak", "'quoted'", '"', "~", "1e3")
_OVERLAPS = tuple(each for each in model.Overlap if each is not model.Overlap.UNKNOWN)
T = TypeVar("T")


def schedule(seed: str, name: str) -> model.Schedule:
    """Return the schedule of a seed, under the id of the charter `name`."""
    choose = random.Random(seed)  # noqa: S311  # repeatable, not secret
    schedule_id = f"{ownership.GOVERNANCE_PREFIX}{name.lower()}"
    limit = _maybe(choose, None, lambda: choose.randrange(1, 100))
    return model.Schedule(
        id=schedule_id,
        timing=_timing(choose, seed),
        action=_action(choose, schedule_id, name),
        policies=model.Policies(
            overlap=choose.choice(_OVERLAPS),
            catchup_window=_maybe(choose, model.LEAST_CATCHUP, lambda: _duration(choose, 11)),
            pause_on_failure=choose.random() < 0.3,
            keep_original_workflow_id=choose.random() < 0.3,
        ),
        paused=choose.random() < 0.3,
        remaining_actions=limit,
        counted_from=limit,
        note=_maybe(choose, None, lambda: choose.choice(_WORDS) or "a note"),
    )


def _maybe(choose: random.Random, default: T, other: Callable[[], T]) -> T:
    return other() if choose.random() < 0.3 else default


def _timing(choose: random.Random, seed: str) -> timings.Timing:
    """Return a timing that fires at some time, with jitter on some."""
    for number in range(100):
        found = cases.timing(f"{seed}/{number}")
        if found.calendars or found.intervals:
            jitter = _maybe(choose, datetime.timedelta(0), lambda: _duration(choose, 0))
            return timings.Timing(**{name: getattr(found, name) for name in _TIMES}, jitter=jitter)
    raise AssertionError("one timing in two fires")


_TIMES = ("calendars", "intervals", "exclude", "start_at", "end_at", "timezone")


def _action(choose: random.Random, schedule_id: str, name: str) -> model.Action:
    argument = {
        "temporalScheduleId": schedule_id,
        "dbScheduleId": None,
        "charter": name,
        "entrypoint": choose.choice(("RUN", "run-this", "no", "1e3")),
        "input": {choose.choice(_WORDS): _json(choose) for _ in range(choose.randrange(3))},
    }
    none = datetime.timedelta(0)
    return model.Action(
        workflow=choose.choice(("GovernanceScheduledRunWorkflow", "Nightly", "no")),
        task_queue=choose.choice(("scheduler-tasks", "heavy")),
        workflow_id=_maybe(choose, schedule_id, lambda: f"nightly-{name}"),  # a shared one would lose runs
        arguments=(argument,),
        execution_timeout=_maybe(choose, none, lambda: _timeout(choose)),
        run_timeout=_maybe(choose, none, lambda: _timeout(choose)),
        task_timeout=_maybe(choose, none, lambda: _timeout(choose)),
        retry_policy=_maybe(choose, None, lambda: _retry_policy(choose)),
        memo=_maybe(choose, {}, lambda: {choose.choice(_WORDS) or "key": _json(choose)}),
        search_attributes=_maybe(choose, {}, lambda: _attributes(choose)),
        priority=_maybe(choose, model.Priority(), lambda: _priority(choose)),
        summary=_maybe(choose, None, lambda: choose.choice(_WORDS) or "summary"),
        details=_maybe(choose, None, lambda: choose.choice(_WORDS) or "details"),
    )


def _timeout(choose: random.Random) -> datetime.timedelta:
    return choose.choice((_duration(choose, 1), model.LONGEST_TIMEOUT))


def _duration(choose: random.Random, least: int) -> datetime.timedelta:
    return datetime.timedelta(
        seconds=choose.choice((least, least + 1, 90, 3600, 86_400, choose.randrange(least, 10**6)))
    )


def _retry_policy(choose: random.Random) -> model.RetryPolicy:
    initial = choose.choice((datetime.timedelta(0), _duration(choose, 1)))
    return model.RetryPolicy(
        initial_interval=initial,
        backoff_coefficient=choose.choice((0.0, 1.0, 1.5, 2.0)),
        maximum_interval=choose.choice((datetime.timedelta(0), max(initial * 3, datetime.timedelta(seconds=1)))),
        maximum_attempts=choose.randrange(4),
        non_retryable_errors=choose.choice(((), ("Bad",), ("Bad", "TemporalTimeout:StartToClose"))),
    )


def _priority(choose: random.Random) -> model.Priority:
    return model.Priority(
        key=choose.randrange(6),
        fairness_key=choose.choice(("", "tenant", "ü" * 32)),
        fairness_weight=choose.choice((0.0, 0.5, 2)),
    )


def _attributes(choose: random.Random) -> dict[str, model.Attribute]:
    values: dict[str, Any] = {
        "CustomKeyword": choose.choice(_WORDS[:5]),
        "CustomText": "some words",
        "CustomInt": choose.randrange(-9, 9),
        "CustomDouble": choose.choice((1.5, 2)),
        "CustomBool": choose.random() < 0.5,
        "CustomKeywordList": ["a", "b"],
        "CustomDatetime": "2027-01-01T00:00:00Z",
    }
    chosen = choose.sample(sorted(values), choose.randrange(1, 4))
    return {name: model.Attribute(type=ATTRIBUTES[name], value=values[name]) for name in chosen}


def _json(choose: random.Random, depth: int = 0) -> json_values.Json:
    match choose.randrange(8 if depth < 2 else 6):
        case 0:
            return None
        case 1:
            return choose.random() < 0.5
        case 2:
            return choose.choice((0, -1, 2**53 - 1, 10**6))
        case 3:
            return choose.choice((0.5, -1.25, 1e-7, 1e300))
        case 4 | 5:
            return choose.choice(_WORDS)
        case 6:
            return [_json(choose, depth + 1) for _ in range(choose.randrange(3))]
        case _:
            return {choose.choice(_WORDS): _json(choose, depth + 1) for _ in range(choose.randrange(3))}
