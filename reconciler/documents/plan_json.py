"""The plan as a JSON document, for machines; `schemas/plan.schema.json` describes it."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Mapping
from typing import Any

from reconciler import json_text, json_values
from reconciler.documents import schedules
from reconciler.plan import plans, takeovers
from reconciler.schedule import declarations, fields, model, observed, ownership, prospects
from reconciler.timing import rates

FORMAT_VERSION = "1.5"  # minor versions are additive; major versions are breaking
_NEXT = 2  # how many upcoming times to include
_RARE = (plans.Verb.RENAME, plans.Verb.DELETE)  # included in the counts only if a plan has any


def dumps(plan: plans.Plan, now: datetime.datetime | None = None) -> str:
    """Return the document's text, ending with a newline; `now` adds the next times and the rates."""
    return json_text.document(encode(plan, now))


def encode(plan: plans.Plan, now: datetime.datetime | None = None) -> dict[str, Any]:
    """Return the document, without conflict tokens or secrets; `now` adds the next times and the rates.

    The digest is the plan's, so it does not cover the next times and the rates.
    """
    document: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "target": target(plan.target),
        "spec": plan.spec_path,
        "environment": plan.environment,
        **({"only": list(plan.only)} if plan.only else {}),
        **({"refresh": plan.refresh} if plan.refresh else {}),
        **({"disabled": plan.disabled} if plan.disabled else {}),
        "as_of": plan.as_of.isoformat() if plan.as_of else None,
        "digest": plan.digest,
        "counts": {
            **{verb.word: plan.count(verb) for verb in plans.Verb if verb not in _RARE or plan.count(verb)},
            "blocked": len(plan.blocked),
        },
    }
    if now is not None:
        ours = [change for change in plan.changes if not change.is_blocked]
        before = prospects.together((change.before.schedule for change in ours if change.before), now)
        after = prospects.together((change.after for change in ours), now)
        document["rate"] = {"before": _pace(before), "after": _pace(after)}
    document["takeovers"] = [takeovers.taken(change) for change in takeovers.takeovers(plan)]
    changes = [_change(change) | (_forecast(change, now) if now else {}) for change in plan.changes]
    return {**document, "changes": changes}


def _forecast(change: plans.Change, now: datetime.datetime) -> dict[str, Any]:
    """Return the next times and the rate before and after the change; null where the schedule does not exist."""
    sides = {"before": change.before.schedule if change.before else None, "after": change.after}
    if change.verb is plans.Verb.DELETE:
        sides["after"] = None
    return {
        "next": {side: _next(each, now) if each else None for side, each in sides.items()},
        "rate": {side: _pace(prospects.pace(each, now)) if each else None for side, each in sides.items()},
    }


def _next(schedule: model.Schedule, now: datetime.datetime) -> list[str]:
    return [each.isoformat() for each in itertools.islice(prospects.upcoming(schedule, now), _NEXT)]


def _pace(pace: rates.Pace) -> dict[str, Any]:
    return {"a_year": json_values.number(round(pace.a_year, 4)), "left": pace.left}


def target(about: observed.Target) -> dict[str, Any]:
    """Return a target's document."""
    return {
        "address": about.address,
        "namespace": about.namespace,
        **prefixes(about.prefixes),
        "owner": about.owner or None,
    }


def prefixes(values: ownership.Prefixes | None) -> dict[str, Any]:
    """Return the first prefix and, if there are several, all of them; null for None."""
    several = {"prefixes": list(values)} if values and len(values) > 1 else {}
    return {"prefix": values[0] if values else None, **several}


def read_prefixes(document: Mapping[str, Any]) -> ownership.Prefixes | None:
    """Return the prefixes in a document; None for null."""
    if "prefixes" in document:
        return ownership.prefixes(document["prefixes"])
    return None if document["prefix"] is None else (document["prefix"],)


def _change(change: plans.Change) -> dict[str, Any]:
    place = change.place
    return {
        "verb": change.verb.word,
        "id": change.id,
        "charter": change.charter,
        "reason": change.reason.name.lower(),
        "place": _place(place) if place else None,
        "live_note": fields.note(change.live.schedule) if change.live else None,
        "pause": pause(change.live.pause) if change.live and change.live.pause else None,
        "owner": change.live.schedule.owner if change.live else None,
        "renamed_from": change.renamed_from,
        "origin_pause": pause(change.origin_pause) if change.origin_pause else None,
        "overrides": {key: _place(place) for key, place in change.overrides.items()},
        "fields": [_field(field) for field in change.fields],
        "ignored": [_field(field) for field in change.ignored],
        **({"unchangeable": [_field(field) for field in change.unchangeable]} if change.unchangeable else {}),
        **({"origin": _change(change.origin)} if change.origin else {}),
    }


def pause(pause: observed.Pause) -> dict[str, Any]:
    """Return the document for a pause."""
    return {"by": pause.by or None, "at": pause.at.isoformat() if pause.at else None}


def read_pause(document: Mapping[str, Any] | None) -> observed.Pause | None:
    """Return the pause in a document; raises ValueError, KeyError, or TypeError if it is not valid."""
    if document is None:
        return None
    return observed.Pause(by=document["by"] or "", at=schedules.moment(document["at"]) if document["at"] else None)


def _place(place: declarations.Place) -> dict[str, Any]:
    return {"path": place.path, "line": place.line, "column": place.column}


def _field(field: plans.FieldChange) -> dict[str, Any]:
    """Return the document for a field change, omitting `old` or `new` if that side does not have the field."""
    sides = {"old": field.old, "new": field.new}
    return {"path": field.path} | {side: value for side, value in sides.items() if not isinstance(value, plans.Absent)}
