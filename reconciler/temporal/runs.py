"""Workflow runs, and the chains that retries and continue-as-new form."""

from __future__ import annotations

from temporalio.api.common.v1 import message_pb2 as common_pb2
from temporalio.api.enums.v1 import workflow_pb2 as enums_pb2
from temporalio.api.workflow.v1 import message_pb2 as workflow_pb2
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2
from temporalio.service import WorkflowService

from reconciler.temporal import calls

CLOSED = frozenset(
    {
        enums_pb2.WORKFLOW_EXECUTION_STATUS_COMPLETED,
        enums_pb2.WORKFLOW_EXECUTION_STATUS_FAILED,
        enums_pb2.WORKFLOW_EXECUTION_STATUS_CANCELED,
        enums_pb2.WORKFLOW_EXECUTION_STATUS_TERMINATED,
        enums_pb2.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW,
        enums_pb2.WORKFLOW_EXECUTION_STATUS_TIMED_OUT,
    }
)


class Runs:
    """Reads runs; raises as `calls` does."""

    def __init__(self, service: WorkflowService, calls_: calls.Calls) -> None:
        self._service = service
        self._calls = calls_

    async def described(self, workflow_id: str, run_id: str = "") -> workflow_pb2.WorkflowExecutionInfo | None:
        """Return a run, or the latest run of the workflow id; None if the server has none."""
        request = rpc_pb2.DescribeWorkflowExecutionRequest(
            namespace=self._calls.namespace,
            execution=common_pb2.WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
        )
        try:
            answer = await self._calls.read(self._service.describe_workflow_execution, request)
        except calls.NotFoundError:
            return None
        return answer.workflow_execution_info

    async def last(self, workflow_id: str, first_run_id: str) -> workflow_pb2.WorkflowExecutionInfo | None:
        """Return the last run of the chain that began with a run; None if the server no longer has it.

        That is the run itself if it was neither retried nor continued. Older servers do not report the first run of a
        chain; for them, return the latest run of the workflow id, because each firing has its own workflow id.
        """
        latest = await self.described(workflow_id)
        if latest is None or not latest.first_run_id or first_run_id in ("", latest.first_run_id):
            return latest
        return await self.described(workflow_id, first_run_id)
