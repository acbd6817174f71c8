"""The process: a socket, uvicorn, and shutdown. Only this module and `connections` import uvicorn."""

from __future__ import annotations

import contextlib
import logging
import resource
import socket
from collections.abc import Callable, Mapping

import uvicorn

from reconciler import errors
from reconciler.platform.api import app, connections, parts
from reconciler.runtime import systemd

MOST_CONNECTIONS = 2_000  # at once; requests on additional connections receive a 503
_HEAD = 32 * 1024  # the maximum size of an incomplete request head, in bytes
_FILES = MOST_CONNECTIONS + 200  # open at once, including database sessions and Python's own files
DRAIN = 30  # seconds that requests in progress may take after the service is asked to stop


def serve(options: parts.Options, listen: tuple[str, int], on_ready: Callable[[str], None]) -> errors.ExitCode:
    """Serve until SIGTERM or Ctrl-C, then finish the requests in progress.

    `on_ready` is called with the URL once it accepts requests. Raises `errors.ReconcilerError` if it cannot start.
    """
    built = app.build(options, lambda: server.should_exit)
    _allow_files(_FILES)
    with bound(listen) as listening:
        host, port = listening.getsockname()[:2]
        config = uvicorn.Config(
            built,
            interface="asgi3",
            http=connections.Connection,
            ws="none",
            limit_concurrency=MOST_CONNECTIONS,
            h11_max_incomplete_event_size=_HEAD,
            log_config=None,
            access_log=False,
            lifespan="on",
            server_header=False,
            proxy_headers=bool(options.proxies),
            forwarded_allow_ips=",".join(options.proxies),
            timeout_graceful_shutdown=DRAIN,
        )
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        server = _Server(config, lambda: on_ready(url), options.connection.environ)
        logging.getLogger("uvicorn").parent = logging.getLogger("reconciler")
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn has already drained, and raises the signal again
            server.run(sockets=[listening])
    if not server.started:
        raise errors.StoreError("the service could not start", hint="see the log lines above")
    return errors.ExitCode.OK


def _allow_files(wanted: int) -> None:
    """Raise the process's limit on open files (often 1,024) to this number, or as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )


class _Server(uvicorn.Server):
    """A uvicorn server that reports when it has started, and notifies systemd of its start and stop."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None], environ: Mapping[str, str]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._environ = environ

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()
            systemd.notify(systemd.READY, self._environ)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        systemd.notify(systemd.STOPPING, self._environ)
        await super().shutdown(sockets)


def bound(listen: tuple[str, int]) -> socket.socket:
    """Return a listening socket with an explicit protocol, without which asyncio does not set TCP_NODELAY."""
    family = socket.AF_INET6 if ":" in listen[0] else socket.AF_INET
    try:
        unnamed = socket.create_server(listen, family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise errors.UsageError(
            f"cannot listen on {listen[0]}:{listen[1]} ({reason})", hint="choose a different address with --listen"
        ) from None
    return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=unnamed.detach())
