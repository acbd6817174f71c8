from __future__ import annotations

import asyncio
import socket

import click
import pytest

from reconciler import errors
from reconciler.platform.api import http_server as service_serving
from reconciler.platform.api import limits
from reconciler.platform.cli import serve


@pytest.mark.parametrize("text", ["often", "0/minute", "-1/minute", ""])
def test_a_rate_lets_somebody_call(text: str) -> None:
    with pytest.raises(errors.UsageError, match="is not a valid rate"):
        limits.rate(text)


@pytest.mark.parametrize("address", ["*", "proxy", "10.0.0.1/8"])
def test_a_proxy_that_is_trusted_has_an_address(address: str) -> None:
    with pytest.raises(click.BadParameter, match=r"use the form 10\.0\.0\.7"):
        serve.serve.make_context("serve", ["--trust-proxy", address])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_no_response_waits_until_the_caller_acknowledges_the_part_before_it(host: str) -> None:
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    class Accepting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            connection = transport.get_extra_info("socket")
            accepted.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    with service_serving.bound((host, 0)) as listening:
        async with await asyncio.get_running_loop().create_server(Accepting, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname()[:2])
            nodelay = await accepted
            writer.close()
            await writer.wait_closed()
    assert nodelay
