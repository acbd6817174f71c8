"""Stale workers are found: by preflight, and beside a plan and a status."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
import temporalio.client
import temporalio.worker
import temporalio.workflow

from reconciler import published
from reconciler.temporal import connect
from tests.support import fake_temporal, program, worker_process, workers

NOBODY = (
    "Warning: no worker polls task queue 'scheduler-tasks', so runs of charter ALPHA will wait; "
    "start a worker there: reconciler worker --task-queue scheduler-tasks.\n"
)


@pytest.fixture
def declared(reconciler: program.Program) -> program.Program:
    reconciler.declare(workers.SPEC)
    return reconciler


def preflight(declared: program.Program, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = declared.run("preflight", "--format", "json", *arguments)
    document = json.loads(done.stdout)
    assert list(published.violations("preflight", document)) == []
    return done.returncode, document


def preflight_of_a_worker(declared: program.Program, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Repeat it until the server lists the worker, which is ready a moment earlier."""
    for _ in range(30):
        code, document = preflight(declared, *arguments)
        if "unpolled" not in kinds(document):
            break
    return code, document


def kinds(document: dict[str, Any]) -> list[str]:
    return [finding["kind"] for finding in document["findings"]]


def test_without_a_worker_plan_status_and_preflight_say_that_runs_wait(declared: program.Program) -> None:
    for command in ("plan", "status"):
        done = declared.run(command)
        assert (done.returncode, done.stderr) == (0, NOBODY)
    code, document = preflight(declared)
    assert (code, document["ok"], kinds(document)) == (1, False, ["unpolled"])
    text = declared.run("preflight")
    assert (text.returncode, text.stdout.splitlines()[-1]) == (1, "1 problem.")


def test_a_worker_that_goes_on_running_old_code_is_found(declared: program.Program, database_url: str) -> None:
    with worker_process.started(declared, database_url, "--build-id", "commit-1") as old:
        old.until(200)
        code, document = preflight_of_a_worker(declared, "--expect-build", "commit-1")
        assert (code, document["ok"], kinds(document)) == (0, True, [])
        assert declared.run("plan").stderr == ""
        assert declared.run("status").stderr == ""
        ((poller,),) = (queue["pollers"] for queue in document["queues"])
        assert (poller["build_id"], poller["workflow_types"]) == ("commit-1", ["GovernanceScheduledRunWorkflow"])
        code, document = preflight_of_a_worker(declared, "--expect-build", "commit-2")
        assert (code, kinds(document)) == (1, ["other_build"])
        assert poller["identity"] in document["findings"][0]["message"]
        assert "runs build commit-1, not commit-2" in document["findings"][0]["message"]
        for command in ("plan", "status"):
            assert "runs build commit-1, not commit-2" in declared.run(command, "--expect-build", "commit-2").stderr
            assert declared.run(command, RECONCILER_EXPECT_BUILD="commit-1").stderr == ""
        assert old.end(signal.SIGTERM) == 0


def test_a_workflow_that_the_worker_does_not_register_is_found(declared: program.Program, database_url: str) -> None:
    declared.declare(workers.SPEC.replace("entrypoint: alpha", "entrypoint: alpha, workflow: AnotherWorkflow"))
    with worker_process.started(declared, database_url, "--build-id", "commit-1") as worker:
        worker.until(200)
        code, document = preflight_of_a_worker(declared, "--expect-build", "commit-1")
        assert (code, kinds(document)) == (1, ["unknown_workflow"])
        assert "does not register workflow AnotherWorkflow" in declared.run("plan").stderr


def test_a_versioned_worker_gets_runs_once_its_version_is_the_current_one(
    declared: program.Program, database_url: str, dev_server: Any
) -> None:
    versioned = ("--versioning", "--deployment-name", "governance", "--build-id", "commit-1")
    with worker_process.started(declared, database_url, *versioned) as worker:
        worker.until(200)
        code, document = preflight_of_a_worker(declared, "--expect-build", "commit-1")
        assert (code, kinds(document)) == (1, ["unserved"])
        dev_server.cli(
            *("worker", "deployment", "set-current-version", "--deployment-name", "governance"),
            *("--build-id", "commit-1", "--yes", "--namespace", declared.namespace),
        )
        code, document = preflight_of_a_worker(declared, "--expect-build", "commit-1")
        assert (code, kinds(document)) == (0, [])


@temporalio.workflow.defn(name="Foreign", sandboxed=False)
class Foreign:
    @temporalio.workflow.run
    async def run(self) -> None:
        return


@pytest.fixture
async def foreign(declared: program.Program) -> AsyncIterator[None]:
    """A worker of another make, which tells nothing of what it registers."""
    client = await temporalio.client.Client.connect(
        declared.address, namespace=declared.namespace, identity="8@theirs", runtime=connect.quiet()
    )
    async with temporalio.worker.Worker(client, task_queue="scheduler-tasks", workflows=[Foreign]):
        yield


@pytest.mark.usefixtures("foreign")
async def test_a_worker_that_tells_nothing_is_a_remark(declared: program.Program) -> None:
    async with asyncio.timeout(30):
        while True:
            code, document = await asyncio.to_thread(preflight, declared)
            if code == 0:
                break
    assert kinds(document) == ["untold"]
    assert "worker 8@theirs" in document["findings"][0]["message"]


def test_a_server_that_does_not_report_its_workers_is_a_warning_of_a_plan(
    fake: fake_temporal.FakeTemporal, declared: program.Program
) -> None:
    given = ("--address", fake.address, "--namespace", "default")
    done = declared.run("plan", *given)
    unchecked = f"Warning: the workers were not checked: Temporal at {fake.address} returned UNIMPLEMENTED: "
    assert (done.returncode, done.stderr.count("\n"), done.stderr.startswith(unchecked)) == (0, 1, True)
    refused = declared.run("preflight", *given)
    assert (refused.returncode, "UNIMPLEMENTED" in refused.stderr) == (1, True)


def test_a_plan_from_a_snapshot_tells_nothing_of_workers(declared: program.Program) -> None:
    assert declared.run("snapshot", "--out", "live.json").returncode == 0
    done = declared.run("plan", "--live", "live.json")
    assert (done.returncode, done.stderr) == (0, "")
