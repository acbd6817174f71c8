"""`ignore`: what belongs to others stays as the live schedule has it."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest

from reconciler.plan import digests, plans
from reconciler.report import text
from reconciler.schedule import encodings, model
from tests.unit import builders

GRANT = "args[0].executionGrantId"


def schedule(**changes: Any) -> model.Schedule:
    return builders.schedule("a", **changes)


def message(message_type: str, value: Any) -> model.Message:
    return model.Message(message_type=message_type, value=value)


def payload(data: bytes) -> model.Opaque:
    return encodings.opaque("binary/plain", data)


def change(live: model.Schedule, desired: model.Schedule, *paths: str) -> plans.Change:
    (found,) = builders.plan([dataclasses.replace(desired, ignore=paths)], [live]).changes
    return found


@pytest.mark.parametrize(
    ("path", "live", "desired", "after"),
    [
        (GRANT, {"arguments": ({"executionGrantId": "g", "n": 1},)},
         {"arguments": ({"executionGrantId": None, "n": 2},)},
         {"arguments": ({"executionGrantId": "g", "n": 2},)}),
        (GRANT, {"arguments": ({"n": 1},)}, {"arguments": ({"executionGrantId": None, "n": 1},)},
         {"arguments": ({"n": 1},)}),
        ("args[1]", {"arguments": (1, 2)}, {"arguments": (3, 4)}, {"arguments": (3, 2)}),
        ("args[0].message_type", {"arguments": (model.Message(message_type="a.B", value={"id": "1"}),)},
         {"arguments": (model.Message(message_type="a.C", value={"id": "2"}),)},
         {"arguments": (model.Message(message_type="a.B", value={"id": "2"}),)}),
        ("args[0].data.data", {"arguments": ({"encoding": "a/b", "data": 1},)},
         {"arguments": ({"encoding": "a/c", "data": 2},)},
         {"arguments": ({"encoding": "a/c", "data": 1},)}),
        ("args[0].a[1].b", {"arguments": ({"a": [1, {"b": 2}]},)}, {"arguments": ({"a": [1, {"b": 3, "c": 4}]},)},
         {"arguments": ({"a": [1, {"b": 2, "c": 4}]},)}),
        ("args[0].data.id", {"arguments": (model.Message(message_type="a.B", value={"id": "1"}),)},
         {"arguments": (model.Message(message_type="a.B", value={"id": "2", "n": 1}),)},
         {"arguments": (model.Message(message_type="a.B", value={"id": "1", "n": 1}),)}),
        ("args[0]", {"arguments": (encodings.opaque("binary/encrypted", b"x"),)}, {"arguments": (None,)},
         {"arguments": (encodings.opaque("binary/encrypted", b"x"),)}),
        ("memo.owner", {"memo": {"owner": "them", "team": "a"}}, {"memo": {"owner": "us", "team": "b"}},
         {"memo": {"owner": "them", "team": "b"}}),
        ("retry_policy.maximum_attempts", {"retry_policy": model.RetryPolicy(maximum_attempts=5)},
         {"retry_policy": model.RetryPolicy(maximum_attempts=2, backoff_coefficient=2)},
         {"retry_policy": model.RetryPolicy(maximum_attempts=5, backoff_coefficient=2)}),
        ("retry_policy.maximum_attempts", {"retry_policy": None},
         {"retry_policy": model.RetryPolicy(maximum_attempts=2, backoff_coefficient=2)},
         {"retry_policy": model.RetryPolicy(backoff_coefficient=2)}),
        ("jitter", {"jitter": datetime.timedelta(3)}, {"jitter": datetime.timedelta(4), "task_queue": "q"},
         {"jitter": datetime.timedelta(3), "task_queue": "q"}),
        ("remaining_actions", {"remaining_actions": 3, "counted_from": 5}, {"remaining_actions": 9, "counted_from": 9},
         {"remaining_actions": 3, "counted_from": 5}),
        ("paused", {"paused": True}, {"paused": False}, {"paused": True}),
        ("note", {"note": "theirs"}, {"note": "ours"}, {"note": "theirs"}),
    ],
)  # fmt: skip
def test_an_update_keeps_what_the_live_schedule_has(
    path: str, live: dict[str, Any], desired: dict[str, Any], after: dict[str, Any]
) -> None:
    found = change(schedule(**live), schedule(**desired), path)
    expected = schedule(**after)
    note = found.after.note if "note" not in after else expected.note
    assert found.after == dataclasses.replace(expected, note=note)
    assert path in {each.path for each in found.ignored} or live == {"retry_policy": None}  # which differs as a whole
    assert path not in {each.path for each in found.fields}


@pytest.mark.parametrize(
    ("ignore", "live", "desired", "after"),
    [
        (["args[1]"], ("acct",), ("acct", None, 500), ("acct", None, 500)),
        (["args[1]"], (1,), (3, 4), (3, 4)),
        (["args[1]", "args[2]"], (1, 5), (3, None, None), (3, 5, None)),
        (["args[2]", "args[1]"], (1,), (3, None, None), (3, None, None)),
        (["args[0].y[1]"], ({"y": [1]},), ({"y": [1, 2, 3]},), ({"y": [1, 2, 3]},)),
        (["args[0].y[1]", "args[0].y[2]"], ({"y": [1, 7, 8, 9]},), ({"y": [1, 2, 3]},), ({"y": [1, 7, 8]},)),
        (["args[0][0][1]"], ([[]],), ([[1, 2], 3],), ([[1, 2], 3],)),
        (["args[0].y[1].id"], ({"y": [1, {"n": 1}]},), ({"y": [1, {"id": 2}, 3]},), ({"y": [1, {}, 3]},)),
        (["args[0].id"], ("text",), ({"id": None, "n": 1},), ({"id": None, "n": 1},)),
        (["args[0].id"], (encodings.opaque("binary/x", b"x"),), ({"id": None},), ({"id": None},)),
        (["args[0].data"], (message("a.B", {"id": 1}),), (message("a.C", {"id": 2}),), (message("a.C", {"id": 1}),)),
        (["args[0].base64"], (payload(b"x"), 1), (payload(b"y"), 2), (payload(b"x"), 2)),
        (["args[0].base64"], (1,), (payload(b"y"),), (payload(b"y"),)),
    ],
)  # fmt: skip
def test_an_entry_that_the_live_list_lacks_is_as_in_the_spec_and_no_value_moves(
    ignore: list[str], live: tuple[Any, ...], desired: tuple[Any, ...], after: tuple[Any, ...]
) -> None:
    found = change(schedule(arguments=live), schedule(arguments=desired), *ignore)
    assert found.after is not None
    assert found.after.action.arguments == after
    shown, hidden = ({each.path for each in changes} for changes in (found.fields, found.ignored))
    assert not shown & hidden
    assert change(schedule(arguments=after), schedule(arguments=desired), *ignore).verb is plans.Verb.KEEP


def test_a_missing_entry_is_shown_as_a_change_although_it_is_ignored() -> None:
    found = change(schedule(arguments=("acct",)), schedule(arguments=("acct", None, 500)), "args[1]")
    assert [(each.path, each.old, each.new) for each in found.fields] == [
        ("args[1]", plans.ABSENT, None),
        ("args[2]", plans.ABSENT, 500),
    ]
    assert found.ignored == ()


@pytest.mark.parametrize("live", [None, model.VersioningOverride()])
def test_a_part_of_a_version_is_not_kept_where_the_live_schedule_is_not_pinned(
    live: model.VersioningOverride | None,
) -> None:
    pinned = model.VersioningOverride(deployment="reports", build_id="1")
    found = change(
        schedule(versioning_override=live), schedule(versioning_override=pinned), "versioning_override.build_id"
    )
    assert found.after is not None
    assert found.after.action.versioning_override == pinned


def test_a_path_of_the_built_in_object_may_be_written_in_either_way() -> None:
    live, desired = schedule(input={"a": 1}), schedule(input={"a": 2})
    for path in ("input.a", "args[0].input.a"):
        assert change(live, desired, path).verb is plans.Verb.KEEP


def test_a_new_schedule_gets_what_the_spec_has() -> None:
    desired = dataclasses.replace(schedule(memo={"owner": "us"}), ignore=("memo.owner",))
    (created,) = builders.plan([desired], []).changes
    assert (created.verb, created.after.action.memo, created.ignored) == (plans.Verb.CREATE, {"owner": "us"}, ())


def test_what_is_ignored_is_not_in_the_digest_and_is_listed_with_verbose() -> None:
    desired = dataclasses.replace(schedule(memo={"owner": "us"}), ignore=("memo.owner",))
    plan = builders.plan([desired], [schedule(memo={"owner": "them"})])
    assert plan.digest == digests.digest(builders.TARGET, ())
    line = 'ignored: memo.owner stays "them"; the spec has "us"'
    assert line in text.Text(verbose=True).plan(plan)
    assert line not in text.Text().plan(plan)
