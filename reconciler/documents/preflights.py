"""The result of a preflight as a JSON document; `schemas/preflight.schema.json` describes it."""

from __future__ import annotations

import datetime
from typing import Any

from reconciler import json_text
from reconciler.plan import pollers, preflight

FORMAT_VERSION = "1.0"  # minor versions are additive; major versions are breaking


def dumps(result: preflight.Preflight, now: datetime.datetime) -> str:
    """Return the document's text, ending with a newline."""
    document = {
        "format_version": FORMAT_VERSION,
        "taken_at": now.isoformat(),
        "expected_build": result.expected_build,
        "ok": not result.problems,
        "queues": [_queue(queue, result.charters[queue.name]) for queue in result.queues],
        "findings": [_finding(finding) for finding in result.findings],
    }
    return json_text.document(document)


def _queue(queue: pollers.Queue, charters: tuple[str, ...]) -> dict[str, Any]:
    return {"task_queue": queue.name, "charters": list(charters), "pollers": list(map(_poller, queue.pollers))}


def _poller(poller: pollers.Poller) -> dict[str, Any]:
    types = poller.workflow_types
    return {
        "identity": poller.identity,
        "build_id": poller.build_id or None,
        "last_seen": poller.last_seen.isoformat(),
        "served": poller.is_served,
        "workflow_types": None if types is None else sorted(types),
    }


def _finding(finding: preflight.Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind.value,
        "problem": finding.kind.is_problem,
        "task_queue": finding.task_queue,
        "message": finding.message,
        "hint": finding.hint,
    }
