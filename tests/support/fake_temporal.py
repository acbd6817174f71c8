"""A loopback gRPC server that speaks Temporal's schedule protocol and can be told to fail.

It stands for the real server only where a fault is needed that the real one will not produce on demand; the contract
suite runs on both, so that this one cannot drift.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent import futures
from typing import Any

import grpc
from google.protobuf import duration_pb2, wrappers_pb2
from temporalio.api.common.v1 import grpc_status_pb2 as common_pb2
from temporalio.api.common.v1 import message_pb2 as common
from temporalio.api.enums.v1 import schedule_pb2 as enums_pb2
from temporalio.api.enums.v1 import workflow_pb2 as workflow_enums_pb2
from temporalio.api.errordetails.v1 import message_pb2 as details_pb2
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2
from temporalio.api.workflowservice.v1 import service_pb2_grpc

from reconciler.schedule import model
from reconciler.temporal import convert
from reconciler.timing import cron, timings

NAMESPACE = "default"

Fault = Callable[[], None]
"""Called in the server instead of the work (`before`) or when the work is done and the answer is due (`after`)."""


class Refusal(Exception):  # noqa: N818  # a status, not an error of the fake
    """A status to answer with; `retry_after` is when to ask again, in seconds."""

    def __init__(self, code: grpc.StatusCode, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.retry_after = retry_after


class Limiter:
    """Admits so many calls a second, and a second's worth at once, as Temporal's own limiter does."""

    def __init__(self, per_second: float, *, counts: Collection[str]) -> None:
        self._per_second = per_second
        self._counts = counts
        self._tokens = per_second
        self._filled_at = time.monotonic()
        self._lock = threading.Lock()
        self.admitted = 0
        self.refused = 0

    def admit(self, name: str) -> None:
        """Raise `Refusal` for a call that comes too early."""
        if name not in self._counts:
            return
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self._tokens + (now - self._filled_at) * self._per_second, self._per_second)
            self._filled_at = now
            if self._tokens < 1:
                self.refused += 1
                raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "namespace rate limit exceeded")
            self._tokens -= 1
            self.admitted += 1


@dataclasses.dataclass(slots=True)
class Stored:
    """A schedule, its conflict token's counter and the request that made it."""

    proto: schedule_pb2.Schedule
    token: int
    created_by: str
    created_at: int  # seconds, of a clock that counts creates
    memo: common.Memo = dataclasses.field(default_factory=common.Memo)
    attributes: common.SearchAttributes = dataclasses.field(default_factory=common.SearchAttributes)
    described: common.SearchAttributes | None = None  # what V1 still describes once after an update


class FakeTemporal(service_pb2_grpc.WorkflowServiceServicer):
    """Schedules in memory. Stale tokens are dropped in silence as V1 does, or refused as V2 does."""

    def __init__(self, *, refuses_stale_tokens: bool = False) -> None:
        self.schedules: dict[str, Stored] = {}
        self.runs: dict[str, rpc_pb2.StartWorkflowExecutionRequest] = {}
        self.ghosts: set[str] = set()  # listed, but not there
        self.calls: collections.Counter[str] = collections.Counter()
        self.before: dict[str, list[Fault]] = collections.defaultdict(list)
        self.after: dict[str, list[Fault]] = collections.defaultdict(list)
        self.admit: Callable[[str], None] = lambda _: None  # may refuse a call, by its name
        self._refuses_stale_tokens = refuses_stale_tokens
        self._lock = threading.Lock()
        self._runs_changed = threading.Condition(self._lock)
        self._created = 0
        self._stopping = threading.Event()
        self.address = ""
        self.wants_key = ""  # the only API key that it takes; empty: takes any and none
        self.headers: list[dict[str, str]] = []  # of each call
        self.peers: set[str] = set()  # the names in the clients' certificates

    # Faults

    def hang(self) -> None:
        """Give no answer until the server ends."""
        self._stopping.wait()
        raise Refusal(grpc.StatusCode.UNAVAILABLE, "the server is ending")

    def stop_waiting(self) -> None:
        """Let every call that hangs end."""
        self._stopping.set()
        with self._runs_changed:
            self._runs_changed.notify_all()

    def patch(self, schedule_id: str, change: Callable[[schedule_pb2.Schedule], None]) -> None:
        """Change a schedule as somebody else would."""
        stored = self.schedules[schedule_id]
        change(stored.proto)
        stored.token += 1

    # The protocol

    def GetSystemInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._answered("GetSystemInfo", context, rpc_pb2.GetSystemInfoResponse, request)

    def CreateSchedule(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._answered("CreateSchedule", context, lambda: self._create(request), request)

    def DescribeSchedule(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._answered("DescribeSchedule", context, lambda: self._describe(request), request)

    def UpdateSchedule(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._answered("UpdateSchedule", context, lambda: self._update(request), request)

    def ListSchedules(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._answered("ListSchedules", context, lambda: self._list(request), request)

    def DeleteSchedule(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._answered("DeleteSchedule", context, lambda: self._delete(request), request)

    def StartWorkflowExecution(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._answered("StartWorkflowExecution", context, lambda: self._start(request), request)

    def DescribeWorkflowExecution(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._answered("DescribeWorkflowExecution", context, lambda: self._run(request), request)

    def GetWorkflowExecutionHistory(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Answer when the run has ended, or a second before the caller gives up, as the real one does."""
        key, run_id = request.execution.workflow_id, request.execution.run_id
        left = min(max((context.time_remaining() or 20) - 1, 0), 20)

        def has_ended() -> bool:
            held = self.runs.get(key)
            return held is None or held.request_id != run_id or self._stopping.is_set()

        with self._runs_changed:
            ended = self._runs_changed.wait_for(has_ended, left)
        answer = rpc_pb2.GetWorkflowExecutionHistoryResponse()
        if ended:
            answer.history.events.add()
        return self._answered("GetWorkflowExecutionHistory", context, lambda: answer, request)

    def GetWorkflowExecutionHistoryReverse(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        empty = rpc_pb2.GetWorkflowExecutionHistoryReverseResponse
        return self._answered("GetWorkflowExecutionHistoryReverse", context, empty, request)

    def TerminateWorkflowExecution(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._answered("TerminateWorkflowExecution", context, lambda: self._terminate(request), request)

    def _start(self, request: rpc_pb2.StartWorkflowExecutionRequest) -> rpc_pb2.StartWorkflowExecutionResponse:
        held = self.runs.get(request.workflow_id)
        if held and held.request_id != request.request_id:
            raise Refusal(grpc.StatusCode.ALREADY_EXISTS, "Workflow execution already started")
        self.runs[request.workflow_id] = request
        return rpc_pb2.StartWorkflowExecutionResponse(run_id=request.request_id)

    def _run(self, request: rpc_pb2.DescribeWorkflowExecutionRequest) -> rpc_pb2.DescribeWorkflowExecutionResponse:
        held = self.runs.get(request.execution.workflow_id)
        if held is None:
            raise Refusal(grpc.StatusCode.NOT_FOUND, "workflow not found")
        answer = rpc_pb2.DescribeWorkflowExecutionResponse()
        answer.workflow_execution_info.execution.run_id = held.request_id
        answer.workflow_execution_info.status = workflow_enums_pb2.WORKFLOW_EXECUTION_STATUS_RUNNING
        answer.workflow_execution_info.memo.CopyFrom(held.memo)
        answer.workflow_execution_info.start_time.GetCurrentTime()
        return answer

    def _terminate(
        self, request: rpc_pb2.TerminateWorkflowExecutionRequest
    ) -> rpc_pb2.TerminateWorkflowExecutionResponse:
        held = self.runs.get(request.workflow_execution.workflow_id)
        if held is None or held.request_id != request.workflow_execution.run_id:
            raise Refusal(grpc.StatusCode.NOT_FOUND, "workflow execution already completed")
        del self.runs[request.workflow_execution.workflow_id]
        self._runs_changed.notify_all()
        return rpc_pb2.TerminateWorkflowExecutionResponse()

    def _answered(self, name: str, context: grpc.ServicerContext, work: Callable[[], Any], request: Any = None) -> Any:
        headers = {str(key): str(value) for key, value in context.invocation_metadata()}
        with self._lock:
            self.headers.append(headers)
            self.peers |= {name.decode() for name in context.auth_context().get("x509_subject_alternative_name", ())}
            self.calls[name] += 1
            before = self.before[name].pop(0) if self.before[name] else None
            after = self.after[name].pop(0) if self.after[name] else None
        try:
            self._let_in(headers)
            if getattr(request, "namespace", NAMESPACE) != NAMESPACE:
                raise _missing_namespace(context, request.namespace)
            self.admit(name)
            if before:
                before()
            with self._lock:
                answer = work()
            if after:
                after()
        except Refusal as refusal:
            if refusal.retry_after is not None:
                _attach_retry_info(context, refusal)
            context.abort(refusal.code, refusal.text)
        return answer

    def _let_in(self, headers: dict[str, str]) -> None:
        if self.wants_key and headers.get("authorization") != f"Bearer {self.wants_key}":
            raise Refusal(grpc.StatusCode.UNAUTHENTICATED, "Request unauthorized")

    def _create(self, request: rpc_pb2.CreateScheduleRequest) -> rpc_pb2.CreateScheduleResponse:
        known = self.schedules.get(request.schedule_id)
        if known and known.created_by != request.request_id:
            raise Refusal(grpc.StatusCode.ALREADY_EXISTS, f"schedule {request.schedule_id!r} is already registered")
        if known is None:
            proto = _canonical(request.schedule)
            self._created += 1
            self.schedules[request.schedule_id] = Stored(
                proto=proto,
                token=1,
                created_by=request.request_id,
                created_at=self._created,
                memo=request.memo,
                attributes=request.search_attributes,
            )
        return rpc_pb2.CreateScheduleResponse(conflict_token=self._token(1))

    def _describe(self, request: rpc_pb2.DescribeScheduleRequest) -> rpc_pb2.DescribeScheduleResponse:
        stored = self._found(request.schedule_id)
        answer = rpc_pb2.DescribeScheduleResponse(
            schedule=stored.proto,
            conflict_token=self._token(stored.token),
            memo=stored.memo,
            search_attributes=stored.described or stored.attributes,
        )
        stored.described = None
        answer.info.create_time.FromSeconds(stored.created_at)
        if stored.token > 1:
            answer.info.update_time.FromSeconds(stored.created_at + stored.token)
        return answer

    def _update(self, request: rpc_pb2.UpdateScheduleRequest) -> rpc_pb2.UpdateScheduleResponse:
        stored = self._found(request.schedule_id)
        proto = _canonical(request.schedule)
        if request.conflict_token and request.conflict_token != self._token(stored.token):
            if self._refuses_stale_tokens:
                raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "mismatched conflict token")
            return rpc_pb2.UpdateScheduleResponse()
        stored.proto = proto
        stored.token += 1
        if request.HasField("search_attributes"):
            stored.described = None if self._refuses_stale_tokens else stored.attributes
            stored.attributes = request.search_attributes
        if request.HasField("memo") and self._refuses_stale_tokens:
            stored.memo = request.memo
        return rpc_pb2.UpdateScheduleResponse()

    def _list(self, request: rpc_pb2.ListSchedulesRequest) -> rpc_pb2.ListSchedulesResponse:
        ids = sorted({*self.schedules, *self.ghosts})
        start = int(request.next_page_token or b"0")
        end = start + request.maximum_page_size
        entries = [self._entry(id_) for id_ in ids[start:end]]
        full = len(entries) == request.maximum_page_size  # a full page names a next one, even an empty one
        return rpc_pb2.ListSchedulesResponse(schedules=entries, next_page_token=str(end).encode() if full else b"")

    def _entry(self, schedule_id: str) -> schedule_pb2.ScheduleListEntry:
        entry = schedule_pb2.ScheduleListEntry(schedule_id=schedule_id)
        if schedule_id in self.schedules:
            proto = self.schedules[schedule_id].proto
            entry.info.spec.CopyFrom(proto.spec)
            entry.info.workflow_type.CopyFrom(proto.action.start_workflow.workflow_type)
            entry.memo.CopyFrom(self.schedules[schedule_id].memo)
            entry.search_attributes.CopyFrom(self.schedules[schedule_id].attributes)
            entry.info.notes, entry.info.paused = proto.state.notes, proto.state.paused
        return entry

    def _delete(self, request: rpc_pb2.DeleteScheduleRequest) -> rpc_pb2.DeleteScheduleResponse:
        self._found(request.schedule_id)
        del self.schedules[request.schedule_id]
        return rpc_pb2.DeleteScheduleResponse()

    def _token(self, counter: int) -> bytes:
        return counter.to_bytes(8, "little" if self._refuses_stale_tokens else "big")

    def _found(self, schedule_id: str) -> Stored:
        if schedule_id not in self.schedules:
            raise Refusal(grpc.StatusCode.NOT_FOUND, "schedule not found")
        return self.schedules[schedule_id]


def _canonical(sent: schedule_pb2.Schedule) -> schedule_pb2.Schedule:
    """Return the schedule as the server keeps it: cron text becomes calendars, what is unset gets its default."""
    proto = schedule_pb2.Schedule()
    proto.CopyFrom(sent)
    if not proto.action.start_workflow.workflow_type.name or not proto.action.start_workflow.task_queue.name:
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "a workflow type and a task queue must be set")
    for text in proto.spec.cron_string:
        try:
            times = cron.parse(text).times
        except cron.CronError as error:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, f"invalid cron: {error}") from error
        if not isinstance(times, timings.Calendar):
            raise NotImplementedError("the fake keeps calendars only")
        timing = timings.Timing(calendars=(dataclasses.replace(times, comment=""),))
        action = model.Action(workflow="", task_queue="", workflow_id="")
        proto.spec.MergeFrom(convert.make(model.Schedule(id="", timing=timing, action=action)).spec)
    proto.spec.ClearField("cron_string")
    policies = proto.policies
    policies.overlap_policy = policies.overlap_policy or enums_pb2.SCHEDULE_OVERLAP_POLICY_SKIP
    if not policies.HasField("catchup_window"):
        policies.catchup_window.FromTimedelta(model.UNSET_CATCHUP)
    elif policies.catchup_window.ToTimedelta() < model.LEAST_CATCHUP:
        policies.catchup_window.FromTimedelta(model.LEAST_CATCHUP)
    return proto


def _attach_retry_info(context: grpc.ServicerContext, refusal: Refusal) -> None:
    """Attach `google.rpc.RetryInfo`, which has a duration as its only field, with the number 1."""
    delay = duration_pb2.Duration()
    delay.FromMilliseconds(round((refusal.retry_after or 0) * 1000))
    info = wrappers_pb2.BytesValue(value=delay.SerializeToString())
    status = common_pb2.GrpcStatus(code=refusal.code.value[0], message=refusal.text)
    status.details.add(type_url="type.googleapis.com/google.rpc.RetryInfo", value=info.SerializeToString())
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))


def _missing_namespace(context: grpc.ServicerContext, namespace: str) -> Refusal:
    """Return the refusal and attach the detail by which clients tell it from a missing schedule."""
    status = common_pb2.GrpcStatus(
        code=grpc.StatusCode.NOT_FOUND.value[0], message=f"Namespace {namespace} is not found."
    )
    status.details.add().Pack(details_pb2.NamespaceNotFoundFailure(namespace=namespace))
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    return Refusal(grpc.StatusCode.NOT_FOUND, status.message)


@contextlib.contextmanager
def running(
    *, refuses_stale_tokens: bool = False, credentials: grpc.ServerCredentials | None = None
) -> Iterator[FakeTemporal]:
    """Serve on a free port of the loopback interface; with credentials, by TLS only."""
    fake = FakeTemporal(refuses_stale_tokens=refuses_stale_tokens)  # type: ignore[abstract]  # what is not here answers so
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=64))
    service_pb2_grpc.add_WorkflowServiceServicer_to_server(fake, server)
    place = "127.0.0.1:0"
    port = server.add_secure_port(place, credentials) if credentials else server.add_insecure_port(place)
    fake.address = f"127.0.0.1:{port}"
    server.start()
    try:
        yield fake
    finally:
        fake.stop_waiting()
        server.stop(grace=None).wait()
