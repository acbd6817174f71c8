"""Plan the deletion of schedules that were paused because their charter was removed."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from reconciler.plan import build, decisions, notes, plans
from reconciler.schedule import declarations, observed


def prune(
    declaration: declarations.Declaration,
    live: Mapping[str, observed.Live],
    target: observed.Target,
    before: datetime.datetime | None = None,
) -> plans.Plan:
    """Return the plan that deletes schedules paused by this tool before a given time because their charter was removed.

    Schedules paused later, those that anyone has changed since, and all other managed ones are kept.
    """
    live = build.exempted(live, declaration)
    wanted = {charter.schedule.id for charter in declaration.charters}
    known = (each for _, each in sorted(live.items()) if not decisions.is_foreign(each.schedule, declaration))
    candidates = (each for each in known if each.schedule.id in wanted or decisions.is_ours(each.schedule, declaration))
    changes = [_pruned(each, before, wanted=each.schedule.id in wanted) for each in candidates]
    return build.assembled(declaration, live, target, changes)


def _pruned(live: observed.Live, before: datetime.datetime | None, *, wanted: bool) -> plans.Change:
    reason = plans.Reason.STAYS if wanted else _why_prunable(live, before)
    verb = plans.Verb.DELETE if reason is plans.Reason.PRUNED else plans.Verb.KEEP
    return plans.Change(verb=verb, reason=reason, after=live.schedule, live=live, charter=None, place=None)


def _why_prunable(live: observed.Live, before: datetime.datetime | None) -> plans.Reason:
    """Return why an undeclared schedule may or may not be deleted.

    It may be deleted only if it is proven that nothing has happened since our pause. The seal proves that no one has
    edited, resumed, or paused it since then. A trigger or a backfill does not change V1's token, but it starts or
    buffers a run after the last update, which is our pause.
    """
    if not live.schedule.paused or not notes.is_removed(live.schedule.note):
        return plans.Reason.STAYS
    paused_at = live.history.updated_at
    if live.schedule.seal is None or paused_at is None:
        return plans.Reason.UNPROVEN
    if not live.is_sealed:
        return plans.Reason.CHANGED
    if live.history.buffered or any(run.started_at and run.started_at > paused_at for run in live.history.recent):
        return plans.Reason.RAN
    return plans.Reason.PRUNED if before is None or paused_at <= before else plans.Reason.ALREADY_PAUSED
