"""The application: its routes, its middleware, and its background repairs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import fastapi
from starlette import types

from reconciler import errors, version
from reconciler.platform import repair_job, run_ends, wiring
from reconciler.platform.api import (
    access,
    envelope,
    execution_requests,
    health,
    limits,
    ops,
    pages,
    parts,
    problems,
    propagation,
    schedules,
    shapes,
    sync_job,
    triggers,
)

_SESSIONS = 10  # database sessions
_FOR_TOKENS = 2  # additional sessions that are used only to authenticate callers
DRAIN = 10.0  # seconds that background work may take after the last request
_LOG = logging.getLogger(__name__)
# These routes are added to the application itself: an included router is searched three times per request. The routes
# that are called most often come first.
_ROUTERS = (health.router, schedules.router, triggers.router, execution_requests.router, ops.router)
_TAGS = (  # in the order shown on the page
    ("schedules", "The caller's schedules. Requires a grant's token."),
    ("operations", "Operations on the repo-spec's schedules, for deployments."),
    ("executor", "Called by a worker for each firing."),
    ("health", "For supervisors and monitoring."),
)


def build(options: parts.Options, ending: Callable[[], bool]) -> types.ASGIApp:
    """Return the application; raises `errors.UsageError` for invalid options.

    Once `ending` returns True, nothing waits for a lock.
    """
    ops_token, executor_token = access.tokens(options.connection.environ)
    rate = limits.rate(options.rate)

    @contextlib.asynccontextmanager
    async def lifespan(app: fastapi.FastAPI) -> AsyncIterator[None]:
        async with _opened(options, rate, ops_token, executor_token, ending) as found:
            app.state.parts = found
            yield

    app = _application(lifespan, options.most_bytes, has_docs=options.has_docs)
    if options.has_docs:
        app.router.routes.extend(pages.router().routes)
    # also wraps the handler for unexpected exceptions, which the framework's own middleware does not
    return envelope.Envelope(health.Alive(app))


def schema() -> dict[str, Any]:
    """Return the OpenAPI document of the routes."""
    return _application(None, 0).openapi()


def _application(lifespan: Any, most_bytes: int, *, has_docs: bool = True) -> fastapi.FastAPI:
    app = fastapi.FastAPI(
        title="reconciler",
        version=version.VERSION,
        description="Keeps Temporal schedules in sync with the schedules that a repository and its users declare.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if has_docs else None,
        redirect_slashes=False,
        openapi_tags=[{"name": name, "description": text} for name, text in _TAGS],
        routes=[route for router in _ROUTERS for route in router.routes],
    )
    problems.install(app)
    app.add_middleware(limits.BodyLimit, most=most_bytes)
    _with_problems(app)
    return app


def _with_problems(app: fastapi.FastAPI) -> None:
    """Add the problem schema to the document; no route declares it as its return type."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = shapes.Problem.model_json_schema()
        for gone in ("HTTPValidationError", "ValidationError"):
            schemas.pop(gone, None)
        for operation in (each for path in document["paths"].values() for each in path.values()):
            _describe_refusal(operation["responses"])
            operation["responses"]["500"] = {"description": "Internal Server Error", **shapes.problems(500)[500]}
            if "requestBody" in operation:
                operation["responses"]["400"] = {"description": "Bad Request", **shapes.problems(400)[400]}
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _describe_refusal(responses: dict[str, Any]) -> None:
    """Replace the description of the framework's own 422 response, which is never sent."""
    if "422" in responses and "application/json" in responses["422"].get("content", {}):
        responses["422"] = {"description": "Unprocessable Content", **shapes.problems(422)[422]}


@contextlib.asynccontextmanager
async def _opened(
    options: parts.Options,
    rate: limits.Rate,
    ops_token: bytes,
    executor_token: bytes,
    ending: Callable[[], bool],
) -> AsyncIterator[parts.Parts]:
    async with wiring.store(options.database, size=_SESSIONS, for_tokens=_FOR_TOKENS) as store:
        temporal = parts.Temporal(options.connection)
        found = parts.Parts(
            options=options,
            store=store,
            temporal=temporal,
            rate=rate,
            ops_token=ops_token,
            executor_token=executor_token,
            owner=await store.schedules.owner(),
            ending=ending,
        )
        repairs = asyncio.create_task(_repair_periodically(found))
        try:
            yield found
        finally:
            repairs.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await repairs
            await asyncio.gather(propagation.settle(found, DRAIN), found.threads.settle(DRAIN))
            await temporal.close()


async def _repair_periodically(found: parts.Parts) -> None:
    """Repair immediately and then periodically, to fix whatever a crash or another client left behind.

    The first repair is full; a later one is full if the last successful full repair is old enough.
    """
    full_at = time.monotonic()
    while found.options.repair_every:
        started = time.monotonic()
        full = started >= full_at
        if await found.threads.run(lambda: _repair(found.options, found.ending, full=full)) and full:  # noqa: B023  # awaited here
            full_at = started + found.options.full_repair_every.total_seconds()
        await found.threads.run(lambda: _close_runs(found.options))
        await asyncio.sleep(found.options.repair_every.total_seconds())


def _repair(options: parts.Options, ending: Callable[[], bool], *, full: bool) -> bool:
    """Repair, log the result, and return whether it succeeded; a failed repair never stops the service."""
    started = time.monotonic()
    listener = sync_job.Listener()
    wish = repair_job.Wish(keep_manual_pauses=True, full=full)
    try:
        code = repair_job.run(options.connection, options.writing, wish, listener, ending)
    except errors.LockedError as busy:
        _LOG.info("another repair is in progress", extra={"fields": {"who": busy.who}})
        return False
    except errors.ReconcilerError as error:
        _LOG.warning("the repair did not finish", extra={"fields": {"error": error.sentence}})
        return False
    except Exception as defect:  # noqa: BLE001  # the service must continue; the next repair may succeed
        _LOG.error("a bug in the repair", extra={"fields": {"error": type(defect).__name__}})
        return False
    steps = len(listener.ended.outcomes) if listener.ended else 0
    level = logging.INFO if code is errors.ExitCode.OK else logging.WARNING
    fields = {"steps": steps, "full": full, "seconds": round(time.monotonic() - started, 1), "exit_code": int(code)}
    _LOG.log(level, "repaired", extra={"fields": fields})
    return code is errors.ExitCode.OK


def _close_runs(options: parts.Options) -> None:
    """Close runs that ended in Temporal; a failure never stops the service, and the next repair tries again."""
    try:
        run_ends.close(options.connection, options.writing)
    except errors.ReconcilerError as error:
        _LOG.warning("some ended runs could not be closed", extra={"fields": {"error": error.sentence}})
    except Exception as defect:  # noqa: BLE001  # as in a repair
        _LOG.error("a bug while closing runs", extra={"fields": {"error": type(defect).__name__}})
