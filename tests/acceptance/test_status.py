"""`reconciler status` on the real server, its runs included."""

from __future__ import annotations

import datetime
import importlib.resources
import json
from collections.abc import Callable
from typing import Any

import pytest
import temporalio.client
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2

from reconciler import published
from tests.support import program, remote
from tools import devserver

SPEC = """\
governance:
  schedules:
    - charter: ALPHA
      cron: "0 * * * *"
      entrypoint: ALPHA
    - charter: BETA
      cron: "0 6 * * *"
      timezone: Europe/Berlin
      entrypoint: BETA
    - charter: GAMMA
      cron: "0 7 * * *"
      entrypoint: GAMMA
      paused: true
"""


@pytest.fixture
def applied(reconciler: program.Program) -> program.Program:
    reconciler.declare(SPEC)
    done = reconciler.run("apply", "--yes")
    assert done.returncode == 0, done.stderr
    return reconciler


def status(run: program.Program) -> dict[str, Any]:
    """Return the schedules of the JSON document, by charter."""
    done = run.run("status", "--format", "json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert list(published.violations("status", document)) == []
    return {each["charter"] or each["id"]: each for each in document["schedules"]}


def cli(server: devserver.DevServer, run: program.Program, *arguments: str) -> None:
    server.cli(*arguments, "--namespace", run.namespace)


async def trigger(
    server: devserver.DevServer, run: program.Program, seen: Callable[[schedule_pb2.ScheduleInfo], bool]
) -> None:
    """Trigger by hand, and wait until it is seen."""
    cli(server, run, "schedule", "trigger", "--schedule-id", "governance:alpha")
    raw = await remote.raw(run.address, run.namespace)

    async def is_seen() -> bool:
        return seen((await raw.describe("governance:alpha")).info)

    await remote.until(is_seen)


def test_it_says_the_state_of_each_schedule_and_whether_it_drifts(
    applied: program.Program, dev_server: devserver.DevServer
) -> None:
    cli(dev_server, applied, "schedule", "delete", "--schedule-id", "governance:beta")
    found = status(applied)
    assert {name: (each["state"], each["drift"]) for name, each in found.items()} == {
        "ALPHA": ("active", False),
        "BETA": ("missing", True),
        "GAMMA": ("paused", False),
    }
    assert found["BETA"]["verb"] == "create"
    due = datetime.datetime.fromisoformat(found["ALPHA"]["next"])
    assert (due.minute, due.second, due - datetime.datetime.now(datetime.UTC) <= datetime.timedelta(hours=1)) == (
        *(0, 0),
        True,
    )
    assert found["GAMMA"]["next"] is None


async def test_a_pause_is_told_with_who_and_when_as_far_as_the_server_knows(
    applied: program.Program, dev_server: devserver.DevServer
) -> None:
    alice = await temporalio.client.Client.connect(
        applied.address, namespace=applied.namespace, identity="alice@laptop"
    )
    await alice.get_schedule_handle("governance:alpha").pause(note="too noisy")
    found = status(applied)
    pause = found["ALPHA"]["pause"]
    assert pause["by"] == (None if dev_server.backend == "v2" else "alice@laptop")
    age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(pause["at"])
    assert age < datetime.timedelta(minutes=1)
    assert found["ALPHA"]["note"] == "too noisy"
    assert found["ALPHA"]["fields"] == ["paused"]
    shown = applied.run("plan").stdout
    assert "paused " + ("on " if dev_server.backend == "v2" else "by alice@laptop on ") in shown


def test_our_own_pause_is_told_as_ours(applied: program.Program) -> None:
    applied.declare(SPEC.partition("    - charter: GAMMA")[0].replace("ALPHA", "DELTA"))
    assert applied.run("apply", "--yes").returncode == 0
    found = status(applied)
    assert found["governance:alpha"]["state"] == "paused"
    assert found["governance:alpha"]["pause"]["by"] == "reconciler"
    assert found["governance:alpha"]["pause"]["at"]
    assert found["governance:alpha"]["drift"] is False


async def test_runs_are_followed_to_their_results(applied: program.Program, dev_server: devserver.DevServer) -> None:
    await trigger(dev_server, applied, lambda info: len(info.running_workflows) == 1)
    await trigger(dev_server, applied, lambda info: info.overlap_skipped == 1)  # nobody works: the first still runs
    alpha = status(applied)["ALPHA"]
    assert (alpha["counts"]["taken"], alpha["counts"]["skipped"]) == (1, 1)
    assert [each["status"] for each in alpha["recent"]] == ["running"]
    (running,) = alpha["running"]
    assert running.startswith("governance:alpha-")
    client = await temporalio.client.Client.connect(applied.address, namespace=applied.namespace)
    await client.get_workflow_handle(running).terminate("enough")
    alpha = status(applied)["ALPHA"]
    assert alpha["last"]["status"] == "terminated"
    assert alpha["running"] == []


def test_the_text_has_a_paragraph_for_each_schedule(applied: program.Program) -> None:
    done = applied.run("status")
    assert done.returncode == 0
    assert done.stdout.count("\n      state ") == 3
    assert done.stdout.endswith("3 schedules: 2 active, 1 paused; 0 differ from the spec.\n")


def test_an_environment_that_is_switched_off_does_not_drift_and_can_be_looked_at(applied: program.Program) -> None:
    applied.declare(SPEC.replace("0 6", "0 5") + '  environments: {"off": {enabled: false}}\n')
    done = applied.run("status", "--environment", "off")
    assert done.stdout.count("drift    no: the environment is disabled") == 3
    snapshot = applied.run("snapshot", "--out", "live.json", "--environment", "off")
    assert (snapshot.returncode, snapshot.stdout) == (0, "live.json: 3 schedules\n")
    assert (
        "environment 'off' is disabled in .cogni/repo-spec.yaml; the snapshot contains the live schedules anyway"
        in snapshot.stderr
    )
    given = json.loads(applied.run("status", "--environment", "off", "--format", "json").stdout)
    assert [(each["drift"], each["reason"]) for each in given["schedules"]] == [(False, "switched_off")] * 3
    assert list(published.violations("status", given)) == []


async def test_an_active_schedule_whose_due_times_pass_without_a_run_is_reported_with_the_servers_reason(
    dev_server: devserver.DevServer, reconciler: program.Program
) -> None:
    raw = await remote.raw(dev_server.address, reconciler.namespace)
    await raw.create("governance:stuck", remote.never_starting("stuck"))
    reconciler.declare("governance:\n  schedules:\n    - {charter: OTHER, cron: '@daily', entrypoint: OTHER}\n")

    async def is_reported() -> bool:
        return "passed without a run" in reconciler.run("status").stdout

    await remote.until(is_reported)
    shown, planned = reconciler.run("status").stdout, reconciler.run("plan").stderr
    assert "      overdue  " in shown
    assert "Warning: governance:stuck is active, but " in planned
    overdue = status(reconciler)["governance:stuck"]["overdue"]
    assert overdue["count"] >= 2
    if dev_server.backend == "v1":  # V2 keeps no reason
        assert "MaximumInterval" in shown
        assert "MaximumInterval" in overdue["reason"]
    else:
        assert overdue["reason"] is None
    assert status(reconciler)["OTHER"]["overdue"] is None


RETRIED = """\
governance:
  schedules:
    - charter: RETRIED
      cron: "@every 1s"
      entrypoint: RETRIED
      run_timeout: 1s
      retry_policy: {initial_interval: INTERVAL, maximum_attempts: 2}
"""


async def test_a_run_that_will_be_retried_is_shown_as_running(reconciler: program.Program) -> None:
    """No worker takes it, so that its first attempt times out; the second waits for an hour."""
    reconciler.declare(RETRIED.replace("INTERVAL", "1h"))
    assert reconciler.run("apply", "--yes").returncode == 0
    client = await temporalio.client.Client.connect(reconciler.address, namespace=reconciler.namespace)

    async def has_a_second_attempt() -> bool:
        return (
            len([each async for each in client.list_workflows("WorkflowType = 'GovernanceScheduledRunWorkflow'")]) > 1
        )

    await remote.until(has_a_second_attempt)
    shown = status(reconciler)["RETRIED"]
    assert [run["status"] for run in shown["recent"]] == ["running"]
    assert (shown["running"], shown["overdue"]) == ([shown["recent"][0]["workflow_id"]], None)


async def test_a_schedule_that_waits_for_a_run_which_has_ended_is_reported(
    dev_server: devserver.DevServer, reconciler: program.Program
) -> None:
    """V2 does not notice the end of a run that was retried, and starts no other one while it waits for it."""
    reconciler.declare(RETRIED.replace("INTERVAL", "1s"))
    assert reconciler.run("apply", "--yes").returncode == 0
    raw = await remote.raw(reconciler.address, reconciler.namespace)

    async def is_reported_or_goes_on() -> bool:
        if dev_server.backend == "v2":
            return status(reconciler)["RETRIED"]["overdue"] is not None
        return (await raw.describe("governance:retried")).info.action_count > 1

    await remote.until(is_reported_or_goes_on)
    if dev_server.backend == "v2":
        why = "passed without a run: the server still counts governance:retried-"
        assert why in reconciler.run("plan").stderr
        assert why in reconciler.run("status").stdout


def _in_the_machines_zone(proto: schedule_pb2.Schedule) -> None:
    proto.spec.timezone_name = "Local"


def _in_a_zone_of_its_own(proto: schedule_pb2.Schedule) -> None:
    proto.spec.timezone_name = "Mars/Olympus"
    proto.spec.timezone_data = importlib.resources.files("tzdata.zoneinfo").joinpath("UTC").read_bytes()


def _with_the_longest_jitter(proto: schedule_pb2.Schedule) -> None:
    proto.spec.jitter.FromTimedelta(datetime.timedelta(days=900_000))


@pytest.mark.parametrize("change", [_in_the_machines_zone, _in_a_zone_of_its_own, _with_the_longest_jitter])
async def test_another_tools_schedule_with_times_unknown_here_stops_neither_status_nor_plan(
    dev_server: devserver.DevServer, reconciler: program.Program, change: Callable[[schedule_pb2.Schedule], None]
) -> None:
    raw = await remote.raw(dev_server.address, reconciler.namespace)
    proto = remote.proto_of(remote.schedule("odd"))
    change(proto)
    await raw.create("governance:odd", proto)
    reconciler.declare("governance:\n  schedules:\n    - {charter: ODD, cron: '@daily', entrypoint: ODD}\n")
    for command in ("status", "plan"):
        done = reconciler.run(command)
        assert (done.returncode, "governance:odd" in done.stdout) == (0, True), done.stderr
    assert status(reconciler)["ODD"]["overdue"] is None
