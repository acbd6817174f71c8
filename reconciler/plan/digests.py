"""Compute the digest that identifies what a plan means."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from reconciler import json_values
from reconciler.plan import plans
from reconciler.schedule import declarations, observed, redaction


def digest(
    target: observed.Target,
    changes: Iterable[plans.Change],
    only: Sequence[str] = (),
    refresh: declarations.Refresh | None = None,
) -> str:
    """Return the digest (`sha256:…`) of what the plan means: namespace, prefixes, and each step's verb, id, and fields.

    If the plan is limited to some charters, the digest also covers their names; if not everything was read, it also
    covers the refresh mode.

    It covers a secret's new value but not the old one, which anyone who sees the digest could otherwise guess. It
    contains no times, tokens, addresses, or places, so the same plan has the same digest on any machine, at any time.
    """
    meaning: dict[str, object] = {
        "namespace": target.namespace,
        "prefix": target.prefixes[0] if len(target.prefixes) == 1 else list(target.prefixes),
        "steps": [
            [change.verb.word, change.id, _covered(change.fields), *([change.origin.id] if change.origin else [])]
            for change in changes
            if change.verb is not plans.Verb.KEEP
        ],
    }
    if only:
        meaning["only"] = sorted(only)
    if refresh:
        meaning["refresh"] = refresh
    text = json.dumps(meaning, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _covered(fields: Iterable[plans.FieldChange]) -> list[json_values.Json]:
    """Return the parts of field changes that the digest covers; fields whose path contains a secret key come last."""
    plain: list[json_values.Json] = []
    hidden: list[json_values.Json] = []
    for field in fields:
        path = redaction.without_digests(field.path)
        old = [] if isinstance(field.old, plans.Absent) else [redaction.without_digests(field.old)]
        new = [] if isinstance(field.new, plans.Absent) else [redaction.stable(field.new)]
        (plain if path == field.path else hidden).append([path, old, new])  # an absent value differs from null
    return [*plain, *sorted(hidden, key=json.dumps)]
