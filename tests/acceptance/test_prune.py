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
    assert "1 to delete" in asked.stdout
    assert "governance:govern" not in asked.stdout  # paused, but declared so
    done = removed.run("prune", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "- governance:sustain deleted" in done.stdout
    assert await ids(removed) == ["governance:community", "governance:engineering", "governance:govern"]
    assert removed.run("prune", "--yes").stdout.splitlines()[-1].startswith("No changes")


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
    assert "governance:sustain" in await ids(removed)
    wrong = removed.run("prune", "--yes", "--older-than", "soon")
    assert (wrong.returncode, "--older-than" in wrong.stderr) == (64, True)


async def test_the_outcome_is_a_document_too(removed: program.Program) -> None:
    done = removed.run("prune", "--yes", "--format", "json")
    document = json.loads(done.stdout)
    assert (document["command"], document["counts"]["delete"], document["exit_code"]) == ("prune", 1, 0)
