"""Who paused a schedule: V1 keeps a schedule as a workflow, and its history has every call with its caller and time."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Sequence

from google.protobuf import empty_pb2, unknown_fields
from temporalio.api.common.v1 import message_pb2 as common_pb2
from temporalio.api.enums.v1 import event_type_pb2 as enums_pb2
from temporalio.api.history.v1 import message_pb2 as history_pb2
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2
from temporalio.service import WorkflowService

from reconciler import errors
from reconciler.plan import overdue
from reconciler.schedule import observed, ownership
from reconciler.temporal import calls

_WORKFLOW = "temporal-sys-scheduler:"
_PAGE_SIZE = 200  # events, the newest first; a pause is seldom far back, as a paused schedule does little


class Pauses:
    """Looks up who paused a schedule, with one call more for a pause that is not our own."""

    def __init__(self, service: WorkflowService, calls_: calls.Calls) -> None:
        self._service = service
        self._calls = calls_

    async def read(self, live: observed.Live) -> observed.Pause:
        """Return what the server tells of the schedule's pause.

        V2 has no such history, but notes a pause as the time of the last update. Where the history may not be read, or
        has been cut since, nothing is known.
        """
        ours = (live.schedule.note or "").startswith(ownership.PAUSED_BY_US)
        if ours and (live.schedule.seal is None or live.is_sealed):  # else someone has kept our note
            return observed.Pause(by="reconciler", at=live.activity.updated_at)
        try:
            events = await self._events(live)
        except calls.NotFoundError:
            return observed.Pause(at=live.activity.updated_at)
        except errors.UnreachableError:
            raise
        except errors.ServerError:  # a key that may read schedules but no histories
            return observed.Pause()
        return _latest(events)

    async def overdue(self, live: observed.Live, since: datetime.datetime | None = None) -> observed.Overdue | None:
        """Return which due times passed without a run (after `since`), and V1's reason; None where that is not certain.

        V1 does not show in a Describe that a patch resumed a schedule, so only what is due after the last call in its
        history counts; V2 does, and keeps no reason.
        """
        try:
            events = await self._events(live)
        except calls.NotFoundError:
            return overdue.find(live, since)
        except errors.UnreachableError:
            raise
        except errors.ServerError:  # a key that may read schedules but no histories
            return None
        found = overdue.find(live, max(filter(None, (since, _last_call(events))), default=None))
        return dataclasses.replace(found, reason=_failure(events)) if found else None

    async def _events(self, live: observed.Live) -> Sequence[history_pb2.HistoryEvent]:
        """Return the newest events, the newest first."""
        request = rpc_pb2.GetWorkflowExecutionHistoryReverseRequest(
            namespace=self._calls.namespace,
            execution=common_pb2.WorkflowExecution(workflow_id=f"{_WORKFLOW}{live.schedule.id}"),
            maximum_page_size=_PAGE_SIZE,
        )
        answer = await self._calls.read(self._service.get_workflow_execution_history_reverse, request)
        return answer.history.events


def _last_call(events: Sequence[history_pb2.HistoryEvent]) -> datetime.datetime | None:
    """Return when a call last changed the schedule; where the events have none, when they begin."""
    signals = (each for each in events if each.event_type == enums_pb2.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
    event = next(signals, events[-1] if events else None)
    return event.event_time.ToDatetime(tzinfo=datetime.UTC) if event else None


def _failure(events: Iterable[history_pb2.HistoryEvent]) -> str:
    """Return why the last start failed: V1 starts runs by local activities, and keeps their failures as markers."""
    for event in events:
        marker = event.marker_recorded_event_attributes
        if event.event_type == enums_pb2.EVENT_TYPE_MARKER_RECORDED and marker.failure.message:
            return marker.failure.message
    return ""


def _latest(events: Iterable[history_pb2.HistoryEvent]) -> observed.Pause:
    """Return the pause that holds, of events that come newest first: the oldest call of those that left it paused."""
    found = observed.Pause()
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
            found = observed.Pause(by=event.workflow_execution_signaled_event_attributes.identity, at=at)
    return found


def _created(event: history_pb2.HistoryEvent) -> observed.Pause | None:
    """Return who created the schedule paused; None when it was not, or was created before this history begins."""
    start = event.workflow_execution_started_event_attributes
    data = start.input.payloads[0].data if start.input.payloads and not start.continued_execution_run_id else b""
    fields = unknown_fields.UnknownFieldSet(empty_pb2.Empty.FromString(data))  # of the server's own StartScheduleArgs
    schedule = next((fields[at].data for at in range(len(fields)) if fields[at].field_number == 1), b"")
    if not schedule_pb2.Schedule.FromString(schedule).state.paused:
        return None
    return observed.Pause(by=start.identity, at=event.event_time.ToDatetime(tzinfo=datetime.UTC))


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
