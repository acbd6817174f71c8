"""A renamed charter on the server: one step, the state of the old schedule, and the old one paused and pruned."""

from __future__ import annotations

import json
import re

import pytest
import temporalio.client

from reconciler.schedule import model
from reconciler.temporal import connect
from tests.support import program, remote, servers

CHARTER = '{cron: "0 0 1 1 *", entrypoint: OLD, remaining_actions: 5'
SPEC = f"governance:\n  schedules:\n    - {CHARTER}, charter: OLD}}\n"
RENAMED = f"governance:\n  schedules:\n    - {CHARTER}, charter: NEW, was: OLD}}\n"
KEPT = RENAMED.replace("  schedules:", "  manual_pauses: keep\n  schedules:")
NOTE = "paused by reconciler: renamed to governance:new in .cogni/repo-spec.yaml"


@pytest.fixture
def applied(reconciler: program.Program) -> program.Program:
    """The program, with charter OLD applied."""
    reconciler.declare(SPEC)
    done = reconciler.run("apply", "--yes")
    assert done.returncode == 0, done.stdout
    return reconciler


async def schedules(server: connect.Server) -> dict[str, model.Schedule]:
    found = await server.schedules.describe_all(["governance:old", "governance:new"])
    return {id_: live.schedule for id_, live in found.items()}


TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


async def change(run: program.Program, id_: str = "governance:old", **state: object) -> None:
    """Change a schedule as someone else would."""
    raw = await remote.raw(run.address, run.namespace)
    described = await raw.describe(id_)
    for name, value in state.items():
        setattr(described.schedule.state, name, value)
    await raw.update(id_, described.schedule)


async def test_a_rename_is_one_step_after_which_the_plan_is_empty_and_the_old_schedule_can_be_pruned(
    applied: program.Program,
) -> None:
    await change(applied, notes="watched", remaining_actions=3)
    applied.declare(RENAMED)
    done = applied.run("apply", "--yes")
    assert done.returncode == 0, done.stderr
    assert "→ governance:new  will be renamed from governance:old" in done.stdout
    assert "→ governance:new renamed\n" in done.stdout
    assert done.stdout.endswith(": 0 created, 1 renamed, 0 updated, 0 resumed, 0 paused.\n")
    server = await remote.connected(applied.address, applied.namespace)
    found = await schedules(server)
    old, new = found["governance:old"], found["governance:new"]
    assert (new.paused, new.note, new.remaining_actions) == (False, "watched", 3)
    assert (old.paused, old.note) == (True, NOTE)
    again = applied.run("apply", "--yes", "--format", "json")
    assert json.loads(again.stdout)["outcomes"] == []
    pruned = applied.run("prune", "--yes")
    assert "- governance:old deleted" in pruned.stdout
    assert list(await schedules(server)) == ["governance:new"]


async def test_a_kept_pause_moves_with_the_name(applied: program.Program) -> None:
    alice = await temporalio.client.Client.connect(
        applied.address, namespace=applied.namespace, identity="alice@laptop"
    )
    await alice.get_schedule_handle("governance:old").pause(note="too noisy")
    applied.declare(KEPT)
    assert applied.run("apply", "--yes").returncode == 0
    server = await remote.connected(applied.address, applied.namespace)
    found = await schedules(server)
    assert found["governance:new"].paused
    paused = "paused by alice@laptop on" if servers.backend() == "v1" else "paused on"  # V2 keeps no author
    pattern = rf"too noisy \({paused} {TIME}, under its former ID governance:old\)"
    assert re.fullmatch(pattern, found["governance:new"].note or ""), found["governance:new"].note
    states = [line for line in applied.run("status").stdout.splitlines() if line.startswith("      state ")]
    assert sum(f" {paused} " in state for state in states) == 1
    assert found["governance:old"].note == NOTE
    planned = applied.run("plan", "--detailed-exitcode")
    assert planned.returncode == 0, planned.stdout
    assert "- governance:old deleted" in applied.run("prune", "--yes").stdout


@pytest.mark.parametrize(
    ("note", "kept"),
    [
        ("incident", rf"incident \(paused on {TIME}, under its former ID governance:new\)"),
        ("", rf"paused on {TIME}, under its former ID governance:new"),
    ],
)
async def test_a_kept_pause_moves_back_with_a_name_that_returns(applied: program.Program, note: str, kept: str) -> None:
    applied.declare(KEPT)
    assert applied.run("apply", "--yes").returncode == 0
    await change(applied, "governance:new", paused=True, notes=note)
    applied.declare(KEPT.replace("charter: NEW, was: OLD", "charter: OLD, was: NEW"))
    done = applied.run("apply", "--yes")
    assert done.returncode == 0, done.stderr
    assert "~ governance:old  will be updated (paused outside the spec; left paused)" in done.stdout
    found = await schedules(await remote.connected(applied.address, applied.namespace))
    old, new = found["governance:old"], found["governance:new"]
    assert (old.paused, new.paused, new.note) == (True, True, note or None)
    assert re.fullmatch(kept, old.note or ""), old.note
    again = applied.run("plan", "--detailed-exitcode")
    assert again.returncode == 0, again.stdout


async def test_a_saved_rename_is_applied_once_and_not_if_the_old_schedule_changed(applied: program.Program) -> None:
    applied.declare(RENAMED)
    assert applied.run("plan", "--out", "plan.json").returncode == 0
    assert "→ governance:new  will be renamed from governance:old" in applied.run("show", "plan.json").stdout
    await change(applied, notes="changed since")
    stale = applied.run("apply", "plan.json", "--yes")
    assert stale.returncode == 5
    assert "governance:old changed" in stale.stderr
    assert applied.run("plan", "--out", "plan.json").returncode == 0
    assert applied.run("apply", "plan.json", "--yes").returncode == 0
    server = await remote.connected(applied.address, applied.namespace)
    assert (await schedules(server))["governance:new"].note == "changed since"


async def test_status_shows_the_rename_and_both_schedules(applied: program.Program) -> None:
    applied.declare(RENAMED)
    shown = applied.run("status")
    assert "drift    yes: it will be renamed from governance:old" in shown.stdout
    assert "drift    yes: it will be paused (charter was renamed)" in shown.stdout
    assert "2 schedules: 1 active, 1 missing; 1 differs from the spec." in shown.stdout
