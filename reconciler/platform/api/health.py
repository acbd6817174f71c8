"""Whether the process is alive, whether its dependencies respond, and how many rows are not in Temporal yet."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Literal, TypeVar

import fastapi
import pydantic
from starlette import types

from reconciler import errors
from reconciler.platform.api import parts, problems, shapes

T = TypeVar("T")
PATIENCE = 3.0  # seconds for each dependency
_NOWHERE = "reconciler-readiness"  # an ID that no schedule has: the response is "not found"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"
router = fastapi.APIRouter(tags=["health"])


class Health(pydantic.BaseModel):
    """The process is responding."""

    status: Literal["ok"] = "ok"


class Readiness(Health):
    """The database and Temporal are responding."""

    unsynced: int = pydantic.Field(description="Rows whose latest revision may not be in Temporal yet.")


_ALIVE = fastapi.Response(Health().model_dump_json(), media_type="application/json")  # a constant


@router.get("/healthz", summary="Check liveness", response_model=Health)
async def alive() -> fastapi.Response:
    """Report that the process is responding."""
    return _ALIVE


class Alive:
    """Responds to `GET /healthz` before the framework: supervisors call it often, and the response is constant."""

    def __init__(self, app: types.ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        """Pass every other request on."""
        if scope["type"] == "http" and scope["path"] == "/healthz" and scope["method"] == "GET":
            await _ALIVE(scope, receive, send)
        else:
            await self._app(scope, receive, send)


@router.get("/readyz", summary="Check readiness", responses=shapes.problems(503))
async def ready(request: fastapi.Request) -> Readiness:
    """Report whether the database and Temporal are responding, and how many rows are not synced."""
    condition = await _condition(parts.of(request))
    if condition.away or condition.unsynced is None:
        raise problems.Problem(
            503,
            "not-ready",
            f"no response from: {', '.join(condition.away)}",
            hint="check that each is running, and that this service can reach it",
            headers=problems.AWAY,
            away=list(condition.away),
            unsynced=condition.unsynced,
        )
    return Readiness(unsynced=condition.unsynced)


@router.get("/metrics", summary="Get metrics", response_class=fastapi.responses.PlainTextResponse)
async def metrics(request: fastapi.Request) -> fastapi.Response:
    """Report readiness and the count of unsynced rows in the Prometheus text format.

    The count is omitted while the database is unavailable.
    """
    condition = await _condition(parts.of(request))
    lines = ["# TYPE reconciler_up gauge"]
    lines += [f'reconciler_up{{part="{name}"}} {int(name not in condition.away)}' for name in ("database", "temporal")]
    if condition.unsynced is not None:
        lines += ["# TYPE reconciler_unsynced_schedules gauge", f"reconciler_unsynced_schedules {condition.unsynced}"]
    return fastapi.Response("\n".join(lines) + "\n", media_type=_METRICS)


async def _condition(found: parts.Parts) -> parts.Condition:
    return await found.readiness.answer(lambda: _asked(found))


async def _asked(found: parts.Parts) -> parts.Condition:
    questions = (_answer(found.store.schedules.unsynced(patience=PATIENCE)), _answer(_temporal(found)))
    unsynced, temporal = await asyncio.gather(*questions)
    away = tuple(name for name, answer in (("database", unsynced), ("temporal", temporal)) if answer is None)
    return parts.Condition(away=away, unsynced=unsynced)


async def _answer(question: Coroutine[Any, Any, T]) -> T | None:
    """Return a dependency's result; None if it does not respond."""
    try:
        return await question
    except (errors.ReconcilerError, TimeoutError):
        return None


async def _temporal(found: parts.Parts) -> bool:
    async with asyncio.timeout(PATIENCE):
        await (await found.temporal.server()).schedules.describe(_NOWHERE)
    return True
