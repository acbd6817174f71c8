"""What a schedule has done: the `ScheduleInfo` of a Describe, and the results of its runs."""

from __future__ import annotations

import dataclasses
import datetime

import google.protobuf.message
from temporalio.api.enums.v1 import workflow_pb2 as enums_pb2
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2
from temporalio.service import WorkflowService

from reconciler import concurrency
from reconciler.schedule import observed
from reconciler.temporal import calls, payloads, runs

_PREFIX = "WORKFLOW_EXECUTION_STATUS_"
_STATUSES = {
    enums_pb2.WorkflowExecutionStatus.Value(f"{_PREFIX}{status.name}"): status
    for status in observed.RunStatus
    if status is not observed.RunStatus.UNKNOWN
}
_SCHEDULED = "TemporalScheduledStartTime"
_FIRST = datetime.datetime.min.replace(tzinfo=datetime.UTC)
_OPEN = {observed.RunStatus.RUNNING, observed.RunStatus.UNKNOWN}
_INEXACT = {*_OPEN, observed.RunStatus.FAILED}  # V2 reports every run that did not complete as failed


def read(info: schedule_pb2.ScheduleInfo) -> observed.History:
    """Return the firings that a Describe reports, oldest first; V2 lists running ones before those that ended."""
    recent = sorted(map(_run, info.recent_actions), key=lambda run: run.started_at or run.due_at or _FIRST)
    return observed.History(
        updated_at=moment(info, "update_time"),
        taken=info.action_count,
        missed=info.missed_catchup_window,
        skipped=info.overlap_skipped,
        dropped=info.buffer_dropped,
        buffered=info.buffer_size,
        running=tuple(execution.workflow_id for execution in info.running_workflows),
        recent=tuple(recent),
        next_time=next((stamp.ToDatetime(tzinfo=datetime.UTC) for stamp in info.future_action_times), None),
    )


def moment(message: google.protobuf.message.Message, field: str) -> datetime.datetime | None:
    """Return a message's timestamp; None if it is unset, which some servers send as the year 1 or 1970."""
    stamp = getattr(message, field)
    if not message.HasField(field) or stamp.seconds <= 0:
        return None
    when: datetime.datetime = stamp.ToDatetime(tzinfo=datetime.UTC)
    return when


def _run(result: schedule_pb2.ScheduleActionResult) -> observed.Run:
    started = result.start_workflow_result
    return observed.Run(
        workflow_id=started.workflow_id,
        run_id=started.run_id,
        due_at=moment(result, "schedule_time"),
        started_at=moment(result, "actual_time"),
        status=_STATUSES.get(result.start_workflow_status, observed.RunStatus.UNKNOWN),
    )


class Results:
    """Reads the results of runs that the schedule itself does not track to completion."""

    def __init__(self, service: WorkflowService, calls_: calls.Calls) -> None:
        self._runs = runs.Runs(service, calls_)

    async def read(self, history: observed.History) -> observed.History:
        """Return the history with the current results of its runs; a run that is being retried is still running."""
        recent = tuple(await concurrency.gathered(map(self._settled, history.recent)))
        ended = {run.workflow_id for run in recent if run.status not in _OPEN}
        running = [workflow_id for workflow_id in history.running if workflow_id not in ended]
        running += [run.workflow_id for run in recent if run.status is observed.RunStatus.RUNNING]
        return dataclasses.replace(history, recent=recent, running=tuple(dict.fromkeys(running)))

    async def ended_at(self, history: observed.History) -> datetime.datetime | None:
        """Return when the last of the runs that the schedule lists as running ended; None if any is still running.

        If the server no longer has a run, its end is unknown, so the earliest possible time is used.
        """
        first_runs = {run.workflow_id: run.run_id for run in history.recent}
        last = await concurrency.gathered(self._runs.last(id_, first_runs.get(id_, "")) for id_ in history.running)
        if any(info is not None and info.status not in runs.CLOSED for info in last):
            return None
        return max((moment(info, "close_time") or _FIRST for info in last if info is not None), default=_FIRST)

    async def scheduled_for(self, run: observed.Run) -> datetime.datetime | None:
        """Return the scheduled time that was passed to a run; None if it is not available.

        V1 truncates it to whole seconds; V2 does not.
        """
        info = await self._runs.described(run.workflow_id, run.run_id)
        payload = info.search_attributes.indexed_fields.get(_SCHEDULED) if info is not None else None
        value = payloads.read_attribute(payload).value if payload is not None else None
        return datetime.datetime.fromisoformat(value).astimezone(datetime.UTC) if isinstance(value, str) else None

    async def _settled(self, run: observed.Run) -> observed.Run:
        if run.status not in _INEXACT:
            return run
        info = await self._runs.last(run.workflow_id, run.run_id)
        if info is None:  # ended, and past the namespace's retention
            failed = run.status is observed.RunStatus.FAILED
            return run if failed else dataclasses.replace(run, status=observed.RunStatus.UNKNOWN)
        return dataclasses.replace(run, status=_STATUSES.get(info.status, observed.RunStatus.UNKNOWN))
