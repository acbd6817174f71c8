"""Every error as RFC 9457 problem details, and the status for each of our errors."""

from __future__ import annotations

import http
import json
import logging
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import fastapi
from fastapi import exceptions
from starlette import routing
from starlette.exceptions import HTTPException

from reconciler import errors
from reconciler.platform.api import bodies
from reconciler.repospec import problems as spec_problems
from reconciler.schedule import declarations

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger(__name__)
_LONGEST_PATH = 200  # characters in the log
_NOWHERE = declarations.Place(path="", line=0, column=0)
_HINTS = {
    404: "see the service's OpenAPI document",
    405: "see the service's OpenAPI document",
    408: "send the request again",
    413: "send a smaller body",
}
_CORRECT = "correct the fields listed in errors, then send the request again"
AWAY = {"Retry-After": "5"}  # seconds
_SEE_LOG = "try again; the reason is in the service's log"
_IN_THE_LOG = {  # replaces an error's own message, which contains host names, ports, and database names
    "busy": ("another request or session is holding a resource that this one needs", "try again"),
    "database-away": ("the database is currently unavailable", _SEE_LOG),
    "temporal-away": ("Temporal is currently unreachable", _SEE_LOG),
    "temporal-failed": ("Temporal rejected a call or returned an error", _SEE_LOG),
}
_KINDS: tuple[tuple[type[errors.ReconcilerError], int, str], ...] = (  # the first match applies
    (spec_problems.InvalidSpecError, 422, "invalid-spec"),
    (errors.InvalidSpecError, 500, "spec-missing"),  # the file cannot be read: the service is not set up
    (errors.LockedError, 409, "locked"),
    (errors.GuardError, 409, "refused"),
    (errors.StaleError, 409, "stale"),
    (errors.QuotaError, 403, "quota"),
    (errors.IdempotencyConflictError, 422, "idempotency-key-reused"),
    (errors.RevisionError, 412, "revision"),
    (errors.MissingError, 404, "not-found"),
    (errors.ExecutionRefusedError, 422, "execution-refused"),
    (errors.UnreachableError, 503, "temporal-away"),
    (errors.BusyError, 503, "busy"),
    (errors.StoreError, 503, "database-away"),
    (errors.ServerError, 502, "temporal-failed"),
)


class Problem(Exception):  # noqa: N818  # it is the response, and named as in RFC 9457
    """An unsuccessful response: its status, its problem type, and its extension members (RFC 9457)."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = {"hint": hint, **members} if hint else members


def response(problem: Problem) -> fastapi.Response:
    """Return the response, in ASCII: quoted request data may contain characters that UTF-8 cannot encode."""
    phrase = http.HTTPStatus(problem.status).phrase
    body = {
        "type": f"/problems/{problem.kind}" if problem.kind else "about:blank",
        "title": phrase,
        "status": problem.status,
        "detail": problem.detail,
        **problem.members,
    }
    text = json.dumps(body, separators=(",", ":"))
    return fastapi.Response(text, problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def of(error: errors.ReconcilerError) -> Problem:
    """Return the problem for an expected error, without the addresses of the service's dependencies."""
    status, kind = next(((status, kind) for known, status, kind in _KINDS if isinstance(error, known)), (500, "error"))
    members: dict[str, Any] = {"exit_code": int(error.exit_code)}
    match error:
        case spec_problems.InvalidSpecError():
            members["problems"] = list(map(_located, error.problems))
        case errors.InvalidSpecError():  # applies to the whole file
            members["problems"] = [_located(spec_problems.Problem(place=_NOWHERE, message=error.message))]
        case errors.LockedError():
            since = error.since.isoformat() if error.since else None
            members["holder"] = {"who": error.who or None, "run": error.run or None, "since": since}
        case _:
            pass
    detail, hint = _IN_THE_LOG.get(kind, (error.message, error.hint))
    return Problem(status, kind, detail, hint=hint, headers=AWAY if status == 503 else None, **members)


def invalid(error: spec_problems.InvalidSpecError) -> Problem:
    """Return the problem for a user's schedule that is not valid; its errors point to keys in the request."""
    return Problem(
        422,
        "invalid-schedule",
        "the schedule is invalid",
        hint=_CORRECT,
        errors=list(map(_unfit_key, error.problems)),
    )


def _unfit_key(problem: spec_problems.Problem) -> dict[str, str]:
    hint = {"hint": problem.hint} if problem.hint else {}
    return {"pointer": f"#/{problem.place.path}".rstrip("/"), "detail": problem.message, **hint}


def shown(path: str) -> str:
    """Return a request's path for the log, truncated to a length that none of our paths exceeds."""
    return path if len(path) <= _LONGEST_PATH else f"{path[:_LONGEST_PATH]}… ({len(path)} characters)"


def install(app: fastapi.FastAPI) -> None:
    """Respond to every error with a problem, including unexpected exceptions."""
    app.add_exception_handler(Problem, _answer)
    app.add_exception_handler(errors.ReconcilerError, _answer)
    app.add_exception_handler(HTTPException, _answer)
    app.add_exception_handler(exceptions.RequestValidationError, _answer)
    app.add_exception_handler(Exception, _answer)


async def _answer(request: fastapi.Request, error: Exception) -> fastapi.Response:
    return response(_problem(request, error))


def _problem(request: fastapi.Request, error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case errors.ReconcilerError():
            found = of(error)
            if found.kind in _IN_THE_LOG:
                fields = {"path": shown(request.url.path), "error": error.sentence, "request_id": _id(request)}
                _LOG.warning("a request failed", extra={"fields": fields})
            return found
        case exceptions.RequestValidationError():
            return _unfit(error)
        case bodies.RefusedError():
            return Problem(400, "", str(error.detail), hint="correct the body, then send the request again")
        case HTTPException(status_code=400):  # from the framework: the body is not UTF-8 or is nested too deeply
            return _not_json()
        case HTTPException(status_code=405):
            allow = ", ".join(_methods(request))
            return Problem(405, "", str(error.detail), hint=_HINTS[405], headers={"Allow": allow})
        case HTTPException():
            hint = _HINTS.get(error.status_code, "")
            return Problem(error.status_code, "", str(error.detail), hint=hint, headers=error.headers)
        case _:
            where = traceback.extract_tb(error.__traceback__)[-1:]
            place = "".join(f"{each.name}, line {each.lineno}" for each in where)
            fields = {
                "path": shown(request.url.path),
                "error": type(error).__name__,
                "in": place,
                "request_id": _id(request),
            }
            _LOG.error("a bug in reconciler", extra={"fields": fields})
            return Problem(500, "", "a bug in reconciler", hint="report it with the lines from the service's log")


def _id(request: fastapi.Request) -> str:
    return str(getattr(request.state, "request_id", ""))


def _not_json() -> Problem:
    return Problem(400, "", "the body is not valid JSON", hint="send application/json")


def _methods(request: fastapi.Request) -> list[str]:
    """Return every method that the path supports; the framework lists only those of the first matching route."""
    asked = {name: request.scope[name] for name in ("type", "path", "root_path", "headers") if name in request.scope}
    found = [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if any(
            route.matches({**asked, "method": method})[0] is routing.Match.FULL for route in request.app.router.routes
        )
    ]
    return ["GET", "HEAD", *found[1:]] if "GET" in found else found


def _unfit(error: exceptions.RequestValidationError) -> Problem:
    """Return what is wrong and where, but none of the request's data, which may contain a secret."""
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return _not_json()
    return unfit(list(map(_mistake, found)))


def unfit(mistakes: Sequence[Mapping[str, str]], hint: str = _CORRECT) -> Problem:
    """Return the problem for an invalid request, with every error in it."""
    return Problem(422, "invalid-request", "the request is invalid", hint=hint, errors=list(mistakes))


def _mistake(found: Mapping[str, Any]) -> dict[str, str]:
    where, *path = map(str, found["loc"])
    member = {"detail": found["msg"].removeprefix("Value error, ")}
    if where != "body":
        return {"parameter": ".".join(path), **member}
    return {"pointer": "#" + "".join(f"/{_escaped(each)}" for each in path), **member}


def _escaped(key: str) -> str:
    """Return a key escaped for a JSON Pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def _located(problem: spec_problems.Problem) -> dict[str, Any]:
    place = problem.place
    return {
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "message": problem.message,
        "hint": problem.hint or None,
    }
