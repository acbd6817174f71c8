"""Why a saved plan is stale: what changed, and since when, which is never before the plan was made."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest

from reconciler import errors, settings
from reconciler.plan import build, guards, plans, staleness
from reconciler.schedule import model, observed
from reconciler.usecases import rollout
from tests.unit import builders

PLANNED = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)
BEFORE = PLANNED - datetime.timedelta(days=3)
AFTER = PLANNED + datetime.timedelta(hours=1)
LATER = PLANNED + datetime.timedelta(hours=2)
WANTED = builders.schedule(task_queue="other")
OLD = observed.Live(schedule=builders.schedule(), token=b"1", created_at=int(BEFORE.timestamp()) * 10**9)


def live(schedule: model.Schedule | None = None, *, updated_at: datetime.datetime | None, **more: Any) -> observed.Live:
    """Return the schedule as it is found at the apply, with another token."""
    history = observed.History(updated_at=updated_at)
    return dataclasses.replace(
        OLD,
        token=b"2",
        schedule=schedule or builders.schedule(jitter=datetime.timedelta(minutes=1)),
        history=history,
        **more,
    )


def plan(found: observed.Live | None, *desired: model.Schedule) -> plans.Plan:
    declared = builders.declaration(*(desired or (WANTED,)))
    return build.plan(declared, {found.schedule.id: found} if found else {}, builders.TARGET)


def refusal(now: plans.Plan, reviewed: plans.Plan | None = None) -> str:
    with pytest.raises(errors.StaleError) as caught:
        staleness.check(reviewed or plan(OLD), now, PLANNED)
    assert caught.value.hint == "plan again, and review the changes"
    return caught.value.message.removeprefix("the plan is stale: governance:community ")


def test_an_unchanged_plan_is_accepted() -> None:
    staleness.check(plan(OLD), plan(OLD), PLANNED)


def test_a_change_is_reported_with_its_fields_and_its_time() -> None:
    assert refusal(plan(live(updated_at=AFTER))) == "changed on 2026-11-24 13:00:00 UTC: jitter"


def test_an_unpause_that_leaves_the_update_time_as_it_was_is_since_the_plan() -> None:
    resumed = live(builders.schedule(), updated_at=BEFORE, pause=None)
    paused = dataclasses.replace(OLD, schedule=builders.schedule(paused=True, note="x"))
    messages = refusal(plan(resumed), plan(paused))
    assert messages == "changed since the plan was made on 2026-11-24 12:00:00 UTC: paused"


def test_the_time_of_a_change_is_that_of_the_later_of_pause_and_edit() -> None:
    changed = builders.schedule(paused=True, note="x", jitter=datetime.timedelta(minutes=1))
    for times in ((AFTER, LATER), (LATER, AFTER)):
        found = live(changed, updated_at=times[0], pause=observed.Pause(by="alice", at=times[1]))
        assert refusal(plan(found)).startswith("changed on 2026-11-24 14:00:00 UTC: ")


def test_a_pause_from_before_the_plan_is_not_the_time_of_a_change() -> None:
    found = live(builders.schedule(paused=True), updated_at=None, pause=observed.Pause(by="alice", at=BEFORE))
    assert refusal(plan(found)).startswith("changed since the plan was made on 2026-11-24 12:00:00 UTC: ")


def test_what_is_gone_is_gone_since_the_plan() -> None:
    assert refusal(plan(None)) == "no longer exists; it was deleted after the plan was made on 2026-11-24 12:00:00 UTC"


@pytest.mark.parametrize("reviewed", [plan(OLD), plan(None)], ids=["made anew", "made"])
def test_a_schedule_created_since_is_reported_with_its_time(reviewed: plans.Plan) -> None:
    created = dataclasses.replace(OLD, created_at=int(AFTER.timestamp()) * 10**9)
    messages = refusal(plan(created), reviewed)
    assert messages in (
        "was deleted and created again on 2026-11-24 13:00:00 UTC",
        "was created on 2026-11-24 13:00:00 UTC",
    )


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [({"a": "1"}, {"a": "2"}, "a"), ({}, {"b": "1", "a": "1"}, "a, b"), ({"a": "1", "b": "1"}, {"b": "1"}, "a")],
)
def test_other_values_of_variables_make_a_plan_stale(before: dict[str, str], after: dict[str, str], names: str) -> None:
    reviewed, now = (dataclasses.replace(plan(OLD), variables=each) for each in (before, after))
    with pytest.raises(errors.StaleError) as caught:
        staleness.check(reviewed, now, PLANNED)
    assert caught.value.message == f"the plan was made with different values of these variables: {names}"
    staleness.check(reviewed, reviewed, PLANNED)


def test_a_plan_that_changed_since_it_was_shown_is_reported_with_its_environment_and_what_changed() -> None:
    shown = dataclasses.replace(plan(OLD), environment="staging")
    now = dataclasses.replace(plan(live(updated_at=AFTER)), environment="staging")
    turn = rollout.Turn(
        command="apply",
        declaration=builders.declaration(WANTED),
        connection=settings.Connection(),
        writing=settings.Writing(),
        allowed=guards.Allowed(),
        planned=shown,
        planned_at=PLANNED,
    )
    turn.review(shown)
    with pytest.raises(errors.StaleError) as caught:
        turn.review(now)
    assert caught.value.message == (
        "environment 'staging': the plan is stale: governance:community changed on 2026-11-24 13:00:00 UTC: jitter"
    )
    assert caught.value.hint == "plan again, and review the changes"
