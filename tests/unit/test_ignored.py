"""`ignore`: what belongs to others stays as the live schedule has it."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest

from reconciler.plan import build, plans
from reconciler.report import text
from reconciler.schedule import encodings, model
from tests.unit import builders

GRANT = "args[0].executionGrantId"


def schedule(**changes: Any) -> model.Schedule:
    return builders.schedule("a", **changes)


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
        ("args[1]", {"arguments": (1,)}, {"arguments": (3, 4)}, {"arguments": (3,)}),
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
    assert plan.digest == build.digest(builders.TARGET, ())
    line = 'ignored: memo.owner stays "them"; the spec has "us"'
    assert line in text.Text(verbose=True).plan(plan)
    assert line not in text.Text().plan(plan)
