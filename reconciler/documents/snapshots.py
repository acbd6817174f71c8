"""What a plan read, as a JSON document: to plan from later, with no server and no credentials.

Secrets are redacted to digests, so that they can still be compared; `schemas/snapshot.schema.json` describes it.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping
from typing import Any

from reconciler import errors, model, published
from reconciler.documents import plans, schedules

FORMAT_VERSION = "1.0"  # a minor step adds, a major step breaks


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The schedules of a target as they were at a moment."""

    target: model.Target
    taken_at: datetime.datetime
    schedules: tuple[model.Schedule, ...]

    @property
    def live(self) -> dict[str, model.Live]:
        """Return the schedules as a plan takes them; nothing can be written to them."""
        return {each.id: model.Live(schedule=each, token=b"") for each in self.schedules}


def dumps(snapshot: Snapshot) -> str:
    """Return the document's text, with a newline at its end."""
    document = {
        "format_version": FORMAT_VERSION,
        "taken_at": snapshot.taken_at.isoformat(),
        "target": plans.target(snapshot.target),
        "schedules": [schedules.encode(each) for each in sorted(snapshot.schedules, key=lambda s: s.id)],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def loads(text: str, path: str) -> Snapshot:
    """Return what a document's text holds; `errors.DocumentError` when it is none, `path` being for the message."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused(path, f"not JSON ({error})") from None
    broken = next(published.violations("snapshot", document), None)
    if broken is not None:
        where = ".".join(map(str, broken.path)) or "the document"
        raise _refused(path, f"{where} does not satisfy {broken.keyword}")
    try:
        return Snapshot(
            target=read_target(document["target"]),
            taken_at=schedules.moment(document["taken_at"]),
            schedules=tuple(map(schedules.decode, document["schedules"])),
        )
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise _refused(path, f"a value that cannot be read ({error})") from None


def _refused(path: str, what: str) -> errors.DocumentError:
    return errors.DocumentError(f"{path} is no snapshot: {what}", hint="make one with reconciler snapshot --out FILE")


def read_target(said: Mapping[str, Any]) -> model.Target:
    """Return where the schedules of a document are."""
    return model.Target(
        address=said["address"], namespace=said["namespace"], prefix=said["prefix"], owner=said.get("owner") or ""
    )
