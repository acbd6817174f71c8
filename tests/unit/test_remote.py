"""The executor by HTTP, against a real server on the loopback interface."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from reconciler import errors, settings
from reconciler.platform import executions, remote
from tests.support import endpoint

DUE = datetime.datetime(2026, 11, 25, 9, 0, tzinfo=datetime.UTC)
TOKEN = "sk-hunter2"  # noqa: S105
EXECUTION = executions.Execution(
    temporal_schedule_id="governance:alpha",
    db_schedule_id=None,
    charter="ALPHA",
    entrypoint="graphs/Alpha Ünit?",
    input={"model": "large"},
    scheduled_for=DUE,
)


@pytest.fixture
def served() -> Iterator[endpoint.Endpoint]:
    with endpoint.running() as found:
        yield found


@contextlib.asynccontextmanager
async def opened(url: str, *, token: str | None = TOKEN, patience: float = 10) -> AsyncIterator[remote.Executor]:
    chosen = settings.Executor(url=url, token=token, timeout=datetime.timedelta(seconds=patience))
    async with remote.opened(chosen, url, lambda: DUE) as executor:
        yield executor


async def test_it_posts_the_request_under_its_key_and_returns_the_run(served: endpoint.Endpoint) -> None:
    async with opened(served.url) as executor:
        done = await executor.execute(EXECUTION)
    assert served.paths == ["/graphs/graphs%2FAlpha%20%C3%9Cnit%3F/runs"]
    assert served.bodies == [EXECUTION.request]
    assert served.keys == ["governance:alpha:2026-11-25T09:00:00Z"]
    assert served.headers[0]["authorization"] == f"Bearer {TOKEN}"
    assert (done.run_id, done.state, done.idempotency_key) == (
        endpoint.RUN,
        executions.RequestState.DONE,
        EXECUTION.idempotency_key,
    )


async def test_without_a_token_none_is_sent(served: endpoint.Endpoint) -> None:
    async with opened(served.url, token=None) as executor:
        await executor.execute(EXECUTION)
    assert "authorization" not in served.headers[0]


@pytest.mark.parametrize("body", [b"", b"accepted", b"[1]", b'{"runId": "graph-7"}', b"x" * 100_000], ids=range(5))
async def test_an_answer_that_names_no_run_still_counts_and_the_run_is_the_same_each_time(
    served: endpoint.Endpoint, body: bytes
) -> None:
    served.answers += [(202, {}, body)] * 2
    async with opened(served.url) as executor:
        first, second = await executor.execute(EXECUTION), await executor.execute(EXECUTION)
    assert isinstance(first.run_id, uuid.UUID)
    assert first.run_id == second.run_id


@pytest.mark.parametrize(
    "headers", [{"Content-Encoding": "gzip"}, {"Content-Length": "100"}], ids=["not what it says", "cut"]
)
async def test_a_success_whose_body_cannot_be_read_is_one(served: endpoint.Endpoint, headers: dict[str, str]) -> None:
    served.answers.append((200, headers, b"no gzip"))
    async with opened(served.url) as executor:
        assert (await executor.execute(EXECUTION)).state is executions.RequestState.DONE
    assert served.headers[0]["accept-encoding"] == "identity"


async def test_an_entrypoint_that_leads_elsewhere_is_not_sent(served: endpoint.Endpoint) -> None:
    async with opened(served.url) as executor:
        for name in (".", "..", "x" * 70_000):
            with pytest.raises(errors.ExecutionRefusedError, match="no URL for this entrypoint"):
                await executor.execute(dataclasses.replace(EXECUTION, entrypoint=name))
        await executor.execute(dataclasses.replace(EXECUTION, entrypoint="../..%2F"))
    assert served.paths == ["/graphs/..%2F..%252F/runs"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 301, 307])
async def test_what_the_service_refuses_is_not_to_be_tried_again(served: endpoint.Endpoint, status: int) -> None:
    served.answers.append((status, {"Location": served.url}, b"sk-hunter2 in the answer"))
    async with opened(served.url) as executor:
        with pytest.raises(errors.ExecutionRefusedError, match=f"returned {status}") as caught:
            await executor.execute(EXECUTION)
    assert "hunter2" not in caught.value.sentence
    assert len(served.paths) == 1


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
async def test_what_passes_may_be_tried_again_after_as_long_as_the_service_says(
    served: endpoint.Endpoint, status: int
) -> None:
    served.answers.append((status, {"Retry-After": "7"}, b""))
    async with opened(served.url) as executor:
        with pytest.raises(errors.ExecutorError, match=f"returned {status}") as caught:
            await executor.execute(EXECUTION)
    assert caught.value.retry_after == datetime.timedelta(seconds=7)


@pytest.mark.parametrize(
    ("messages", "seconds"),
    [("Wed, 25 Nov 2026 09:00:00 GMT", None), ("-1", None), ("007", 7), ("9" * 9000, 3600), ("0" * 9000, 0)],
    ids=["date", "negative", "zeros first", "endless", "zeros"],
)
async def test_of_a_retry_after_a_number_counts_up_to_an_hour(
    served: endpoint.Endpoint, messages: str, seconds: int | None
) -> None:
    served.answers.append((503, {"Retry-After": messages}, b""))
    async with opened(served.url) as executor:
        with pytest.raises(errors.ExecutorError) as caught:
            await executor.execute(EXECUTION)
    assert caught.value.retry_after == (None if seconds is None else datetime.timedelta(seconds=seconds))


async def test_a_service_that_does_not_answer_in_time_may_be_tried_again(served: endpoint.Endpoint) -> None:
    served.hold()
    async with opened(served.url, patience=0.2) as executor:
        with pytest.raises(errors.ExecutorError, match="did not respond"):
            await executor.execute(EXECUTION)


async def test_a_service_that_is_away_may_be_tried_again() -> None:
    async with opened("http://me:sk-hunter2@127.0.0.1:9/{workflow}?key=sk-hunter2") as executor:
        with pytest.raises(errors.ExecutorError, match="did not respond") as caught:
            await executor.execute(EXECUTION)
    assert "hunter2" not in caught.value.sentence


@pytest.mark.parametrize("url", ["app/runs", "ftp://app/runs", "https://", "http://app:port/runs"])
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(errors.UsageError, match="not a valid http or https URL"):
        async with opened(url):
            pass


async def test_a_token_that_no_header_can_hold_is_refused_unseen() -> None:
    with pytest.raises(errors.UsageError) as caught:
        async with opened("http://127.0.0.1:9", token="hunter\n2"):  # noqa: S106
            pass
    assert "hunter" not in caught.value.sentence
