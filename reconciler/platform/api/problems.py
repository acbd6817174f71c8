"""Every error as a problem of RFC 9457, and which status an error of ours has."""

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
    408: "send it again",
    413: "send less",
}
_CORRECT = "correct the fields listed in errors, and send it again"
AWAY = {"Retry-After": "5"}  # seconds
_SEE_LOG = "try again; the service's log has the reason"
_IN_THE_LOG = {  # what the response has instead of an error's own message, which names hosts, ports and databases
    "busy": ("another request or session holds what this one needs", "try again"),
    "database-away": ("the database is currently unavailable", _SEE_LOG),
    "temporal-away": ("Temporal is currently unreachable", _SEE_LOG),
    "temporal-failed": ("Temporal refused a call or returned an error", _SEE_LOG),
}
_KINDS: tuple[tuple[type[errors.ReconcilerError], int, str], ...] = (  # the first that fits
    (spec_problems.InvalidSpecError, 422, "invalid-spec"),
    (errors.InvalidSpecError, 500, "spec-missing"),  # no file to read: the server is not set up
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


class Problem(Exception):  # noqa: N818  # what is raised is the answer, in RFC 9457's own word
    """An unsuccessful response: its status, its kind and what RFC 9457 calls extension members."""

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
    """Return the response, in ASCII: what was sent, and is quoted, may contain what UTF-8 cannot."""
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
    """Return the problem that an expected error is, without the addresses of what is behind the service."""
    status, kind = next(((status, kind) for known, status, kind in _KINDS if isinstance(error, known)), (500, "error"))
    members: dict[str, Any] = {"exit_code": int(error.exit_code)}
    match error:
        case spec_problems.InvalidSpecError():
            members["problems"] = list(map(_located, error.problems))
        case errors.InvalidSpecError():  # of the file as a whole
            members["problems"] = [_located(spec_problems.Problem(place=_NOWHERE, message=error.message))]
        case errors.LockedError():
            since = error.since.isoformat() if error.since else None
            members["holder"] = {"who": error.who or None, "run": error.run or None, "since": since}
        case _:
            pass
    detail, hint = _IN_THE_LOG.get(kind, (error.message, error.hint))
    return Problem(status, kind, detail, hint=hint, headers=AWAY if status == 503 else None, **members)


def invalid(error: spec_problems.InvalidSpecError) -> Problem:
    """Return the problem of a user's schedule, whose places are the keys of what was sent."""
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
    """Return a request's path as the log has it: no path of ours is longer."""
    return path if len(path) <= _LONGEST_PATH else f"{path[:_LONGEST_PATH]}… ({len(path)} characters)"


def install(app: fastapi.FastAPI) -> None:
    """Let every error be answered as a problem, defects too."""
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
            return Problem(400, "", str(error.detail), hint="correct the body, then send it again")
        case HTTPException(status_code=400):  # the framework's answer to a body that is not UTF-8 or nested too deeply
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
            return Problem(500, "", "a bug in reconciler", hint="report it with the lines of the service's log")


def _id(request: fastapi.Request) -> str:
    return str(getattr(request.state, "request_id", ""))


def _not_json() -> Problem:
    return Problem(400, "", "the body is not valid JSON", hint="send application/json")


def _methods(request: fastapi.Request) -> list[str]:
    """Return every method that the path answers; the framework names only those of the first route that fits."""
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
    """Say what is wrong and where, and nothing of what was sent: it may hold a secret."""
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return _not_json()
    return unfit(list(map(_mistake, found)))


def unfit(mistakes: Sequence[Mapping[str, str]], hint: str = _CORRECT) -> Problem:
    """Return the problem of a request that cannot be taken, with each mistake in it."""
    return Problem(422, "invalid-request", "the request is invalid", hint=hint, errors=list(mistakes))


def _mistake(found: Mapping[str, Any]) -> dict[str, str]:
    where, *path = map(str, found["loc"])
    member = {"detail": found["msg"].removeprefix("Value error, ")}
    if where != "body":
        return {"parameter": ".".join(path), **member}
    return {"pointer": "#" + "".join(f"/{_escaped(each)}" for each in path), **member}


def _escaped(key: str) -> str:
    """Return a key as a JSON pointer has it."""
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
