"""Reading many encrypted schedules with a codec server that is slow, or fails."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator

import pytest

from reconciler import errors
from reconciler.temporal import codec as temporal_codec
from reconciler.temporal import connect
from tests.support import codec_server, fake_temporal, remote

COUNT = 40
IDS = [f"governance:{number:03}" for number in range(COUNT)]


@pytest.fixture
def codec(monkeypatch: pytest.MonkeyPatch) -> Iterator[codec_server.CodecServer]:
    monkeypatch.setattr(temporal_codec.Remote, "at_once", 5)
    with codec_server.running() as served:
        yield served
        served.open.set()


@pytest.fixture
def temporal() -> Iterator[fake_temporal.FakeTemporal]:
    with fake_temporal.running() as served:
        yield served


async def with_codec(temporal: fake_temporal.FakeTemporal, codec: codec_server.CodecServer) -> connect.Server:
    chosen = remote.settings_for(temporal.address, fake_temporal.NAMESPACE)
    server = await connect.connect(dataclasses.replace(chosen, codec_endpoint=codec.endpoint))
    for id_ in IDS:
        await server.schedules.create(remote.schedule(id_.partition(":")[2], input={"id": id_}))
    codec.steps.clear()
    codec.most_at_once = 0
    return server


async def test_a_slow_codec_server_gets_one_request_at_a_time(
    temporal: fake_temporal.FakeTemporal, codec: codec_server.CodecServer
) -> None:
    server = await with_codec(temporal, codec)
    codec.open.clear()
    reading = asyncio.ensure_future(server.schedules.describe_all(IDS))

    async def all_are_described() -> bool:
        return temporal.calls["DescribeSchedule"] >= COUNT and bool(codec.steps)

    await remote.until(all_are_described)
    codec.open.set()
    found = await reading
    assert [live.schedule.action.arguments[0]["input"] for live in found.values()] == [{"id": id_} for id_ in IDS]  # type: ignore[call-overload, index]
    assert codec.most_at_once == 1
    assert len(codec.steps) == COUNT / 5


async def test_when_the_codec_server_fails_nothing_more_is_read(
    temporal: fake_temporal.FakeTemporal, codec: codec_server.CodecServer
) -> None:
    server = await with_codec(temporal, codec)
    codec.status = 500
    others = asyncio.all_tasks()
    with pytest.raises(errors.CodecError, match="returned 500"):
        await server.schedules.describe_all(IDS)
    assert asyncio.all_tasks() == others
    assert len(codec.steps) == 1
