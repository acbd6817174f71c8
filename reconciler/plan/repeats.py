"""Find the steps of a new plan that an apply may carry out in place of its stale ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from reconciler.plan import plans


def repeatable(outcomes: Iterable[plans.Outcome]) -> tuple[plans.Change, ...]:
    """Return the changes to retry: stale ones, and the pauses and deletes that were skipped only because of them."""
    ended = tuple(outcomes)
    stale = [outcome.change for outcome in ended if outcome.status is plans.Status.STALE]
    before = {outcome.status for outcome in ended if not outcome.change.verb.is_last}
    if not stale or not before <= {plans.Status.STALE, plans.Status.DONE}:
        return tuple(stale)
    waited = [outcome.change for outcome in ended if outcome.status is plans.Status.SKIPPED]
    return (*stale, *waited)


def same(plan: plans.Plan, wanted: Sequence[plans.Change]) -> plans.Plan:
    """Return the plan with only those steps that mean the same as one of the wanted changes.

    If a wanted change that must precede pauses and deletes is missing, no pause or delete is kept.
    """
    meanings = {change.id: _meaning(change) for change in wanted}
    kept = [change for change in plan.steps if meanings.get(change.id) == _meaning(change)]
    missing = meanings.keys() - {change.id for change in kept}
    if any(change.id in missing and not change.verb.is_last for change in wanted):
        kept = [change for change in kept if not change.verb.is_last]
    return dataclasses.replace(plan, changes=tuple(kept))


def _meaning(change: plans.Change) -> tuple[object, ...]:
    """Return what a person approved, including the reason: ending someone's manual pause needs approval of its own."""
    return change.verb, change.reason, change.fields, change.origin.id if change.origin else None
