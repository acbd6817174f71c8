"""The audit's records as a JSON document; `schemas/history.schema.json` describes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from reconciler import json_text
from reconciler.documents import plan_json
from reconciler.plan import ports

FORMAT_VERSION = "1.1"  # minor versions are additive; major versions are breaking


def dumps(records: Iterable[ports.Record]) -> str:
    """Return the document's text, ending with a newline."""
    document = {"format_version": FORMAT_VERSION, "records": list(map(_record, records))}
    return json_text.document(document)


def _record(record: ports.Record) -> dict[str, Any]:
    attempt = record.attempt
    return {
        "number": record.number,
        "command": attempt.command,
        "who": attempt.who,
        "run": attempt.run or None,
        "commit": attempt.commit or None,
        "started_at": attempt.started_at.isoformat(),
        "ended_at": record.ended_at.isoformat() if record.ended_at else None,
        "target": plan_json.target(attempt.target),
        "environment": attempt.environment,
        "spec": attempt.spec_path,
        "digest": attempt.digest,
        "managed": record.managed,
        "error": record.error or None,
        "steps": [dataclasses.asdict(step) for step in record.steps],
    }
