"""The plans for several environments, and the outcomes of applying them, as one JSON document each.

`schemas/plans.schema.json` and `schemas/outcomes.schema.json` describe them.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from reconciler import errors, json_text
from reconciler.documents import outcomes, plan_json
from reconciler.plan import plans, rollouts

PLANS_VERSION = "1.0"  # minor versions are additive; major versions are breaking
OUTCOMES_VERSION = "1.0"


def dumps(rollout: rollouts.Rollout, now: datetime.datetime | None = None) -> str:
    """Return the plans document's text, ending with a newline; `now` adds the next times and the rates."""
    return json_text.document(encode(rollout, lambda plan: plan_json.encode(plan, now)))


def encode(rollout: rollouts.Rollout, plan: Callable[[plans.Plan], Mapping[str, Any]]) -> dict[str, Any]:
    """Return the plans document; `plan` returns the document for each plan."""
    return {
        "format_version": PLANS_VERSION,
        "spec": rollout.spec_path,
        "digest": rollout.digest,
        "counts": _counts(rollout),
        "environments": [
            {
                "environment": part.environment,
                "disabled": part.disabled or None,
                "plan": plan(part.plan) if part.plan else None,
            }
            for part in rollout.parts
        ],
    }


def _counts(rollout: rollouts.Rollout) -> dict[str, int]:
    shown = (verb for verb in plans.Verb if verb is not plans.Verb.DELETE)
    return {**{verb.word: rollout.count(verb) for verb in shown}, "blocked": len(rollout.blocked)}


def dumps_outcomes(
    rollout: rollouts.Rollout | None,
    ended: Iterable[rollouts.Ended],
    *,
    spec: str,
    exit_code: errors.ExitCode,
    error: errors.ReconcilerError | None = None,
    skipped: str = "",
) -> str:
    """Return the outcomes document's text, ending with a newline.

    `rollout` is None if there are no plans; `skipped` is the reason if there was nothing to do.
    """
    results = rollouts.results(rollout, ended) if rollout else ()
    document = {
        "format_version": OUTCOMES_VERSION,
        "command": "apply",
        "spec": spec,
        "digest": rollout.digest if rollout else None,
        "exit_code": int(exit_code),
        "skipped": skipped or None,
        "environments": list(map(_ended, results)),
        "error": outcomes.failure(error),
    }
    return json_text.document(document)


def _ended(ended: rollouts.Ended) -> dict[str, Any]:
    part = ended.part
    is_started = ended.progress not in (rollouts.Progress.NOT_STARTED, rollouts.Progress.DISABLED)
    outcome = outcomes.encode(
        "apply", part.plan, ended.applied, exit_code=ended.code, known=outcomes.Subject(), error=ended.error
    )
    return {
        "environment": part.environment,
        "progress": ended.progress.name.lower(),
        "disabled": part.disabled or None,
        "digest": part.plan.digest if part.plan else None,
        "outcome": outcome if is_started else None,
    }
