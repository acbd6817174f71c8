"""A plan that stops what runs is refused, however it does that; what a rename replaces is not stopped."""

from __future__ import annotations

import pytest

from tests.support import polls, program, remote

SPEC = """\
governance:
  owner: acme/work
  defaults: {DEFAULTS}
  schedules:
    - {charter: COMMUNITY, cron: "0 * * * *", entrypoint: COMMUNITY}
    - {charter: ENGINEERING, cron: "15 * * * *", entrypoint: ENGINEERING}
"""
IDS = ("governance:community", "governance:engineering")


def spec(defaults: str = "overlap: Skip") -> str:
    return SPEC.replace("DEFAULTS", defaults)


@pytest.fixture
def applied(reconciler: program.Program) -> program.Program:
    """The program: two charters applied."""
    reconciler.declare(spec())
    assert reconciler.run("apply", "--yes").returncode == 0
    return reconciler


async def running(run: program.Program) -> dict[str, bool]:
    """Return whether the server has a next time of each schedule that is not paused."""
    server = await remote.connected(run.address, run.namespace)
    found = await server.schedules.describe_all(IDS)
    return {id_: live.history.next_time is not None for id_, live in found.items() if not live.schedule.paused}


@pytest.mark.parametrize(
    ("defaults", "why"),
    [
        ("remaining_actions: 0", "no actions remain"),
        ("end_at: 2020-01-01T00:00:00Z", "never fires again"),
        ("start_at: 2999-01-01T00:00:00Z", "never fires again"),
        ('exclude: [{year: "2026-2050"}]', "does not fire before 2051-01-01 00:"),
        ("run_timeout: 1ms", "its runs time out after 1 ms"),
    ],
)
async def test_a_plan_that_stops_everything_without_a_pause_is_shown_and_refused(
    applied: program.Program, defaults: str, why: str
) -> None:
    applied.declare(spec(defaults))
    done = applied.run("apply", "--yes")
    assert (done.returncode, "~ governance:community" in done.stdout) == (4, True)
    assert f"the plan stops all 2 running managed schedules: {IDS[0]} ({why}" in done.stderr
    assert f", {IDS[1]} ({why}" in done.stderr
    assert await running(applied) == dict.fromkeys(IDS, True)
    assert "apply will refuse this: the plan stops all 2" in applied.run("plan").stderr


async def test_what_was_stopped_on_purpose_has_no_next_time(applied: program.Program) -> None:
    applied.declare(spec("start_at: 2999-01-01T00:00:00Z"))
    assert applied.run("apply", "--yes", "--allow-mass-pause").returncode == 0
    assert await running(applied) == dict.fromkeys(IDS, False)


def test_a_move_to_a_task_queue_without_workers_is_refused(applied: program.Program) -> None:
    applied.declare(spec("task_queue: typo"))
    with polls.kept_up(applied.address, applied.namespace):
        done = applied.run("apply", "--yes")
    assert done.returncode == 4
    assert "governance:community (no worker polls its new task queue 'typo')" in done.stderr
    assert applied.run("apply", "--yes", "--allow-mass-pause").returncode == 0


def test_a_move_to_a_workflow_that_no_worker_registers_is_refused(applied: program.Program) -> None:
    applied.declare(spec("workflow: GovernanceScheduledRunWorklow"))
    with polls.kept_up(applied.address, applied.namespace):
        done = applied.run("apply", "--yes")
    assert done.returncode == 4
    why = "no worker on task queue 'scheduler-tasks' registers workflow GovernanceScheduledRunWorklow"
    assert f"governance:community ({why})" in done.stderr


def test_a_move_between_task_queues_without_workers_is_applied(applied: program.Program) -> None:
    applied.declare(spec("task_queue: another"))
    assert applied.run("apply", "--yes").returncode == 0


async def test_renaming_the_only_charter_is_applied(reconciler: program.Program) -> None:
    only = 'governance: {schedules: [{charter: NAME, cron: "0 * * * *", entrypoint: X}]}\n'
    reconciler.declare(only.replace("NAME", "COMMUNITY"))
    assert reconciler.run("apply", "--yes").returncode == 0
    reconciler.declare(only.replace("NAME", "COMMUNITY-2"))
    done = reconciler.run("apply", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert await running(reconciler) == {}
    assert "governance:community-2 created" in done.stdout
