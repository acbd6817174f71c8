"""Executions that the user's own service starts, over HTTP; implements `ports.Executor`.

Each attempt is one POST, always with the same Idempotency-Key, so that the service starts the execution once. Messages
contain neither the token nor the service's response.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import logging
import urllib.parse
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx

from reconciler import errors, settings
from reconciler.credentials import held
from reconciler.platform import executions

ANSWER_LIMIT = 65_536  # the maximum number of bytes read from a response
_ID = "runId"
_LONGEST_WAIT = 3600  # the longest Retry-After that is honored, in seconds
_PASSES = (  # retryable, like a 5xx; 409 and 425 mean that an earlier request with the key is still in progress
    httpx.codes.REQUEST_TIMEOUT,
    httpx.codes.CONFLICT,
    httpx.codes.TOO_EARLY,
    httpx.codes.TOO_MANY_REQUESTS,
)
_LOG = logging.getLogger(__name__)

Clock = Callable[[], datetime.datetime]


class Executor:
    """Sends executions to one endpoint; `{workflow}` in its URL is replaced with the entrypoint."""

    def __init__(self, client: httpx.AsyncClient, url: str, timeout: datetime.timedelta, now: Clock) -> None:
        self._client = client
        self._url = url
        self._timeout = timeout.total_seconds()
        self._shown = held.web_address(url) or "--executor-url"
        self._now = now

    async def execute(self, execution: executions.Execution) -> executions.ExecutionRequest:
        """Send the request once, and return the service's result; any 2xx is a success, regardless of the body."""
        started = self._now()
        request = execution.request
        key, workflow = execution.idempotency_key, execution.entrypoint
        answer = await self._answer(self._filled_in(workflow), json.dumps(request), executions.header(key))
        return executions.ExecutionRequest(
            idempotency_key=key,
            request_hash=executions.request_hash(request),
            run_id=_run_id(answer) or uuid.uuid5(uuid.NAMESPACE_URL, key),
            workflow=workflow,
            state=executions.RequestState.DONE,
            response=answer,
            created_at=started,
            ended_at=self._now(),
        )

    async def _answer(self, url: httpx.URL, content: str, key: str) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", "Idempotency-Key": key}
        accepted = False
        try:
            async with (
                asyncio.timeout(self._timeout),  # httpx's own timeout applies to each part of a response
                self._client.stream("POST", url, content=content, headers=headers) as response,
            ):
                self._check(response)
                accepted = True
                return await _read(response)
        except (httpx.HTTPError, TimeoutError) as error:
            if accepted:
                _LOG.info(
                    "the response could not be read", extra={"fields": {"key": key, "error": type(error).__name__}}
                )
                return {}
            raise errors.ExecutorError(
                f"the executor at {self._shown} did not respond ({type(error).__name__})",
                hint="check that it is running there and responds within --executor-timeout",
            ) from None

    def _filled_in(self, workflow: str) -> httpx.URL:
        """Return the target URL; raises `errors.ExecutionRefusedError` if a name like `..` would change the path."""
        usual, url = (self._url.replace("{workflow}", urllib.parse.quote(each, safe="")) for each in ("x", workflow))
        try:
            found = httpx.URL(url)
        except httpx.InvalidURL:
            found = None
        if found is None or found.raw_path.count(b"/") != httpx.URL(usual).raw_path.count(b"/"):
            raise errors.ExecutionRefusedError(
                f"the executor at {self._shown} has no URL for this entrypoint", hint="use another entrypoint"
            )
        return found

    def _check(self, response: httpx.Response) -> None:
        """Raise an error for any unsuccessful response, including redirects, because the token is for this URL only."""
        code = response.status_code
        message = f"the executor at {self._shown} returned {code}"
        if response.is_success:
            return
        if code >= httpx.codes.INTERNAL_SERVER_ERROR or code in _PASSES:
            raise errors.ExecutorError(message, hint="see its log", retry_after=_retry_after(response))
        if code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise errors.ExecutionRefusedError(message, hint="check RECONCILER_EXECUTOR_TOKEN and its permissions")
        if response.is_redirect:
            raise errors.ExecutionRefusedError(message, hint="set --executor-url to the URL that it redirects to")
        raise errors.ExecutionRefusedError(message, hint="see its log, and check that --executor-url is correct")


@contextlib.asynccontextmanager
async def opened(executor: settings.Executor, url: str, now: Clock) -> AsyncIterator[Executor]:
    """Provide connections to an endpoint; raises `errors.UsageError` for settings that cannot be used."""
    _check_url(url)
    token = executor.token or ""
    if not (token.isascii() and token.isprintable()):
        raise errors.UsageError(
            "the executor's token contains characters that a header cannot contain", hint="check the token"
        )
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(
        headers=headers, timeout=executor.timeout.total_seconds(), follow_redirects=False, trust_env=False
    ) as client:
        yield Executor(client, url, executor.timeout, now)


def _check_url(url: str) -> None:
    if held.web_address(url) is None:
        raise errors.UsageError(
            "--executor-url is not a valid http or https URL",
            hint="write https://host/path/{workflow}/runs; percent-encode special characters, such as %40 for @",
        )


async def _read(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object in the response; an empty object for any other body or one that is too long."""
    body = b""
    async for part in response.aiter_raw():
        body += part
        if len(body) > ANSWER_LIMIT:
            return {}
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _run_id(answer: dict[str, Any]) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(answer.get(_ID)))
    except ValueError:
        return None


def _retry_after(response: httpx.Response) -> datetime.timedelta | None:
    seconds = response.headers.get("Retry-After", "")
    if not (seconds.isascii() and seconds.isdigit()):
        return None
    digits = seconds.lstrip("0") or "0"
    seconds = _LONGEST_WAIT if len(digits) > len(str(_LONGEST_WAIT)) else min(int(digits), _LONGEST_WAIT)
    return datetime.timedelta(seconds=seconds)
