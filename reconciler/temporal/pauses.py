"""Who paused a schedule: a V1 schedule is a workflow whose event history records each call's caller and time."""

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
_PAGE_SIZE = 200  # events, newest first; few follow a pause, because a paused schedule does little


class Pauses:
    """Looks up who paused a schedule, with one more call if the pause is not ours."""

    def __init__(self, service: WorkflowService, calls_: calls.Calls) -> None:
        self._service = service
        self._calls = calls_

    async def read(self, live: observed.Live) -> observed.Pause:
        """Return who paused the schedule and when, as far as known.

        V2 keeps no history of calls; for it, return the time of the schedule's last update. Nothing is known if we are
        not allowed to read the history, or if it no longer reaches back far enough.
        """
        ours = (live.schedule.note or "").startswith(ownership.PAUSED_BY_US)
        if ours and (live.schedule.seal is None or live.is_sealed):  # else someone else paused it and kept our note
            return observed.Pause(by="reconciler", at=live.history.updated_at)
        try:
            events = await self._events(live)
        except calls.NotFoundError:
            return observed.Pause(at=live.history.updated_at)
        except errors.UnreachableError:
            raise
        except errors.ServerError:  # the API key has access to schedules but not to histories
            return observed.Pause()
        return _latest(events)

    async def overdue(self, live: observed.Live, since: datetime.datetime | None = None) -> observed.Overdue | None:
        """Return which due times after `since` passed without a run, and on V1, why; None if that is not certain.

        V1's Describe does not show that a patch resumed a schedule, so only times after the last call in its history
        count. V2's Describe shows it, but V2 does not keep the reason.
        """
        try:
            events = await self._events(live)
        except calls.NotFoundError:
            return overdue.find(live, since)
        except errors.UnreachableError:
            raise
        except errors.ServerError:  # the API key has access to schedules but not to histories
            return None
        passed = overdue.find(live, max(filter(None, (since, _last_call(events))), default=None))
        return dataclasses.replace(passed, reason=_failure(events)) if passed else None

    async def _events(self, live: observed.Live) -> Sequence[history_pb2.HistoryEvent]:
        """Return the latest events, newest first."""
        request = rpc_pb2.GetWorkflowExecutionHistoryReverseRequest(
            namespace=self._calls.namespace,
            execution=common_pb2.WorkflowExecution(workflow_id=f"{_WORKFLOW}{live.schedule.id}"),
            maximum_page_size=_PAGE_SIZE,
        )
        answer = await self._calls.read(self._service.get_workflow_execution_history_reverse, request)
        return answer.history.events


def _last_call(events: Sequence[history_pb2.HistoryEvent]) -> datetime.datetime | None:
    """Return when a call last changed the schedule; if the events contain none, the time of the oldest event."""
    signaled = enums_pb2.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    event = next((event for event in events if event.event_type == signaled), events[-1] if events else None)
    return event.event_time.ToDatetime(tzinfo=datetime.UTC) if event else None


def _failure(events: Iterable[history_pb2.HistoryEvent]) -> str:
    """Return why the last start failed: V1 starts runs in local activities, whose failures are recorded as markers."""
    for event in events:
        marker = event.marker_recorded_event_attributes
        if event.event_type == enums_pb2.EVENT_TYPE_MARKER_RECORDED and marker.failure.message:
            return marker.failure.message
    return ""


def _latest(events: Iterable[history_pb2.HistoryEvent]) -> observed.Pause:
    """Return the current pause from events, newest first: the earliest call after which it stayed paused."""
    pause = observed.Pause()
    for event in events:
        if event.event_type == enums_pb2.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            return _created(event) or pause
        if event.event_type != enums_pb2.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            continue
        paused = _leaves_paused(event.workflow_execution_signaled_event_attributes)
        if paused is False:
            break
        if paused:
            at = event.event_time.ToDatetime(tzinfo=datetime.UTC)
            pause = observed.Pause(by=event.workflow_execution_signaled_event_attributes.identity, at=at)
    return pause


def _created(event: history_pb2.HistoryEvent) -> observed.Pause | None:
    """Return who created the schedule in a paused state; None if no one did, or if the history begins later."""
    start = event.workflow_execution_started_event_attributes
    data = start.input.payloads[0].data if start.input.payloads and not start.continued_execution_run_id else b""
    fields = unknown_fields.UnknownFieldSet(empty_pb2.Empty.FromString(data))  # the server's own StartScheduleArgs
    schedule = next((fields[at].data for at in range(len(fields)) if fields[at].field_number == 1), b"")
    if not schedule_pb2.Schedule.FromString(schedule).state.paused:
        return None
    return observed.Pause(by=start.identity, at=event.event_time.ToDatetime(tzinfo=datetime.UTC))


def _leaves_paused(signal: history_pb2.WorkflowExecutionSignaledEventAttributes) -> bool | None:
    """Return whether a call left the schedule paused; None if it did not affect that."""
    data = signal.input.payloads[0].data if signal.input.payloads else b""
    match signal.signal_name:
        case "patch":
            patch = schedule_pb2.SchedulePatch.FromString(data)
            return True if patch.pause else False if patch.unpause else None
        case "update":  # the server's FullUpdateRequest, whose first field is the schedule, as in this message
            return rpc_pb2.DescribeScheduleResponse.FromString(data).schedule.state.paused
        case _:
            return None
