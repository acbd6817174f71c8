"""`--only` plans and applies the charters that it names, and nothing else."""

from __future__ import annotations

import json

import pytest

from tests.support import postgres, program, remote

SPEC = """\
governance:
  schedules:
    - {charter: COMMUNITY, cron: "0 * * * *", entrypoint: COMMUNITY}
    - {charter: OPS, cron: "15 * * * *", entrypoint: OPS}
    - {charter: SALES, cron: "30 * * * *", entrypoint: SALES}
"""


async def test_only_the_named_charters_are_written(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    done = reconciler.run("apply", "--yes", "--only", "ops", "--only", "SALES")
    assert done.returncode == 0
    assert ", only OPS, SALES\n" in done.stdout
    assert "Partial plan: 2 to create, 0 to update, 0 to resume, 0 to pause, 0 unchanged." in done.stdout
    server = await remote.connected(reconciler.address, reconciler.namespace)
    assert await server.schedules.describe("governance:community") is None
    again = reconciler.run("plan", "--only", "OPS")
    assert "No changes. The server matches .cogni/repo-spec.yaml for OPS (1 unchanged)." in again.stdout


async def test_what_is_no_longer_declared_is_left_alone(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    assert reconciler.run("apply", "--yes").returncode == 0
    reconciler.declare(SPEC.replace("15 *", "20 *").rpartition("    -")[0])
    done = reconciler.run("apply", "--yes", "--only", "OPS")
    assert (done.returncode, "governance:sales" in done.stdout) == (0, False)
    server = await remote.connected(reconciler.address, reconciler.namespace)
    live = await server.schedules.describe("governance:sales")
    assert live is not None
    assert not live.schedule.paused


def test_a_partial_plan_has_a_digest_of_its_own(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    assert reconciler.run("apply", "--yes", "--only", "COMMUNITY", "--only", "SALES").returncode == 0
    whole, partial = (
        json.loads(reconciler.run("plan", "--format", "json", *options).stdout) for options in ((), ("--only", "OPS"))
    )
    steps = [[each["id"] for each in plan["changes"] if each["verb"] != "keep"] for plan in (whole, partial)]
    assert steps == [["governance:ops"]] * 2
    assert (whole.get("only"), partial["only"]) == (None, ["OPS"])
    assert whole["digest"] != partial["digest"]
    refused = reconciler.run("apply", "--yes", "--expect-digest", partial["digest"])
    assert refused.returncode == 5
    assert reconciler.run("apply", "--yes", "--only", "OPS", "--expect-digest", partial["digest"]).returncode == 0


def test_a_saved_partial_plan_is_applied_as_such(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    assert reconciler.run("plan", "--only", "OPS", "--out", "plan.json").returncode == 0
    refused = reconciler.run("apply", "--yes", "plan.json", "--only", "SALES")
    assert (refused.returncode, "--only SALES was passed, but the plan was made with OPS" in refused.stderr) == (
        5,
        True,
    )
    done = reconciler.run("apply", "--yes", "plan.json")
    assert (done.returncode, "1 created, 0 updated" in done.stdout) == (0, True)


def test_a_partial_apply_records_all_schedules_that_it_leaves(reconciler: program.Program, database_url: str) -> None:
    reconciler.declare(SPEC)
    assert reconciler.run("apply", "--yes", DATABASE_URL=database_url).returncode == 0
    reconciler.declare(SPEC.replace("15 *", "20 *"))
    assert reconciler.run("apply", "--yes", "--only", "OPS", DATABASE_URL=database_url).returncode == 0
    rows = postgres.execute(database_url, "SELECT present FROM applies ORDER BY started_at")
    assert rows == [(3,), (3,)]


@pytest.mark.parametrize(
    ("name", "hint"), [("OPPS", "Did you mean 'OPS'?"), ("FINANCE", "Specify a charter that the file declares.")]
)
def test_a_name_that_is_not_declared_is_an_error(reconciler: program.Program, name: str, hint: str) -> None:
    reconciler.declare(SPEC)
    done = reconciler.run("plan", "--only", name)
    assert done.returncode == 64
    assert f".cogni/repo-spec.yaml does not declare charter '{name}'" in done.stderr
    assert hint in done.stderr
