"""The process: a socket, uvicorn and its end. With `connections` the only home of uvicorn."""

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

MOST_CONNECTIONS = 2_000  # at once; requests on more of them are answered with 503
_HEAD = 32 * 1024  # bytes of a request's head that arrives in parts
_FILES = MOST_CONNECTIONS + 200  # that are open at once, with the sessions of the database and the files of Python
DRAIN = 30  # seconds for requests in progress once it is asked to end


def serve(options: parts.Options, listen: tuple[str, int], on_ready: Callable[[str], None]) -> errors.ExitCode:
    """Serve until SIGTERM or Ctrl-C, and end what is in progress; `told` is called with the address once requests are
    answered.

    Raises `errors.ReconcilerError` when it cannot begin.
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
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn has drained by then, and raises the signal once more
            server.run(sockets=[listening])
    if not server.started:
        raise errors.StoreError("the service could not start", hint="see the lines above")
    return errors.ExitCode.OK


def _allow_files(wanted: int) -> None:
    """Raise the process's own limit of open files where the system lets it: often it is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )


class _Server(uvicorn.Server):
    """Uvicorn, which reports when it has started, and to systemd also when it stops."""

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
    """Return a listening socket that names its protocol: asyncio sets TCP_NODELAY only on those that do."""
    family = socket.AF_INET6 if ":" in listen[0] else socket.AF_INET
    try:
        unnamed = socket.create_server(listen, family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise errors.UsageError(
            f"cannot listen on {listen[0]}:{listen[1]} ({reason})", hint="name another --listen"
        ) from None
    return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=unnamed.detach())
