"""The schedules of a namespace on a real server; implements `ports.Schedules`."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import dataclasses
import datetime
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2
from temporalio.api.workflow.v1 import message_pb2 as workflow_pb2
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2
from temporalio.service import WorkflowService

from reconciler import concurrency, errors
from reconciler.plan import diff, overdue, ports, progress
from reconciler.schedule import model, observed
from reconciler.temporal import calls, codec, convert, pacing, pauses, schedule_info, unexpressed

T = TypeVar("T")
R = TypeVar("R")
PAGE_SIZE = 1000  # the server's maximum
_ATTRIBUTE_WAITS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 4)  # seconds between two reads of attributes just written
_NOTICE = datetime.timedelta(seconds=10)  # the time within which even a busy server notices that a run ended


def _new_request_id() -> str:
    return str(uuid.uuid4())


class Schedules:
    """Reads and writes schedules with raw calls, one call per step."""

    def __init__(
        self,
        service: WorkflowService,
        calls_: calls.Calls,
        *,
        identity: str,
        codec_: codec.Codec,
        progress: ports.Progress = progress.SILENT,
        new_request_id: Callable[[], str] = _new_request_id,
    ) -> None:
        self._service = service
        self._calls = calls_
        self._identity = identity
        self._codec = codec_
        self._pauses = pauses.Pauses(service, calls_)
        self._results = schedule_info.Results(service, calls_)
        self._progress = progress
        self._new_request_id = new_request_id
        self._permit: calls.Permit | None = None

    def guarded(self, permit: calls.Permit) -> Schedules:
        """Return the same schedules; each write to them awaits `permit` right before it is sent."""
        guarded = copy.copy(self)
        guarded._permit = permit
        return guarded

    async def ids(self) -> frozenset[str]:
        """Return the ids from all pages of an unfiltered listing; some servers silently apply filters incorrectly."""
        return frozenset([entry.schedule_id async for entry in self._entries()])

    async def listed(self, is_wanted: Callable[[str], bool]) -> dict[str, observed.Listed]:
        """Return the listed entries of the schedules whose ids are wanted."""
        return {
            entry.schedule_id: observed.Listed(
                workflow=entry.info.workflow_type.name,
                timing=convert.timing(entry.info.spec.SerializeToString(deterministic=True)),
                paused=entry.info.paused,
                note=entry.info.notes or None,
            )
            async for entry in self._entries()
            if is_wanted(entry.schedule_id)
        }

    async def _entries(self) -> AsyncIterator[schedule_pb2.ScheduleListEntry]:
        token = b""
        while True:
            request = rpc_pb2.ListSchedulesRequest(
                namespace=self._calls.namespace, maximum_page_size=PAGE_SIZE, next_page_token=token
            )
            page = await self._calls.read(self._service.list_schedules, request, calls.LIST_TIMEOUTS)
            for entry in page.schedules:
                yield entry
            token = page.next_page_token
            if not token:
                return

    async def describe(self, schedule_id: str) -> observed.Live | None:
        """Return the current schedule; None if it does not exist."""
        answer = await self._described(schedule_id)
        return (await self._read({schedule_id: answer}))[schedule_id] if answer else None

    async def is_current(self, live: observed.Live) -> bool:
        """Return whether the schedule has the same conflict token and, since those restart, the same creation time."""
        answer = await self._described(live.schedule.id)
        return answer is not None and (answer.conflict_token, _created_at(answer)) == (live.token, live.created_at)

    async def describe_all(self, schedule_ids: Iterable[str]) -> dict[str, observed.Live]:
        """Describe schedules concurrently; ids that do not exist are omitted."""
        return await self._describe_each(schedule_ids, lambda _: True)

    async def describe_marked(self, schedule_ids: Iterable[str], owner: str) -> dict[str, observed.Live]:
        """Describe schedules concurrently, and return those with the owner's mark, which no codec encodes."""
        return await self._describe_each(schedule_ids, lambda proto: convert.owner(proto) == owner)

    async def _describe_each(
        self, schedule_ids: Iterable[str], is_wanted: Callable[[schedule_pb2.Schedule], bool]
    ) -> dict[str, observed.Live]:
        """Describe schedules concurrently; responses are read while others are awaited, so few are kept in memory.

        They are decoded one batch at a time: a codec server may be slower than Temporal.
        """
        ids = list(schedule_ids)
        arrived: dict[str, rpc_pb2.DescribeScheduleResponse] = {}
        found: dict[str, observed.Live] = {}
        decoding = asyncio.Lock()

        async def one(schedule_id: str) -> None:
            answer = await self._described(schedule_id)
            if answer is None or not is_wanted(answer.schedule):
                return
            arrived[schedule_id] = answer
            if len(arrived) >= self._codec.at_once:
                batch = dict(arrived)
                arrived.clear()
                async with decoding:
                    found.update(await self._read(batch))

        await self._each("schedules", one, ids, calls=len(ids))
        found.update(await self._read(arrived))
        return {id_: found[id_] for id_ in ids if id_ in found}

    async def _each(
        self, noun: str, read: Callable[[T], Awaitable[R]], items: Collection[T], *, calls: int = 0
    ) -> list[R]:
        """Read all items concurrently, and show the progress; `calls` is how many calls that takes, if known."""
        with self._progress.work("reading", noun, len(items), calls=calls) as advance:

            async def one(item: T) -> R:
                result = await read(item)
                advance()
                return result

            return await concurrency.mapped(one, items, pacing.WIDEST)

    async def _read(self, existing: Mapping[str, rpc_pb2.DescribeScheduleResponse]) -> dict[str, observed.Live]:
        own = {id_: convert.own(answer.memo, answer.search_attributes) for id_, answer in existing.items()}
        decoded = await self._codec.decode([*(answer.schedule for answer in existing.values()), *own.values()])
        return {
            id_: observed.Live(
                schedule=convert.read(id_, proto, attached),
                token=answer.conflict_token,
                created_at=_created_at(answer),
                described=answer.schedule.SerializeToString(),
                history=schedule_info.read(answer.info),
                unexpressed=unexpressed.texts(answer.schedule),
                coded=codec.is_coded(answer.schedule) or codec.is_coded(own[id_]),
                own=own[id_].SerializeToString(),
                memo_is_fixed=observed.is_of_v1(answer.conflict_token),
            )
            for (id_, answer), proto, attached in zip(
                existing.items(), decoded[: len(own)], decoded[len(own) :], strict=True
            )
        }

    async def _described(self, schedule_id: str) -> rpc_pb2.DescribeScheduleResponse | None:
        request = rpc_pb2.DescribeScheduleRequest(namespace=self._calls.namespace, schedule_id=schedule_id)
        try:
            return await self._calls.read(self._service.describe_schedule, request)
        except calls.NotFoundError:
            return None
        except errors.UnreachableError as error:
            raise errors.UnreachableError(f"{error.message} (while reading {schedule_id})", hint=error.hint) from error

    async def explained(self, schedules: Mapping[str, observed.Live]) -> dict[str, observed.Live]:
        """Return the same schedules, with who paused each paused one and the overdue times of each active one."""
        paused = {id_: live for id_, live in schedules.items() if live.schedule.paused}
        known = await self._each("pauses", self._pauses.read, paused.values())
        explained = {
            id_: dataclasses.replace(live, pause=pause)
            for (id_, live), pause in zip(paused.items(), known, strict=True)
        }
        active = (live for live in schedules.values() if not live.schedule.paused)
        late = [live for live in active if overdue.find(live) or overdue.waits(live)]
        reasons = zip(late, await concurrency.gathered(map(self._overdue, late)), strict=True)
        explained |= {live.schedule.id: dataclasses.replace(live, overdue=passed) for live, passed in reasons if passed}
        return {**schedules, **explained}

    async def _overdue(self, live: observed.Live) -> observed.Overdue | None:
        """Return which due times of a late schedule passed without a run, and the reason; None if that is not certain.

        V2 does not notice the end of a run that was retried or continued as new, so it waits forever.
        """
        if overdue.find(live):
            return await self._pauses.overdue(live)
        ended_at = await self._last_run_ended_at(live)
        if ended_at is None:
            return None
        passed = await self._pauses.overdue(overdue.without_runs(live), ended_at + _NOTICE)
        reason = f"the server still counts {live.history.running[0]} as running, although it has ended"
        return dataclasses.replace(passed, reason=reason) if passed else None

    async def _last_run_ended_at(self, live: observed.Live) -> datetime.datetime | None:
        try:
            return await self._results.ended_at(live.history)
        except errors.UnreachableError:
            raise
        except errors.ServerError:  # the API key has access to schedules but not to runs
            return None

    async def followed(self, schedules: Mapping[str, observed.Live]) -> dict[str, observed.Live]:
        """Return the same schedules with the current results of their recent runs."""
        histories = [live.history for live in schedules.values()]
        results = await self._each("runs of schedules", self._results.read, histories)
        return {
            id_: dataclasses.replace(live, history=result)
            for (id_, live), result in zip(schedules.items(), results, strict=True)
        }

    async def create(self, schedule: model.Schedule) -> None:
        """Create the schedule; ConflictError if its id already exists."""
        nothing = schedule_pb2.Schedule()
        own = await self._codec.encode(convert.make_own(schedule), readable=nothing, stored=nothing)
        request = rpc_pb2.CreateScheduleRequest(
            namespace=self._calls.namespace,
            schedule_id=schedule.id,
            schedule=await self._codec.encode(convert.make(schedule), readable=nothing, stored=nothing),
            identity=self._identity,
            request_id=self._new_request_id(),
            memo=own.action.start_workflow.memo if schedule.memo else None,
            search_attributes=own.action.start_workflow.search_attributes if schedule.search_attributes else None,
        )
        await self._calls.write(self._service.create_schedule, request, self._permit)

    async def update(self, live: observed.Live, after: model.Schedule) -> None:
        """Edit the described proto and send it back with its conflict token, all in one write.

        The schedule's own memo and search attributes are sent only if they change, because sending either one replaces
        all of its entries.
        """
        stored = schedule_pb2.Schedule.FromString(live.described)
        readable, proto = await self._codec.decode([stored, stored])
        convert.edit(proto, after)
        own = await self._own(live, after)
        has_memo = not live.memo_is_fixed and not _is_kept(live.schedule.memo, after.memo)
        has_attributes = not _is_kept(live.schedule.search_attributes, after.search_attributes)
        request = rpc_pb2.UpdateScheduleRequest(
            namespace=self._calls.namespace,
            schedule_id=after.id,
            schedule=await self._codec.encode(proto, readable=readable, stored=stored),
            conflict_token=live.token,
            identity=self._identity,
            request_id=self._new_request_id(),
            memo=own.memo if has_memo else None,
            search_attributes=own.search_attributes if has_attributes else None,
        )
        try:
            await self._calls.write(self._service.update_schedule, request, self._permit)
        except calls.NotFoundError as error:
            raise errors.ConflictError(f"schedule {after.id} no longer exists") from error
        if has_attributes:
            await self._wait_for_attributes(live, after)

    async def _own(self, live: observed.Live, after: model.Schedule) -> workflow_pb2.NewWorkflowExecutionInfo:
        stored = schedule_pb2.Schedule.FromString(live.own)
        readable, held = await self._codec.decode([stored, stored])
        convert.edit_own(held, after)
        return (await self._codec.encode(held, readable=readable, stored=stored)).action.start_workflow

    async def _wait_for_attributes(self, live: observed.Live, after: model.Schedule) -> None:
        """Wait until the server describes the new attributes, which takes V1 a few milliseconds after the update."""
        for wait in _ATTRIBUTE_WAITS:
            now = await self.describe(after.id)
            if now is None or now.token == live.token or now.schedule.search_attributes == after.search_attributes:
                return
            await asyncio.sleep(wait)

    async def trigger(self, schedule_id: str, request_id: str) -> None:
        """Fire a schedule now; `errors.MissingError` if it does not exist. Only V1 deduplicates request ids."""
        request = rpc_pb2.PatchScheduleRequest(
            namespace=self._calls.namespace,
            schedule_id=schedule_id,
            patch=schedule_pb2.SchedulePatch(trigger_immediately=schedule_pb2.TriggerImmediatelyRequest()),
            identity=self._identity,
            request_id=request_id,
        )
        try:
            await self._calls.write(self._service.patch_schedule, request)
        except calls.NotFoundError as error:
            raise errors.MissingError(
                f"Temporal has no schedule {schedule_id}", hint="try again once it has been created"
            ) from error

    async def scheduled_for(self, run: observed.Run) -> datetime.datetime | None:
        """Return the scheduled time that was passed to a run; None if it is not available."""
        return await self._results.scheduled_for(run)

    async def delete(self, schedule_id: str) -> None:
        """Delete a schedule, unless it no longer exists."""
        request = rpc_pb2.DeleteScheduleRequest(
            namespace=self._calls.namespace, schedule_id=schedule_id, identity=self._identity
        )
        with contextlib.suppress(calls.NotFoundError):
            await self._calls.write(self._service.delete_schedule, request, self._permit)


def _created_at(answer: rpc_pb2.DescribeScheduleResponse) -> int:
    created_at: int = answer.info.create_time.ToNanoseconds()
    return created_at


def _is_kept(live: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> bool:
    return after is None or diff.same_json(live, after)
