"""The workers that poll a task queue, according to the server; implements `ports.Pollers`."""

from __future__ import annotations

import datetime

from temporalio.api.deployment.v1 import message_pb2 as deployment_pb2
from temporalio.api.enums.v1 import deployment_pb2 as deployment_enums_pb2
from temporalio.api.enums.v1 import task_queue_pb2 as enums_pb2
from temporalio.api.taskqueue.v1 import message_pb2 as queue_pb2
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2
from temporalio.service import WorkflowService

from reconciler.plan import pollers as plan_pollers
from reconciler.temporal import calls

_VERSIONED = deployment_enums_pb2.WORKER_VERSIONING_MODE_VERSIONED


class Pollers:
    """Reads the pollers of a namespace's task queues, with one call per queue."""

    def __init__(self, service: WorkflowService, calls_: calls.Calls) -> None:
        self._service = service
        self._calls = calls_

    async def of(self, task_queue: str, patience: datetime.timedelta | None = None) -> plan_pollers.Queue:
        """Return a queue's pollers for workflow tasks; see `ports.Pollers`."""
        request = rpc_pb2.DescribeTaskQueueRequest(
            namespace=self._calls.namespace,
            task_queue=queue_pb2.TaskQueue(name=task_queue),
            task_queue_type=enums_pb2.TASK_QUEUE_TYPE_WORKFLOW,
        )
        answer = await self._calls.read(self._service.describe_task_queue, request, patience=patience)
        pollers = [_poller(info, answer.versioning_info) for info in answer.pollers]
        pollers.sort(key=lambda poller: (poller.identity, poller.build_id))
        return plan_pollers.Queue(name=task_queue, pollers=tuple(pollers))


def _poller(info: queue_pb2.PollerInfo, versioning: queue_pb2.TaskQueueVersioningInfo) -> plan_pollers.Poller:
    """Return a poller; an unversioned one reports its build in a deprecated field."""
    deployed = info.deployment_options
    return plan_pollers.Poller(
        identity=info.identity,
        build_id=deployed.build_id or info.worker_version_capabilities.build_id,
        last_seen=info.last_access_time.ToDatetime(tzinfo=datetime.UTC),
        is_served=_is_served(deployed, versioning),
    )


def _is_served(deployed: deployment_pb2.WorkerDeploymentOptions, versioning: queue_pb2.TaskQueueVersioningInfo) -> bool:
    """Return whether new runs reach the poller, as they do for the current and ramping versions."""
    mine = (deployed.deployment_name, deployed.build_id) if deployed.worker_versioning_mode == _VERSIONED else ("", "")
    serving = [versioning.current_deployment_version]
    if versioning.ramping_version_percentage:
        serving.append(versioning.ramping_deployment_version)
    return mine in [(version.deployment_name, version.build_id) for version in serving]
