"""Polls by which a server takes a worker to be there that runs charters; it takes no run."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import grpc
from temporalio.api.enums.v1 import task_queue_pb2 as enums_pb2
from temporalio.api.taskqueue.v1 import message_pb2 as queue_pb2
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2
from temporalio.api.workflowservice.v1 import service_pb2_grpc

from reconciler.plan import pollers
from reconciler.schedule import governed

_AGAIN = pollers.ALIVE.total_seconds() / 4
_LEAST = 120  # seconds that a poll has to be ready to wait; it is taken back as soon as it is seen
_QUEUE = queue_pb2.TaskQueue(name=governed.TASK_QUEUE)


@contextlib.contextmanager
def kept_up(address: str, namespace: str) -> Iterator[None]:
    """Poll the charters' task queue now and then."""
    ended = threading.Event()
    with grpc.insecure_channel(address) as channel:
        stub = service_pb2_grpc.WorkflowServiceStub(channel)

        def poll_on() -> None:
            while not ended.wait(_AGAIN):
                _poll(stub, namespace)

        _poll(stub, namespace)
        polls = threading.Thread(target=poll_on)
        polls.start()
        try:
            yield
        finally:
            ended.set()
            polls.join()


def _poll(stub: service_pb2_grpc.WorkflowServiceStub, namespace: str) -> None:
    """Poll until the server has seen it."""
    before, deadline = _last_seen(stub, namespace), time.monotonic() + _LEAST
    request = rpc_pb2.PollWorkflowTaskQueueRequest(
        namespace=namespace, task_queue=_QUEUE, identity=pollers.identity("the tests", (governed.WORKFLOW,))
    )
    call = stub.PollWorkflowTaskQueue.future(request, timeout=_LEAST, wait_for_ready=True)
    while _last_seen(stub, namespace) == before and time.monotonic() < deadline:
        time.sleep(0.03)
    call.cancel()


def _last_seen(stub: service_pb2_grpc.WorkflowServiceStub, namespace: str) -> int:
    request = rpc_pb2.DescribeTaskQueueRequest(
        namespace=namespace, task_queue=_QUEUE, task_queue_type=enums_pb2.TASK_QUEUE_TYPE_WORKFLOW
    )
    answer = stub.DescribeTaskQueue(request, timeout=_LEAST, wait_for_ready=True)
    return max((each.last_access_time.ToNanoseconds() for each in answer.pollers), default=0)
