"""A changed prefix does not double what runs."""

from __future__ import annotations

import pytest

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


def test_another_owner_may_have_the_same_names_under_its_own_prefix(reconciler: program.Program) -> None:
    reconciler.declare(SPEC.replace("OWNER", OWNER))
    assert reconciler.run("apply", "--yes").returncode == 0
    assert reconciler.run("apply", "--yes", "--prefix", "acme:", "--owner", "acme/staging").returncode == 0
