from __future__ import annotations

import dataclasses
import datetime
import uuid
from typing import Any

import pytest

from reconciler import json_values
from reconciler.plan import plans, repairs
from reconciler.platform import executions, users
from reconciler.repospec import loader, problems
from reconciler.schedule import model, observed
from reconciler.timing import timings

NOW = datetime.datetime(2026, 11, 25, 9, 0, tzinfo=datetime.UTC)
OWNER = "schedules:one"
TARGET = observed.Target(address="127.0.0.1:7233", namespace="default", prefixes=("",), owner=OWNER, of_users=True)


def row(number: int = 1, **change: Any) -> executions.UserSchedule:
    usual: dict[str, Any] = {
        "id": uuid.UUID(int=number, version=4),
        "owner": "alice",
        "cron": "0 9 * * MON-FRI",
        "timezone": "Europe/Berlin",
        "workflow": "daily-report",
        "input": {"of": "sales"},
        "enabled": True,
        "next_run_at": None,
        "revision": 1,
        "synced_revision": 0,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return executions.UserSchedule(**{**usual, **change})


def check(*, given: dict[str, Any], **messages: Any) -> timings.Timing:
    return users.charter(row(input=given, **messages)).schedule.timing


def live(schedule: model.Schedule, owner: str | None = OWNER, **change: Any) -> observed.Live:
    fields = {each: getattr(schedule, each) for each in ("id", "timing", "action", "policies", "note")}
    return observed.Live(schedule=model.Schedule(**{**fields, "owner": owner, **change}), token=b"1")


def plan(
    rows: list[executions.UserSchedule], found: list[observed.Live], *deleted: executions.UserSchedule
) -> plans.Plan:
    declared = users.declaration(rows, OWNER).declaration
    gone = {each.temporal_schedule_id for each in deleted}
    return repairs.repair(declared, gone, {each.schedule.id: each for each in found}, TARGET)


def steps(found: plans.Plan) -> list[tuple[plans.Verb, str, plans.Reason]]:
    return [(each.verb, each.id, each.reason) for each in found.steps]


def test_a_rows_schedule_is_a_charters_but_for_its_identities() -> None:
    spec = """
governance:
  schedules:
    - {charter: X, cron: "0 9 * * MON-FRI", timezone: Europe/Berlin, entrypoint: daily-report, input: {of: sales}}
"""
    (charter,) = loader.parse(spec, "spec.yaml").charters
    found = users.charter(row()).schedule
    id_ = row().temporal_schedule_id
    assert (found.id, found.action.workflow_id) == (id_, id_)
    assert found.action.arguments == (
        {
            "temporalScheduleId": id_,
            "dbScheduleId": id_,
            "charter": None,
            "entrypoint": "daily-report",
            "input": {"of": "sales"},
        },
    )
    assert (found.timing, found.policies) == (charter.schedule.timing, charter.schedule.policies)
    assert found.action.workflow == charter.schedule.action.workflow
    assert found.action.task_queue == charter.schedule.action.task_queue


@pytest.mark.parametrize(
    ("change", "key", "messages"),
    [
        ({"cron": "61 * * * *"}, "cron", "61"),
        ({"cron": "0 9 * *"}, "cron", "4"),
        ({"cron": ""}, "cron", "empty"),
        ({"timezone": "Europe/Berln"}, "timezone", "did you mean 'Europe/Berlin'"),
        ({"cron": "TZ=UTC 0 9 * * *"}, "cron", "has the time zone 'UTC'"),
        ({"workflow": ""}, "workflow", "empty"),
        ({"given": {"a": float("nan")}}, "input", "nan is not a JSON number"),
        ({"given": {"a": "\0"}}, "input", "NUL"),
        ({"given": {"\ud800": 1}}, "input", "surrogate"),
        ({"given": {"a": "\\\0"}}, "input", "NUL"),
        ({"given": {"\0": 1}}, "input", "NUL"),
        ({"workflow": "a\0b"}, "workflow", "NUL"),
        ({"workflow": ".."}, "workflow", "'..' is not a valid entrypoint"),
        ({"workflow": "."}, "workflow", "'.' is not a valid entrypoint"),
        ({"cron": "0," * 1000 + "1 * * * *"}, "cron", "longer than 2,000 characters; shorten it"),
        ({"given": {"a": [[0] * 100] * 101}}, "input", "more than 10,000 values"),
        ({"given": dict.fromkeys(map(str, range(10_001)))}, "input", "more than 10,000 values; store it elsewhere"),
    ],
)
def test_users_cannot_declare_what_charters_cannot(change: dict[str, Any], key: str, messages: str) -> None:
    usual: dict[str, Any] = {
        "cron": "0 9 * * *", "timezone": "Europe/Berlin", "workflow": "daily-report", "given": {}
    }  # fmt: skip
    with pytest.raises(problems.InvalidSpecError) as caught:
        check(**{**usual, **change})
    assert {each.place.path for each in caught.value.problems} == {key}
    assert messages in str(caught.value)


@pytest.mark.parametrize(
    ("spelled", "number"),
    [
        (-0.0, 0),
        (100.0, 100),
        (1e17, 10**17),
        (float(2**60 + 256), 1152921504606847200),  # the digits that PostgreSQL keeps of this float
        (10**20, 1e20),
        (10**300, 1e300),
        (2**64, 2**64),  # as a float it would be another number
        (10**400, 10**400),
        (-(2**63), -(2**63)),
        (0.1, 0.1),
        (True, True),
    ],
    ids=str,
)
def test_an_input_has_the_canonical_numbers_that_the_server_returns(
    spelled: json_values.Json, number: json_values.Json
) -> None:
    (argument,) = users.charter(row(input={"a": [spelled]})).schedule.action.arguments
    assert isinstance(argument, dict)
    (found,) = argument["input"]["a"]
    assert (type(found), found) == (type(number), number)
    assert json_values.canonical(found) == found


def test_the_text_of_an_escape_is_text_as_any_other() -> None:
    for text in ("\\u0000", "\\\\u0000", "a\\\\\\u0000\n"):
        check(cron="0 9 * * *", timezone="UTC", workflow="w", given={text: [text]})


def test_all_errors_are_reported_at_once() -> None:
    with pytest.raises(problems.InvalidSpecError) as caught:
        check(cron="61 25 * * *", timezone="Nowhere", workflow="w", given={})
    assert sorted(each.place.path for each in caught.value.problems) == ["cron", "cron", "timezone"]


def test_a_cron_may_name_the_zone() -> None:
    timing = check(cron="TZ=Asia/Tokyo 0 9 * * *", timezone="Asia/Tokyo", workflow="w", given={})
    assert timing.timezone == "Asia/Tokyo"


def test_a_row_that_is_no_longer_a_valid_schedule_is_named_and_left_alone() -> None:
    broken, whole = row(1, timezone="Atlantis/Old"), row(2)
    found = users.declaration([broken, whole], OWNER)
    assert [each.schedule.id for each in found.declaration.charters] == [whole.temporal_schedule_id]
    assert list(found.unread) == [broken.temporal_schedule_id]
    assert "'Atlantis/Old' is not a valid time zone" in found.unread[broken.temporal_schedule_id]


def test_several_problems_of_a_row_are_in_the_order_of_the_fields() -> None:
    broken = row(1, workflow="..", timezone="Atlantis/Old")
    with pytest.raises(problems.InvalidSpecError) as caught:
        users.charter(broken)
    first, second = caught.value.problems
    assert "'Atlantis/Old' is not a valid time zone" in first.message
    assert "'..'" in second.message


def test_rows_and_temporal_are_brought_into_line_both_ways() -> None:
    missing, drifted, same, held, deleted, orphan = (row(number) for number in range(1, 7))
    made = {each.id: users.charter(each).schedule for each in (drifted, same, held, deleted, orphan)}
    other = users.charter(row(2, cron="5 * * * *")).schedule
    found = plan(
        [missing, drifted, same, row(4, enabled=False)],
        [live(other), *(live(made[each.id]) for each in (same, held, deleted, orphan))],
        deleted,
    )
    assert steps(found) == [
        (plans.Verb.CREATE, missing.temporal_schedule_id, plans.Reason.NEW),
        (plans.Verb.UPDATE, drifted.temporal_schedule_id, plans.Reason.DIFFERENT),
        (plans.Verb.PAUSE, held.temporal_schedule_id, plans.Reason.DECLARED_PAUSED),
        (plans.Verb.PAUSE, orphan.temporal_schedule_id, plans.Reason.ORPHANED),
        (plans.Verb.DELETE, deleted.temporal_schedule_id, plans.Reason.DELETED),
    ]
    assert found.found == observed.Left(managed=5, present=5)
    (pause,) = (each for each in found.steps if each.reason is plans.Reason.ORPHANED)
    assert pause.after.note == "paused by reconciler: charter is not in the database"


@pytest.mark.parametrize("owner", [None, "schedules:two", "somebody"])
def test_what_does_not_carry_this_databases_mark_is_left_alone(owner: str | None) -> None:
    orphan, deleted = users.charter(row(1)).schedule, users.charter(row(2)).schedule
    found = plan([], [live(orphan, owner), live(deleted, owner)], row(2))
    assert (found.changes, found.found) == ((), observed.Left())


def test_another_databases_schedule_under_a_rows_id_is_not_taken() -> None:
    found = plan([row(1)], [live(users.charter(row(1)).schedule, "schedules:two")])
    assert [(each.id, each.is_blocked) for each in found.changes] == [(row(1).temporal_schedule_id, True)]


def test_an_orphan_that_is_paused_is_kept() -> None:
    found = plan([], [live(users.charter(row(1)).schedule, paused=True)])
    assert [(each.verb, each.reason) for each in found.changes] == [(plans.Verb.KEEP, plans.Reason.ORPHANED)]


def test_what_a_row_that_cannot_be_read_has_is_paused_where_the_row_is_not_enabled() -> None:
    found = users.charter(row(1)).schedule
    declared = users.declaration([row(1, timezone="Atlantis/Old", enabled=False)], OWNER).declaration
    (step,) = repairs.repair(declared, (), {found.id: live(found)}, TARGET, held={found.id}).steps
    assert (step.verb, step.reason) == (plans.Verb.PAUSE, plans.Reason.DECLARED_PAUSED)
    assert step.after == dataclasses.replace(
        found, owner=OWNER, paused=True, note="paused by reconciler: declared paused in the database"
    )
    assert not repairs.repair(declared, (), {found.id: live(found, paused=True)}, TARGET, held={found.id}).steps


def outline(found: executions.UserSchedule, **change: Any) -> executions.Outline:
    fields = {each.name: getattr(found, each.name) for each in dataclasses.fields(executions.Outline)}
    return executions.Outline(**{**fields, **change})


def listed(found: executions.UserSchedule, **change: Any) -> observed.Listed:
    schedule = users.charter(found).schedule
    fields = {"timing": schedule.timing, "paused": schedule.paused, "note": schedule.note}
    return observed.Listed(**{"workflow": schedule.action.workflow, **fields, **change})


@pytest.mark.parametrize("change", [{}, {"enabled": False}, {"revision": 7}, {"cron": "@every 6h/15m"}])
def test_what_a_row_asks_for_is_recognized_in_the_listing(change: dict[str, Any]) -> None:
    assert users.is_shown(outline(row(**change)), listed(row(**change)))


@pytest.mark.parametrize(
    "change",
    [
        {"paused": True},
        {"note": None},
        {"note": "the disk is full"},
        {"workflow": "Other"},
        {"timing": users.charter(row(cron="5 * * * *")).schedule.timing},
        {"timing": users.charter(row(timezone="UTC")).schedule.timing},
    ],
    ids=str,
)
def test_whatever_the_listing_shows_of_a_change_by_hand_is_seen(change: dict[str, Any]) -> None:
    assert not users.is_shown(outline(row()), listed(row(), **change))


@pytest.mark.parametrize(
    "change",
    [{"revision": 2}, {"enabled": False}, {"cron": "5 * * * *"}, {"deleted_at": NOW}, {"cron": "gone"}],
    ids=str,
)
def test_a_row_that_changed_since_is_not_shown(change: dict[str, Any]) -> None:
    assert not users.is_shown(outline(row(), **change), listed(row()))
    assert not users.is_shown(outline(row()), None)


def test_what_users_write_is_never_expanded() -> None:
    given = row(input={"path": "${HOME} $${x} ${", "id": "${id}"}, workflow="${charter}")
    (argument,) = users.charter(given).schedule.action.arguments
    assert isinstance(argument, dict)
    assert (argument["input"], argument["entrypoint"]) == (given.input, "${charter}")
