"""Is it alive, and is what it needs there?"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Literal

import fastapi
import pydantic

from reconciler import errors
from reconciler.service import parts, problems, shapes

PATIENCE = 3.0  # seconds for each part
_NOWHERE = "reconciler-readiness"  # an id that no schedule has: the answer is that there is none
router = fastapi.APIRouter(tags=["health"])


class Health(pydantic.BaseModel):
    """It is well."""

    status: Literal["ok"] = "ok"


@router.get("/healthz")
async def alive() -> Health:
    """Tell that the process answers."""
    return Health()


@router.get("/readyz", responses=shapes.problems(503))
async def ready(request: fastapi.Request) -> Health:
    """Tell that the database and Temporal answer too."""
    found = parts.of(request)
    names = await found.readiness.answer(lambda: _names_away(found))
    if names:
        raise problems.Problem(
            503,
            "not-ready",
            f"no answer from: {', '.join(names)}",
            hint="see that it runs, and that this service reaches it",
            headers=problems.AWAY,
            away=names,
        )
    return Health()


async def _names_away(found: parts.Parts) -> list[str]:
    away = await asyncio.gather(_away("database", _database(found)), _away("temporal", _temporal(found)))
    return [name for name in away if name]


async def _away(name: str, question: Coroutine[Any, Any, object]) -> str:
    """Return the name of a part that does not answer; empty when it does."""
    try:
        await asyncio.wait_for(question, PATIENCE)
    except (errors.ReconcilerError, TimeoutError):
        return name
    return ""


async def _database(found: parts.Parts) -> None:
    await found.store.pool.ping()


async def _temporal(found: parts.Parts) -> None:
    await (await found.temporal.server()).schedules.describe(_NOWHERE)
