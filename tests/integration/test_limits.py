"""The server's limits: a spec accepts what the server keeps, reads back and runs, and refuses the rest."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest
from temporalio.api.workflow.v1 import message_pb2 as workflow_pb2
from temporalio.service import RPCError, RPCStatusCode

from reconciler import errors
from reconciler.repospec import limits, loader
from reconciler.schedule import model
from reconciler.usecases.apply import apply_plan
from reconciler.usecases.plan import read_plan
from tests.support import remote, servers
from tools import devserver

SPEC = """\
governance:
  schedules:
    - charter: ALPHA
      cron: "@daily"
      entrypoint: ALPHA
"""
Start: TypeAlias = workflow_pb2.NewWorkflowExecutionInfo


def _memo_of(size: int) -> str:
    """Return the line of a memo of that many bytes or a few more, which aliases make of a file that is short enough."""
    part = "m" * (size // 4)
    return f"memo: {{a: &part {part}, b: *part, c: *part, d: *part}}"


@pytest.fixture(scope="module")
def server() -> Iterator[devserver.DevServer]:
    with servers.running(search_attributes={"CustomKeyword": "Keyword"}) as running:
        yield running


@pytest.mark.parametrize(
    "messages",
    [
        f"static_summary: {'😀' * 1000}",
        f"static_details: {'😀' * 10_000}",
        f"note: {'😀' * 125_000}",
        f"workflow_id: {'w' * 979}",
        f"workflow: {'w' * 1000}",
        f"task_queue: {'w' * 1000}",
        "remaining_actions: 0",
        "retry_policy: {}",
        "retry_policy: {maximum_interval: 1s}",
        "retry_policy: {maximum_interval: 500ms, maximum_attempts: 1}",
        "retry_policy: {initial_interval: 92233720.368547s}",
        "retry_policy: {initial_interval: 36500d, maximum_interval: 36500d}",
        "retry_policy: {non_retryable_errors: [Nope, 'TemporalTimeout:Heartbeat', TemporalTimeout]}",
        "retry_policy: {non_retryable_errors: ['TemporalTimeout:TIMEOUT_TYPE_START_TO_CLOSE']}",
        f"priority: {{fairness_key: {'ü' * 32}}}",
        "execution_timeout: 36500d",
        "run_timeout: 36500d",
        "task_timeout: 36500d",
        "catchup_window: 106751d23h47m16.854775s",
        "jitter: 106751d23h47m16.854775s",
        "start_at: 0001-01-01T00:00:00Z",
        "end_at: 9999-12-31T23:59:59.999999Z",
        f"search_attributes: {{CustomKeyword: {'k' * 2046}}}",
        _memo_of(limits.SCHEDULE_SIZE - 100),
    ],
    ids=lambda messages: messages[:60],
)
async def test_what_a_spec_may_declare_the_server_keeps_and_runs(server: devserver.DevServer, messages: str) -> None:
    key = hashlib.sha256(messages.encode()).hexdigest()[:12]
    declaration = loader.parse(f"{SPEC}      {messages}\n".replace("ALPHA", f"A/{key}/X"), "spec.yaml")
    temporal = await remote.connected(server.address)
    raw = await remote.raw(server.address)
    target = temporal.target((f"governance:a/{key}/",))
    planned = await read_plan(declaration, temporal.schedules, target)
    outcomes = (await apply_plan(planned, temporal.schedules, lambda _: None)).outcomes
    assert [(each.status.value, each.detail) for each in outcomes] == [("done", "")]
    assert (await read_plan(declaration, temporal.schedules, target)).steps == ()
    (charter,) = declaration.charters
    await raw.trigger(charter.schedule.id)

    async def has_run() -> bool:
        return (await raw.describe(charter.schedule.id)).info.action_count == 1

    await remote.until(has_run, seconds=60)


@pytest.mark.parametrize(("field", "limit"), [("workflow_id", 979), ("workflow", 1000), ("task_queue", 1000)])
async def test_a_byte_more_is_refused_by_the_server_and_by_the_spec(
    server: devserver.DevServer, field: str, limit: int
) -> None:
    raw = await remote.raw(server.address)
    proto = remote.proto_of(remote.schedule(field))
    start = proto.action.start_workflow
    match field:
        case "workflow_id":
            start.workflow_id = "w" * (limit + 1)
        case "workflow":
            start.workflow_type.name = "w" * (limit + 1)
        case _:
            start.task_queue.name = "w" * (limit + 1)
    with pytest.raises(RPCError, match="length exceeds limit"):
        await raw.create(f"governance:{field}", proto)
    with pytest.raises(errors.InvalidSpecError):
        loader.parse(f"{SPEC}      {field}: {'w' * (limit + 1)}\n", "spec.yaml")


def _longest_interval(start: Start) -> None:
    start.retry_policy.maximum_interval.FromMilliseconds(999)


def _longer_first_interval(start: Start) -> None:
    start.retry_policy.initial_interval.FromSeconds(2)
    start.retry_policy.maximum_interval.FromSeconds(1)


def _interval_beyond_go(start: Start) -> None:
    start.retry_policy.initial_interval.FromNanoseconds(92_233_720_368_548_000)


def _unknown_timeout(start: Start) -> None:
    start.retry_policy.non_retryable_error_types.append("TemporalTimeout:Nope")


def _no_timeout(start: Start) -> None:
    start.retry_policy.non_retryable_error_types.append("TemporalTimeout:Unspecified")


def _fairness_key(start: Start) -> None:
    start.priority.fairness_key = "ü" * 33


@pytest.mark.parametrize(
    ("messages", "change"),
    [
        ("retry_policy: {maximum_interval: 999ms}", _longest_interval),
        ("retry_policy: {initial_interval: 2s, maximum_interval: 1s}", _longer_first_interval),
        ("retry_policy: {initial_interval: 92233720.368548s}", _interval_beyond_go),
        ("retry_policy: {non_retryable_errors: ['TemporalTimeout:Nope']}", _unknown_timeout),
        ("retry_policy: {non_retryable_errors: ['TemporalTimeout:Unspecified']}", _no_timeout),
        (f"priority: {{fairness_key: {'ü' * 33}}}", _fairness_key),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
async def test_what_the_server_accepts_and_never_starts_the_spec_refuses(
    server: devserver.DevServer, messages: str, change: Callable[[Start], None]
) -> None:
    raw = await remote.raw(server.address)
    proto = remote.proto_of(remote.schedule())
    change(proto.action.start_workflow)
    schedule_id = f"governance:never-{change.__name__}"
    await raw.create(schedule_id, proto)
    assert (await raw.describe(schedule_id)).info.invalid_schedule_error == ""
    with pytest.raises(RPCError) as refused:
        await raw.start(proto.action.start_workflow)
    assert refused.value.status is RPCStatusCode.INVALID_ARGUMENT
    with pytest.raises(errors.InvalidSpecError, match=r"^spec\.yaml:6:"):
        loader.parse(f"{SPEC}      {messages}\n", "spec.yaml")


@pytest.mark.parametrize("key", ["execution_timeout", "run_timeout", "task_timeout"])
async def test_a_timeout_that_the_server_would_shorten_is_refused(server: devserver.DevServer, key: str) -> None:
    raw = await remote.raw(server.address)
    proto = remote.proto_of(remote.schedule())
    sent = getattr(proto.action.start_workflow, f"workflow_{key}")
    sent.FromTimedelta(model.LONGEST_TIMEOUT + datetime.timedelta(microseconds=1))
    await raw.create(f"governance:{key}", proto)
    described = (await raw.describe(f"governance:{key}")).schedule.action.start_workflow
    assert getattr(described, f"workflow_{key}").ToTimedelta() == model.LONGEST_TIMEOUT
    with pytest.raises(errors.InvalidSpecError, match="36500d"):
        loader.parse(f"{SPEC}      {key}: 36500d1us\n", "spec.yaml")


async def test_a_schedule_that_the_server_accepts_and_cannot_read_or_run_is_refused(
    server: devserver.DevServer,
) -> None:
    raw = await remote.raw(server.address)
    size = 2_050_000 if servers.backend() == "v1" else 2**21 + 100  # each has a limit that its create does not check
    proto = remote.proto_of(remote.schedule())
    proto.action.start_workflow.memo.fields["a"].data = b"m" * size
    await raw.create("governance:large", proto)
    with pytest.raises(RPCError) as refused:
        await (
            raw.describe("governance:large") if servers.backend() == "v1" else raw.start(proto.action.start_workflow)
        )
    assert refused.value.status is RPCStatusCode.INVALID_ARGUMENT
    with pytest.raises(errors.InvalidSpecError, match=f"Temporal accepts at most {limits.SCHEDULE_SIZE:,}"):
        loader.parse(f"{SPEC}      {_memo_of(limits.SCHEDULE_SIZE)}\n", "spec.yaml")


async def test_a_task_queue_of_the_servers_own_is_refused(server: devserver.DevServer) -> None:
    raw = await remote.raw(server.address)
    proto = remote.proto_of(remote.schedule())
    proto.action.start_workflow.task_queue.name = "/_sys/mine"
    with pytest.raises(RPCError, match="reserved prefix"):
        await raw.create("governance:sys", proto)
    for name in ("/_sys/mine", "temporal-sys-per-ns-tq"):  # V1 accepts the second, and its own worker fails each run
        with pytest.raises(errors.InvalidSpecError, match="is reserved"):
            loader.parse(f"{SPEC}      task_queue: {name}\n", "spec.yaml")
