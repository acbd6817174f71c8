"""Deleting is a step of its own: only what this tool paused because its charter was removed."""

from __future__ import annotations

import json

import pytest

from tests.support import program, remote

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
    assert "- governance:sustain  paused since its charter was removed" in asked.stdout
    assert asked.stdout.endswith("Plan: 1 to delete, 3 to stay.\n")
    assert "governance:govern" not in asked.stdout  # paused, but declared so
    done = removed.run("prune", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "- governance:sustain deleted" in done.stdout
    assert await ids(removed) == ["governance:community", "governance:engineering", "governance:govern"]
    assert f"\nPruned from governance:* in namespace {removed.namespace} on " in done.stdout
    assert done.stdout.endswith(", owner acme/work: 1 deleted.\n")
    nothing = "Nothing to prune: no schedule is paused because its charter was removed.\n"
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
    young = "1 schedule is paused because its charter was removed, not for as long as 30d."
    assert kept.stdout.endswith(f"Nothing to prune: {young}\n")
    assert "governance:sustain" in await ids(removed)
    wrong = removed.run("prune", "--yes", "--older-than", "soon")
    assert (wrong.returncode, "--older-than" in wrong.stderr) == (64, True)


async def test_the_outcome_is_a_document_too(removed: program.Program) -> None:
    done = removed.run("prune", "--yes", "--format", "json")
    document = json.loads(done.stdout)
    assert (document["command"], document["counts"]["delete"], document["exit_code"]) == ("prune", 1, 0)


async def test_a_spec_without_a_governance_section_deletes_nothing(removed: program.Program) -> None:
    removed.declare("other: {}\n")
    done = removed.run("prune", "--yes", "--owner", "acme/work")
    assert (done.returncode, "1 of governance:* would be deleted" in done.stderr) == (4, True)
    assert "--allow" not in done.stderr
    assert "governance:sustain" in await ids(removed)


async def test_a_prune_is_recorded_with_what_it_leaves(removed: program.Program, database_url: str) -> None:
    assert removed.run("prune", "--yes", DATABASE_URL=database_url).returncode == 0
    records = json.loads(removed.run("history", "--format", "json", DATABASE_URL=database_url).stdout)["records"]
    assert [(each["command"], each["managed"]) for each in records] == [("prune", 3)]
