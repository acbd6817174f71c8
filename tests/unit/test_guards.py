from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest

from reconciler import errors
from reconciler.plan import build, guards, plans, takeovers
from reconciler.schedule import model
from tests.unit import builders

NOW = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)
NAMES = ("a", "b", "c", "d", "e")


def plan(*, running: int, removed: int, paused: int = 0, new: int = 0, governed: bool = True) -> plans.Plan:
    """Return a plan that pauses `removed` of `running` schedules, beside orphans paused before and new charters."""
    found = [builders.schedule(name) for name in NAMES[:running]]
    orphans = [builders.schedule(f"orphan-{number}", paused=True) for number in range(paused)]
    created = [builders.schedule(f"new-{number}") for number in range(new)]
    return builders.plan([*found[removed:], *created], [*found, *orphans], governed=governed)


def refusal(plan: plans.Plan) -> errors.GuardError:
    with pytest.raises(errors.GuardError) as caught:
        guards.check(plan, now=NOW)
    return caught.value


@pytest.mark.parametrize(("running", "removed"), [(0, 0), (1, 0), (2, 0), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_pausing_up_to_half_of_what_runs_is_allowed(running: int, removed: int) -> None:
    guards.check(plan(running=running, removed=removed), now=NOW)


@pytest.mark.parametrize(
    ("running", "removed", "messages"),
    [
        (1, 1, "the plan stops the only running managed schedule"),
        (2, 2, "the plan stops all 2 running managed schedules"),
        (5, 5, "the plan stops all 5 running managed schedules"),
        (3, 2, "the plan stops 2 of 3 running managed schedules, more than half"),
        (5, 3, "the plan stops 3 of 5 running managed schedules, more than half"),
    ],
)
def test_pausing_all_or_more_than_half_of_what_runs_is_refused(running: int, removed: int, messages: str) -> None:
    error = refusal(plan(running=running, removed=removed))
    assert (error.message.partition(": ")[0], error.hint) == (messages, "if this is intended, pass --allow-mass-pause")
    assert error.exit_code == errors.ExitCode.REFUSED


def test_what_is_paused_already_and_what_is_new_do_not_count_as_running() -> None:
    assert "2 of 3" in refusal(plan(running=3, removed=2, paused=2, new=5)).message


def test_a_partial_plan_is_compared_with_what_it_is_limited_to() -> None:
    partial = dataclasses.replace(plan(running=2, removed=2), only=("a", "b"))
    assert "all 2 running schedules in this partial plan" in refusal(partial).message


def test_a_declared_pause_is_treated_as_a_pause() -> None:
    declared = builders.plan([builders.schedule("a", paused=True)], [builders.schedule("a")])
    assert "the only" in refusal(declared).message


@pytest.mark.parametrize(
    ("running", "messages"), [(1, "1 managed schedule is live"), (3, "3 managed schedules are live")]
)
def test_a_spec_without_a_governance_section_is_refused_while_something_is_live(running: int, messages: str) -> None:
    error = refusal(plan(running=running, removed=running, governed=False))
    assert error.message == f"{builders.PATH} has no governance or temporal section, or an empty one, but {messages}"


def test_a_spec_without_a_governance_section_is_fine_on_an_empty_server() -> None:
    guards.check(plan(running=0, removed=0, governed=False), now=NOW)


@pytest.mark.parametrize("governed", [True, False])
def test_a_person_can_allow_a_mass_pause(governed: bool) -> None:
    guards.check(plan(running=3, removed=3, governed=governed), guards.Allowed(mass_pause=True), now=NOW)


def test_readable_payloads_over_encrypted_ones_are_refused() -> None:
    sealed = model.Opaque(encoding="binary/encrypted", sha256="0" * 64)
    over = builders.plan([builders.schedule("a")], [builders.schedule("a", arguments=(sealed,))])
    error = refusal(over)
    assert error.message == "the plan would overwrite binary/encrypted payloads of governance:a with plaintext"
    guards.check(over, guards.Allowed(plaintext=True), now=NOW)


def test_encrypted_payloads_that_are_kept_are_not_refused() -> None:
    sealed = model.Opaque(encoding="binary/encrypted", sha256="0" * 64)
    guards.check(
        builders.plan(
            [builders.schedule("a", memo={"sealed": sealed}, jitter=datetime.timedelta(seconds=1))],
            [builders.schedule("a", memo={"sealed": sealed})],
        ),
        now=NOW,
    )


def test_stops_are_named_with_their_reason() -> None:
    message = refusal(plan(running=3, removed=2)).message
    assert message.endswith("more than half: governance:a (paused), governance:b (paused)")


def day(year: int, month: int = 1, number: int = 1) -> datetime.datetime:
    return datetime.datetime(year, month, number, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"remaining_actions": 0}, "no actions remain"),
        ({"end_at": day(2020)}, "never fires again"),
        ({"start_at": day(2999)}, "never fires again"),
        ({"start_at": day(2050)}, "does not fire before 2050-01-01 00:00 UTC"),
        ({"exclude": (builders.calendar("* * * * * * *"),)}, "never fires again"),
        ({"calendars": (builders.calendar("0 0 30 2 *"),)}, "never fires again"),
        ({"calendars": ()}, "never fires again"),
        ({"calendars": (), "intervals": (builders.interval("@every 36500d"),)}, "does not fire before 2069-12-07"),
        ({"end_at": day(2026, 11, 25)}, "fires for the last time before 2026-11-30 20:00 UTC"),
        ({"remaining_actions": 2}, "fires for the last time before 2026-11-30 20:00 UTC"),
        ({"run_timeout": datetime.timedelta(milliseconds=1)}, "its runs time out after 1 ms"),
        ({"execution_timeout": datetime.timedelta(milliseconds=999)}, "its runs time out after 999 ms"),
    ],
)
def test_a_change_that_stops_what_runs_is_refused_as_a_pause_is(changes: dict[str, Any], why: str) -> None:
    both = [builders.schedule(name) for name in ("a", "b")]
    after = [builders.schedule(each.id.removeprefix("governance:"), **changes) for each in both]
    message = refusal(builders.plan(after, both)).message
    assert message.startswith("the plan stops all 2 running managed schedules: governance:a (" + why)
    guards.check(builders.plan(after, both), guards.Allowed(mass_pause=True), now=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"calendars": (builders.calendar("0 0 1 1 *"),)},  # yearly
        {"calendars": (builders.calendar("0 9 * * 1-5"),)},
        {"start_at": day(2026, 11, 30)},
        {"end_at": day(2027)},
        {"remaining_actions": 1000},
        {"run_timeout": datetime.timedelta(seconds=1)},
        {"task_queue": "another"},
    ],
)
def test_a_slower_or_later_schedule_is_not_stopped(changes: dict[str, Any]) -> None:
    guards.check(builders.plan([builders.schedule("a", **changes)], [builders.schedule("a")]), now=NOW)


def test_what_has_ended_before_the_plan_is_not_stopped_by_it() -> None:
    ended = builders.schedule("a", remaining_actions=0)
    guards.check(builders.plan([builders.schedule("a", end_at=day(2020))], [ended]), now=NOW)


def test_a_yearly_schedule_may_be_moved_by_years() -> None:
    yearly = builders.schedule("a", calendars=(builders.calendar("0 0 1 1 *"),))
    later = builders.schedule("a", calendars=(builders.calendar("0 0 1 1 *"),), start_at=day(2030))
    guards.check(builders.plan([later], [yearly]), now=NOW)


def test_pauses_and_stops_count_together() -> None:
    found = [builders.schedule(name) for name in ("a", "b", "c")]
    wanted = [builders.schedule("b", remaining_actions=0), builders.schedule("c")]
    assert "2 of 3" in refusal(builders.plan(wanted, found)).message


def test_a_task_queue_without_workers_stops_what_is_moved_there() -> None:
    moved = builders.plan([builders.schedule("a", task_queue="typo")], [builders.schedule("a")])
    message = refusal(dataclasses.replace(moved, unpolled=frozenset({"typo"}))).message
    assert message.endswith("governance:a (no worker polls its new task queue 'typo')")


def test_a_workflow_that_no_worker_registers_stops_what_is_moved_to_it() -> None:
    moved = builders.plan([builders.schedule("a", workflow="Typo")], [builders.schedule("a")])
    message = refusal(dataclasses.replace(moved, unregistered=frozenset({("scheduler-tasks", "Typo")}))).message
    assert message.endswith("governance:a (no worker on task queue 'scheduler-tasks' registers workflow Typo)")


def test_a_renamed_charter_is_not_stopped() -> None:
    guards.check(builders.plan([builders.schedule("community-2")], [builders.schedule("community")]), now=NOW)


def test_a_renamed_charter_that_does_not_fire_is_stopped() -> None:
    renamed = builders.schedule("community-2", remaining_actions=0)
    found = builders.plan([renamed], [builders.schedule("community")])
    assert "governance:community (no actions remain)" in refusal(found).message


@pytest.mark.parametrize(
    ("live", "desired", "changes"),
    [
        ({"workflow": "A"}, {"workflow": "B"}, "workflow type"),
        ({"task_queue": "a"}, {"task_queue": "b"}, "task queue"),
        ({"arguments": (1, 2)}, {"arguments": (3,)}, "arguments"),
        ({"arguments": ({"a": 1, "b": 2},)}, {"arguments": ({"a": 1},)}, "arguments"),
        ({"workflow": "A", "arguments": (1,)}, {"workflow": "B", "arguments": ()}, "workflow type, arguments"),
        ({"arguments": (1, 2)}, {"arguments": (1, 3)}, ""),
        ({"arguments": ({"a": 1, "b": 2, "c": 3},)}, {"arguments": ({"a": 9, "b": 9},)}, ""),
        ({"arguments": ()}, {"arguments": (1,)}, ""),
        ({"note": "a"}, {"note": "b"}, ""),
    ],
)
@pytest.mark.parametrize("owner", [None, "acme/app", "acme/other"])
def test_taking_over_what_runs_is_refused_without_adopt(
    owner: str | None, live: dict[str, Any], desired: dict[str, Any], changes: str
) -> None:
    before, wanted = builders.schedule("a", **live, owner=owner), builders.schedule("a", **desired)
    declaration = dataclasses.replace(builders.declaration(wanted), owner="acme/app")
    adopting = dataclasses.replace(declaration, adopt=True)
    planned, adopted = (build.plan(each, builders.live(before), builders.TARGET) for each in (declaration, adopting))
    guards.check(adopted, now=NOW)
    assert [takeovers.changes(each) for each in takeovers.takeovers(adopted)] == (
        [changes] if changes and owner != "acme/app" else []
    )
    if owner is None and changes:
        error = refusal(planned)
        message = f"governance:a has no owner's mark, and the plan would take it over and change its {changes}"
        assert (error.message, error.exit_code) == (message, errors.ExitCode.REFUSED)
    elif owner == "acme/app":
        guards.check(planned, now=NOW)


def test_without_an_owner_of_its_own_a_spec_takes_nothing_over() -> None:
    guards.check(builders.plan([builders.schedule("a", workflow="B")], [builders.schedule("a", workflow="A")]), now=NOW)
