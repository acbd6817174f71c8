"""Decide which declared schedules need no Describe in a partial read, and what a later plan may rely on."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import hmac
import json
from collections.abc import Collection, Iterable, Mapping

from reconciler.plan import plans, ports
from reconciler.schedule import declarations, fields, model, observed

_NO_TIME = datetime.timedelta(0)
_MATCHING = (plans.Reason.SAME, plans.Reason.LISTED)


def assumed(
    declaration: declarations.Declaration,
    listed: Mapping[str, observed.Listed],
    confirmed: Collection[str] | None = None,
) -> dict[str, observed.Live]:
    """Return the declared schedules that match the spec as far as the listing shows, each as the spec declares it.

    A listing shows the times, the workflow type, the note, and whether the schedule is paused; the arguments, the task
    queue, the policies, and the owner are assumed to match, but only for the ids in `confirmed` if that is set. A
    charter that replaces another one is never included.
    """
    found = {}
    for charter in declaration.charters:
        desired, entry = charter.schedule, listed.get(charter.schedule.id)
        if confirmed is not None and desired.id not in confirmed:
            continue
        if entry is not None and not charter.was and _is_shown(desired, entry):
            schedule = dataclasses.replace(desired, note=entry.note, owner=declaration.owner or None)
            found[desired.id] = observed.Live(schedule=schedule, token=b"", assumed=True)
    return found


def _is_shown(desired: model.Schedule, listed: observed.Listed) -> bool:
    return (
        listed.workflow == desired.action.workflow
        and listed.paused is desired.paused
        and desired.note in (None, listed.note)
        and listed.timing == desired.timing
    )


def confirmed(
    declaration: declarations.Declaration, readings: Mapping[str, ports.Reading], now: datetime.datetime
) -> frozenset[str]:
    """Return the ids whose charter has not changed since an apply read the schedule, within the declaration's max age.

    A reading in the future, from a clock that is ahead, confirms nothing.
    """
    limit = declarations.MAX_AGE if declaration.max_age is None else declaration.max_age
    found = set()
    for charter in declaration.charters:
        reading = readings.get(charter.schedule.id)
        if reading is None or not _NO_TIME <= now - reading.read_at < limit:
            continue
        if hmac.compare_digest(reading.charter, digest(charter.schedule, declaration.owner, reading.salt)):
            found.add(charter.schedule.id)
    return frozenset(found)


def doubtful(plan: plans.Plan) -> frozenset[str]:
    """Return the ids of the plan's schedules that do not match the spec, even if an earlier apply recorded a match."""
    return frozenset(change.id for change in plan.schedules if not _is_matching(change))


def readings(
    declaration: declarations.Declaration,
    plan: plans.Plan,
    outcomes: Iterable[plans.Outcome],
    *,
    salt: bytes,
    read_at: datetime.datetime,
) -> dict[str, ports.Reading]:
    """Return a reading of each declared schedule that was described and matched the spec, or that matches it now.

    `salt` is the key of the charters' digests, and `read_at` is when the plan began to read the server.
    """
    kept = {change.id for change in plan.changes if _is_matching(change)} - {change.id for change in plan.assumed}
    done = (outcome.change for outcome in outcomes if outcome.status is plans.Status.DONE)
    ids = kept | {change.id for change in done if not change.unchangeable}
    return {
        charter.schedule.id: ports.Reading(
            charter=digest(charter.schedule, declaration.owner, salt), salt=salt, read_at=read_at
        )
        for charter in declaration.charters
        if charter.schedule.id in ids
    }


def _is_matching(change: plans.Change) -> bool:
    return change.verb is plans.Verb.KEEP and change.reason in _MATCHING and not change.unchangeable


def digest(desired: model.Schedule, owner: str, salt: bytes) -> str:
    """Return the HMAC-SHA256, in hexadecimal, of everything that a charter declares, including secrets.

    The salt is its key, so that equal charters have different digests in different applies.
    """
    declared: dict[str, object] = {"id": desired.id, "owner": owner}
    for row in fields.ROWS:
        declared |= {".".join(path): value for path, value in row.encode(desired).items()}
    canonical = json.dumps(declared, sort_keys=True, separators=(",", ":"))
    return hmac.new(salt, canonical.encode(), hashlib.sha256).hexdigest()
