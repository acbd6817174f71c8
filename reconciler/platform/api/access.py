"""Who may call: the bearer tokens of operators, workers, and callers that have a grant."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Annotated, Any, cast

import fastapi
from fastapi import routing, security

from reconciler import errors
from reconciler.platform import executions
from reconciler.platform.api import bodies, limits, parts, problems

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="reconciler"'}

_SHORTEST = 32  # the minimum length of a token that the service's operator chooses
_LIKE = "the output of openssl rand -hex 32"

_OPS = security.HTTPBearer(scheme_name="ops", auto_error=False, description="INTERNAL_OPS_TOKEN.")
_EXECUTOR = security.HTTPBearer(
    scheme_name="executor",
    auto_error=False,
    description="RECONCILER_EXECUTOR_TOKEN, or INTERNAL_OPS_TOKEN if that is not set.",
)
_GRANT = security.HTTPBearer(scheme_name="grant", auto_error=False, description="A grant's token.")
_Given = security.HTTPAuthorizationCredentials | None


def tokens(environ: Mapping[str, str]) -> tuple[bytes, bytes]:
    """Return the digests of the ops and executor tokens; raises `errors.UsageError` if either is not acceptable."""
    ops = environ.get("INTERNAL_OPS_TOKEN", "").strip()
    if not ops:
        raise errors.UsageError("serve requires an operators' token", hint=f"set INTERNAL_OPS_TOKEN to {_LIKE}")
    executor = environ.get("RECONCILER_EXECUTOR_TOKEN", "").strip()
    for name, token in (("INTERNAL_OPS_TOKEN", ops), ("RECONCILER_EXECUTOR_TOKEN", executor or ops)):
        if len(token) < _SHORTEST:
            raise errors.UsageError(f"{name} is shorter than {_SHORTEST} characters", hint=f"set it to {_LIKE}")
        if not (token.isascii() and token.isprintable()):
            raise errors.UsageError(
                f"{name} has characters that an HTTP header cannot contain", hint=f"set it to {_LIKE}"
            )
    return executions.token_sha256(ops), executions.token_sha256(executor or ops)


async def _operator(request: fastapi.Request) -> None:
    """Admit only callers that have the ops token."""
    await _only(request, await _OPS(request), parts.of(request).ops_token)
    await parts.of(request).rate.count("ops")


async def _executor(request: fastapi.Request) -> None:
    """Admit only callers that have the executor's token; their calls are not rate-limited."""
    await _only(request, await _EXECUTOR(request), parts.of(request).executor_token)


async def _granted(request: fastapi.Request) -> executions.Grant:
    """Return the grant that the token belongs to, if it is valid."""
    given = await _GRANT(request)
    found = parts.of(request)
    token = given.credentials if given else ""
    digest = executions.token_sha256(token)
    known_as = found.known.subject(digest)
    await found.rate.count(_address(request) if known_as is None else _subject(known_as))  # before the lookup
    grant = await found.store.grants.by_token(token) if token else None
    if grant is None or grant.why_void:
        found.known.forget(digest)
        raise _unknown()
    found.known.learn(digest, grant.subject)
    if known_as is None:
        await found.rate.count(_subject(grant.subject))
    return grant


def _known(role: str, check: Callable[[fastapi.Request], Awaitable[executions.Grant | None]]) -> type[routing.APIRoute]:
    """Return a route class that identifies the caller and counts the call before reading the body.

    FastAPI runs dependencies only after it has read the body.
    """

    class Known(routing.APIRoute):
        def get_route_handler(self) -> Callable[[fastapi.Request], Coroutine[Any, Any, fastapi.Response]]:
            handle = super().get_route_handler()

            async def known(request: fastapi.Request) -> fastapi.Response:
                request.state.caller = await check(request)
                request.state.role = role
                return await handle(bodies.Request(request.scope, request.receive))

            return known

    return Known


OperatorsRoute = _known("operator", _operator)
ExecutorsRoute = _known("executor", _executor)
GrantsRoute = _known("grant", _granted)


def _caller(request: fastapi.Request) -> executions.Grant | None:
    """Return the caller that the route identified; a route without one is a bug and must not grant access."""
    return cast("executions.Grant | None", request.state.caller)


def _operates(request: fastapi.Request, _: Annotated[_Given, fastapi.Depends(_OPS)]) -> None:
    _caller(request)


def _executes(request: fastapi.Request, _: Annotated[_Given, fastapi.Depends(_EXECUTOR)]) -> None:
    _caller(request)


def _has_grant(request: fastapi.Request, _: Annotated[_Given, fastapi.Depends(_GRANT)]) -> executions.Grant:
    return cast("executions.Grant", _caller(request))


Operator = fastapi.Depends(_operates)
Executor = fastapi.Depends(_executes)
Grant = Annotated[executions.Grant, fastapi.Depends(_has_grant)]


def check_scope(grant: executions.Grant, workflow: str) -> None:
    """Raise a 403 for a workflow that none of the grant's scopes covers."""
    if not grant.covers(workflow):
        raise problems.Problem(
            403,
            "scope",
            f"this grant does not cover the workflow {json.dumps(workflow)}",
            hint="request a grant whose scopes include it",
        )


async def _only(request: fastapi.Request, given: _Given, wanted: bytes) -> None:
    """Admit only this token; the comparison time reveals neither its length nor how much of a guess was right."""
    token = given.credentials if given else ""
    if not hmac.compare_digest(executions.token_sha256(token), wanted):
        await parts.of(request).rate.count(_address(request))
        raise _unknown()


def _subject(name: str) -> str:
    return f"subject {name}"


def _address(request: fastapi.Request) -> str:
    """Return the key under which an unknown caller is counted, so that guessing tokens is rate-limited."""
    return f"unknown caller at {limits.network(request.client.host) if request.client else ''}"


def _unknown() -> problems.Problem:
    """Return the same response for every invalid token."""
    return problems.Problem(
        401, "", "a valid bearer token is required", hint="send Authorization: Bearer …", headers=_CHALLENGE
    )
