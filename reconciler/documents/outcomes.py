"""The outcome of an apply or a prune as a JSON document; `schemas/outcome.schema.json` describes it."""

from __future__ import annotations

import dataclasses
from typing import Any

from reconciler import errors, json_text
from reconciler.documents import plan_json
from reconciler.plan import plans
from reconciler.schedule import ownership

FORMAT_VERSION = "1.2"  # minor versions are additive; major versions are breaking


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The subject of an outcome; None means unknown or not specified."""

    address: str | None = None
    namespace: str | None = None
    prefixes: ownership.Prefixes | None = None
    owner: str | None = None
    environment: str | None = None
    spec: str | None = None


def subject(plan: plans.Plan) -> Subject:
    """Return the subject of a plan's outcome."""
    where = plan.target
    return Subject(
        address=where.address,
        namespace=where.namespace,
        prefixes=where.prefixes,
        owner=where.owner or None,
        environment=plan.environment,
        spec=plan.spec_path,
    )


def dumps(
    command: str,
    plan: plans.Plan | None,
    applied: plans.Applied | None,
    *,
    exit_code: errors.ExitCode,
    known: Subject,
    error: errors.ReconcilerError | None = None,
    skipped: str = "",
) -> str:
    """Return the document's text, ending with a newline; see `encode`."""
    return json_text.document(
        encode(command, plan, applied, exit_code=exit_code, known=known, error=error, skipped=skipped)
    )


def encode(
    command: str,
    plan: plans.Plan | None,
    applied: plans.Applied | None,
    *,
    exit_code: errors.ExitCode,
    known: Subject,
    error: errors.ReconcilerError | None = None,
    skipped: str = "",
) -> dict[str, Any]:
    """Return the document.

    If nothing was planned, `plan` is None, and `known` provides the target and the spec. If nothing was started,
    `applied` is None. If there was nothing to do, `skipped` is the reason.
    """
    about = subject(plan) if plan else known
    return {
        "format_version": FORMAT_VERSION,
        "command": command,
        "target": {
            "address": about.address,
            "namespace": about.namespace,
            **plan_json.prefixes(about.prefixes),
            "owner": about.owner,
        },
        "environment": about.environment,
        "spec": about.spec,
        "digest": plan.digest if plan else None,
        "exit_code": int(exit_code),
        "interrupted": exit_code.is_interrupted or (applied is not None and applied.interrupted),
        "skipped": skipped or None,
        "counts": _counts(applied),
        "outcomes": [_outcome(each) for each in applied.outcomes] if applied else [],
        "kept": [_kept(change) for change in plan.changes if change.verb is plans.Verb.KEEP] if plan else [],
        "error": failure(error),
    }


def failure(error: errors.ReconcilerError | None) -> dict[str, Any] | None:
    """Return the document for an error."""
    return {"message": error.message, "hint": error.hint or None} if error else None


def _counts(applied: plans.Applied | None) -> dict[str, int]:
    """Return the number of steps with each status, and of completed steps with each verb."""
    ended = applied.outcomes if applied else ()
    done = [each.change.verb for each in ended if each.status is plans.Status.DONE]
    shown = (verb for verb in plans.Verb if verb is not plans.Verb.KEEP)
    verbs = {verb.word: done.count(verb) for verb in shown if verb is not plans.Verb.RENAME or done.count(verb)}
    statuses = [each.status for each in ended]
    return verbs | {each.value: statuses.count(each) for each in plans.Status}


def _outcome(outcome: plans.Outcome) -> dict[str, Any]:
    return {
        "id": outcome.change.id,
        "charter": outcome.change.charter,
        "verb": outcome.change.verb.word,
        "status": outcome.status.value,
        "detail": outcome.detail or None,
    }


def _kept(change: plans.Change) -> dict[str, Any]:
    return {"id": change.id, "charter": change.charter, "reason": change.reason.name.lower()}
