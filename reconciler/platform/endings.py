"""How the workflow runs of firings ended, according to the server; implements `ports.Endings`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import temporalio.converter
from temporalio.api.common.v1 import message_pb2 as common_pb2
from temporalio.api.enums.v1 import workflow_pb2 as enums_pb2
from temporalio.api.history.v1 import message_pb2 as history_pb2
from temporalio.api.workflow.v1 import message_pb2 as workflow_pb2
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2
from temporalio.service import WorkflowService

from reconciler.platform import executions
from reconciler.platform.executions import RunState
from reconciler.temporal import calls, runs, schedule_info

LONGEST = 1000  # characters in a reason
_GONE = executions.Ending(
    state=RunState.GONE, error="Temporal no longer has this run (deleted, or past its retention); its result is unknown"
)
_FAILURES = {
    enums_pb2.WORKFLOW_EXECUTION_STATUS_FAILED: "failed",
    enums_pb2.WORKFLOW_EXECUTION_STATUS_CANCELED: "cancelled",
    enums_pb2.WORKFLOW_EXECUTION_STATUS_TERMINATED: "terminated in Temporal",
    enums_pb2.WORKFLOW_EXECUTION_STATUS_TIMED_OUT: "timed out in Temporal",
}


class Endings:
    """Reads how workflow runs ended; `converter` decodes their results."""

    def __init__(
        self, service: WorkflowService, calls_: calls.Calls, converter: temporalio.converter.DataConverter
    ) -> None:
        self._service = service
        self._calls = calls_
        self._converter = converter
        self._runs = runs.Runs(service, calls_)

    async def of(self, run: executions.WorkflowRun) -> executions.Ending | None:
        """Return how a run ended; None while it, or another run with its workflow ID, is running.

        If Temporal retried the workflow, the last run in the chain determines the ending. The state is `RunState.GONE`
        if Temporal does not have the run. Raises `errors.ServerError` if the run cannot be read.
        """
        own = await self._runs.described(run.workflow_id, run.run_id)
        if own is not None and own.status not in runs.CLOSED:
            return None
        latest = await self._runs.described(run.workflow_id)
        if latest is not None and latest.status not in runs.CLOSED:
            return None
        if own is None:
            return _GONE
        continued = latest is not None and own.first_run_id and own.first_run_id == latest.first_run_id
        return await self._ending(latest if latest is not None and continued else own)

    async def _ending(self, info: workflow_pb2.WorkflowExecutionInfo) -> executions.Ending:
        last = await self._last_event(info.execution)
        ended_at = schedule_info.moment(info, "close_time")
        if info.status == enums_pb2.WORKFLOW_EXECUTION_STATUS_COMPLETED:
            refusal = await self._refusal(last)
            state = RunState.DONE if refusal is None else RunState.REFUSED
            return executions.Ending(state=state, ended_at=ended_at, error=refusal or "")
        error = _failure(last) or _FAILURES.get(info.status, "continued as a new run that Temporal does not have")
        return executions.Ending(state=RunState.FAILED, ended_at=ended_at, error=error)

    async def _last_event(self, execution: common_pb2.WorkflowExecution) -> history_pb2.HistoryEvent:
        """Return the event that closed a run; an empty event if the server no longer has it."""
        request = rpc_pb2.GetWorkflowExecutionHistoryRequest(
            namespace=self._calls.namespace,
            execution=execution,
            history_event_filter_type=enums_pb2.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT,
        )
        try:
            answer = await self._calls.read(self._service.get_workflow_execution_history, request)
        except calls.NotFoundError:
            return history_pb2.HistoryEvent()
        return answer.history.events[-1] if answer.history.events else history_pb2.HistoryEvent()

    async def _refusal(self, event: history_pb2.HistoryEvent) -> str | None:
        """Return why a completed run did not execute anything; None if it did."""
        results = event.workflow_execution_completed_event_attributes.result.payloads
        values: list[Any] = await self._converter.decode(list(results)) if results else []
        result = values[0] if values else None
        if isinstance(result, Mapping) and result.get("status") == RunState.REFUSED.value:
            return str(result.get("reason", ""))
        return None


def _failure(event: history_pb2.HistoryEvent) -> str:
    """Return why a run failed or was terminated; empty if the event has no reason."""
    failed = event.workflow_execution_failed_event_attributes.failure.message
    terminated = event.workflow_execution_terminated_event_attributes.reason
    text = failed or (terminated and f"terminated in Temporal: {terminated}")
    return text[:LONGEST]
