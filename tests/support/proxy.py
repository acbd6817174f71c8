"""A gRPC proxy before the real server, which sees every call and may act at its boundaries."""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2

_WRITES: dict[str, Any] = {
    "CreateSchedule": rpc_pb2.CreateScheduleRequest,
    "UpdateSchedule": rpc_pb2.UpdateScheduleRequest,
}
_LONGEST_CALL = 120.0  # seconds
_WAITS = {"GetWorkflowExecutionHistory"}  # no boundary of an apply: it looks after its lock beside it

Boundary = Callable[[int, str], None]
"""Called before a call is passed on and again when its answer is there, with a count from 0 and the call's name."""


class Proxy(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Passes every call on as it is; `written` counts how often each schedule was written."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._under_way = 0
        self.count = 0
        self.boundary: Boundary = lambda _, __: None
        self.written: collections.Counter[str] = collections.Counter()
        self.started: collections.Counter[str] = collections.Counter()  # calls that came, by name
        self.ended: collections.Counter[str] = collections.Counter()  # calls that the server has answered
        self.address = ""

    def service(self, details: Any) -> Any:
        """Return what passes this call on."""
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self._pass(details, request, context))

    def settled(self, seconds: float = 2 * _LONGEST_CALL) -> None:
        """Wait until no call is under way."""
        with self._idle:
            if not self._idle.wait_for(lambda: self._under_way == 0, seconds):
                raise AssertionError("a call does not end")

    def restart(self, boundary: Boundary) -> None:
        """Count from 0 again, with another thing to do."""
        with self._lock:
            self.boundary, self.count = boundary, 0

    def _pass(self, details: Any, request: bytes, context: grpc.ServicerContext) -> bytes:
        name = details.method.rpartition("/")[2]
        if name in _WAITS:
            return self._wait(details, request, context)
        with self._lock:
            self._under_way += 1
            self.started[name] += 1
        try:
            self._reached(name)
            metadata = [(key, value) for key, value in details.invocation_metadata if not _is_of_the_wire(key)]
            answer: bytes = self._channel.unary_unary(details.method)(request, metadata=metadata, timeout=_LONGEST_CALL)
            if name in _WRITES:
                self.written[_WRITES[name].FromString(request).schedule_id] += 1
            self._reached(name)
        except grpc.RpcError as error:
            self._reached(name)
            context.set_trailing_metadata(error.trailing_metadata() or ())
            context.abort(error.code(), error.details())
            raise
        else:
            return answer
        finally:
            with self._idle:
                self._under_way -= 1
                self.ended[name] += 1
                self._idle.notify_all()

    def _wait(self, details: Any, request: bytes, context: grpc.ServicerContext) -> bytes:
        """Pass on a call that the server answers when something happens, for as long as its caller waits."""
        metadata = [(key, value) for key, value in details.invocation_metadata if not _is_of_the_wire(key)]
        left = context.time_remaining() or _LONGEST_CALL
        call = self._channel.unary_unary(details.method).future(request, metadata=metadata, timeout=left)
        context.add_callback(call.cancel)
        try:
            answer: bytes = call.result()
        except (grpc.RpcError, grpc.FutureCancelledError):
            context.abort(call.code() or grpc.StatusCode.CANCELLED, call.details() or "")
            raise
        return answer

    def _reached(self, name: str) -> None:
        with self._lock:
            number, self.count = self.count, self.count + 1
        self.boundary(number, name)

    def close(self) -> None:
        """Let go of the server."""
        self._channel.close()


def _is_of_the_wire(key: str) -> bool:
    return key.startswith(("grpc-", ":")) or key in {"te", "user-agent", "content-type"}


@contextlib.contextmanager
def running(address: str) -> Iterator[Proxy]:
    """Serve on a free port of the loopback interface, before the server at an address."""
    proxy = Proxy(address)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=64), handlers=(proxy,))
    proxy.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield proxy
    finally:
        server.stop(grace=None).wait()
        proxy.close()
