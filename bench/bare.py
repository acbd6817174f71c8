"""The bare calls that a command cannot do without, sent with the same SDK; the responses are discarded.

When run as a program, it sends the requests in a file (one per line, base64-encoded) and exits: the floor of a command.
It imports nothing from `reconciler`.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import datetime
import functools
import itertools
import os
import pathlib
import sys
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, NoReturn, TypeVar

import temporalio.client
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2
from temporalio.service import RPCError, RPCStatusCode, WorkflowService

T = TypeVar("T")
CONCURRENCY = 20  # calls at a time
_TIMEOUTS = (datetime.timedelta(seconds=60),) * 5  # of each attempt
_DESCRIBE_TIMEOUTS = tuple(datetime.timedelta(seconds=count) for count in (1, 2, 5, 10, 10, 20, 20, 60, 60))


@dataclasses.dataclass(frozen=True, slots=True)
class Bare:
    """The calls to one namespace."""

    service: WorkflowService
    namespace: str

    async def list(self) -> None:
        """Read all pages of the listing."""
        token = b""
        while True:
            request = rpc_pb2.ListSchedulesRequest(
                namespace=self.namespace, maximum_page_size=1000, next_page_token=token
            )
            page = await _sent_until_answered(self.service.list_schedules, request)
            token = page.next_page_token
            if not token:
                return

    async def describe(self, schedule_id: str) -> None:
        """Read one schedule; NOT_FOUND is a response too."""
        request = rpc_pb2.DescribeScheduleRequest(namespace=self.namespace, schedule_id=schedule_id)
        try:
            await _sent_until_answered(self.service.describe_schedule, request, _DESCRIBE_TIMEOUTS)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def plan(self, ids: Iterable[str]) -> None:
        """Read everything that a plan needs."""
        await self.list()
        await each(self.describe, ids)

    async def write(self, request: rpc_pb2.CreateScheduleRequest) -> None:
        """Create one schedule."""
        await _sent_until_answered(self.service.create_schedule, request)

    async def create(self, request: rpc_pb2.CreateScheduleRequest) -> None:
        """Create one schedule and read it."""
        await self.write(request)
        await self.describe(request.schedule_id)

    async def update(self, request: rpc_pb2.UpdateScheduleRequest) -> None:
        """Update one schedule and read it."""
        await _sent_until_answered(self.service.update_schedule, request)
        await self.describe(request.schedule_id)


async def _sent_until_answered(
    rpc: Callable[..., Awaitable[T]], request: Any, timeouts: Sequence[datetime.timedelta] = _TIMEOUTS
) -> T:
    """Send a request, and send it again if it is lost, as the program does.

    The request id of a write keeps it from being done twice.
    """
    for timeout in timeouts:
        try:
            return await _patiently(functools.partial(rpc, request, timeout=timeout))
        except RPCError as error:
            if error.status not in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED):
                raise
    raise TimeoutError(type(request).__name__)


async def _patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Call again while the server rate-limits calls, as any client must; the wait is part of the floor."""
    for wait in itertools.chain((0.1, 0.2, 0.5), itertools.repeat(1.0, 120)):
        try:
            return await call()
        except RPCError as error:
            if error.status is not RPCStatusCode.RESOURCE_EXHAUSTED:
                raise
        await asyncio.sleep(wait)
    return await call()


async def each(work: Callable[[T], Awaitable[None]], items: Iterable[T]) -> None:
    """Do the work for every item, `CONCURRENCY` at a time."""
    pending = iter(items)

    async def worked() -> None:
        for item in pending:
            await work(item)

    await asyncio.gather(*(worked() for _ in range(CONCURRENCY)))


async def connected(address: str, namespace: str) -> Bare:
    """Return the bare calls to a namespace."""
    client = await temporalio.client.Client.connect(address, namespace=namespace)
    return Bare(client.workflow_service, namespace)


def write(path: pathlib.Path, requests: Iterable[bytes]) -> None:
    """Write a file of requests."""
    path.write_text("".join(f"{base64.b64encode(request).decode()}\n" for request in requests), encoding="utf-8")


def read(path: pathlib.Path) -> list[bytes]:
    """Read a file of requests."""
    return [base64.b64decode(line) for line in path.read_bytes().splitlines()]


async def _sent(address: str, namespace: str, operation: str, requests: Sequence[bytes]) -> None:
    bare = await connected(address, namespace)
    match operation:
        case "plan":
            await bare.plan(request.decode() for request in requests)
        case "list":
            await bare.list()
        case "create":
            created = [rpc_pb2.CreateScheduleRequest.FromString(request) for request in requests]
            await bare.plan(request.schedule_id for request in created)
            await each(bare.create, created)
        case "update":
            updated = [rpc_pb2.UpdateScheduleRequest.FromString(request) for request in requests]
            await bare.plan(request.schedule_id for request in updated)
            await each(bare.update, updated)
        case _:
            raise ValueError(operation)


def run(work: Coroutine[object, object, None]) -> NoReturn:
    """Do the work and exit at once: the SDK's threads may crash, or never end, while the interpreter exits."""
    code = 0
    try:
        asyncio.run(work)
    except Exception:  # noqa: BLE001  # of any kind, printed as the interpreter would
        traceback.print_exc()
        code = 1
    os._exit(code)


if __name__ == "__main__":
    run(_sent(sys.argv[1], sys.argv[2], sys.argv[3], read(pathlib.Path(sys.argv[4]))))
