"""Any schedule that a server can hold and any that a spec can declare, in the model's canonical form."""

from __future__ import annotations

import dataclasses
import datetime
import operator
from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from reconciler import json_values
from reconciler.plan import diff
from reconciler.schedule import declarations, model, observed, ownership
from reconciler.timing import canonical, timings

SECOND = datetime.timedelta(seconds=1)
PATH = "spec.yaml"
TARGET = observed.Target(address="localhost:7233", namespace="default")
SECRET_NAMES = ("token", "api_key", "dbPassword", "client-secret", "Authorization", "privateKey", "accesstoken")

words = st.text(min_size=1, max_size=8)
ids = st.text(st.characters(categories=["L", "M", "N", "P", "S"], include_characters=" "), min_size=1, max_size=8)
plain_words = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=8)
keys = st.one_of(words, st.sampled_from(("model", "a.b", "0", "__x", "charter", "input", *SECRET_NAMES)))
numbers = st.one_of(st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False)).map(
    json_values.number
)


def json_of(texts: st.SearchStrategy[str], names: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Return values of JSON; numbers that are equal in JSON are equal here."""
    return st.recursive(
        st.one_of(st.none(), st.booleans(), numbers, texts),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
        max_leaves=6,
    )


any_json = json_of(st.text(max_size=8), keys)
json_objects = st.dictionaries(keys, any_json, max_size=4)


def _numbers(lowest: int, highest: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Return sorted sets, single numbers and whole fields often enough to matter, in few draws."""
    one = st.integers(lowest, highest)
    return st.one_of(
        one.map(lambda number: (number,)),
        st.tuples(one, one, one, one).map(lambda found: tuple(sorted(set(found)))),
        st.builds(lambda start, step: tuple(range(start, highest + 1, step)), one, st.integers(1, 20)),
        st.just(tuple(range(lowest, highest + 1))),
    )


calendars = st.builds(
    timings.Calendar,
    second=st.one_of(st.just((0,)), _numbers(0, 59)),
    minute=_numbers(0, 59),
    hour=_numbers(0, 23),
    day_of_month=_numbers(1, 31),
    month=_numbers(1, 12),
    day_of_week=_numbers(0, 6),
    year=st.one_of(st.just(()), _numbers(2000, 2100)),
    comment=st.one_of(st.just(""), st.sampled_from(("0 * * * *", "@daily")), st.text(max_size=20)),
)
MICROSECOND = datetime.timedelta(microseconds=1)


def spans(shortest: datetime.timedelta, longest: datetime.timedelta) -> st.SearchStrategy[datetime.timedelta]:
    """Return durations, whole seconds often; one number each, where `timedeltas` draws three."""
    seconds = st.integers(-(-shortest // SECOND), longest // SECOND).map(lambda count: count * SECOND)
    return seconds | st.integers(shortest // MICROSECOND, longest // MICROSECOND).map(lambda count: count * MICROSECOND)


durations = spans(datetime.timedelta(0), datetime.timedelta(days=100_000))


@st.composite
def intervals(draw: st.DrawFn, longest: datetime.timedelta = datetime.timedelta(days=1000)) -> timings.Interval:
    """Return an interval of at least a second with a phase below it."""
    every = draw(spans(SECOND, longest))
    offset = draw(st.integers(0, 10**9)) % (every // MICROSECOND) * MICROSECOND
    return timings.Interval(every=every, offset=offset)


EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
moments = st.none() | spans(
    datetime.datetime.min.replace(tzinfo=datetime.UTC) - EPOCH,
    datetime.datetime.max.replace(tzinfo=datetime.UTC) - EPOCH,
).map(lambda span: EPOCH + span)
any_timing = st.builds(
    timings.Timing,
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
arguments = st.one_of(governed_arguments, st.lists(any_json, max_size=2).map(tuple))


def schedules(
    schedule_ids: st.SearchStrategy[str], arguments: st.SearchStrategy[Any] = arguments
) -> st.SearchStrategy[model.Schedule]:
    """Return any schedules under these ids."""
    return st.builds(
        model.Schedule,
        id=schedule_ids,
        timing=any_timing,
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
            memo=st.dictionaries(keys, any_json, max_size=2),
            search_attributes=st.dictionaries(words, attributes, max_size=2),
            priority=priorities,
            summary=st.none() | words,
            details=st.none() | words,
        ),
        policies=policies,
        paused=st.booleans(),
        remaining_actions=st.none() | st.integers(0, 100),
        note=st.one_of(st.none(), words, st.just(f"{ownership.PAUSED_BY_US}charter is not in {PATH}")),
    )


def identical(left: model.Schedule, right: model.Schedule) -> bool:
    """Tell whether two schedules are equal in Python's eyes and in JSON's, for which true is not 1."""
    return left == right and all(
        diff.same_json(getattr(left.action, name), getattr(right.action, name))
        for name in ("arguments", "memo", "search_attributes")
    )


names = st.sampled_from([ownership.GOVERNANCE_PREFIX + name for name in ("a", "b", "c", "d")])
any_schedule = schedules(names)


_PARTS = {"timing": timings.Timing, "action": model.Action, "policies": model.Policies}
_FIELDS = [
    *(f"{part}.{field.name}" for part, type_ in _PARTS.items() for field in dataclasses.fields(type_)),
    *("paused", "remaining_actions", "note"),
]
_few_fields = st.sampled_from([[], _FIELDS, *([field] for field in _FIELDS)])


def _with_fields(schedule: model.Schedule, other: model.Schedule, fields: Iterable[str]) -> model.Schedule:
    """Return a schedule with some of its fields from another one."""
    for field in fields:
        part, _, inner = field.rpartition(".")
        value = operator.attrgetter(field)(other)
        changed = {part: dataclasses.replace(getattr(schedule, part), **{inner: value})} if part else {inner: value}
        schedule = dataclasses.replace(schedule, **changed)
    return schedule


def _numbered(value: Any) -> Any:
    """Return a value with 1 for true and 0 for false, which is equal for Python."""
    match value:
        case bool():
            return int(value)
        case dict():
            return {name: _numbered(inner) for name, inner in value.items()}
        case list() | tuple():
            return type(value)(map(_numbered, value))
        case _:
            return value


@st.composite
def near_schedules(draw: st.DrawFn) -> tuple[model.Schedule, model.Schedule]:
    """Return two schedules of one id that differ in few of their fields, in all or in none."""
    left = draw(any_schedule)
    right = _with_fields(left, draw(schedules(st.just(left.id))), draw(_few_fields))
    if draw(st.integers(0, 9)) == 0:
        right = dataclasses.replace(
            right, action=dataclasses.replace(right.action, arguments=_numbered(right.action.arguments))
        )
    return left, right


def declare(schedules: list[model.Schedule]) -> declarations.Declaration:
    """Return a spec that declares the schedules in this order."""
    places = (declarations.Place(path=PATH, line=line, column=5) for line in range(3, 3 + len(schedules)))
    charters = (
        declarations.Charter(name=schedule.id, place=place, schedule=schedule)
        for schedule, place in zip(schedules, places, strict=True)
    )
    return declarations.Declaration(path=PATH, charters=tuple(charters))


def described(schedules: list[model.Schedule]) -> dict[str, observed.Live]:
    """Return the schedules as a server describes them."""
    return {each.id: observed.Live(schedule=each, token=b"1") for each in schedules}


_choices = st.lists(
    st.tuples(names, st.integers(0, 2), st.integers(0, 2), _few_fields),
    max_size=4,
    unique_by=lambda choice: choice[0],
)


def _mixed(whole: list[model.Schedule], choices: list[tuple[str, int, int, list[str]]]) -> list[model.Schedule]:
    """Return schedules that are like one of some but for a few fields: drawing each by itself takes far longer."""
    return [
        dataclasses.replace(_with_fields(whole[one % len(whole)], whole[other % len(whole)], fields), id=id_)
        for id_, one, other, fields in choices
    ]


@st.composite
def several(draw: st.DrawFn) -> list[model.Schedule]:
    """Return schedules of different ids."""
    return _mixed(draw(st.lists(schedules(st.just("")), min_size=1, max_size=2)), draw(_choices))


@st.composite
def desired_and_live(draw: st.DrawFn) -> tuple[list[model.Schedule], list[model.Schedule]]:
    """Return what a spec declares and what a server has, some of it alike."""
    governed, other = draw(schedules(st.just(""), governed_arguments)), draw(schedules(st.just("")))
    also = dataclasses.replace(other, action=dataclasses.replace(other.action, arguments=draw(governed_arguments)))
    wanted = _mixed([governed, also], draw(_choices))
    found = {each.id: each for each in _mixed([governed, also, other], draw(_choices))}
    alike = {each.id: each for each in wanted if draw(st.booleans())}
    return wanted, list((found | alike).values())
