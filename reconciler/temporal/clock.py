"""The server's clock: Temporal has no call to read it, but stamps the start of each workflow."""

from __future__ import annotations

import datetime
import uuid

from temporalio.api.common.v1 import message_pb2 as common_pb2
from temporalio.api.enums.v1 import workflow_pb2 as enums_pb2
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2
from temporalio.service import WorkflowService

from reconciler.temporal import calls

WORKFLOW = "ReconcilerClock"
TASK_QUEUE = "reconciler-clock"  # no worker polls it
_TIMEOUT = datetime.timedelta(seconds=30)  # after which the server ends an execution that was not terminated


async def now(service: WorkflowService, calls_: calls.Calls, identity: str) -> datetime.datetime:
    """Return the server's time, from the start of a workflow that is terminated at once; raises as `calls` does."""
    workflow_id = f"reconciler-clock:{uuid.uuid4()}"
    request = rpc_pb2.StartWorkflowExecutionRequest(
        namespace=calls_.namespace,
        workflow_id=workflow_id,
        workflow_type=common_pb2.WorkflowType(name=WORKFLOW),
        identity=identity,
        request_id=str(uuid.uuid4()),
        workflow_id_conflict_policy=enums_pb2.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
    )
    request.task_queue.name = TASK_QUEUE
    request.workflow_execution_timeout.FromTimedelta(_TIMEOUT)
    run_id = (await calls_.write(service.start_workflow_execution, request)).run_id
    execution = common_pb2.WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
    described = await calls_.read(
        service.describe_workflow_execution,
        rpc_pb2.DescribeWorkflowExecutionRequest(namespace=calls_.namespace, execution=execution),
    )
    end = rpc_pb2.TerminateWorkflowExecutionRequest(
        namespace=calls_.namespace, workflow_execution=execution, reason="the time was read", identity=identity
    )
    await calls_.write(service.terminate_workflow_execution, end)
    started_at: datetime.datetime = described.workflow_execution_info.start_time.ToDatetime(tzinfo=datetime.UTC)
    return started_at
