"""What a server accepts in a schedule, then refuses each time a run is due, or cannot read back.

From the server's source, 1.29 and 1.31: the checks of StartWorkflowExecution that CreateSchedule does not make. A
schedule that breaks one of them looks active and never starts a run.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Iterator, Mapping

from reconciler.spec import problems, values
from reconciler.timing import durations

LONGEST_TIMEOUT = datetime.timedelta(days=36_500)  # a longer one is stored as this
LARGE = ("input", "memo", "search_attributes", "static_summary", "static_details", "note")  # keys of any size
SCHEDULE_SIZE = 1_800_000  # bytes: V1 cannot describe a schedule of 2,000,000, V2 starts none with a memo over 2 MiB

_INITIAL_INTERVAL = datetime.timedelta(seconds=1)  # of the server, for a policy that does not name one
_LONGEST_INITIAL = datetime.timedelta(microseconds=(2**63 - 1) // 1_000 // 100)  # times 100 it fits in Go's nanoseconds
_TIMEOUT_ERROR = "TemporalTimeout:"
_TIMEOUT_TYPES = ("StartToClose", "ScheduleToStart", "ScheduleToClose", "Heartbeat")
_TIMEOUT_CONSTANTS = (
    *("TIMEOUT_TYPE_START_TO_CLOSE", "TIMEOUT_TYPE_SCHEDULE_TO_START"),
    *("TIMEOUT_TYPE_SCHEDULE_TO_CLOSE", "TIMEOUT_TYPE_HEARTBEAT"),
)
_ATTRIBUTE_SIZE = 2 * 1024  # bytes of one search attribute's value
_ATTRIBUTES_SIZE = 38_000  # bytes of all; the server's limit is 40 KiB with the two that it adds to each run
_ATTRIBUTES = 98  # how many; the server's limit is 100 with those two
_SERVERS_OWN = ("TemporalScheduledStartTime", "TemporalScheduledById", "TemporalNamespaceDivision")
_OVERHEAD = 64  # bytes of an attribute besides its name and value


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """One limit that a charter or the defaults break; `path` leads from there to the value."""

    path: values.Path
    message: str
    hint: str


def check(entry: Mapping[str, values.Value]) -> Iterator[Excess]:
    """Yield every limit that the keys of a charter, or of defaults, break; wrong shapes are left to the schema."""
    policy, attributes = entry.get("retry_policy"), entry.get("search_attributes")
    if isinstance(policy, dict) and policy.get("maximum_attempts") != 1:  # a server that never retries looks no further
        yield from _intervals(policy)
        yield from _non_retryable_errors(policy)
    if isinstance(attributes, dict):
        yield from _attributes(attributes)


def size(value: values.Value) -> int:
    """Return how many bytes a value takes on the server."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass"))


def _intervals(policy: Mapping[str, values.Value]) -> Iterator[Excess]:
    """Check the two intervals, of which the server fills in the one that is missing."""
    initial, maximum = (_duration(policy.get(key)) for key in ("initial_interval", "maximum_interval"))
    if maximum and not initial and maximum < _INITIAL_INTERVAL:
        yield Excess(
            path=("retry_policy", "maximum_interval"),
            message="the maximum interval is shorter than the initial one, which is 1s by default: no run would start",
            hint=f"make it at least 1s, or add initial_interval: {durations.render(maximum)}",
        )
    elif maximum and initial and maximum < initial:
        yield Excess(
            path=("retry_policy", "maximum_interval"),
            message="the maximum interval is shorter than the initial one: no run would start",
            hint="make it at least as long",
        )
    elif initial and not maximum and initial > _LONGEST_INITIAL:
        yield Excess(
            path=("retry_policy", "initial_interval"),
            message="the maximum interval is 100 times this one by default, which is longer than the 292 years that "
            "Temporal can hold: no run would start",
            hint="add maximum_interval",
        )


def _non_retryable_errors(policy: Mapping[str, values.Value]) -> Iterator[Excess]:
    """Check the types that stand for timeouts, which the server parses."""
    errors = policy.get("non_retryable_errors")
    for index, error in enumerate(errors if isinstance(errors, list) else []):
        if not isinstance(error, str) or not error.startswith(_TIMEOUT_ERROR):
            continue
        kind = error.removeprefix(_TIMEOUT_ERROR)
        if kind not in {*_TIMEOUT_TYPES, *_TIMEOUT_CONSTANTS}:
            near = problems.nearest(kind, _TIMEOUT_TYPES)
            yield Excess(
                path=("retry_policy", "non_retryable_errors", index),
                message=f"{error!r} does not name a type of timeout: no run would start",
                hint=f"did you mean '{_TIMEOUT_ERROR}{near}'?" if near else f"known are {', '.join(_TIMEOUT_TYPES)}",
            )


def _attributes(attributes: Mapping[str, values.Value]) -> Iterator[Excess]:
    """Check names and sizes of search attributes; the server adds two of its own to each run."""
    sizes = {name: size(_attribute(entry)) for name, entry in attributes.items()}
    for name in attributes.keys() & set(_SERVERS_OWN):
        message = f"{name!r} is the server's own: it sets it on each run, or hides the run by it"
        yield Excess(path=("search_attributes", name), message=message, hint="remove it")
    for name, count in sizes.items():
        if count > _ATTRIBUTE_SIZE:
            message = f"{name!r} is {count} bytes long as JSON, and the server accepts {_ATTRIBUTE_SIZE}"
            yield Excess(path=("search_attributes", name), message=message, hint="shorten it")
    total = sum(count + len(name.encode(errors="surrogatepass")) + _OVERHEAD for name, count in sizes.items())
    if len(sizes) > _ATTRIBUTES or total > _ATTRIBUTES_SIZE:
        yield Excess(
            path=("search_attributes",),
            message=f"{len(sizes)} search attributes of about {total:,} bytes, and a run accepts {_ATTRIBUTES} of "
            f"{_ATTRIBUTES_SIZE:,}: no run would start",
            hint="move what is not searched for to memo",
        )


def _attribute(entry: values.Value) -> values.Value:
    """Return the value of an attribute, which may be written with its type."""
    return entry.get("value") if isinstance(entry, dict) else entry


def _duration(text: values.Value) -> datetime.timedelta | None:
    try:
        return durations.parse(text) if isinstance(text, str) else None
    except ValueError:  # reported at its own place
        return None
