"""The schedules of a namespace on a real server; implements `ports.Schedules`."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable

from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2
from temporalio.service import WorkflowService

from reconciler import errors, model
from reconciler.temporal import calls, convert

PAGE_SIZE = 1000  # the most that the server gives


def _new_request_id() -> str:
    return str(uuid.uuid4())


class Schedules:
    """Reads and writes schedules by raw calls, one call for one step."""

    def __init__(
        self,
        service: WorkflowService,
        calls_: calls.Calls,
        *,
        identity: str,
        new_request_id: Callable[[], str] = _new_request_id,
    ) -> None:
        self._service = service
        self._calls = calls_
        self._identity = identity
        self._new_request_id = new_request_id

    async def ids(self) -> frozenset[str]:
        """Return every listed id, all pages of an unfiltered listing: filters are silently wrong on some servers."""
        found: set[str] = set()
        token = b""
        while True:
            request = rpc_pb2.ListSchedulesRequest(
                namespace=self._calls.namespace, maximum_page_size=PAGE_SIZE, next_page_token=token
            )
            page = await self._calls.read(self._service.list_schedules, request)
            found.update(entry.schedule_id for entry in page.schedules)
            token = page.next_page_token
            if not token:
                return frozenset(found)

    async def describe(self, schedule_id: str) -> model.Live | None:
        """Return the schedule as it is now, None when there is none."""
        request = rpc_pb2.DescribeScheduleRequest(namespace=self._calls.namespace, schedule_id=schedule_id)
        try:
            answer = await self._calls.read(self._service.describe_schedule, request)
        except calls.NotFoundError:
            return None
        except errors.UnreachableError as error:
            raise errors.UnreachableError(f"{error.message}, asked about {schedule_id}", hint=error.hint) from error
        return model.Live(
            schedule=convert.read(schedule_id, answer.schedule),
            token=answer.conflict_token,
            created_at=answer.info.create_time.ToNanoseconds(),
            described=answer.schedule.SerializeToString(),
        )

    async def describe_all(self, schedule_ids: Iterable[str]) -> dict[str, model.Live]:
        """Describe many, side by side; an id that does not exist is left out."""
        answers = await asyncio.gather(*map(self.describe, schedule_ids))
        return {live.schedule.id: live for live in answers if live is not None}

    async def create(self, schedule: model.Schedule) -> None:
        """Create the schedule; ConflictError when its id is taken."""
        request = rpc_pb2.CreateScheduleRequest(
            namespace=self._calls.namespace,
            schedule_id=schedule.id,
            schedule=convert.make(schedule),
            identity=self._identity,
            request_id=self._new_request_id(),
        )
        await self._calls.write(self._service.create_schedule, request)

    async def update(self, live: model.Live, after: model.Schedule) -> None:
        """Edit what was described and send it back under its conflict token, everything in one write."""
        proto = schedule_pb2.Schedule.FromString(live.described)
        convert.edit(proto, after)
        request = rpc_pb2.UpdateScheduleRequest(
            namespace=self._calls.namespace,
            schedule_id=after.id,
            schedule=proto,
            conflict_token=live.token,
            identity=self._identity,
            request_id=self._new_request_id(),
        )
        try:
            await self._calls.write(self._service.update_schedule, request)
        except calls.NotFoundError as error:
            raise errors.ConflictError(f"schedule {after.id} is gone") from error
