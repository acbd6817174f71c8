from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest

from reconciler import json_values, published
from reconciler.plan import diff, plans
from reconciler.schedule import fields, kinds, model
from tests.unit import builders

ABSENT = plans.ABSENT


def changes(live: model.Schedule, desired: model.Schedule) -> list[tuple[str, Any, Any]]:
    return [(each.path, each.old, each.new) for each in diff.diff(live, desired)]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ({"calendars": (builders.calendar("5 * * * *"),)}, ("cron", "0 * * * *", "5 * * * *")),
        ({"calendars": ()}, ("cron", "0 * * * *", ABSENT)),
        ({"intervals": (builders.interval("@every 6h"),)}, ("intervals", ABSENT, [{"every": "6h"}])),
        (
            {"exclude": (builders.calendar("0 0 * * *"),)},
            ("exclude", ABSENT, [{"second": "0", "minute": "0", "hour": "0"}]),
        ),
        ({"timezone": "Europe/Berlin"}, ("timezone", "UTC", "Europe/Berlin")),
        (
            {"start_at": datetime.datetime(2030, 1, 1, 12, tzinfo=datetime.UTC)},
            ("start_at", ABSENT, "2030-01-01T12:00:00Z"),
        ),
        (
            {"end_at": datetime.datetime(2031, 1, 1, tzinfo=datetime.UTC)},
            ("end_at", ABSENT, "2031-01-01T00:00:00Z"),
        ),
        ({"jitter": datetime.timedelta(seconds=90)}, ("jitter", ABSENT, "1m30s")),
        ({"overlap": model.Overlap.ALLOW_ALL}, ("overlap", "Skip", "AllowAll")),
        ({"catchup_window": datetime.timedelta(days=365)}, ("catchup_window", "10s", "365d")),
        ({"pause_on_failure": True}, ("pause_on_failure", ABSENT, True)),
        ({"workflow": "Other"}, ("workflow", "GovernanceScheduledRunWorkflow", "Other")),
        ({"task_queue": "other"}, ("task_queue", "scheduler-tasks", "other")),
        ({"workflow_id": "other"}, ("workflow_id", "governance:community", "other")),
        ({"input": {"model": "small"}}, ("input.model", ABSENT, "small")),
        ({"paused": True}, ("paused", False, True)),
    ],
)
def test_a_field_that_changed_is_exactly_what_is_named(field: dict[str, Any], change: tuple[str, Any, Any]) -> None:
    assert changes(builders.schedule(), builders.schedule(**field)) == [change]
    path, old, new = change
    assert changes(builders.schedule(**field), builders.schedule()) == [(path, new, old)]


def test_changes_come_in_the_order_of_the_specs_fields() -> None:
    desired = builders.schedule(
        paused=True, input={"a": 1}, task_queue="q", overlap=model.Overlap.ALLOW_ALL, timezone="Asia/Tokyo"
    )
    assert [path for path, *_ in changes(builders.schedule(), desired)] == [
        *("timezone", "overlap", "task_queue", "input.a", "paused")
    ]


@pytest.mark.parametrize("text", ["0 0-23 * * *", "0 */1 1-31 JAN-DEC 0-7", "0 * * * * # hourly"])
def test_another_text_for_the_same_times_is_not_a_change(text: str) -> None:
    assert changes(builders.schedule(calendars=(builders.calendar(text),)), builders.schedule()) == []


def test_another_text_for_the_same_times_is_not_named_next_to_changes() -> None:
    live = builders.schedule(
        calendars=(builders.calendar("0-59/15 * * * *"),), exclude=(builders.calendar("0 0 */1 * *"),), paused=True
    )
    desired = builders.schedule(
        calendars=(builders.calendar("*/15 * * * *"),), exclude=(builders.calendar("0 0 * * *"),)
    )
    assert changes(live, desired) == [("paused", True, False)]


def test_the_note_and_the_calendars_comment_are_not_compared() -> None:
    live = builders.schedule(note="by hand", calendars=(builders.calendar("0 * * * *", comment="their words"),))
    assert changes(live, builders.schedule()) == []


def test_calendars_with_the_same_text_are_distinguished_by_their_times() -> None:
    """The comment of one that was changed behind our back still says the old cron."""
    drifted = dataclasses.replace(builders.calendar("0 * * * *"), minute=(30,))
    assert changes(builders.schedule(calendars=(drifted,)), builders.schedule()) == [
        ("cron", "30 * * * *", "0 * * * *")
    ]


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, ("input.a.b.c", 1, 2)),
        ({"a": 1}, {}, ("input.a", 1, ABSENT)),
        ({"a": None}, {}, ("input.a", None, ABSENT)),
        ({}, {"a": None}, ("input.a", ABSENT, None)),
        ({"a": True}, {"a": 1}, ("input.a", True, 1)),
        ({"a": [0]}, {"a": [False]}, ("input.a[0]", 0, False)),
        ({"a": 1}, {"a": "1"}, ("input.a", 1, "1")),
        ({"a": [1, 2, 3]}, {"a": [1, 5, 3]}, ("input.a[1]", 2, 5)),
        ({"a": [1]}, {"a": [1, 2]}, ("input.a[1]", ABSENT, 2)),
        ({"a": {"b": 1}}, {"a": [1]}, ("input.a", {"b": 1}, [1])),
        ({"a.b": 1}, {"a.b": 2}, ('input["a.b"]', 1, 2)),
        ({"a": {"b c": 1}}, {"a": {"b c": 2}}, ('input.a["b c"]', 1, 2)),
        ({"kebab-case": 1}, {"kebab-case": 2}, ("input.kebab-case", 1, 2)),
        ({"": 1}, {"": 2}, ('input[""]', 1, 2)),
        ({'it\'s "x"': 1}, {'it\'s "x"': 2}, ('input["it\'s \\"x\\""]', 1, 2)),
        ({"root['a']": 1}, {"root['a']": 2}, ("input[\"root['a']\"]", 1, 2)),
        ({"__private": 1}, {"__private": 2}, ("input.__private", 1, 2)),
        ({"0": 1}, {"0": 2}, ('input["0"]', 1, 2)),
    ],
)
def test_an_input_is_compared_key_by_key_as_json(
    old: dict[str, json_values.Json], new: dict[str, json_values.Json], change: tuple[str, Any, Any]
) -> None:
    assert changes(builders.schedule(input=old), builders.schedule(input=new)) == [change]


def test_lists_are_compared_place_by_place() -> None:
    assert changes(builders.schedule(input={"a": [1, 2]}), builders.schedule(input={"a": [2, 1]})) == [
        ("input.a[0]", 1, 2),
        ("input.a[1]", 2, 1),
    ]
    assert changes(builders.schedule(input={"a": [1, 2]}), builders.schedule(input={"a": [2]})) == [
        ("input.a[0]", 1, 2),
        ("input.a[1]", 2, ABSENT),
    ]


def test_the_order_of_keys_does_not_count() -> None:
    assert changes(builders.schedule(input={"a": 1, "b": 2}), builders.schedule(input={"b": 2, "a": 1})) == []


def test_inputs_that_share_nothing_are_still_compared_key_by_key() -> None:
    assert changes(builders.schedule(input={"a": 1, "b": {"c": 2}}), builders.schedule(input={"x": 1, "y": 2})) == [
        ("input.a", 1, ABSENT),
        ("input.b", {"c": 2}, ABSENT),
        ("input.x", ABSENT, 1),
        ("input.y", ABSENT, 2),
    ]


def test_a_secret_that_changed_shows_as_two_digests() -> None:
    live = builders.schedule(input={"api_key": "old-secret", "nested": {"auth": {"user": "ada"}}})
    desired = builders.schedule(input={"api_key": "new-secret", "nested": {"auth": {"user": "bob"}}})
    found = changes(live, desired)
    assert [path for path, *_ in found] == ["input.api_key", "input.nested.auth"]
    for _, old, new in found:
        assert (old[:15], new[:15]) == ("(secret, sha256", "(secret, sha256")
        assert old != new


def test_an_unchanged_secret_is_not_a_change() -> None:
    secret = {"api_key": "secret"}
    assert changes(builders.schedule(input=secret), builders.schedule(input=dict(secret))) == []


@pytest.mark.parametrize(
    ("arguments", "leaves"),
    [
        ((), []),
        (({"charter": "COMMUNITY", "legacy": 1},), [("args[0].legacy", 1)]),
        (
            ({"charter": "COMMUNITY", "a b": None, "legacy": {"x": 1}}, 2),
            [('args[0]["a b"]', None), ("args[0].legacy", {"x": 1}), ("args[1]", 2)],
        ),
        (({},), [("args[0]", {})]),
        (("text", 2), [("args[0]", "text"), ("args[1]", 2)]),
        ((["text"],), [("args[0]", ["text"])]),
        ((None,), [("args[0]", None)]),
        (
            (model.Opaque(encoding="binary/encrypted", sha256="0123456789abcdef"),),
            [("args[0]", "(binary/encrypted payload, sha256:0123456789ab)")],
        ),
    ],
)
def test_arguments_of_another_shape_are_shown_as_what_goes_away(
    arguments: tuple[model.Argument, ...], leaves: list[tuple[str, json_values.Json]]
) -> None:
    found = changes(builders.schedule(arguments=arguments), builders.schedule())
    added = {path for path, old, _ in found if old is ABSENT}
    gone = [each for each in found if each[0] not in added]
    assert gone == [(path, value, ABSENT) for path, value in leaves]
    assert added >= {"entrypoint", "input", "temporalScheduleId", "dbScheduleId"}


@pytest.mark.parametrize("more", [2, None, "text", {"charter": "OTHER"}, [1]])
def test_an_argument_that_was_appended_by_hand_is_named_alone(more: json_values.Json) -> None:
    declared = builders.schedule()
    edited = dataclasses.replace(
        declared, action=dataclasses.replace(declared.action, arguments=(*declared.action.arguments, more))
    )
    assert changes(edited, declared) == [("args[1]", more, ABSENT)]


def test_a_new_schedule_shows_every_argument_also_null_and_empty_ones() -> None:
    arguments: tuple[Any, ...] = (None, 0, False, "", {}, [], {"a": None})
    new = builders.schedule(workflow="Nightly", arguments=arguments, remaining_actions=0)
    shown = {each.path: each.new for each in diff.everything(new)}
    assert [shown[f"args[{index}]"] for index in range(len(arguments))] == list(arguments)
    assert shown["remaining_actions"] == 0


def test_a_new_schedule_shows_only_its_own_fields() -> None:
    shown = diff.everything(builders.schedule(timezone="Asia/Tokyo", input={"model": "small", "token": "s3cr3t"}))
    assert all(each.old is ABSENT for each in shown)
    values = {each.path: each.new for each in shown}
    messages = values.pop("input")
    assert values == {
        "cron": "0 * * * *",
        "timezone": "Asia/Tokyo",
        "overlap": "Skip",
        "catchup_window": "10s",
        "workflow": "GovernanceScheduledRunWorkflow",
        "task_queue": "scheduler-tasks",
        "workflow_id": "governance:community",
        "charter": "COMMUNITY",
        "entrypoint": "COMMUNITY",
    }
    assert isinstance(messages, dict)
    assert messages["model"] == "small"
    assert str(messages["token"]).startswith("(secret, sha256:")


def test_every_field_has_its_place_in_the_order() -> None:
    keys = {*published.known_keys("repo-spec", "$defs", "charter")}
    assert keys - set(fields.ORDER) == {fields.IDENTITY.key, fields.FORMER.key, *(row.key for row in fields.UNSHOWN)}


def test_an_opaque_payload_never_equals_the_text_that_represents_it() -> None:
    secret = model.Opaque(encoding="binary/encrypted", sha256="a8590dfbc793" + "0" * 52)
    text = kinds.shown(secret)
    (change,) = diff.diff(builders.schedule(memo={"m": secret}), builders.schedule(memo={"m": str(text)}))
    assert change.path == "memo.m"
    assert diff.diff(builders.schedule(summary=secret), builders.schedule(summary=str(text))) != ()
    assert diff.diff(builders.schedule(summary=secret), builders.schedule(summary=secret)) == ()


@pytest.mark.parametrize("other", [(), (1,), ({"input": {}, "more": 1},), ({"a": 1}, 2)])
def test_a_change_to_and_from_the_built_in_arguments_names_the_same_fields(
    other: tuple[model.AnyArgument, ...],
) -> None:
    built_in, plain = builders.schedule(), builders.schedule(arguments=other)
    there, back = diff.diff(built_in, plain), diff.diff(plain, built_in)
    assert {each.path for each in there} == {each.path for each in back}
    assert "entrypoint" in {each.path for each in there}
