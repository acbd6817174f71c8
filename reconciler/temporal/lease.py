"""Temporal itself as a lock: a workflow execution that nobody runs, under one fixed id, is a lease.

The server lets one execution of an id run at a time, so starting it is taking the lock; its execution timeout is the
expiry; terminating its run is letting go. A lease cannot be renewed, so its holder stops writing before it ends.
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

from reconciler import errors, model, wording
from reconciler.temporal import calls, payloads

WORKFLOW = "ReconcilerLock"
TASK_QUEUE = "reconciler-lock"  # nobody polls it: the execution only waits for its end
DEFAULT_LENGTH = datetime.timedelta(minutes=10)
MARGIN = datetime.timedelta(seconds=30)  # before the end, in which the writes under way may still end
LOOK_EVERY = 5.0  # seconds between two looks whether the lease is still there


class TemporalLock:
    """The lock of the managed schedules of a namespace with one prefix; implements `ports.Lock`."""

    def __init__(
        self,
        service: WorkflowService,
        calls_: calls.Calls,
        *,
        prefix: str,
        identity: str,
        length: datetime.timedelta = DEFAULT_LENGTH,
        look_every: float = LOOK_EVERY,
    ) -> None:
        self._service = service
        self._calls = calls_
        self._identity = identity
        self._length = length
        self._look_every = look_every
        self.workflow_id = f"reconciler-lock:{prefix}"

    async def acquire(self, holder: model.Holder) -> TemporalLease:
        """Take the lease, without waiting; `errors.LockedError` names who has it."""
        until = time.monotonic() + (self._length - MARGIN).total_seconds()  # from before the server counts
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
            run_id = await self._begun(request)
        except (errors.ConflictError, errors.UnreachableError) as error:
            run_id = await self._begun_unheard(request.request_id, error)
        return TemporalLease(self, run_id, until, self._look_every)

    async def _begun_unheard(self, request_id: str, error: errors.ServerError) -> str:
        """Return the run that this very request began although its answer was lost; raise when there is none."""
        found = await self._running()
        if found is not None and found.request_id == request_id:
            return found.run_id
        if isinstance(error, errors.ConflictError):
            raise _busy(found.holder if found else model.Holder(who="somebody who has just let go")) from None
        raise error

    async def _begun(self, request: rpc_pb2.StartWorkflowExecutionRequest) -> str:
        """Start the lease's run, and end it again when the caller is cancelled meanwhile: nobody would know of it."""
        starting = asyncio.ensure_future(self._calls.write(self._service.start_workflow_execution, request))
        try:
            return (await asyncio.shield(starting)).run_id
        except asyncio.CancelledError:
            with contextlib.suppress(errors.ServerError):
                await self.end((await starting).run_id, "interrupted")
            raise

    async def holder(self) -> model.Holder | None:
        """Return who has the lease, None when it is free."""
        found = await self._running()
        return found.holder if found else None

    async def free(self) -> model.Holder | None:
        """End the lease that is held, and return whose it was; None when it was free."""
        found = await self._running()
        if found is None:
            return None
        await self.end(found.run_id, "taken away by hand")
        return found.holder

    async def end(self, run_id: str, reason: str) -> None:
        """End this run and no other; one that has ended already is no error."""
        request = rpc_pb2.TerminateWorkflowExecutionRequest(
            namespace=self._calls.namespace,
            workflow_execution=common_pb2.WorkflowExecution(workflow_id=self.workflow_id, run_id=run_id),
            reason=reason,
            identity=self._identity,
        )
        with contextlib.suppress(calls.NotFoundError):
            await self._calls.write(self._service.terminate_workflow_execution, request)

    async def is_running(self, run_id: str) -> bool:
        """Tell whether this run has not ended."""
        found = await self._running()
        return found is not None and found.run_id == run_id

    async def _running(self) -> _Running | None:
        """Return the run that holds the lease, None when it is free."""
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

    def __init__(self, lock: TemporalLock, run_id: str, until: float, look_every: float) -> None:
        self._lock = lock
        self._run_id = run_id
        self._until = until  # of the monotonic clock
        self._gone = ""
        self._look_every = look_every
        self._watch = asyncio.ensure_future(self._look())

    def lost(self) -> str:
        """Return why the lease is held no longer, empty while it is."""
        if not self._gone and time.monotonic() >= self._until:
            return "the lock's lease is about to end"
        return self._gone

    async def release(self) -> None:
        """End the lease; without effect once it is lost."""
        self._watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watch
        await self._lock.end(self._run_id, "done")

    async def _look(self) -> None:
        """See now and then that nobody has taken the lease away."""
        while not self._gone:
            await asyncio.sleep(self._look_every)
            try:
                if not await self._lock.is_running(self._run_id):
                    self._gone = "the lock was taken away"
            except errors.ServerError:  # away for a while: the lease stands until its end all the same
                continue


@dataclasses.dataclass(frozen=True, slots=True)
class _Running:
    """The run that holds a lease, who it is, and the request that began it."""

    run_id: str
    holder: model.Holder
    request_id: str


def _busy(holder: model.Holder) -> errors.LockedError:
    return errors.LockedError(
        f"the schedules are locked by {wording.holder(holder, datetime.datetime.now(datetime.UTC))}",
        hint="wait with --lock-timeout, or see reconciler lock show; "
        "reconciler lock release frees what a killed run left",
    )


def _encoded(holder: model.Holder) -> str:
    return json.dumps({"who": holder.who, "run": holder.run})


def _decoded(memo: common_pb2.Memo, since: datetime.datetime) -> model.Holder:
    """Return the holder of a lease; one that some other program took is unknown."""
    text = payloads.read(memo.fields["holder"]) if "holder" in memo.fields else None
    try:
        said = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        said = {}
    return model.Holder(who=str(said.get("who") or "somebody unknown"), run=str(said.get("run") or ""), since=since)
