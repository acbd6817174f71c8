"""Any schedule that a server can hold and any that a spec can declare, in the model's canonical form."""

from __future__ import annotations

import datetime
from typing import Any

from hypothesis import strategies as st

from reconciler import diffing, model
from reconciler.timing import canonical

SECOND = datetime.timedelta(seconds=1)
PATH = "spec.yaml"
TARGET = model.Target(address="localhost:7233", namespace="default")
SECRET_NAMES = ("token", "api_key", "dbPassword", "client-secret", "Authorization", "privateKey", "accesstoken")

words = st.text(min_size=1, max_size=8)
ids = st.text(st.characters(categories=["L", "M", "N", "P", "S"], include_characters=" "), min_size=1, max_size=8)
plain_words = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=8)
keys = st.one_of(words, st.sampled_from(("model", "a.b", "0", "__x", "charter", "input", *SECRET_NAMES)))
numbers = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False).map(model.json_number)
)


def json_of(texts: st.SearchStrategy[str], names: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Return values of JSON; numbers that are equal in JSON are equal here."""
    return st.recursive(
        st.one_of(st.none(), st.booleans(), numbers, texts),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
        max_leaves=6,
    )


json_values = json_of(st.text(max_size=8), keys)
json_objects = st.dictionaries(keys, json_values, max_size=4)


def _numbers(lowest: int, highest: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Return sorted sets, single numbers and whole fields often enough to matter."""
    one = st.integers(lowest, highest)
    return st.one_of(
        st.sets(one, min_size=1, max_size=8).map(lambda found: tuple(sorted(found))),
        st.builds(lambda start, step: tuple(range(start, highest + 1, step)), one, st.integers(1, 20)),
        st.just(tuple(range(lowest, highest + 1))),
    )


calendars = st.builds(
    model.Calendar,
    second=st.one_of(st.just((0,)), _numbers(0, 59)),
    minute=_numbers(0, 59),
    hour=_numbers(0, 23),
    day_of_month=_numbers(1, 31),
    month=_numbers(1, 12),
    day_of_week=_numbers(0, 6),
    year=st.one_of(st.just(()), _numbers(2000, 2100)),
    comment=st.one_of(st.just(""), st.sampled_from(("0 * * * *", "@daily")), st.text(max_size=20)),
)
durations = st.timedeltas(min_value=datetime.timedelta(0), max_value=datetime.timedelta(days=100_000))


@st.composite
def intervals(draw: st.DrawFn, longest: datetime.timedelta = datetime.timedelta(days=1000)) -> model.Interval:
    """Return an interval of at least a second with a phase below it."""
    every = draw(st.timedeltas(min_value=SECOND, max_value=longest))
    offset = draw(st.timedeltas(min_value=datetime.timedelta(0), max_value=every - datetime.timedelta(microseconds=1)))
    return model.Interval(every=every, offset=offset)


moments = st.none() | st.datetimes(timezones=st.just(datetime.UTC))
timings = st.builds(
    model.Timing,
    calendars=st.lists(calendars, max_size=3).map(canonical.distinct),
    intervals=st.lists(intervals(), max_size=2).map(canonical.distinct),
    exclude=st.lists(calendars, max_size=1).map(canonical.distinct),
    start_at=moments,
    end_at=moments,
    jitter=durations,
    timezone=st.sampled_from(("UTC", "Europe/Berlin", "Asia/Tokyo")),
)
whole_seconds = st.one_of(st.just(datetime.timedelta(0)), st.integers(1, 10**6).map(lambda n: n * SECOND))
retry_policies = st.none() | st.builds(
    model.RetryPolicy,
    initial_interval=whole_seconds,
    backoff_coefficient=st.sampled_from((0.0, 1.0, 1.5, 2.0)),
    maximum_interval=whole_seconds,
    maximum_attempts=st.integers(0, 5),
    non_retryable_errors=st.sets(words, max_size=2).map(lambda found: tuple(sorted(found))),
)
attributes = st.one_of(
    st.builds(model.Attribute, type=st.just(model.AttributeType.KEYWORD), value=words),
    st.builds(model.Attribute, type=st.just(model.AttributeType.TEXT), value=words),
    st.builds(model.Attribute, type=st.just(model.AttributeType.INT), value=st.integers(-100, 100)),
    st.builds(model.Attribute, type=st.just(model.AttributeType.BOOL), value=st.booleans()),
    st.builds(model.Attribute, type=st.just(model.AttributeType.KEYWORD_LIST), value=st.lists(words, max_size=2)),
)
priorities = st.builds(
    model.Priority,
    key=st.integers(0, 5),
    fairness_key=st.sampled_from(("", "tenant")),
    fairness_weight=st.sampled_from((0.0, 0.5, 2.0)),
)
policies = st.builds(
    model.Policies,
    keep_original_workflow_id=st.booleans(),
    overlap=st.sampled_from([each for each in model.Overlap if each is not model.Overlap.UNKNOWN]),
    catchup_window=durations.map(lambda window: max(window, model.LEAST_CATCHUP)),
    pause_on_failure=st.booleans(),
)
governed_arguments = st.builds(
    lambda name, given: (
        {"temporalScheduleId": name, "dbScheduleId": None, "charter": name, "entrypoint": name, "input": given},
    ),
    st.sampled_from(("a", "b")),
    json_objects,
)
arguments = st.one_of(governed_arguments, st.lists(json_values, max_size=2).map(tuple))


def schedules(
    schedule_ids: st.SearchStrategy[str], arguments: st.SearchStrategy[Any] = arguments
) -> st.SearchStrategy[model.Schedule]:
    """Return any schedules under these ids."""
    return st.builds(
        model.Schedule,
        id=schedule_ids,
        timing=timings,
        action=st.builds(
            model.Action,
            workflow=ids,
            task_queue=ids,
            workflow_id=ids,
            arguments=arguments,
            execution_timeout=whole_seconds,
            run_timeout=whole_seconds,
            task_timeout=whole_seconds,
            retry_policy=retry_policies,
            memo=st.dictionaries(keys, json_values, max_size=2),
            search_attributes=st.dictionaries(words, attributes, max_size=2),
            priority=priorities,
            summary=st.none() | words,
            details=st.none() | words,
        ),
        policies=policies,
        paused=st.booleans(),
        remaining_actions=st.none() | st.integers(0, 100),
        note=st.one_of(st.none(), words, st.just(f"{model.PAUSED_BY_US}charter is not in {PATH}")),
    )


def identical(left: model.Schedule, right: model.Schedule) -> bool:
    """Tell whether two schedules are equal in Python's eyes and in JSON's, for which true is not 1."""
    return left == right and all(
        diffing.same_json(getattr(left.action, name), getattr(right.action, name))
        for name in ("arguments", "memo", "search_attributes")
    )


names = st.sampled_from([model.GOVERNANCE_PREFIX + name for name in ("a", "b", "c", "d")])
any_schedule = schedules(names)


@st.composite
def near_schedules(draw: st.DrawFn) -> tuple[model.Schedule, model.Schedule]:
    """Return two schedules of one id that differ in few of their parts, or in none."""
    left = draw(any_schedule)
    other = draw(schedules(st.just(left.id)))
    kept = {
        name: draw(st.booleans()) for name in ("timing", "action", "policies", "paused", "remaining_actions", "note")
    }
    parts = {name: getattr(left if keep else other, name) for name, keep in kept.items()}
    return left, model.Schedule(id=left.id, **parts)


def declare(schedules: list[model.Schedule]) -> model.Declaration:
    """Return a spec that declares the schedules in this order."""
    places = (model.Place(path=PATH, line=line, column=5) for line in range(3, 3 + len(schedules)))
    charters = (
        model.Charter(name=schedule.id, place=place, schedule=schedule)
        for schedule, place in zip(schedules, places, strict=True)
    )
    return model.Declaration(path=PATH, charters=tuple(charters))


def described(schedules: list[model.Schedule]) -> dict[str, model.Live]:
    """Return the schedules as a server describes them."""
    return {each.id: model.Live(schedule=each, token=b"1") for each in schedules}


def _distinct(arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[list[model.Schedule]]:
    return st.lists(schedules(names, arguments), max_size=4, unique_by=lambda schedule: schedule.id)


desired = _distinct(governed_arguments)


@st.composite
def desired_and_live(draw: st.DrawFn) -> tuple[list[model.Schedule], list[model.Schedule]]:
    """Return what a spec declares and what a server has, some of it alike."""
    wanted = draw(desired)
    found = {each.id: each for each in draw(_distinct(arguments))}
    alike = {each.id: each for each in wanted if draw(st.booleans())}
    return wanted, list((found | alike).values())
