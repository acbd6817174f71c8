"""A loopback server that speaks the part of GitHub's REST API that the Action uses, and can be told to fail.

Every body that it gets or sends is checked against GitHub's published schema, and `running` raises what differs.
Oddities of the real one are kept: lists of 30 unless asked for more, pages linked by the repository's id, a text that
is too long refused when new but dropped without a word in an update.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import http.server
import json
import socket
import sys
import threading
import time
import traceback
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from tests.support import github_hub, github_routes, github_shapes

Fault = github_routes.Answer | Literal["cut", "hang"]
"""An answer instead of the right one; or the connection is closed, or left open, without any."""

_LIMITED = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
_EXHAUSTED = "API rate limit exceeded for installation ID 1."
_LIMITS = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "900", "X-RateLimit-Reset": "1800000000"}


def failing(status: int = 502, message: str = "Server Error") -> github_routes.Answer:
    """Return the answer of a server that fails."""
    return github_routes.Answer(status=status, data=github_shapes.refusal(status, message))


def limited(*, after: int | None, status: int = 403) -> github_routes.Answer:
    """Return a secondary rate limit's answer: seconds to wait, which GitHub does not always name."""
    headers = {} if after is None else {"Retry-After": str(after)}
    return github_routes.Answer(status=status, data=github_shapes.refusal(status, _LIMITED), headers=headers)


def exhausted(*, seconds: int, status: int = 403) -> github_routes.Answer:
    """Return the primary rate limit's answer: nothing left until it is reset, in so many seconds."""
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + seconds)}
    return github_routes.Answer(status=status, data=github_shapes.refusal(status, _EXHAUSTED), headers=headers)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What came in, and which status it was answered with; none when it got no answer."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    user_agent: str
    status: int | None


@dataclasses.dataclass(slots=True, kw_only=True)
class _Injected:
    method: str
    path: str
    fault: Fault
    carried_out: bool


class GitHub:
    """The server: its address, what it holds, and what it was asked."""

    def __init__(self, prefix: str) -> None:
        self.hub = github_hub.Hub()
        self.requests: list[Request] = []
        self.problems: list[str] = []  # where a body differed from the schema, and defects of this server
        self.prefix = prefix
        self.web = ""
        self.lock = threading.Lock()
        self.ending = threading.Event()
        self._faults: list[_Injected] = []

    @property
    def api_url(self) -> str:
        """What GITHUB_API_URL is set to."""
        return self.web + self.prefix

    def inject(self, method: str, path: str, fault: Fault, *, times: int = 1, carried_out: bool = False) -> None:
        """Fail the next requests of this method whose path has this part, before or after the work is done."""
        self._faults += [_Injected(method=method, path=path, fault=fault, carried_out=carried_out)] * times

    def asked(self) -> list[str]:
        """Return what was asked so far: method and path of each request."""
        return [f"{each.method} {each.path.removeprefix(self.prefix)}" for each in self.requests]

    def answer(self, request: Request, token: str) -> github_routes.Answer | None:
        """Do what a request asks, or fail as injected; none stands for a connection that is to be cut."""
        with self.lock:
            fault = self._fault(request)
            answer = self._right_answer(request, token) if fault is None or fault.carried_out else None
            if fault is not None:
                answer = None if isinstance(fault.fault, str) else fault.fault
            self.requests.append(dataclasses.replace(request, status=answer.status if answer else None))
        if fault and fault.fault == "hang":
            self.ending.wait()
        return answer

    def _fault(self, request: Request) -> _Injected | None:
        found = [each for each in self._faults if each.method == request.method and each.path in request.path]
        if not found:
            return None
        self._faults.remove(found[0])
        return found[0]

    def _right_answer(self, request: Request, token: str) -> github_routes.Answer:
        try:
            return self._worked(request, self._let_in(request, token))
        except github_routes.Refusal as refusal:
            status = refusal.answer.status
            self._check("ValidationError" if status == 422 else "BasicError", refusal.answer.data)
            return refusal.answer

    def _let_in(self, request: Request, token: str) -> github_hub.Token:
        if not request.user_agent:
            raise github_routes.Refusal(403, "Request forbidden by administrative rules.")
        if token not in self.hub.tokens:
            raise github_routes.Refusal(401, "Bad credentials")
        return self.hub.tokens[token]

    def _worked(self, request: Request, token: github_hub.Token) -> github_routes.Answer:
        if (request.method, request.path) == ("POST", self._graphql):
            return github_routes.Answer(data={"data": {"viewer": {"login": token.login}}})
        route, found = self._route(request)
        if not token.may("read" if request.method == "GET" else "write", *route.permissions):
            kind = "integration" if token.is_installation else "personal access token"
            raise github_routes.Refusal(403, f"Resource not accessible by {kind}")
        if route.takes:
            self._check(route.takes, request.body)
        shapes = github_shapes.Shapes(api=self.api_url, web=self.web, repository=self.hub.repository)
        asked = github_routes.Asked(
            hub=self.hub, shapes=shapes, token=token, found=found, query=request.query, body=request.body
        )
        answer = route.work(asked)
        for each in answer.data if isinstance(answer.data, list) else [answer.data] if answer.data else []:
            self._check(route.gives, each)
        return self._page(request, answer) if isinstance(answer.data, list) else answer

    def _route(self, request: Request) -> tuple[github_routes.Route, tuple[str, ...]]:
        path = request.path.removeprefix(self.prefix)
        if request.path.startswith(self.prefix) and github_routes.USER.path.match(path):
            return github_routes.USER, ()
        for start in (f"/repos/{self.hub.repository}", f"/repositories/{self._repository_id}"):
            if request.path.startswith(self.prefix + start + "/"):
                for route in github_routes.ROUTES:
                    if route.method == request.method and (match := route.path.match(path.removeprefix(start))):
                        return route, match.groups()
        raise github_routes.Refusal(404, "Not Found")

    def _page(self, request: Request, answer: github_routes.Answer) -> github_routes.Answer:
        """Cut a list, and link its other pages by the repository's id as the real one does."""
        size = max(1, min(100, int(request.query.get("per_page", 30))))
        last = max(1, -(-len(answer.data) // size))
        page = max(1, int(request.query.get("page", 1)))
        others = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        if page == 1:
            del others["prev"], others["first"]
        if page >= last:
            del others["next"], others["last"]
        path = request.path.replace(f"/repos/{self.hub.repository}/", f"/repositories/{self._repository_id}/")
        links = [
            f'<{self.web}{path}?{urllib.parse.urlencode({**request.query, "page": number})}>; rel="{name}"'
            for name, number in others.items()
        ]
        headers = {"Link": ", ".join(links)} if links else {}
        return dataclasses.replace(answer, data=answer.data[(page - 1) * size : page * size], headers=headers)

    def _check(self, model: str, data: Any) -> None:
        self.problems += github_shapes.problems(model, json.dumps(data))

    @property
    def _repository_id(self) -> int:
        return len(self.hub.repository)

    @property
    def _graphql(self) -> str:
        return self.prefix.removesuffix("/v3") + "/graphql"


def _handler(served: GitHub) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urllib.parse.urlsplit(self.path)
            request = Request(
                method=self.command,
                path=urllib.parse.unquote(parts.path),
                query=dict(urllib.parse.parse_qsl(parts.query)),
                body=json.loads(text) if text else None,
                user_agent=self.headers.get("User-Agent", ""),
                status=None,
            )
            answer = served.answer(request, self.headers.get("Authorization", "").rpartition(" ")[2])
            if answer is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                self._send(answer)

        do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815  # the names that the base class looks for

        def _send(self, answer: github_routes.Answer) -> None:
            text = answer.data if isinstance(answer.data, str) else json.dumps(answer.data)
            body = b"" if answer.data is None else text.encode()
            etag = f'W/"{hashlib.sha256(body).hexdigest()}"'
            known = self.command == "GET" and answer.status == 200 and self.headers.get("If-None-Match") == etag
            self.send_response(304 if known else answer.status)
            headers = {"Content-Type": "application/json; charset=utf-8", "ETag": etag, **_LIMITS, **answer.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            if not known and answer.status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if known else body)

        def log_message(self, *_: Any) -> None:
            """Be quiet."""

    return Handler


class _Server(http.server.ThreadingHTTPServer):
    """Tells the test what broke in a thread; a client that went away breaks nothing."""

    def __init__(self, served: GitHub) -> None:
        super().__init__(("127.0.0.1", 0), _handler(served))
        self._served = served

    def handle_error(self, *_: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            self._served.problems.append(traceback.format_exc())


@contextlib.contextmanager
def running(*, prefix: str = "") -> Iterator[GitHub]:
    """Serve on a free port, as GitHub Enterprise does with the prefix /api/v3; AssertionError for a broken schema."""
    served = GitHub(prefix)
    with _Server(served) as server:
        served.web = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield served
        finally:
            served.ending.set()
            server.shutdown()
    assert served.problems == [], "\n".join(served.problems)
