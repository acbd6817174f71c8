"""Polls by which a server takes a worker to be there that runs charters; it takes no run."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import grpc
from temporalio.api.taskqueue.v1 import message_pb2 as queue_pb2
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2
from temporalio.api.workflowservice.v1 import service_pb2_grpc

from reconciler import executions, polling

_AGAIN = polling.ALIVE.total_seconds() / 4
_LENGTH = 0.2  # seconds of a poll: a run that begins meanwhile would be lost to it


@contextlib.contextmanager
def kept_up(address: str, namespace: str) -> Iterator[None]:
    """Poll the charters' task queue now and then."""
    ended = threading.Event()
    request = rpc_pb2.PollWorkflowTaskQueueRequest(
        namespace=namespace,
        task_queue=queue_pb2.TaskQueue(name=executions.TASK_QUEUE),
        identity=polling.identity("the tests", (executions.WORKFLOW,)),
    )
    with grpc.insecure_channel(address) as channel:
        poll = service_pb2_grpc.WorkflowServiceStub(channel).PollWorkflowTaskQueue

        def poll_on() -> None:
            while not ended.wait(_AGAIN):
                _poll(poll, request)

        _poll(poll, request)
        polls = threading.Thread(target=poll_on)
        polls.start()
        try:
            yield
        finally:
            ended.set()
            polls.join()


def _poll(poll: grpc.UnaryUnaryMultiCallable, request: rpc_pb2.PollWorkflowTaskQueueRequest) -> None:
    with contextlib.suppress(grpc.RpcError):  # there is nothing to get
        poll(request, timeout=_LENGTH, wait_for_ready=True)
