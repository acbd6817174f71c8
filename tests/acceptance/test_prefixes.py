"""A changed prefix does not double what runs."""

from __future__ import annotations

import pytest
import temporalio.client

from tests.support import program, remote

SPEC = """\
governance:
  OWNER
  schedules:
    - {charter: COMMUNITY, cron: "0 * * * *", entrypoint: COMMUNITY}
    - {charter: OPS, cron: "15 * * * *", entrypoint: OPS}
"""
OWNER = "owner: acme/work"


@pytest.mark.parametrize("owner", [OWNER, "manual_pauses: keep"])
async def test_a_changed_prefix_is_refused_until_the_old_schedules_are_paused(
    reconciler: program.Program, owner: str
) -> None:
    reconciler.declare(SPEC.replace("OWNER", owner))
    assert reconciler.run("apply", "--yes").returncode == 0
    done = reconciler.run("apply", "--yes", "--prefix", "acme:")
    assert done.returncode == 4
    assert "governance:community is still running under another prefix" in done.stderr
    assert "and acme:community would run next to it (and 1 more)" in done.stderr
    server = await remote.connected(reconciler.address, reconciler.namespace)
    assert await server.schedules.describe("acme:community") is None

    reconciler.declare(SPEC.replace("OWNER", owner).partition("  schedules:")[0] + "  schedules: []\n")
    assert reconciler.run("apply", "--yes", "--allow-mass-pause").returncode == 0
    reconciler.declare(SPEC.replace("OWNER", owner))
    for _ in range(2):
        assert reconciler.run("apply", "--yes", "--prefix", "acme:").returncode == 0


@pytest.mark.parametrize("owner", [OWNER, "manual_pauses: keep"])
@pytest.mark.parametrize(("old", "new"), [("acme", "acme:"), ("governance:", "production-eu-west-1.")])
def test_no_form_of_a_prefix_lets_its_schedules_run_twice(
    reconciler: program.Program, owner: str, old: str, new: str
) -> None:
    reconciler.declare(SPEC.replace("OWNER", owner))
    assert reconciler.run("apply", "--yes", "--prefix", old).returncode == 0
    done = reconciler.run("apply", "--yes", "--prefix", new)
    assert (done.returncode, f"and {new}community would run next to it (and 1 more)" in done.stderr) == (4, True)


async def test_a_prefix_that_changes_back_does_not_resume_what_would_run_twice(reconciler: program.Program) -> None:
    spec, nothing = SPEC.replace("OWNER", OWNER), f"governance:\n  {OWNER}\n  schedules: []\n"
    for text, options in ((spec, ()), (nothing, ("--allow-mass-pause",)), (spec, ("--prefix", "acme:"))):
        reconciler.declare(text)
        assert reconciler.run("apply", "--yes", *options).returncode == 0
    done = reconciler.run("apply", "--yes")
    assert (done.returncode, "▶ governance:community  charter is back in the spec" in done.stdout) == (4, True)
    assert "acme:community is still running under another prefix" in done.stderr
    server = await remote.connected(reconciler.address, reconciler.namespace)
    live = await server.schedules.describe("governance:community")
    assert live is not None
    assert live.schedule.paused
    assert reconciler.run("apply", "--yes", "--allow-prefix-change").returncode == 0


def test_two_prefixes_can_run_side_by_side_on_purpose(reconciler: program.Program) -> None:
    reconciler.declare(SPEC.replace("OWNER", OWNER))
    assert reconciler.run("apply", "--yes").returncode == 0
    refused = reconciler.run("apply", "--yes", "--prefix", "acme:")
    assert (refused.returncode, "--allow-prefix-change" in refused.stderr) == (4, True)
    done = reconciler.run("apply", "--yes", "--prefix", "acme:", "--allow-prefix-change")
    assert (done.returncode, "2 created" in done.stdout) == (0, True)
    assert reconciler.run("apply", "--yes", "--prefix", "acme:").returncode == 0


async def test_a_pause_by_hand_under_the_old_prefix_is_named_in_the_plan(reconciler: program.Program) -> None:
    reconciler.declare(SPEC.replace("OWNER", OWNER))
    assert reconciler.run("apply", "--yes").returncode == 0
    person = await temporalio.client.Client.connect(reconciler.address, namespace=reconciler.namespace)
    for name in ("community", "ops"):
        await person.get_schedule_handle(f"governance:{name}").pause(note="incident 7")
    planned = reconciler.run("plan", "--prefix", "acme:")
    assert planned.stdout.count("; this one will run: declare paused: true to keep it paused") == 2
    assert "it looks like governance:ops renamed, which was paused" in planned.stdout


def test_another_owner_may_have_the_same_names_under_its_own_prefix(reconciler: program.Program) -> None:
    reconciler.declare(SPEC.replace("OWNER", OWNER))
    assert reconciler.run("apply", "--yes").returncode == 0
    assert reconciler.run("apply", "--yes", "--prefix", "acme:", "--owner", "acme/staging").returncode == 0
