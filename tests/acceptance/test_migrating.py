"""What docs/migrating.md shows: schedules as another tool creates them, and a spec whose plan only marks them."""

from __future__ import annotations

import asyncio
import json
import pathlib
import re
import textwrap
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import temporalio.client
from google.protobuf import duration_pb2
from temporalio.api.common.v1 import message_pb2 as common_pb2
from temporalio.api.enums.v1 import schedule_pb2 as enums_pb2
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2

from tests.support import program, remote

PAGE = pathlib.Path(__file__).parents[2] / "docs/migrating.md"
SECTION = re.compile(r"^## (.+)\n((?:(?!^## ).*\n)*)", re.MULTILINE)
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SECTIONS = dict(SECTION.findall(PAGE.read_text(encoding="utf-8")))
SECOND = 1
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


def seconds(count: int) -> duration_pb2.Duration:
    return duration_pb2.Duration(seconds=count)


def argument(value: Any) -> common_pb2.Payload:
    """Return an argument as the Go and TypeScript SDKs encode it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return common_pb2.Payload(metadata={"encoding": b"json/plain"}, data=text.encode())


def message(workflow: str, workflow_id: str, task_queue: str, *arguments: Any) -> schedule_pb2.Schedule:
    """Return a schedule without times."""
    found = schedule_pb2.Schedule()
    start = found.action.start_workflow
    start.workflow_type.name, start.workflow_id, start.task_queue.name = workflow, workflow_id, task_queue
    start.input.payloads.extend(map(argument, arguments))
    return found


async def by_script(run: program.Program) -> None:
    """Run the page's own lines."""
    (lines,) = PYTHON.findall(SECTIONS["From a script"])
    client = await temporalio.client.Client.connect(run.address, namespace=run.namespace)
    names = {**vars(temporalio.client), "client": client}
    exec(f"async def create():\n{textwrap.indent(lines, '    ')}", names)  # noqa: S102  # of our own documentation
    await names["create"]()


async def by_terraform(run: program.Program) -> None:
    """Create what the provider creates with the Go SDK."""
    found = message("CleanUp", "cleanup", "cleanup", {"retention_days": 30, "dry_run": False})
    found.spec.interval.add(interval=seconds(24 * HOUR), phase=seconds(3 * HOUR))
    found.spec.timezone_name = "UTC"
    found.policies.catchup_window.CopyFrom(seconds(MINUTE))
    start = found.action.start_workflow
    start.workflow_execution_timeout.CopyFrom(seconds(HOUR))
    start.retry_policy.initial_interval.CopyFrom(seconds(SECOND))
    start.retry_policy.maximum_interval.CopyFrom(seconds(100 * SECOND))
    start.retry_policy.backoff_coefficient, start.retry_policy.maximum_attempts = 2.0, 5
    await create(run, "cleanup-task", found)


async def by_operator(run: program.Program) -> None:
    """Create what the operator creates with the Go SDK, which leaves the catch-up window to the server."""
    found = message("Heartbeat", "heartbeat", "health")
    found.spec.interval.add(interval=seconds(5 * MINUTE))
    found.spec.jitter.CopyFrom(seconds(10 * SECOND))
    await create(run, "heartbeat", found)


async def by_sync(run: program.Program) -> None:
    """Create what the sync creates with the TypeScript SDK; grants differ from deploy to deploy."""
    workflow, queue = "GovernanceScheduledRunWorkflow", "scheduler-tasks"
    community = {
        "scheduleId": "governance:community",
        "temporalScheduleId": "governance:community",
        "dbScheduleId": None,
        "graphId": "langgraph:community",
        "executionGrantId": "0b1e7a52-6f0c-4a8e-9a39-0f6a3a1c8c11",
        "input": {"message": "COMMUNITY", "model": "small"},
    }
    engineering = {
        "nodeId": "node-1",
        "graphId": "langgraph:engineering",
        "executionGrantId": "7c0d8f6e-54d7-4f0e-8a34-6f3c2f1f2a90",
        "input": {"message": "ENGINEERING"},
        "runKind": "system_scheduled",
        "triggerSource": "temporal_schedule",
        "triggerRef": "governance:engineering",
        "requestedBy": "cogni_system",
        "dbScheduleId": None,
        "temporalScheduleId": "governance:engineering",
    }
    for id_, cron, zone, value in (
        ("governance:community", "0 * * * *", "UTC", community),
        ("governance:engineering", "15 9-17 * * MON-FRI", "Europe/Berlin", engineering),
    ):
        found = message(workflow, id_, queue, value)
        found.spec.cron_string.append(cron)
        found.spec.timezone_name = zone
        found.policies.overlap_policy = enums_pb2.SCHEDULE_OVERLAP_POLICY_SKIP
        found.policies.catchup_window.CopyFrom(seconds(365 * 24 * HOUR))
        await create(run, id_, found)


async def create(run: program.Program, id_: str, found: schedule_pb2.Schedule) -> None:
    raw = await remote.raw(run.address, run.namespace)
    await raw.create(id_, found, request_id=id_)


TOOLS: dict[str, Callable[[program.Program], Awaitable[None]]] = {
    "From a script": by_script,
    "From Terraform": by_terraform,
    "From the Kubernetes operator": by_operator,
    "From a TypeScript sync program": by_sync,
}


def test_every_section_has_a_test() -> None:
    assert list(SECTIONS) == list(TOOLS)


@pytest.mark.parametrize("tool", TOOLS)
async def test_the_spec_of_the_page_only_marks_what_the_tool_created(reconciler: program.Program, tool: str) -> None:
    await TOOLS[tool](reconciler)
    (spec,) = YAML.findall(SECTIONS[tool])
    reconciler.declare(spec)
    await check(reconciler)


@pytest.mark.parametrize("tool", TOOLS)
async def test_an_import_only_marks_what_the_tool_created(reconciler: program.Program, tool: str) -> None:
    await TOOLS[tool](reconciler)
    found = await listed(reconciler, tool)
    (spec,) = YAML.findall(SECTIONS[tool])
    head = spec.partition("  defaults:")[0].partition("  schedules:")[0]
    reconciler.declare(f"{head}  schedules: []\n")
    ids = [word for id_ in found for word in ("--id", id_)]
    done = await asyncio.to_thread(reconciler.run, "import", "--write", *ids)
    assert done.returncode == 0, done.stderr
    await check(reconciler)


async def listed(run: program.Program, tool: str) -> list[str]:
    """Return the ids of all schedules, once the listing has them."""
    server = await remote.connected(run.address, run.namespace)
    expected = 2 if tool == "From a TypeScript sync program" else 1

    async def complete() -> bool:
        return len(await server.schedules.ids()) == expected

    await remote.until(complete)
    return sorted(await server.schedules.ids())


async def check(run: program.Program) -> None:
    """Check that a plan changes the mark alone, and that nothing is left to do after an apply."""
    planned = await asyncio.to_thread(run.run, "plan", "--format", "json")
    document = json.loads(planned.stdout)
    assert document["changes"]
    changed = {(each["verb"], field["path"]) for each in document["changes"] for field in each["fields"]}
    assert changed == {("update", "owner")}, planned.stdout
    applied = await asyncio.to_thread(run.run, "apply", "--yes")
    assert applied.returncode == 0, applied.stderr
    again = await asyncio.to_thread(run.run, "plan", "--detailed-exitcode")
    assert again.returncode == 0, again.stdout
