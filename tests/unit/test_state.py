from __future__ import annotations

import dataclasses
import datetime

import pytest

from reconciler.plan import build
from reconciler.report import state
from reconciler.schedule import observed
from tests.unit import builders

NOW = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)


def run(status: observed.RunStatus, hours_ago: int) -> observed.Run:
    started = NOW - datetime.timedelta(hours=hours_ago)
    return observed.Run(workflow_id=f"w-{hours_ago}", run_id="r", due_at=started, started_at=started, status=status)


def shown(history: observed.History | None = None, pause: observed.Pause | None = None, **changes: object) -> list[str]:
    """Return the lines about one live schedule that matches the spec."""
    schedule = builders.schedule("a", **changes)
    plan = builders.plan([schedule], [schedule])
    (change,) = plan.changes
    assert change.live
    live = dataclasses.replace(change.live, history=history or observed.History(), pause=pause)
    plan = dataclasses.replace(plan, changes=(dataclasses.replace(change, live=live),))
    return [line.strip() for line in state.text(plan, NOW).splitlines()[3:-2]]


def test_results_in_a_row_are_counted_and_the_newest_come_last() -> None:
    statuses = (
        observed.RunStatus.COMPLETED,
        observed.RunStatus.COMPLETED,
        observed.RunStatus.FAILED,
        observed.RunStatus.TIMED_OUT,
    )
    recent = tuple(run(status, 9 - place) for place, status in enumerate(statuses))
    lines = shown(observed.History(taken=4, recent=recent))
    assert "recent   2 completed, then 1 failed, then 1 timed out" in lines
    assert "last     Mon 23 Nov 2026 14:00 UTC (6 h ago), timed out" in lines


@pytest.mark.parametrize(
    ("left", "start", "messages"),
    [(1, 1, "1 action"), (3, 3, "3 actions"), (3, None, "3 actions"), (1, 3, "1 of 3 actions")],
)
def test_how_many_actions_remain_is_told_where_that_has_a_limit(left: int, start: int | None, messages: str) -> None:
    assert f"left     {messages}" in shown(remaining_actions=left, counted_from=start)
    assert not [line for line in shown() if line.startswith("left")]


def test_in_an_environment_that_is_switched_off_nothing_drifts() -> None:
    plan = build.at_rest(builders.plan([builders.schedule("a"), builders.schedule("b")], [builders.schedule("c")]))
    lines = [line.strip() for line in state.text(plan, NOW).splitlines()]
    assert [line for line in lines if line.startswith("drift")] == ["drift    no: the environment is disabled"] * 3
    assert lines[-1] == "3 schedules: 1 active, 2 missing; 0 differ from the spec."


def test_firings_that_came_to_nothing_are_told_with_their_reason() -> None:
    lines = shown(observed.History(missed=1, skipped=2, dropped=3))
    lost = (
        "1 missed: late by more than the catch-up window; 2 skipped: the previous run was still running; "
        "3 dropped: the buffer was full"
    )
    assert f"lost     {lost}" in lines
    assert not any(line.startswith("lost") for line in shown())


@pytest.mark.parametrize(
    ("pause", "messages"),
    [
        (None, "paused"),
        (observed.Pause(), "paused"),
        (observed.Pause(by="alice\x1b@laptop"), "paused by alice\\x1b@laptop"),
        (observed.Pause(at=NOW - datetime.timedelta(days=3)), "paused on Fri 20 Nov 2026 20:00 UTC (3 d ago)"),
    ],
)
def test_a_pause_is_told_as_far_as_it_is_known(pause: observed.Pause | None, messages: str) -> None:
    lines = shown(pause=pause, paused=True)
    assert f"state    {messages}" in lines
    assert not any(line.startswith("next") for line in lines)


def test_a_schedule_without_actions_left_is_exhausted() -> None:
    assert "state    exhausted" in shown(remaining_actions=0)
    assert "state    active" in shown(remaining_actions=1)


def test_what_runs_and_what_comes_next_is_named() -> None:
    lines = shown(observed.History(running=("w-1", "w-2"), next_time=NOW + datetime.timedelta(hours=2)))
    assert "running  w-1, w-2" in lines
    assert "next     Mon 23 Nov 2026 22:00 UTC (in 2 h)" in lines
