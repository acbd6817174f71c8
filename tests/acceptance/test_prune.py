"""Deleting is a step of its own: only what this tool paused because its charter was removed."""

from __future__ import annotations

import asyncio
import datetime
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest
import temporalio.client

from reconciler import published
from tests.support import program, remote, servers

SPEC = """\
governance:
  owner: acme/work
  schedules:
    - {charter: COMMUNITY, cron: "0 * * * *", entrypoint: COMMUNITY}
    - {charter: ENGINEERING, cron: "15 * * * *", entrypoint: ENGINEERING}
    - {charter: SUSTAIN, cron: "30 * * * *", entrypoint: SUSTAIN}
    - {charter: GOVERN, cron: "45 * * * *", entrypoint: GOVERN, paused: true}
"""
REMOVED = "\n".join(line for line in SPEC.splitlines() if "SUSTAIN" not in line) + "\n"


@pytest.fixture
def removed(reconciler: program.Program) -> program.Program:
    """The program: four charters applied, one of them removed from the spec and therefore paused."""
    reconciler.declare(SPEC)
    assert reconciler.run("apply", "--yes").returncode == 0
    reconciler.declare(REMOVED)
    assert reconciler.run("apply", "--yes").returncode == 0
    return reconciler


async def ids(run: program.Program) -> list[str]:
    """Return the ids that the server has, of those that the tests make."""
    server = await remote.connected(run.address, run.namespace)
    names = ("community", "engineering", "sustain", "govern", "by-hand")
    return sorted(await server.schedules.describe_all(f"governance:{name}" for name in names))


async def test_what_was_removed_is_listed_and_deleted_after_a_yes(removed: program.Program) -> None:
    asked = removed.run("prune")
    assert (asked.returncode, "pass --yes" in asked.stderr.lower()) == (64, True)
    assert "- governance:sustain  will be deleted (paused because its charter was removed)" in asked.stdout
    assert asked.stdout.endswith("Plan: 1 to delete, 3 to keep.\n")
    assert "governance:govern" not in asked.stdout  # paused, but declared so
    done = removed.run("prune", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "- governance:sustain deleted" in done.stdout
    assert await ids(removed) == ["governance:community", "governance:engineering", "governance:govern"]
    assert f"\nPruned governance:* in namespace {removed.namespace} on " in done.stdout
    assert done.stdout.endswith(", owner acme/work: 1 deleted.\n")
    nothing = "Nothing to prune: no schedule was paused because its charter was removed.\n"
    assert removed.run("prune", "--yes").stdout.endswith(nothing)


async def test_apply_never_deletes(removed: program.Program) -> None:
    done = removed.run("apply", "--yes")
    assert (done.returncode, "sustain" in done.stdout) == (0, False)
    assert "governance:sustain" in await ids(removed)


async def test_what_a_person_paused_is_not_deleted(removed: program.Program) -> None:
    raw = await remote.raw(removed.address, removed.namespace)
    await raw.create("governance:by-hand", remote.proto_of(remote.schedule("by-hand", paused=True, note="mine")))
    await remote.until(lambda: listed(removed, "governance:by-hand"))
    done = removed.run("prune", "--yes")
    assert "by-hand" not in done.stdout
    assert "governance:by-hand" in await ids(removed)


async def listed(run: program.Program, schedule_id: str) -> bool:
    server = await remote.connected(run.address, run.namespace)
    return schedule_id in await server.schedules.ids()


async def test_what_came_back_is_not_deleted(removed: program.Program) -> None:
    removed.declare(SPEC)
    assert removed.run("prune", "--yes").returncode == 0
    assert "governance:sustain" in await ids(removed)


async def test_another_owners_schedule_is_not_deleted(removed: program.Program) -> None:
    removed.declare(REMOVED.replace("acme/work", "acme/other"))
    done = removed.run("prune", "--yes")
    assert (done.returncode, "sustain" in done.stdout) == (0, False)
    assert "governance:sustain" in await ids(removed)


async def test_only_what_has_been_paused_for_long_enough(removed: program.Program) -> None:
    kept = removed.run("prune", "--yes", "--older-than", "30d")
    assert (kept.returncode, "sustain" in kept.stdout) == (0, False)
    young = "1 schedule was paused because its charter was removed, but less than 30d ago."
    assert kept.stdout.endswith(f"Nothing to prune: {young}\n")
    assert "governance:sustain" in await ids(removed)
    wrong = removed.run("prune", "--yes", "--older-than", "soon")
    assert (wrong.returncode, "--older-than" in wrong.stderr) == (64, True)


async def test_the_outcome_is_a_document_too(removed: program.Program) -> None:
    done = removed.run("prune", "--yes", "--format", "json")
    document = json.loads(done.stdout)
    assert (document["command"], document["counts"]["delete"], document["exit_code"]) == ("prune", 1, 0)
    assert list(published.violations("outcome", document)) == []


async def test_the_document_lists_what_is_kept_with_the_reason(removed: program.Program) -> None:
    young = json.loads(removed.run("prune", "--yes", "--older-than", "30d", "--format", "json").stdout)
    assert {each["id"]: each["reason"] for each in young["kept"]} == {
        "governance:community": "stays",
        "governance:engineering": "stays",
        "governance:govern": "stays",
        "governance:sustain": "already_paused",
    }
    client = await temporalio.client.Client.connect(removed.address, namespace=removed.namespace)
    await _edit(client.get_schedule_handle("governance:sustain"))
    document = json.loads(removed.run("prune", "--yes", "--format", "json").stdout)
    assert list(published.violations("outcome", document)) == []
    assert (document["outcomes"], document["exit_code"]) == ([], 0)
    assert {"id": "governance:sustain", "charter": None, "reason": "changed"} in document["kept"]


async def test_a_spec_without_a_governance_section_deletes_nothing(removed: program.Program) -> None:
    removed.declare("other: {}\n")
    done = removed.run("prune", "--yes", "--owner", "acme/work")
    assert (done.returncode, "1 managed schedule (governance:*) would be deleted" in done.stderr) == (4, True)
    assert "--allow" not in done.stderr
    assert "governance:sustain" in await ids(removed)


async def test_a_prune_is_recorded_with_what_it_leaves(removed: program.Program, database_url: str) -> None:
    assert removed.run("prune", "--yes", DATABASE_URL=database_url).returncode == 0
    records = json.loads(removed.run("history", "--format", "json", DATABASE_URL=database_url).stdout)["records"]
    assert [(each["command"], each["managed"]) for each in records] == [("prune", 3)]


Touch = Callable[[temporalio.client.ScheduleHandle], Awaitable[None]]


async def _resume_then_pause_by_update(handle: temporalio.client.ScheduleHandle) -> None:
    note = (await handle.describe()).schedule.state.note
    await handle.unpause(note=note)
    await handle.update(_with(lambda schedule: setattr(schedule.state, "paused", True)))


async def _resume_then_pause_with_our_note(handle: temporalio.client.ScheduleHandle) -> None:
    note = (await handle.describe()).schedule.state.note
    await handle.unpause()
    await handle.pause(note=note)


async def _edit(handle: temporalio.client.ScheduleHandle) -> None:
    await handle.update(_with(lambda schedule: setattr(schedule.action, "workflow", "AnotherWorkflow")))


async def _trigger(handle: temporalio.client.ScheduleHandle) -> None:
    await handle.trigger()
    await _has_run(handle)


async def _backfill(handle: temporalio.client.ScheduleHandle) -> None:
    day = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    until = day + datetime.timedelta(hours=1)
    await handle.backfill(temporalio.client.ScheduleBackfill(start_at=day, end_at=until))
    await _has_run(handle)


async def _has_run(handle: temporalio.client.ScheduleHandle) -> None:
    async def holds() -> bool:
        return (await handle.describe()).info.num_actions > 0

    await remote.until(holds)


def _with(
    change: Callable[[temporalio.client.Schedule], None],
) -> Callable[[temporalio.client.ScheduleUpdateInput], temporalio.client.ScheduleUpdate]:
    def update(seen: temporalio.client.ScheduleUpdateInput) -> temporalio.client.ScheduleUpdate:
        change(seen.description.schedule)
        return temporalio.client.ScheduleUpdate(schedule=seen.description.schedule)

    return update


_CHANGED = "kept: changed since it was paused"
_RAN = "kept: triggered or backfilled since it was paused"


@pytest.mark.parametrize(
    ("touch", "why"),
    [
        (_resume_then_pause_by_update, {_CHANGED}),
        (_resume_then_pause_with_our_note, {_CHANGED}),
        (_edit, {_CHANGED}),
        (_trigger, {_RAN, _CHANGED}),  # on V2 both also change the conflict token
        (_backfill, {_RAN, _CHANGED}),
    ],
)
async def test_what_a_person_touched_since_our_pause_is_kept_and_the_plan_explains_why(
    removed: program.Program, touch: Touch, why: set[str]
) -> None:
    client = await temporalio.client.Client.connect(removed.address, namespace=removed.namespace, identity="alice")
    await touch(client.get_schedule_handle("governance:sustain"))
    done = removed.run("prune", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert any(f"= governance:sustain  {each}\n" in done.stdout for each in why), done.stdout
    assert "note: " in done.stdout
    if servers.backend() == "v1" and touch is _resume_then_pause_by_update:  # V2 does not report who paused
        assert "paused by alice on " in done.stdout
    assert done.stdout.endswith(
        "Nothing to prune: 1 schedule was paused because its charter was removed, but possibly changed since then.\n"
    )
    assert "governance:sustain" in await ids(removed)


async def test_a_pause_without_our_record_is_kept(removed: program.Program) -> None:
    """The note alone proves nothing: anyone can write it, and older versions left no record."""
    raw = await remote.raw(removed.address, removed.namespace)
    described = (await raw.describe("governance:sustain")).schedule
    described.action.start_workflow.memo.fields.pop("reconciler.paused")
    await raw.create("governance:by-hand", described)
    await remote.until(lambda: listed(removed, "governance:by-hand"))
    done = removed.run("prune", "--yes")
    assert "= governance:by-hand  kept: no record of its pause" in done.stdout
    assert await ids(removed) == [
        *("governance:by-hand", "governance:community", "governance:engineering", "governance:govern")
    ]


async def test_a_copy_that_carries_our_record_is_kept(removed: program.Program) -> None:
    raw = await remote.raw(removed.address, removed.namespace)
    described = (await raw.describe("governance:sustain")).schedule
    await raw.create("governance:by-hand", described)
    await raw.update("governance:by-hand", described)  # as many writes as the original had
    await remote.until(lambda: listed(removed, "governance:by-hand"))
    assert f"= governance:by-hand  {_CHANGED}" in removed.run("prune", "--yes").stdout
    assert "governance:by-hand" in await ids(removed)


async def test_what_came_back_and_was_removed_again_is_deleted(removed: program.Program) -> None:
    for spec in (SPEC, REMOVED):
        removed.declare(spec)
        assert removed.run("apply", "--yes").returncode == 0
    assert "- governance:sustain deleted" in removed.run("prune", "--yes").stdout
    assert "governance:sustain" not in await ids(removed)


async def test_the_age_of_a_pause_is_counted_by_the_servers_clock(removed: program.Program) -> None:
    """A clock 40 days ahead on this machine makes no pause older."""
    ahead = "import datetime, sys\nfrom reconciler.runtime import clock\nnow = clock.now\n"
    ahead += "clock.now = lambda: now() + datetime.timedelta(days=40)\n"
    ahead += "from reconciler import __main__\n__main__.main()\n"
    environment = removed.environment()
    arguments = [sys.executable, "-c", ahead, "prune", "--yes", "--older-than", "30d"]
    done = await asyncio.to_thread(
        subprocess.run, arguments, cwd=removed.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "but less than 30d ago" in done.stdout) == (0, True), done
    assert "governance:sustain" in await ids(removed)


@pytest.mark.parametrize("length", ["-1d", "-1us", "36501d", "soon"])
def test_an_age_that_cannot_be_meant_is_a_usage_error(reconciler: program.Program, length: str) -> None:
    done = reconciler.run("prune", "--yes", f"--older-than={length}")
    assert (done.returncode, "--older-than" in done.stderr) == (64, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply", "--yes", "--lock-timeout=-1s"),
        ("apply", "--yes", "--lock-lease=-10m"),
        ("sync", "--via-service", "http://127.0.0.1:1", "--timeout=-5m"),
        ("sync", "--via-service", "http://127.0.0.1:1", "--timeout=0s"),
        ("sync", "--via-service", "http://127.0.0.1:1", "--timeout=106000d"),
    ],
)
def test_no_option_accepts_a_length_of_time_that_cannot_be_waited_for(
    reconciler: program.Program, arguments: tuple[str, ...]
) -> None:
    done = reconciler.run(*arguments)
    assert (done.returncode, arguments[-1].partition("=")[0] in done.stderr) == (64, True)
