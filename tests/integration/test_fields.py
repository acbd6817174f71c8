"""Every field that a charter can say, on the real server: where it drifts alone, the plan names it alone."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2
from temporalio.api.workflow.v1 import message_pb2 as workflow_pb2

from reconciler.plan import plans
from reconciler.repospec import loader
from reconciler.schedule import fields, model, ownership
from reconciler.temporal import connect, convert
from reconciler.timing import timings
from reconciler.usecases.apply import apply_plan
from reconciler.usecases.plan import read_plan
from tests.support import remote, servers
from tools import devserver

SPEC = """\
governance:
  owner: acme/app
  schedules:
    - charter: ALPHA
      cron: ["30 9 * * MON", "0 0 13 * *"]
      calendars: [{hour: 9-17, day_of_week: mon-fri}]
      intervals: [{every: 6h, offset: 15m}]
      exclude: [{month: 12, day_of_month: 24-26}]
      timezone: Europe/Berlin
      start_at: 2027-01-01T00:00:00Z
      end_at: 2037-01-01T00:00:00Z
      jitter: 90s
      entrypoint: ALPHA
      input: {model: small}
      overlap: BufferOne
      catchup_window: 1h
      pause_on_failure: true
      keep_original_workflow_id: true
      remaining_actions: 10
      note: owned by us
      workflow: Nightly
      workflow_id: nightly
      task_queue: heavy
      execution_timeout: 1d
      run_timeout: 1h
      task_timeout: 10s
      retry_policy: {initial_interval: 10s, backoff_coefficient: 2, maximum_interval: 10m, maximum_attempts: 5,
        non_retryable_errors: [Bad]}
      memo: {team: platform}
      search_attributes: {CustomKeyword: platform, CustomInt: 7, CustomDouble: 1.5, CustomBool: true,
        CustomKeywordList: [a, b], CustomText: {type: Text, value: words},
        CustomDatetime: {type: Datetime, value: "2027-01-01T00:00:00Z"}}
      priority: {key: 1, fairness_key: tenant, fairness_weight: 2.5}
      versioning_override: {deployment: reports, build_id: "1.4"}
      static_summary: A summary
      static_details: Some *details*
"""
ID = "governance:alpha"
Edit = Callable[[schedule_pb2.Schedule], None]


def on_action(edit: Callable[[workflow_pb2.NewWorkflowExecutionInfo], object]) -> Edit:
    def edited(proto: schedule_pb2.Schedule) -> None:
        edit(proto.action.start_workflow)

    return edited


def on_argument(change: Callable[[dict[str, Any]], object]) -> Edit:
    """Change the object that the workflow gets."""

    def edited(start: workflow_pb2.NewWorkflowExecutionInfo) -> None:
        argument = json.loads(start.input.payloads[0].data)
        change(argument)
        start.input.payloads[0].data = json.dumps(argument).encode()

    return on_action(edited)


def on_attribute(name: str, data: bytes) -> Edit:
    return on_action(lambda start: setattr(start.search_attributes.indexed_fields[name], "data", data))


def on_calendar(name: str, start: int, end: int) -> Edit:
    """Give a field of the calendar other numbers."""

    def edited(proto: schedule_pb2.Schedule) -> None:
        field = getattr(calendar_named(proto, ""), name)
        del field[:]
        field.append(range_of(start, end))

    return edited


def exchanged(proto: schedule_pb2.Schedule) -> None:
    """Make a keyword of the text."""
    proto.action.start_workflow.search_attributes.indexed_fields["CustomText"].metadata["type"] = b"Keyword"


def calendar_named(proto: schedule_pb2.Schedule, comment: str) -> schedule_pb2.StructuredCalendarSpec:
    return next(each for each in proto.spec.structured_calendar if each.comment == comment)


EDITS: list[tuple[str, Edit]] = [
    ("cron", lambda proto: calendar_named(proto, "30 9 * * MON").minute[0].MergeFrom(range_of(31))),
    ("calendars", lambda proto: calendar_named(proto, "").hour[0].MergeFrom(range_of(8, 17))),
    ("intervals", lambda proto: proto.spec.interval[0].interval.FromSeconds(7 * 3600)),
    ("intervals", lambda proto: proto.spec.interval[0].phase.FromSeconds(60)),
    ("exclude", lambda proto: proto.spec.ClearField("exclude_structured_calendar")),
    ("timezone", lambda proto: setattr(proto.spec, "timezone_name", "Asia/Tokyo")),
    ("start_at", lambda proto: proto.spec.start_time.FromSeconds(2_000_000_000)),
    ("end_at", lambda proto: proto.spec.ClearField("end_time")),
    ("jitter", lambda proto: proto.spec.jitter.FromSeconds(91)),
    ("overlap", lambda proto: setattr(proto.policies, "overlap_policy", 6)),
    ("catchup_window", lambda proto: proto.policies.catchup_window.FromSeconds(7200)),
    ("pause_on_failure", lambda proto: setattr(proto.policies, "pause_on_failure", False)),
    ("keep_original_workflow_id", lambda proto: setattr(proto.policies, "keep_original_workflow_id", False)),
    ("paused", lambda proto: setattr(proto.state, "paused", True)),
    ("remaining_actions", lambda proto: setattr(proto.state, "remaining_actions", 11)),
    ("remaining_actions", lambda proto: setattr(proto.state, "limited_actions", False)),
    ("note", lambda proto: setattr(proto.state, "notes", "by hand")),
    ("workflow", on_action(lambda start: setattr(start.workflow_type, "name", "Other"))),
    ("workflow_id", on_action(lambda start: setattr(start, "workflow_id", "other"))),
    ("task_queue", on_action(lambda start: setattr(start.task_queue, "name", "other"))),
    ("execution_timeout", on_action(lambda start: start.workflow_execution_timeout.FromSeconds(1))),
    ("run_timeout", on_action(lambda start: start.ClearField("workflow_run_timeout"))),
    ("task_timeout", on_action(lambda start: start.workflow_task_timeout.FromSeconds(11))),
    ("retry_policy.initial_interval", on_action(lambda start: start.retry_policy.initial_interval.FromSeconds(11))),
    (
        "retry_policy.backoff_coefficient",
        on_action(lambda start: setattr(start.retry_policy, "backoff_coefficient", 3)),
    ),
    ("retry_policy.maximum_interval", on_action(lambda start: start.retry_policy.maximum_interval.FromSeconds(601))),
    ("retry_policy.maximum_attempts", on_action(lambda start: setattr(start.retry_policy, "maximum_attempts", 6))),
    (
        "retry_policy.non_retryable_errors[1]",
        on_action(lambda start: start.retry_policy.non_retryable_error_types.append("W")),
    ),
    ("retry_policy", on_action(lambda start: start.ClearField("retry_policy"))),
    ("memo.team", on_action(lambda start: setattr(start.memo.fields["team"], "data", b'"other"'))),
    ("memo.more", on_action(lambda start: start.memo.fields["more"].MergeFrom(start.memo.fields["team"]))),
    (
        "search_attributes.CustomInt",
        on_action(lambda start: setattr(start.search_attributes.indexed_fields["CustomInt"], "data", b"8")),
    ),
    ("search_attributes.CustomKeyword", on_attribute("CustomKeyword", b'"other"')),
    ("search_attributes.CustomDouble", on_attribute("CustomDouble", b"2.5")),
    ("search_attributes.CustomBool", on_attribute("CustomBool", b"false")),
    ("search_attributes.CustomKeywordList[1]", on_attribute("CustomKeywordList", b'["a","c"]')),
    ("search_attributes.CustomText.value", on_attribute("CustomText", b'"others"')),
    ("search_attributes.CustomDatetime.value", on_attribute("CustomDatetime", b'"2028-01-01T00:00:00Z"')),
    ("search_attributes.CustomText", exchanged),
    ("calendars", on_calendar("second", 5, 5)),
    ("calendars", on_calendar("minute", 0, 30)),
    ("calendars", on_calendar("hour", 9, 18)),
    ("calendars", on_calendar("day_of_month", 1, 30)),
    ("calendars", on_calendar("month", 1, 11)),
    ("calendars", on_calendar("day_of_week", 1, 6)),
    ("calendars", on_calendar("year", 2027, 2100)),
    ("charter", on_argument(lambda argument: argument.update(charter="BETA"))),
    ("entrypoint", on_argument(lambda argument: argument.update(entrypoint="BETA"))),
    ("temporalScheduleId", on_argument(lambda argument: argument.update(temporalScheduleId="governance:beta"))),
    ("dbScheduleId", on_argument(lambda argument: argument.update(dbScheduleId="1"))),
    ("args[0].more", on_argument(lambda argument: argument.update(more=1))),
    ("owner", on_action(lambda start: start.memo.fields.pop(ownership.OWNER_MARK))),
    (
        "remaining_actions",
        on_action(lambda start: setattr(start.memo.fields["reconciler.remaining_actions"], "data", b"11")),
    ),
    ("search_attributes", on_action(lambda start: start.ClearField("search_attributes"))),
    ("priority.key", on_action(lambda start: setattr(start.priority, "priority_key", 2))),
    ("priority.fairness_key", on_action(lambda start: setattr(start.priority, "fairness_key", "other"))),
    ("priority.fairness_weight", on_action(lambda start: setattr(start.priority, "fairness_weight", 3.5))),
    (
        "versioning_override.build_id",
        on_action(lambda start: setattr(start.versioning_override.pinned.version, "build_id", "1.5")),
    ),
    ("versioning_override", on_action(lambda start: setattr(start.versioning_override, "auto_upgrade", True))),
    ("versioning_override", on_action(lambda start: start.ClearField("versioning_override"))),
    ("static_summary", on_action(lambda start: setattr(start.user_metadata.summary, "data", b'"Another"'))),
    ("static_details", on_action(lambda start: start.user_metadata.ClearField("details"))),
    (
        "input.model",
        on_action(
            lambda start: setattr(
                start.input.payloads[0], "data", start.input.payloads[0].data.replace(b"small", b"large")
            )
        ),
    ),
]


def range_of(start: int, end: int = 0) -> schedule_pb2.Range:
    return schedule_pb2.Range(start=start, end=end or start, step=1)


@pytest.fixture
async def applied(fields_server: devserver.DevServer) -> connect.Server:
    """A server on which the schedule is as declared."""
    server = await remote.connected(fields_server.address)
    live = await server.schedules.describe(ID)
    if live is None or await drifted(server):
        await apply(server)
    assert await drifted(server) == []
    return server


@pytest.fixture(scope="module")
def fields_server() -> object:
    types = {"Keyword": "Keyword", "Int": "Int", "Double": "Double", "Bool": "Bool", "Text": "Text"}
    types |= {"KeywordList": "KeywordList", "Datetime": "Datetime"}
    attributes = {f"Custom{name}": kind for name, kind in types.items()}
    with servers.running(search_attributes=attributes) as server:
        yield server


async def plan(server: connect.Server) -> plans.Plan:
    return await read_plan(loader.parse(SPEC, "spec.yaml"), server.schedules, server.target())


async def drifted(server: connect.Server) -> list[str]:
    return [field.path for change in (await plan(server)).steps for field in change.fields]


async def apply(server: connect.Server) -> None:
    outcomes = (await apply_plan(await plan(server), server.schedules, lambda _: None)).outcomes
    assert [(each.status, each.detail) for each in outcomes] == [(plans.Status.DONE, "")] * len(outcomes)


@pytest.mark.parametrize(("path", "edit"), EDITS, ids=[f"{number}-{path}" for number, (path, _) in enumerate(EDITS)])
async def test_a_field_that_drifts_alone_is_named_alone_and_mended(
    applied: connect.Server, fields_server: devserver.DevServer, path: str, edit: Edit
) -> None:
    raw = await remote.raw(fields_server.address)
    before = (await raw.describe(ID)).schedule
    proto = schedule_pb2.Schedule.FromString(before.SerializeToString())
    edit(proto)
    assert proto != before
    await raw.update(ID, proto)
    assert await drifted(applied) == [path]
    await apply(applied)
    assert await drifted(applied) == []


async def test_a_limit_that_counts_down_is_not_drift(
    applied: connect.Server, fields_server: devserver.DevServer
) -> None:
    raw = await remote.raw(fields_server.address)
    proto = (await raw.describe(ID)).schedule
    proto.state.remaining_actions = 3
    await raw.update(ID, proto)
    assert await drifted(applied) == []


async def test_a_schedule_with_any_one_key_is_created_as_declared(
    fields_server: devserver.DevServer,
) -> None:
    """Each key of the table of fields has a documented example: create, then plan is empty."""
    charters: list[dict[str, Any]] = []
    for row in fields.TABLE:
        examples = row.declared()["examples"] if "search_attributes" not in row.key else [{"CustomInt": 7}]
        for example in examples:
            name = f"{row.key}-{len(charters)}"
            starts = {} if row.key == fields.ARGUMENTS else {"entrypoint": name}
            charters.append({"charter": name, **starts, "cron": "0 3 * * *", row.key: example})
    declaration = loader.parse(json.dumps({"governance": {"prefix": "each:", "schedules": charters}}), "spec.json")
    server = await remote.connected(fields_server.address)
    target = server.target(("each:",))
    first = await read_plan(declaration, server.schedules, target)
    outcomes = (await apply_plan(first, server.schedules, lambda _: None)).outcomes
    assert [each.status for each in outcomes] == [plans.Status.DONE] * len(charters)
    assert (await read_plan(declaration, server.schedules, target)).steps == ()


def test_every_field_of_the_model_has_its_drift() -> None:
    (charter,) = loader.parse(SPEC, "spec.yaml").charters
    declared = dataclasses.replace(charter.schedule, owner="acme/app")
    changed: set[str] = set()
    for _, edit in EDITS:
        proto = convert.make(declared)
        edit(proto)
        changed |= set(differing(declared, convert.read(ID, proto)))
    assert set(leaves(model.Schedule)) - changed == {
        "Schedule.id",  # what has another id is another schedule
        "Schedule.not_secret",  # how it is shown, not what it is
        "Schedule.ignore",  # what belongs to others
        "Schedule.manual_pauses",  # how it is planned
        "Schedule.salt",  # the same
        "Schedule.seal",  # our own record of a pause
        "Schedule.memo",  # next to the message: test_own_attributes
        "Calendar.comment",  # for people: it is not compared
    }


def leaves(kind: type) -> Iterator[str]:
    """Yield each field of the model that holds no others."""
    inner = {each.__name__: each for each in (*PARTS, timings.Timing, model.Action, model.Policies)}
    for field in dataclasses.fields(kind):
        held = inner.keys() & set(re.findall(r"\w+", str(field.type)))
        if not held:
            yield f"{kind.__name__}.{field.name}"
        for name in held:
            yield from leaves(inner[name])


PARTS = (
    timings.Calendar,
    timings.Interval,
    model.RetryPolicy,
    model.Priority,
    model.VersioningOverride,
    model.Attribute,
)


def differing(left: Any, right: Any) -> Iterator[str]:
    """Yield the fields in which two parts of the model differ."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        for one, other in zip(_without(left, right), _without(right, left), strict=False):
            yield from differing(one, other)
    elif isinstance(left, Mapping) and isinstance(right, Mapping):
        for name in left.keys() & right.keys():
            yield from differing(left[name], right[name])
    elif dataclasses.is_dataclass(left) and type(left) is type(right):
        for field in dataclasses.fields(left):
            one, other = getattr(left, field.name), getattr(right, field.name)
            if one != other:
                yield f"{type(left).__name__}.{field.name}"
                yield from differing(one, other)


def _without(these: tuple[Any, ...], those: tuple[Any, ...]) -> list[Any]:
    return [each for each in these if each not in those]
