"""`--refresh=list` reads the listing, and of the schedules only those that it shows to differ."""

from __future__ import annotations

import collections
import json
import time
from collections.abc import Callable

import pytest

from tests.support import program, remote
from tools import devserver

COUNT = 30
SPEC = "governance:\n  schedules:\n" + "".join(
    f"    - {{charter: C{number:02}, cron: '{number} 3 * * *', entrypoint: C, input: {{size: 1}}}}\n"
    for number in range(COUNT)
)
LISTED = ("--refresh", "list")


@pytest.fixture
def applied(reconciler: program.Program) -> program.Program:
    """The program after an apply of all charters, once the listing shows them."""
    reconciler.declare(SPEC)
    done = reconciler.run("apply", "--yes")
    assert done.returncode == 0, done.stderr
    until(lambda: f"{COUNT} of {COUNT} schedules" in reconciler.run("plan", *LISTED).stdout)
    return reconciler


def until(holds: Callable[[], bool]) -> None:
    """Wait until the listing, which lags behind, shows what was written."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline


def requests(
    server: devserver.DevServer, run: program.Program, *arguments: str
) -> tuple[str, collections.Counter[str]]:
    """Run a command, and return what it prints and how many requests of which kind the server got."""
    before = server.requests(run.namespace)
    done = run.run(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout, server.requests(run.namespace) - before


def test_a_plan_without_changes_is_one_request(applied: program.Program, dev_server: devserver.DevServer) -> None:
    shown, sent = requests(dev_server, applied, "plan", *LISTED)
    assert sent == {"ListSchedules": 1}
    assert "No changes. The listing matches .cogni/repo-spec.yaml (30 unchanged)." in shown
    assert "Note: 30 of 30 schedules compared as listed: workflow type, times, note and pause." in shown
    _, full = requests(dev_server, applied, "plan")
    assert full["DescribeSchedule"] >= COUNT  # one that is lost is sent again


async def test_what_the_listing_shows_to_differ_is_described_and_written(
    applied: program.Program, dev_server: devserver.DevServer
) -> None:
    changed = SPEC.replace("'3 3 * * *'", "'3 4 * * *'").replace(
        "'4 3 * * *', entrypoint: C", "'4 3 * * *', paused: true, entrypoint: C"
    )
    lines = changed.replace("size: 1", "size: 2").splitlines(keepends=True)
    applied.declare("".join([*lines[:-1], lines[-1].replace("C29", "NEW")]))
    plan = json.loads(applied.run("plan", *LISTED, "--format", "json").stdout)
    assert plan["refresh"] == "list"
    steps = {each["id"].partition(":")[2]: each for each in plan["changes"] if each["verb"] != "keep"}
    assert {name: each["verb"] for name, each in steps.items()} == {
        "new": "create",
        "c03": "update",
        "c04": "pause",
        "c29": "pause",
    }
    assert [field["path"] for field in steps["c03"]["fields"]] == ["cron", "input.size"]  # as described
    _, sent = requests(dev_server, applied, "apply", "--yes", "--allow-mass-pause", "--lock", "none", *LISTED)
    described = sent.pop("DescribeSchedule")  # to plan, before an update and after each write
    assert sent == {"ListSchedules": 1, "CreateSchedule": 1, "UpdateSchedule": 3}
    assert 4 + 3 + 4 <= described < COUNT
    server = await remote.connected(applied.address, applied.namespace)
    found = await server.schedules.describe("governance:c03")
    assert found is not None
    assert "No changes" not in applied.run("plan").stdout  # the arguments of the others


def test_a_schedule_that_is_gone_is_created_again(applied: program.Program, dev_server: devserver.DevServer) -> None:
    dev_server.cli("schedule", "delete", "--namespace", applied.namespace, "--schedule-id", "governance:c07")
    until(lambda: "1 to create" in applied.run("plan", *LISTED).stdout)
    assert applied.run("apply", "--yes", *LISTED).returncode == 0
    assert "No changes" in applied.run("plan").stdout


def test_a_saved_plan_keeps_how_much_was_read(applied: program.Program) -> None:
    applied.declare(SPEC.replace("'3 3 * * *'", "'3 4 * * *'"))
    assert applied.run("plan", *LISTED, "--out", "plan.json").returncode == 0
    done = applied.run("apply", "--yes", "plan.json")
    assert (done.returncode, "1 to update" in done.stdout) == (0, True)
    assert "29 of 30 schedules compared as listed" in done.stdout


def test_a_snapshot_has_nothing_to_leave_out(applied: program.Program) -> None:
    assert applied.run("snapshot", "--out", "live.json").returncode == 0
    refused = applied.run("plan", "--live", "live.json", *LISTED)
    assert (refused.returncode, refused.stdout) == (64, "")
    assert "--refresh=list reads less of the server" in refused.stderr
