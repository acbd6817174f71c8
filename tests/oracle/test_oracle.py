"""The server is the oracle: what it makes of random cron texts, timings and actions is what we make of them.

ORACLE_CASES says how many, ORACLE_SEED which; the usual run has the same ones each time.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import itertools
import json
import os
import posixpath
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import pytest
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2
from temporalio.api.workflow.v1 import message_pb2 as workflow_pb2
from temporalio.service import RPCError, RPCStatusCode

from reconciler import errors
from reconciler.repospec import loader
from reconciler.schedule import governed, model
from reconciler.temporal import convert, pacing, payloads
from reconciler.timing import cron, durations, times, timings, zones
from tests.oracle import cases
from tests.support import remote, servers
from tools import devserver

CASES = int(os.environ.get("ORACLE_CASES") or 250)
SEED = os.environ.get("ORACLE_SEED") or "steady"
BATCH = 1000  # cases to a test, each on a server of its own: they do not pile up
BATCHES = [f"{kind}-{number}" for kind in ("cron", "timing") for number in range(-(-CASES // BATCH // 2))]
BATCHES += [f"{kind}-{number}" for kind in ("words", "start") for number in range(-(-CASES // BATCH // 8))]


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What a side makes of a case; `refused` when it takes it for wrong."""

    refused: bool
    timing: timings.Timing | None = None
    next_times: tuple[datetime.datetime, ...] = ()


@pytest.fixture
def oracle() -> Iterator[devserver.DevServer]:
    with servers.running(search_attributes={"CustomKeyword": "Keyword"}) as server:
        yield server


@pytest.mark.parametrize("batch", BATCHES)
async def test_the_server_makes_of_it_what_we_do(oracle: devserver.DevServer, batch: str) -> None:
    raw = await remote.raw(oracle.address)
    slots = asyncio.Semaphore(pacing.WINDOW)
    kind, _, _ = batch.partition("-")
    compare = _COMPARISONS[kind]

    async def one(number: int) -> str:
        async with slots:
            return await compare(raw, f"{SEED}/{batch}/{number}")

    found = await asyncio.gather(*map(one, range(min(BATCH, max(CASES // 2, 1)))))
    differences = [each for each in found if each]
    print(f"seed {SEED}, {batch}: {len(found)} cases, {len(differences)} differences")
    assert differences[:10] == []


async def _text_differs(raw: remote.Raw, seed: str) -> str:
    """Return how the server and we differ on a cron text; empty when we agree."""
    case = cases.text(seed)
    if _is_a_path(cron.named_zone(case.cron)[0]):
        return ""
    proto = remote.proto_of(remote.schedule(f"oracle-{seed}"))
    proto.spec.Clear()
    proto.spec.cron_string.append(case.cron)
    proto.spec.timezone_name = case.timezone
    proto.spec.start_time.FromDatetime(case.start_at)
    theirs = await _answer(raw, seed, proto)
    ours = _ours(case, theirs)
    return "" if ours == theirs else f"{seed}: {case!r}\n  server {theirs}\n  ours   {ours}"


def _is_a_path(zone: str) -> bool:
    """Tell of a zone such as `Africa//Cairo`: a server takes it where it looks zones up in files, and we never do."""
    return zone != "" and posixpath.normpath(zone) != zone


def _ours(case: cases.Text, theirs: Answer) -> Answer:
    try:
        parsed = cron.parse(case.cron)
    except cron.CronError:
        return Answer(refused=True)
    zone = parsed.timezone or case.timezone or "UTC"
    if not zones.is_known(zone):
        return Answer(refused=True)
    timing = timings.Timing(
        calendars=(parsed.times,) if isinstance(parsed.times, timings.Calendar) else (),
        intervals=(parsed.times,) if isinstance(parsed.times, timings.Interval) else (),
        start_at=case.start_at,
        timezone=zone,
    )
    return Answer(refused=False, timing=timing, next_times=_next(timing, len(theirs.next_times)))


async def _timing_differs(raw: remote.Raw, seed: str) -> str:
    """Return how the server and we differ on a timing; empty when we agree."""
    timing = cases.timing(seed)
    schedule = dataclasses.replace(remote.schedule(f"oracle-{seed}"), timing=timing)
    theirs = await _answer(raw, seed, convert.make(schedule))
    ours = Answer(refused=False, timing=timing, next_times=_next(timing, len(theirs.next_times)))
    return "" if ours == theirs else f"{seed}:\n  server {theirs}\n  ours   {ours}"


async def _words_differ(raw: remote.Raw, seed: str) -> str:
    """Return how the server and a whole spec differ on the texts of a calendar and on an interval's limits."""
    case = cases.words(seed)
    proto = remote.proto_of(remote.schedule(f"oracle-{seed}"))
    proto.spec.Clear()
    proto.spec.start_time.FromDatetime(case.start_at)
    proto.spec.timezone_name = case.timezone
    if case.fields:
        proto.spec.calendar.add(**case.fields)  # the server's own texts, in the same grammar
    if case.interval:
        every, offset = case.interval
        interval = proto.spec.interval.add()
        interval.interval.FromTimedelta(every)
        interval.phase.FromTimedelta(offset)
    theirs = await _answer(raw, seed, proto)
    try:
        (charter,) = loader.parse(_spec(case), "spec.yaml").charters
    except errors.InvalidSpecError:
        ours = Answer(refused=True)
    else:
        timing = charter.schedule.timing
        ours = Answer(refused=False, timing=timing, next_times=_next(timing, len(theirs.next_times)))
    return "" if ours == theirs else f"{seed}: {case!r}\n  server {theirs}\n  ours   {ours}"


async def _start_differs(raw: remote.Raw, seed: str) -> str:
    """Return how the server and a whole spec differ on what a run can be started with, and on what is kept of it."""
    messages = cases.start(seed)
    proto = remote.proto_of(remote.schedule(f"oracle-{seed}"))
    start = proto.action.start_workflow
    _fill(start, messages)
    try:
        await raw.create(f"oracle/{seed}", proto)
        await raw.start(start)
        theirs = convert.read("", (await raw.describe(f"oracle/{seed}")).schedule).action
    except RPCError as error:
        if error.status is not RPCStatusCode.INVALID_ARGUMENT:
            raise
        theirs = None
    try:
        (charter,) = loader.parse(_charter(messages | {"cron": "@daily"}), "spec.yaml").charters
        ours = dataclasses.replace(charter.schedule.action, arguments=theirs.arguments if theirs else ())
    except errors.InvalidSpecError:
        ours = None
    return "" if ours == theirs else f"{seed}: {messages!r}\n  server {theirs}\n  ours   {ours}"


def _fill(start: workflow_pb2.NewWorkflowExecutionInfo, messages: Mapping[str, Any]) -> None:
    """Write a charter's keys into the proto, as another tool would."""
    start.workflow_id = messages["workflow_id"]
    start.workflow_type.name = messages.get("workflow", governed.WORKFLOW)
    start.task_queue.name = messages.get("task_queue", governed.TASK_QUEUE)
    for name in ("execution_timeout", "run_timeout", "task_timeout"):
        if name in messages:
            getattr(start, f"workflow_{name}").FromTimedelta(messages[name])
    if "retry_policy" in messages:
        start.retry_policy.SetInParent()
    for name, value in messages.get("retry_policy", {}).items():
        match name:
            case "initial_interval" | "maximum_interval":
                getattr(start.retry_policy, name).FromTimedelta(value)
            case "non_retryable_errors":
                start.retry_policy.non_retryable_error_types.extend(value)
            case _:
                setattr(start.retry_policy, name, value)
    for name, value in messages.get("priority", {}).items():
        setattr(start.priority, "priority_key" if name == "key" else name, value)
    for name, value in messages.get("search_attributes", {}).items():
        attribute = model.Attribute(type=model.AttributeType.KEYWORD, value=value)
        start.search_attributes.indexed_fields[name].CopyFrom(payloads.make_attribute(attribute))
    if "static_summary" in messages:
        start.user_metadata.summary.CopyFrom(payloads.make(messages["static_summary"]))


def _charter(messages: Mapping[str, Any]) -> str:
    """Return the spec of one charter with these keys."""
    schedules = [{"charter": "A", "entrypoint": "A", **messages}]
    return json.dumps({"governance": {"schedules": schedules}}, default=durations.render, ensure_ascii=False)


def _spec(case: cases.Words) -> str:
    messages: dict[str, object] = {"timezone": case.timezone, "start_at": case.start_at.isoformat()}
    if case.fields:
        messages["calendars"] = [case.fields]
    if case.interval:
        every, offset = case.interval
        messages["intervals"] = [{"every": every, "offset": offset}]
    return _charter(messages)


_COMPARISONS: dict[str, Callable[[remote.Raw, str], Awaitable[str]]] = {
    "cron": _text_differs,
    "timing": _timing_differs,
    "words": _words_differ,
    "start": _start_differs,
}


def _next(timing: timings.Timing, count: int) -> tuple[datetime.datetime, ...]:
    """Return the next times, one more than the server's when it has less than its ten: then there must be none."""
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)  # before every start
    return tuple(itertools.islice(times.upcoming(timing, now), count if count == 10 else count + 1))


async def _answer(raw: remote.Raw, seed: str, proto: schedule_pb2.Schedule) -> Answer:
    schedule_id = f"oracle/{seed}"
    try:
        await raw.create(schedule_id, proto)
    except RPCError as error:
        if error.status is RPCStatusCode.INVALID_ARGUMENT:
            return Answer(refused=True)
        raise
    described = await raw.describe(schedule_id)
    future = (stamp.ToDatetime(tzinfo=datetime.UTC) for stamp in described.info.future_action_times)
    return Answer(refused=False, timing=convert.read(schedule_id, described.schedule).timing, next_times=tuple(future))
