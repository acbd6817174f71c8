"""The operators' route: sync the charters."""

from __future__ import annotations

import collections
import http
from collections.abc import Iterable
from typing import Annotated, Any

import fastapi

from reconciler import errors, settings
from reconciler.plan import guards, plans
from reconciler.platform.api import access, parts, problems, shapes, sync_job

_MINIMAL = "return=minimal"

router = fastapi.APIRouter(route_class=access.OperatorsRoute, tags=["operations"])


@router.post(
    settings.SYNC_PATH,
    summary="Sync charters",
    dependencies=[access.Operator],
    responses={
        204: {
            "description": "GOVERNANCE_SCHEDULES_ENABLED disables schedules, "
            "and the request has Prefer: return=minimal."
        },
        **shapes.problems(401, 408, 409, 413, 422, 429, 502, 503),
    },
    response_model=shapes.Synced,
)
async def sync(
    request: fastapi.Request,
    wish: Annotated[shapes.Sync | None, fastapi.Body()] = None,
    prefer: Annotated[list[str] | None, fastapi.Header(description="return=minimal (RFC 7240).")] = None,
) -> Any:
    """Make Temporal match the repo-spec, as `reconciler apply` does, under the same lock."""
    wanted = wish or shapes.Sync()
    asked = sync_job.Wish(
        allowed=guards.Allowed(
            mass_pause=wanted.allow_mass_pause,
            empty_namespace=wanted.allow_empty_namespace,
            prefix_change=wanted.allow_prefix_change,
            plaintext=wanted.allow_plaintext,
        ),
        digest=wanted.expect_digest,
        dry_run=wanted.dry_run,
    )
    report = await sync_job.sync(parts.of(request), asked)
    if report.skipped and _is_off(request) and _is_minimal(prefer or ()):
        return fastapi.Response(status_code=http.HTTPStatus.NO_CONTENT, headers={"Preference-Applied": _MINIMAL})
    response = _response(report)
    if report.exit_code is not errors.ExitCode.OK:
        raise _failed(report, response)
    return response


def _is_off(request: fastapi.Request) -> bool:
    return not settings.schedules_enabled(parts.of(request).options.connection.environ)


def _is_minimal(headers: Iterable[str]) -> bool:
    """Return whether the caller prefers a minimal response; the first `return` preference applies."""
    for preference in ",".join(headers).split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "return":
            return value.strip().strip('"').lower() == "minimal"
    return False


def _failed(report: sync_job.Report, response: shapes.Synced) -> problems.Problem:
    """Return the problem for a sync in which some steps did not succeed; it lists the outcome of every step."""
    members: dict[str, Any] = response.model_dump(mode="json", exclude={"status"})
    if report.exit_code is errors.ExitCode.STALE:
        kind, status, detail = "stale", http.HTTPStatus.CONFLICT, "schedules changed during the sync"
    else:
        kind, status, detail = "steps-failed", http.HTTPStatus.BAD_GATEWAY, "not every step succeeded"
    return problems.Problem(int(status), kind, detail, hint="sync again to apply the remaining steps", **members)


def _response(report: sync_job.Report) -> shapes.Synced:
    """Return the response; for a dry run, the counts are the plan's."""
    ended = report.applied.outcomes if report.applied else ()
    statuses = collections.Counter(each.status for each in ended)
    done = [each.change.verb for each in ended if each.status is plans.Status.DONE]
    steps = [_step(each.change, each.status.value, each.detail) for each in ended]
    if report.proposed and report.plan:
        done = [each.verb for each in report.plan.steps]
        steps = [_step(each, "planned", "") for each in report.plan.steps]
    verbs = collections.Counter(done)
    return shapes.Synced(
        status="skipped" if report.skipped else "planned" if report.proposed else "applied",
        created=verbs[plans.Verb.CREATE],
        renamed=verbs[plans.Verb.RENAME],
        updated=verbs[plans.Verb.UPDATE],
        resumed=verbs[plans.Verb.RESUME],
        paused=verbs[plans.Verb.PAUSE],
        skipped=report.plan.count(plans.Verb.KEEP) if report.plan else 0,
        failed=statuses[plans.Status.FAILED],
        stale=statuses[plans.Status.STALE],
        not_begun=statuses[plans.Status.SKIPPED],
        digest=report.plan.digest if report.plan else None,
        exit_code=int(report.exit_code),
        reason=report.skipped or None,
        steps=steps,
        warnings=list(report.warnings),
    )


def _step(change: plans.Change, status: str, detail: str) -> shapes.Step:
    return shapes.Step(id=change.id, verb=change.verb.word, status=status, detail=detail or None)
