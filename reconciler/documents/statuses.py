"""The status of each schedule as a JSON document; `schemas/status.schema.json` describes it."""

from __future__ import annotations

import datetime
from typing import Any

from reconciler import json_text
from reconciler.documents import plan_json
from reconciler.plan import plans
from reconciler.schedule import fields, observed, redaction

FORMAT_VERSION = "1.2"  # minor versions are additive; major versions are breaking


def dumps(plan: plans.Plan, now: datetime.datetime) -> str:
    """Return the document's text, ending with a newline."""
    document = {
        "format_version": FORMAT_VERSION,
        "taken_at": now.isoformat(),
        "target": plan_json.target(plan.target),
        "spec": plan.spec_path,
        "environment": plan.environment,
        "schedules": [_schedule(change) for change in sorted(plan.schedules, key=lambda change: change.id)],
    }
    return json_text.document(document)


def _schedule(change: plans.Change) -> dict[str, Any]:
    live = change.live
    history = live.history if live else observed.History()
    return {
        "id": change.id,
        "charter": change.charter,
        "state": change.state.value,
        "note": fields.note(live.schedule) if live else None,
        "pause": plan_json.pause(live.pause) if live and live.pause else None,
        "remaining_actions": live.schedule.remaining_actions if live else None,
        "last": _run(history.recent[-1]) if history.recent else None,
        "next": _moment(history.next_time) if change.state is plans.State.ACTIVE else None,
        "running": list(history.running),
        "recent": list(map(_run, history.recent)),
        "counts": {name: getattr(history, name) for name in ("taken", "missed", "skipped", "dropped", "buffered")},
        "overdue": _overdue(live.overdue) if live and live.overdue else None,
        "drift": change.verb is not plans.Verb.KEEP or change.is_blocked,
        "verb": change.verb.word,
        "reason": change.reason.name.lower(),
        "fields": [field.path for field in change.fields],
    }


def _overdue(overdue: observed.Overdue) -> dict[str, Any]:
    return {
        "count": overdue.count,
        "since": _moment(overdue.since),
        "reason": redaction.text(overdue.reason) or None,
    }


def _run(run: observed.Run) -> dict[str, Any]:
    return {
        "workflow_id": redaction.text(run.workflow_id),
        "run_id": run.run_id,
        "due_at": _moment(run.due_at),
        "started_at": _moment(run.started_at),
        "status": run.status.value,
    }


def _moment(moment: datetime.datetime | None) -> str | None:
    return moment.isoformat() if moment else None
