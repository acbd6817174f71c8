"""Who paused a schedule: V1 keeps a schedule as a workflow, and its history has every call with its caller and time."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from google.protobuf import empty_pb2, unknown_fields
from temporalio.api.common.v1 import message_pb2 as common_pb2
from temporalio.api.enums.v1 import event_type_pb2 as enums_pb2
from temporalio.api.history.v1 import message_pb2 as history_pb2
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2
from temporalio.service import WorkflowService

from reconciler import errors, model
from reconciler.temporal import calls

_WORKFLOW = "temporal-sys-scheduler:"
_PAGE_SIZE = 200  # events, the newest first; a pause is seldom far back, as a paused schedule does little


class Pauses:
    """Looks up who paused a schedule, with one call more for a pause that is not our own."""

    def __init__(self, service: WorkflowService, calls_: calls.Calls) -> None:
        self._service = service
        self._calls = calls_

    async def read(self, live: model.Live) -> model.Pause:
        """Return what the server tells of the schedule's pause.

        V2 has no such history, but notes a pause as the time of the last update. Where the history may not be read, or
        has been cut since, nothing is known.
        """
        ours = (live.schedule.note or "").startswith(model.PAUSED_BY_US)
        if ours and (live.schedule.seal is None or live.is_sealed):  # else someone has kept our note
            return model.Pause(by="reconciler", at=live.activity.updated_at)
        request = rpc_pb2.GetWorkflowExecutionHistoryReverseRequest(
            namespace=self._calls.namespace,
            execution=common_pb2.WorkflowExecution(workflow_id=f"{_WORKFLOW}{live.schedule.id}"),
            maximum_page_size=_PAGE_SIZE,
        )
        try:
            answer = await self._calls.read(self._service.get_workflow_execution_history_reverse, request)
        except calls.NotFoundError:
            return model.Pause(at=live.activity.updated_at)
        except errors.UnreachableError:
            raise
        except errors.ServerError:  # a key that may read schedules but no histories
            return model.Pause()
        return _latest(answer.history.events)


def _latest(events: Iterable[history_pb2.HistoryEvent]) -> model.Pause:
    """Return the pause that holds, of events that come newest first: the oldest call of those that left it paused."""
    found = model.Pause()
    for event in events:
        if event.event_type == enums_pb2.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            return _created(event) or found
        if event.event_type != enums_pb2.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            continue
        paused = _leaves_paused(event.workflow_execution_signaled_event_attributes)
        if paused is False:
            break
        if paused:
            at = event.event_time.ToDatetime(tzinfo=datetime.UTC)
            found = model.Pause(by=event.workflow_execution_signaled_event_attributes.identity, at=at)
    return found


def _created(event: history_pb2.HistoryEvent) -> model.Pause | None:
    """Return who created the schedule paused; None when it was not, or was created before this history begins."""
    start = event.workflow_execution_started_event_attributes
    data = start.input.payloads[0].data if start.input.payloads and not start.continued_execution_run_id else b""
    fields = unknown_fields.UnknownFieldSet(empty_pb2.Empty.FromString(data))  # of the server's own StartScheduleArgs
    schedule = next((fields[at].data for at in range(len(fields)) if fields[at].field_number == 1), b"")
    if not schedule_pb2.Schedule.FromString(schedule).state.paused:
        return None
    return model.Pause(by=start.identity, at=event.event_time.ToDatetime(tzinfo=datetime.UTC))


def _leaves_paused(signal: history_pb2.WorkflowExecutionSignaledEventAttributes) -> bool | None:
    """Tell whether a call left the schedule paused; None when it says nothing of it."""
    data = signal.input.payloads[0].data if signal.input.payloads else b""
    match signal.signal_name:
        case "patch":
            patch = schedule_pb2.SchedulePatch.FromString(data)
            return True if patch.pause else False if patch.unpause else None
        case "update":  # the server's own FullUpdateRequest, whose first field is the schedule, as it is here
            return rpc_pb2.DescribeScheduleResponse.FromString(data).schedule.state.paused
        case _:
            return None
