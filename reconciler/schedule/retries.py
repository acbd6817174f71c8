"""Check a retry policy as the server does, but before a run is due.

These are the checks in StartWorkflowExecution that CreateSchedule omits, from the server's source (1.29 and 1.31). A
schedule that fails one of them looks active, but never starts a run.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler import spelling
from reconciler.schedule import faults
from reconciler.timing import durations

_INITIAL_INTERVAL = datetime.timedelta(seconds=1)  # the server's default
_LONGEST_INITIAL = datetime.timedelta(
    microseconds=(2**63 - 1) // 1_000 // 100
)  # 100 times this is the longest time.Duration in Go
_TIMEOUT_ERROR = "TemporalTimeout:"
_TIMEOUT_TYPES = ("StartToClose", "ScheduleToStart", "ScheduleToClose", "Heartbeat")
_TIMEOUT_CONSTANTS = (
    *("TIMEOUT_TYPE_START_TO_CLOSE", "TIMEOUT_TYPE_SCHEDULE_TO_START"),
    *("TIMEOUT_TYPE_SCHEDULE_TO_CLOSE", "TIMEOUT_TYPE_HEARTBEAT"),
)


def check(policy: Mapping[str, Any]) -> Iterator[faults.Fault]:
    """Yield what is wrong with a retry policy; the schema reports wrong types."""
    if policy.get("maximum_attempts") != 1:  # without retries, the server checks nothing else
        yield from _intervals(policy)
        yield from _non_retryable_errors(policy)


def _intervals(policy: Mapping[str, Any]) -> Iterator[faults.Fault]:
    """Check the two intervals; the server fills in a missing one."""
    initial, maximum = (_duration(policy.get(key)) for key in ("initial_interval", "maximum_interval"))
    if maximum and not initial and maximum < _INITIAL_INTERVAL:
        yield faults.Fault(
            path=("maximum_interval",),
            message="the maximum interval is shorter than the initial one, which is 1s by default: no run would start",
            hint=f"make it at least 1s, or add initial_interval: {durations.render(maximum)}",
        )
    elif maximum and initial and maximum < initial:
        yield faults.Fault(
            path=("maximum_interval",),
            message="the maximum interval is shorter than the initial one: no run would start",
            hint="make it at least as long",
        )
    elif initial and not maximum and initial > _LONGEST_INITIAL:
        yield faults.Fault(
            path=("initial_interval",),
            message="the maximum interval defaults to 100 times this one, which exceeds the 292 years that Temporal "
            "can store: no run would start",
            hint="add maximum_interval",
        )


def _non_retryable_errors(policy: Mapping[str, Any]) -> Iterator[faults.Fault]:
    """Check the error types that denote timeouts, which the server parses."""
    errors = policy.get("non_retryable_errors")
    for index, error in enumerate(errors if isinstance(errors, list) else []):
        if not isinstance(error, str) or not error.startswith(_TIMEOUT_ERROR):
            continue
        kind = error.removeprefix(_TIMEOUT_ERROR)
        if kind not in {*_TIMEOUT_TYPES, *_TIMEOUT_CONSTANTS}:
            near = spelling.nearest(kind, _TIMEOUT_TYPES)
            yield faults.Fault(
                path=("non_retryable_errors", index),
                message=f"{error!r} does not specify a valid timeout type: no run would start",
                hint=f"did you mean '{_TIMEOUT_ERROR}{near}'?" if near else f"valid types: {', '.join(_TIMEOUT_TYPES)}",
            )


def _duration(text: Any) -> datetime.timedelta | None:
    try:
        return durations.parse(text) if isinstance(text, str) else None
    except ValueError:  # reported by the value's own check
        return None
