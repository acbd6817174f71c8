from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest

from reconciler.plan import overdue
from reconciler.schedule import model, observed
from tests.unit import builders

CREATED = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
RUN = observed.Run(
    workflow_id="w",
    run_id="r",
    due_at=CREATED + 4 * HOUR,
    started_at=CREATED + 4 * HOUR,
    status=observed.RunStatus.COMPLETED,
)


def live(schedule: model.Schedule | None = None, **history: Any) -> observed.Live:
    """Return an hourly schedule, five of whose due times have passed."""
    usual = {"next_time": CREATED + 6 * HOUR, **history}
    return observed.Live(
        schedule=schedule or builders.schedule(),
        token=b"",
        created_at=int(CREATED.timestamp()) * 1_000_000_000,
        history=observed.History(**usual),
    )


def test_due_times_without_a_run_are_counted_from_the_first() -> None:
    assert overdue.find(live()) == observed.Overdue(count=5, since=CREATED + HOUR)


def test_they_are_counted_after_the_last_write_and_what_the_history_shows() -> None:
    assert overdue.find(live(updated_at=CREATED + 2 * HOUR)) == observed.Overdue(count=3, since=CREATED + 3 * HOUR)
    assert overdue.find(live(), CREATED + 3 * HOUR) == observed.Overdue(count=2, since=CREATED + 4 * HOUR)


@pytest.mark.parametrize(
    "explained",
    [
        live(builders.schedule(paused=True)),
        live(builders.schedule(remaining_actions=0)),
        live(builders.schedule(jitter=5 * HOUR)),
        live(running=("w",)),
        live(buffered=1),
        live(skipped=2, missed=1, dropped=1),
        live(recent=(RUN,)),
        live(next_time=None),
        live(next_time=CREATED + 2 * HOUR),
        live(builders.schedule(timezone="Mars/Olympus")),
        live(builders.schedule(jitter=datetime.timedelta(days=900_000))),
        dataclasses.replace(live(), created_at=0),
    ],
)
def test_a_gap_that_is_explained_or_may_be_about_to_end_is_not_reported(explained: observed.Live) -> None:
    assert overdue.find(explained) is None


def test_a_run_that_is_counted_as_running_explains_a_gap_only_as_long_as_it_runs() -> None:
    waiting = live(running=("w",), skipped=4, buffered=1)
    assert (overdue.find(waiting), overdue.waits(waiting)) == (None, True)
    ended_at = CREATED + 3 * HOUR
    assert overdue.find(overdue.without_runs(waiting), ended_at) == observed.Overdue(count=2, since=CREATED + 4 * HOUR)
    assert overdue.find(overdue.without_runs(waiting), CREATED + 5 * HOUR) is None


@pytest.mark.parametrize("healthy", [live(), live(running=("w",), next_time=CREATED + 2 * HOUR)])
def test_no_run_is_looked_up_for_a_schedule_that_waits_for_none(healthy: observed.Live) -> None:
    assert not overdue.waits(healthy)
