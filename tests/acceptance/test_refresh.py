"""`--refresh` reads the listing, and describes those schedules that it or the record of applies shows to differ."""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Callable

import pytest

from tests.support import conditions, postgres, program, remote, servers
from tools import devserver

COUNT = 16
SPEC = "governance:\n  schedules:\n" + "".join(
    f"    - {{charter: C{number:02}, cron: '{number} 3 * * *', entrypoint: C, input: {{size: 1}}}}\n"
    for number in range(COUNT)
)
LISTED = ("--refresh", "list")
CHANGED = ("--refresh", "changed")


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
    conditions.until(holds, seconds=60, pause=0.2)


def requests(run: program.Program, *arguments: str) -> tuple[str, collections.Counter[str]]:
    """Run a command, and return what it prints and how many requests of which kind were answered."""
    shown, logged = calls(run, *arguments)
    answered = (name for name, status in logged if status not in ("CANCELLED", "DEADLINE_EXCEEDED"))
    return shown, collections.Counter(answered)


def calls(run: program.Program, *arguments: str) -> tuple[str, list[tuple[str, str]]]:
    """Run a command, and return what it prints and the requests for schedules that it logs, with their statuses."""
    done = run.run(*arguments, "--log-level", "debug", "--log-format", "json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    ours = (line for line in lines if line.get("logger") == "reconciler.temporal.calls" and "status" in line)
    return done.stdout, [(line["message"], line["status"]) for line in ours if "Schedule" in line["message"]]


def test_the_server_counts_the_same_requests(reconciler: program.Program) -> None:
    with servers.running(namespaces=("counted",)) as server:
        run = dataclasses.replace(reconciler, address=server.address, namespace="counted")
        run.declare(SPEC)
        before = server.requests("counted")["counted"]
        logged = [*calls(run, "apply", "--yes")[1], *calls(run, "plan", *LISTED)[1]]
        assert server.requests("counted")["counted"] - before == collections.Counter(name for name, _ in logged)


def test_a_plan_without_changes_is_one_request(applied: program.Program) -> None:
    shown, sent = requests(applied, "plan", *LISTED)
    assert sent == {"ListSchedules": 1}
    assert "No changes. The listing matches .cogni/repo-spec.yaml (16 unchanged)." in shown
    assert "Note: 16 of 16 schedules were compared by listing only: workflow type, times, note, and pause." in shown
    _, full = requests(applied, "plan")
    assert full["DescribeSchedule"] >= COUNT  # one that is lost is sent again


async def test_what_the_listing_shows_to_differ_is_described_and_written(applied: program.Program) -> None:
    changed = SPEC.replace("'3 3 * * *'", "'3 4 * * *'").replace(
        "'4 3 * * *', entrypoint: C", "'4 3 * * *', paused: true, entrypoint: C"
    )
    lines = changed.replace("size: 1", "size: 2").splitlines(keepends=True)
    applied.declare("".join([*lines[:-1], lines[-1].replace("C15", "NEW")]))
    plan = json.loads(applied.run("plan", *LISTED, "--format", "json").stdout)
    assert plan["refresh"] == "list"
    steps = {each["id"].partition(":")[2]: each for each in plan["changes"] if each["verb"] != "keep"}
    assert {name: each["verb"] for name, each in steps.items()} == {
        "new": "create",
        "c03": "update",
        "c04": "pause",
        "c15": "pause",
    }
    assert [field["path"] for field in steps["c03"]["fields"]] == ["cron", "input.size"]  # as described
    _, sent = requests(applied, "apply", "--yes", "--allow-mass-pause", "--lock", "none", *LISTED)
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
    assert "15 of 16 schedules were compared by listing only" in done.stdout


def test_a_snapshot_has_nothing_to_leave_out(applied: program.Program) -> None:
    assert applied.run("snapshot", "--out", "live.json").returncode == 0
    refused = applied.run("plan", "--live", "live.json", *LISTED)
    assert (refused.returncode, refused.stdout) == (64, "")
    assert "--refresh=list limits what is read from the server" in refused.stderr


@pytest.fixture
def recorded(reconciler: program.Program, database_url: str) -> program.Program:
    """The program after an apply of all charters that was recorded in a database, once the listing shows them."""
    run = dataclasses.replace(reconciler, variables={"DATABASE_URL": database_url})
    run.declare(SPEC)
    done = run.run("apply", "--yes")
    assert done.returncode == 0, done.stderr
    until(lambda: f"{COUNT} of {COUNT} schedules" in run.run("plan", *LISTED).stdout)
    return run


def test_what_did_not_change_since_an_apply_is_not_described(recorded: program.Program) -> None:
    shown, sent = requests(recorded, "plan", *CHANGED)
    assert sent == {"ListSchedules": 1}
    assert "No changes. The listing matches .cogni/repo-spec.yaml (16 unchanged)." in shown
    assert (
        "Note: 16 of 16 schedules were compared by listing only: workflow type, times, note, and pause. Their charters"
        in shown
    )
    shown, sent = requests(recorded, "apply", "--yes", *CHANGED)
    assert sent == {"ListSchedules": 1}
    assert json.loads(recorded.run("plan", *CHANGED, "--format", "json").stdout)["refresh"] == "changed"


def test_a_changed_argument_is_found_and_written(recorded: program.Program) -> None:
    recorded.declare(SPEC.replace("cron: '3 3 * * *', entrypoint: C, input: {size: 1}", CHANGED_INPUT))
    shown, sent = requests(recorded, "plan", *LISTED)
    assert sent == {"ListSchedules": 1}
    assert "No changes" in shown  # a listing has no arguments
    shown, sent = requests(recorded, "plan", *CHANGED)
    assert sent == {"ListSchedules": 1, "DescribeSchedule": 1}
    assert "1 to update" in shown
    _, sent = requests(recorded, "apply", "--yes", *CHANGED)
    assert sent == {"ListSchedules": 1, "DescribeSchedule": 3, "UpdateSchedule": 1}  # before the write and after it
    _, sent = requests(recorded, "plan", *CHANGED)
    assert sent == {"ListSchedules": 1}  # the others keep what the first apply recorded
    assert "No changes. The server matches" in recorded.run("plan").stdout
    recorded.declare(SPEC)  # as it was at first
    assert "1 to update" in recorded.run("plan", *CHANGED).stdout


CHANGED_INPUT = "cron: '3 3 * * *', entrypoint: C, input: {size: 2}"


def test_a_reading_that_is_too_old_is_repeated(recorded: program.Program, database_url: str) -> None:
    postgres.execute(
        database_url,
        "UPDATE reconciler.readings SET read_at = read_at - interval '25 hours' WHERE schedule_id = 'governance:c03'",
    )
    _, sent = requests(recorded, "plan", *CHANGED, "--max-age", "26h")
    assert sent == {"ListSchedules": 1}
    _, sent = requests(recorded, "plan", *CHANGED)
    assert sent == {"ListSchedules": 1, "DescribeSchedule": 1}
    _, sent = requests(recorded, "plan", *CHANGED, "--max-age", "0s")
    assert sent["DescribeSchedule"] >= COUNT
    assert recorded.run("apply", "--yes", *CHANGED).returncode == 0
    _, sent = requests(recorded, "plan", *CHANGED)
    assert sent == {"ListSchedules": 1}  # the apply recorded what it read


def test_what_was_edited_by_hand_is_described_if_the_listing_shows_it(
    recorded: program.Program, dev_server: devserver.DevServer
) -> None:
    dev_server.cli(
        *("schedule", "toggle", "--namespace", recorded.namespace, "--schedule-id", "governance:c07"),
        *("--pause", "--reason", "too noisy"),
    )
    until(lambda: "1 to resume" in recorded.run("plan", *CHANGED).stdout)
    shown, sent = requests(recorded, "plan", *CHANGED)
    assert sent == {"ListSchedules": 1, "DescribeSchedule": 1}
    assert "too noisy" in shown


def test_a_removed_charter_leaves_no_reading(recorded: program.Program, database_url: str) -> None:
    count = "SELECT count(*) FROM reconciler.readings"
    assert postgres.execute(database_url, count) == [(COUNT,)]
    recorded.declare("".join(SPEC.splitlines(keepends=True)[:-1]))
    assert recorded.run("apply", "--yes", *CHANGED).returncode == 0
    assert postgres.execute(database_url, count) == [(COUNT - 1,)]


def test_a_saved_plan_needs_the_record_as_well(recorded: program.Program) -> None:
    recorded.declare(SPEC.replace("'3 3 * * *'", "'3 4 * * *'"))
    assert recorded.run("plan", *CHANGED, "--max-age", "2h", "--out", "plan.json").returncode == 0
    other = recorded.run("apply", "--yes", "plan.json", *CHANGED, "--max-age", "3h")
    assert (other.returncode, "--max-age 3h was passed, but the plan was made with 2h" in other.stderr) == (5, True)
    refused = recorded.run("apply", "--yes", "plan.json", "--no-audit")
    assert (refused.returncode, "--refresh=changed requires the database" in refused.stderr) == (64, True)
    assert "Omit --no-audit, or use" in refused.stderr
    done = recorded.run("apply", "--yes", "plan.json")
    assert (done.returncode, "1 to update" in done.stdout) == (0, True)


@pytest.mark.parametrize("command", [("plan",), ("apply", "--yes")])
def test_without_a_database_it_is_an_error(reconciler: program.Program, command: tuple[str, ...]) -> None:
    reconciler.declare(SPEC)
    refused = reconciler.run(*command, *CHANGED, "--log-level", "debug")
    assert (refused.returncode, refused.stdout) == (64, "")
    assert "--refresh=changed requires the database in which apply records what it has read" in refused.stderr
    assert "Pass --database-url or set DATABASE_URL, or use" in refused.stderr
    assert "Schedules" not in refused.stderr  # no request


def test_a_max_age_without_changed_is_an_error(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    refused = reconciler.run("plan", "--max-age", "1h")
    assert (refused.returncode, "--max-age requires --refresh=changed" in refused.stderr) == (64, True)


def test_no_other_plan_reads_the_database(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    run = dataclasses.replace(reconciler, variables={"DATABASE_URL": "postgresql://me@127.0.0.1:1/nothing"})
    assert run.run("plan").returncode == 0
    refused = run.run("plan", *CHANGED)
    assert (refused.returncode, "cannot connect to database nothing" in refused.stderr) == (1, True)
