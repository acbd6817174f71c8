"""Temporal itself as a lock: a lease is a workflow execution that has a fixed id and that no worker runs.

The server allows one open execution per id: starting it acquires the lock, its execution timeout is the expiry, and
terminating its run releases the lock. A lease cannot be renewed, so its holder stops writing before it expires.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import json
import time
import uuid

from temporalio.api.common.v1 import message_pb2 as common_pb2
from temporalio.api.enums.v1 import workflow_pb2 as enums_pb2
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2
from temporalio.service import WorkflowService

from reconciler import errors
from reconciler.plan import labels, locks, ports
from reconciler.temporal import calls, payloads

WORKFLOW = "ReconcilerLock"
TASK_QUEUE = "reconciler-lock"  # no worker polls it: the execution only waits to be ended
DEFAULT_LENGTH = datetime.timedelta(minutes=10)
_POLL = datetime.timedelta(seconds=locks.LOOK_EVERY + 1)  # the server responds a second before the call's timeout
MARGIN = datetime.timedelta(seconds=30)  # before the expiry, for writes in progress to finish


class TemporalLock:
    """The lock for a namespace's managed schedules with one prefix; implements `ports.Lock`."""

    def __init__(
        self,
        service: WorkflowService,
        calls_: calls.Calls,
        *,
        prefix: str,
        identity: str,
        length: datetime.timedelta = DEFAULT_LENGTH,
        fresh: float = locks.FRESH,
        patience: float = locks.PATIENCE,
    ) -> None:
        self._service = service
        self._calls = calls_
        self._identity = identity
        self._length = length
        self._fresh = fresh
        self._patience = patience
        self.workflow_id = f"reconciler-lock:{prefix}"

    async def acquire(self, holder: ports.Holder) -> TemporalLease:
        """Acquire the lease without waiting; `errors.LockedError` names its holder."""
        until = time.monotonic() + (self._length - MARGIN).total_seconds()  # measured before the server starts counting
        request = rpc_pb2.StartWorkflowExecutionRequest(
            namespace=self._calls.namespace,
            workflow_id=self.workflow_id,
            workflow_type=common_pb2.WorkflowType(name=WORKFLOW),
            identity=self._identity,
            request_id=str(uuid.uuid4()),
            workflow_id_reuse_policy=enums_pb2.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
            workflow_id_conflict_policy=enums_pb2.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
        )
        request.task_queue.name = TASK_QUEUE
        request.workflow_execution_timeout.FromTimedelta(self._length)
        request.memo.fields["holder"].CopyFrom(payloads.make(_encoded(holder)))
        request.memo.fields["request"].CopyFrom(payloads.make(request.request_id))
        try:
            run_id = await self._started(request)
        except (errors.ConflictError, errors.UnreachableError) as error:
            run_id = await self._started_unanswered(request.request_id, error)
        return TemporalLease(self, run_id, until, fresh=self._fresh, patience=self._patience)

    async def _started_unanswered(self, request_id: str, error: errors.ServerError) -> str:
        """Return the run that this request started even though its response was lost; raise if it did not start one."""
        running = await self._running()
        if running is not None and running.request_id == request_id:
            return running.run_id
        if isinstance(error, errors.ConflictError):
            raise _busy(running.holder if running else labels.RELEASED) from None
        raise error

    async def _started(self, request: rpc_pb2.StartWorkflowExecutionRequest) -> str:
        """Start the lease's run; if the caller is canceled in the meantime, end the run, because no one else would."""
        starting = asyncio.ensure_future(self._calls.write(self._service.start_workflow_execution, request))
        try:
            return (await asyncio.shield(starting)).run_id
        except asyncio.CancelledError:
            with contextlib.suppress(errors.ServerError):
                await self.end((await starting).run_id, "interrupted")
            raise

    async def holder(self) -> ports.Holder | None:
        """Return who holds the lease; None if it is free."""
        running = await self._running()
        return running.holder if running else None

    async def free(self) -> ports.Holder | None:
        """End the lease and return its former holder; None if it was free."""
        running = await self._running()
        if running is None:
            return None
        await self.end(running.run_id, "released manually")
        return running.holder

    async def end(self, run_id: str, reason: str) -> None:
        """End this run, unless it has ended already."""
        request = rpc_pb2.TerminateWorkflowExecutionRequest(
            namespace=self._calls.namespace,
            workflow_execution=common_pb2.WorkflowExecution(workflow_id=self.workflow_id, run_id=run_id),
            reason=reason,
            identity=self._identity,
        )
        with contextlib.suppress(calls.NotFoundError):
            await self._calls.write(self._service.terminate_workflow_execution, request)

    async def is_running(self, run_id: str) -> bool:
        """Wait briefly for this run to end, and return whether it is still running.

        The server responds as soon as the run ends. Without permission to read histories, describe the run a bit later.
        """
        request = rpc_pb2.GetWorkflowExecutionHistoryRequest(
            namespace=self._calls.namespace,
            execution=common_pb2.WorkflowExecution(workflow_id=self.workflow_id, run_id=run_id),
            wait_new_event=True,
            history_event_filter_type=enums_pb2.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT,
        )
        try:
            answer = await self._calls.wait(self._service.get_workflow_execution_history, request, _POLL)
        except calls.NotFoundError:
            return False
        except (errors.UnreachableError, errors.RateLimitedError):
            await asyncio.sleep(locks.LOOK_EVERY)  # it may be briefly unreachable or busy
            raise
        except errors.ServerError:
            await asyncio.sleep(locks.LOOK_EVERY)
            running = await self._running()
            return running is not None and running.run_id == run_id
        return not answer.history.events

    async def _running(self) -> _Running | None:
        """Return the run that holds the lease; None if it is free."""
        request = rpc_pb2.DescribeWorkflowExecutionRequest(
            namespace=self._calls.namespace, execution=common_pb2.WorkflowExecution(workflow_id=self.workflow_id)
        )
        try:
            answer = await self._calls.read(self._service.describe_workflow_execution, request)
        except calls.NotFoundError:
            return None
        info = answer.workflow_execution_info
        if info.status != enums_pb2.WORKFLOW_EXECUTION_STATUS_RUNNING:
            return None
        since = info.start_time.ToDatetime(tzinfo=datetime.UTC)
        request_id = payloads.read(info.memo.fields["request"]) if "request" in info.memo.fields else ""
        return _Running(info.execution.run_id, _decoded(info.memo, since), str(request_id))


class TemporalLease:
    """A lease that is held; implements `ports.Lease`."""

    def __init__(self, lock: TemporalLock, run_id: str, until: float, *, fresh: float, patience: float) -> None:
        self._lock = lock
        self._run_id = run_id
        self._watch = locks.Watch(self._look, until=until, fresh=fresh, patience=patience)

    async def lost(self) -> str:
        """Return why the lease is lost or may be lost; empty while it is held."""
        return await self._watch.lost()

    def doubt(self) -> None:
        """Discard earlier checks that the lease is held."""
        self._watch.doubt()

    async def release(self) -> None:
        """End the lease; does nothing once it is lost."""
        await self._watch.stop()
        await self._lock.end(self._run_id, "done")

    async def _look(self) -> str:
        return "" if await self._lock.is_running(self._run_id) else locks.TAKEN


@dataclasses.dataclass(frozen=True, slots=True)
class _Running:
    """The run that holds a lease, its holder, and the request that started it."""

    run_id: str
    holder: ports.Holder
    request_id: str


def _busy(holder: ports.Holder) -> errors.LockedError:
    return labels.locked(
        holder,
        datetime.datetime.now(datetime.UTC),
        hint="wait with --lock-timeout, or see reconciler lock show; "
        "reconciler lock release frees the lock of a killed run",
    )


def _encoded(holder: ports.Holder) -> str:
    return json.dumps({"who": holder.who, "run": holder.run})


def _decoded(memo: common_pb2.Memo, since: datetime.datetime) -> ports.Holder:
    """Return the holder of a lease; unknown if another program acquired it."""
    text = payloads.read(memo.fields["holder"]) if "holder" in memo.fields else None
    try:
        values = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        values = {}
    return ports.Holder(
        who=str(values.get("who") or "an unknown holder"), run=str(values.get("run") or ""), since=since
    )
