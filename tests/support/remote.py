"""Connections for tests, and schedules to put on a server."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import temporalio.client
from temporalio.api.enums.v1 import schedule_pb2 as enums_pb2
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2
from temporalio.api.workflow.v1 import message_pb2 as workflow_pb2
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2
from temporalio.service import WorkflowService

from reconciler import settings
from reconciler.schedule import model
from reconciler.temporal import connect, convert
from reconciler.timing import cron, timings

PATIENCE = datetime.timedelta(seconds=300)  # for one call to a server that is up
TIMEOUT = datetime.timedelta(seconds=60)


def settings_for(address: str, namespace: str = "default") -> settings.Connection:
    """Return settings that take nothing from the developer's machine."""
    return settings.Connection(
        address=address, namespace=namespace, disable_config_file=True, disable_config_env=True, identity="test"
    )


async def connected(
    address: str, namespace: str = "default", *, request_timeout: datetime.timedelta | None = None
) -> connect.Server:
    """Return the adapter under test; it is patient, because the machine may be busy."""
    chosen = dataclasses.replace(settings_for(address, namespace), request_timeout=request_timeout or PATIENCE)
    return await connect.connect(chosen)


def schedule(name: str = "alpha", **changes: Any) -> model.Schedule:
    """Return an hourly governance schedule; `cron` is a text, every other change a field of the schedule or action."""
    times = cron.parse(changes.pop("cron", "0 * * * *")).times
    assert isinstance(times, timings.Calendar)
    schedule_id = f"governance:{name}"
    action = model.Action(
        workflow=changes.pop("workflow", "GovernanceScheduledRunWorkflow"),
        task_queue=changes.pop("task_queue", "scheduler-tasks"),
        workflow_id=schedule_id,
        arguments=({"temporalScheduleId": schedule_id, "input": changes.pop("input", {})},),
    )
    timing = timings.Timing(calendars=(times,), timezone=changes.pop("timezone", "UTC"))
    own: dict[str, Any] = {"memo": {}, "search_attributes": {}}  # as the server describes a schedule without any
    return model.Schedule(id=schedule_id, timing=timing, action=action, **{**own, **changes})


class Raw:
    """Temporal's own calls, for what only somebody else would do."""

    def __init__(self, service: WorkflowService, namespace: str) -> None:
        self._service = service
        self._namespace = namespace

    async def create(
        self,
        schedule_id: str,
        proto: schedule_pb2.Schedule,
        request_id: str = "by hand",
        own: schedule_pb2.Schedule | None = None,
    ) -> None:
        """Create a schedule as any other tool would; `own` has its own memo and attributes where a run's are."""
        start = own.action.start_workflow if own else None
        request = rpc_pb2.CreateScheduleRequest(
            namespace=self._namespace,
            schedule_id=schedule_id,
            schedule=proto,
            request_id=request_id,
            memo=start.memo if start else None,
            search_attributes=start.search_attributes if start else None,
        )
        await self._service.create_schedule(request, timeout=TIMEOUT)

    async def describe(self, schedule_id: str) -> rpc_pb2.DescribeScheduleResponse:
        """Return the server's whole answer."""
        request = rpc_pb2.DescribeScheduleRequest(namespace=self._namespace, schedule_id=schedule_id)
        return await self._service.describe_schedule(request, retry=True, timeout=TIMEOUT)

    async def update(
        self, schedule_id: str, proto: schedule_pb2.Schedule, own: schedule_pb2.Schedule | None = None
    ) -> None:
        """Replace a schedule without a token, as other tools do; `own` as in `create`."""
        start = own.action.start_workflow if own else None
        request = rpc_pb2.UpdateScheduleRequest(
            namespace=self._namespace,
            schedule_id=schedule_id,
            schedule=proto,
            memo=start.memo if start else None,
            search_attributes=start.search_attributes if start else None,
        )
        await self._service.update_schedule(request, timeout=TIMEOUT)

    async def delete(self, schedule_id: str) -> None:
        """Delete a schedule."""
        request = rpc_pb2.DeleteScheduleRequest(namespace=self._namespace, schedule_id=schedule_id)
        await self._service.delete_schedule(request, timeout=TIMEOUT)

    async def trigger(self, schedule_id: str) -> None:
        """Start a run at once, whatever else the schedule runs."""
        now = schedule_pb2.TriggerImmediatelyRequest(overlap_policy=enums_pb2.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL)
        patch = schedule_pb2.SchedulePatch(trigger_immediately=now)
        request = rpc_pb2.PatchScheduleRequest(namespace=self._namespace, schedule_id=schedule_id, patch=patch)
        await self._service.patch_schedule(request, timeout=TIMEOUT)

    async def backfill(self, schedule_id: str, *ranges: tuple[datetime.datetime, datetime.datetime]) -> None:
        """Start a run for each time of the ranges, whatever else the schedule runs."""
        patch = schedule_pb2.SchedulePatch()
        for first, last in ranges:
            asked = patch.backfill_request.add(overlap_policy=enums_pb2.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL)
            asked.start_time.FromDatetime(first)
            asked.end_time.FromDatetime(last)
        request = rpc_pb2.PatchScheduleRequest(namespace=self._namespace, schedule_id=schedule_id, patch=patch)
        await self._service.patch_schedule(request, timeout=TIMEOUT)

    async def start(self, start: workflow_pb2.NewWorkflowExecutionInfo) -> None:
        """Start what a schedule starts when it is due, so that the server's refusal is an error and not silence."""
        request = rpc_pb2.StartWorkflowExecutionRequest(
            namespace=self._namespace,
            request_id=str(uuid.uuid4()),
            workflow_id=f"{start.workflow_id}-2009-11-10T23:00:00Z",  # the server adds the time
            retry_policy=start.retry_policy if start.HasField("retry_policy") else None,
            **{name: getattr(start, name) for name in _STARTED},
        )
        await self._service.start_workflow_execution(request, timeout=TIMEOUT)


_STARTED = (
    *("workflow_type", "task_queue", "input", "memo", "search_attributes", "user_metadata", "priority"),
    *("workflow_execution_timeout", "workflow_run_timeout", "workflow_task_timeout"),
)


async def raw(address: str, namespace: str = "default") -> Raw:
    """Connect without the adapter under test."""
    client = await temporalio.client.Client.connect(address, namespace=namespace)
    return Raw(client.workflow_service, namespace)


def proto_of(schedule: model.Schedule) -> schedule_pb2.Schedule:
    """Return the schedule as it goes over the wire."""
    return convert.make(schedule)


def never_starting(name: str) -> schedule_pb2.Schedule:
    """Return a schedule of every second that the server accepts and then cannot start a run of.

    Its retry policy contradicts a default that the server applies only when it starts a run.
    """
    proto = proto_of(schedule(name))
    proto.spec.ClearField("structured_calendar")
    proto.spec.interval.add().interval.FromSeconds(1)
    proto.action.start_workflow.retry_policy.maximum_interval.FromMilliseconds(500)
    return proto


async def until(holds: Callable[[], Awaitable[bool]], *, seconds: float = 120) -> None:
    """Wait for a condition on the server, which lists with a delay; TimeoutError when it never holds."""
    pause = 0.02
    async with asyncio.timeout(seconds):
        while not await holds():  # the server has no event to wait for
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.3)  # each look may cost the server as much as what it is to do
