"""Refuse plans that are probably unintended, above all those that stop most running schedules."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence

from reconciler import errors, spelling
from reconciler.plan import advice, labels, plans, stops, takeovers
from reconciler.schedule import model, observed, ownership

_NAMED = 5  # schedules that a message names


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What a person has confirmed as intended."""

    mass_pause: bool = False
    empty_namespace: bool = False
    prefix_change: bool = False
    plaintext: bool = False


def check(plan: plans.Plan, allowed: Allowed | None = None, *, now: datetime.datetime, left: int = 0) -> None:
    """Raise `errors.GuardError` when the plan should not be applied without explicit confirmation.

    The guards refuse: stopping every running managed schedule, or more than half of two or more, by any kind of change
    (see `stops`); a spec without our section while schedules are managed; a namespace without schedules although the
    last apply `left` some; declaring an id that belongs to another owner; creating a schedule that already runs under
    another prefix; taking over a schedule and changing what it runs, unless the plan's `adopts` is set; and overwriting
    encrypted payloads with plaintext.
    """
    allowed = allowed or Allowed()
    if not allowed.empty_namespace:
        _check_emptiness(plan, left)
    if not allowed.mass_pause:
        _check_stops(plan, now)
    _check_owners(plan)
    _check_takeovers(plan)
    if not allowed.prefix_change:
        _check_doubles(plan)
    if not allowed.plaintext:
        _check_payloads(plan)


def check_prune(plan: plans.Plan) -> None:
    """Raise `errors.GuardError` when the plan deletes schedules although the spec does not have our section."""
    if plan.steps and not plan.governed:
        count = len(plan.steps)
        schedules = f"{spelling.counted(count, 'managed schedule')} ({ownership.shown(plan.target.prefixes)})"
        raise errors.GuardError(
            f"{plan.spec_path} {advice.UNGOVERNED}, and {schedules} would be deleted",
            hint=advice.GOVERN,
        )


def check_repair(plan: plans.Plan, allowed: Allowed) -> None:
    """Raise `errors.GuardError` when a repair pauses most running schedules because their rows are missing.

    This happens after a database is lost. A pause that a row declares is never refused: its owner asked for it.
    """
    if not allowed.mass_pause:
        _check_orphans(plan)
    if not allowed.plaintext:
        _check_payloads(plan)


def _check_orphans(plan: plans.Plan) -> None:
    running = [change for change in plan.changes if change.live is not None and not change.live.schedule.paused]
    orphans = sum(change.verb is plans.Verb.PAUSE and change.reason is plans.Reason.ORPHANED for change in plan.changes)
    if orphans and (orphans == len(running) or orphans * 2 > len(running)):
        raise errors.GuardError(
            f"the plan pauses {orphans} of {len(running)} running schedules because they have no row in the database",
            hint="check that this is the right database; if this is intended, pass --allow-mass-pause",
        )


def _check_emptiness(plan: plans.Plan, left: int) -> None:
    if left and plan.steps and not plan.found.present:
        target = plan.target
        raise errors.GuardError(
            f"namespace {target.namespace} on {target.address} has no managed schedules "
            f"({ownership.shown(target.prefixes)}), but the last apply left {left}",
            hint="check the server and the namespace; if the schedules were deleted, pass --allow-empty-namespace",
        )


def _check_stops(plan: plans.Plan, now: datetime.datetime) -> None:
    hint = "if this is intended, pass --allow-mass-pause"
    live = [change for change in plan.changes if change.before is not None and not change.is_blocked]
    if plan.steps and not plan.governed:
        managed = f"{spelling.counted(len(live), 'managed schedule')} {'is' if len(live) == 1 else 'are'}"
        raise errors.GuardError(f"{plan.spec_path} {advice.UNGOVERNED}, but {managed} live", hint=hint)
    stopped = stops.stops(plan, now)
    if not stopped:
        return
    running = stops.running(plan, now)
    if len(stopped) == running:
        count = f"the only {_running(plan, 1)}" if running == 1 else f"all {running} {_running(plan, running)}"
    elif len(stopped) * 2 > running:
        count = f"{len(stopped)} of {running} {_running(plan, running)}, more than half"
    else:
        return
    raise errors.GuardError(f"the plan stops {count}: {_named(stopped)}", hint=hint)


def _running(plan: plans.Plan, count: int) -> str:
    noun = f"schedule{'s'[: count != 1]}"
    return f"running {noun} in this partial plan" if plan.only else f"running managed {noun}"


def _named(stopped: Sequence[stops.Stop]) -> str:
    """Return `governance:a (paused), governance:b (never fires again)`."""
    more = f" and {len(stopped) - _NAMED} more" if len(stopped) > _NAMED else ""
    return ", ".join(f"{labels.brief(stop.id)} ({stop.why})" for stop in stopped[:_NAMED]) + more


def _check_owners(plan: plans.Plan) -> None:
    owned = plan.blocked
    if owned:
        change = owned[0]
        owner = labels.brief(change.after.owner or "")
        more = f" (and {len(owned) - 1} more)" if len(owned) > 1 else ""
        raise errors.GuardError(
            f"{change.id} belongs to {owner}{more}, but {_whose(plan.target)}",
            hint=f"rename the charter, pass --owner if you are {owner}, or pass --adopt to take it over permanently",
        )


def _check_takeovers(plan: plans.Plan) -> None:
    taken = () if plan.adopts else takeovers.takeovers(plan)
    if taken:
        more = f" (and {len(taken) - 1} more)" if len(taken) > 1 else ""
        name = labels.brief(takeovers.taken(taken[0]))
        raise errors.GuardError(
            f"{name} has no owner's mark, and the plan would take it over and change its "
            f"{takeovers.changes(taken[0])}{more}",
            hint="if another program created it, use another ID; if this is intended, pass --adopt",
        )


def _check_doubles(plan: plans.Plan) -> None:
    if plan.doubled:
        new, old = plan.doubled[0]
        more = f" (and {len(plan.doubled) - 1} more)" if len(plan.doubled) > 1 else ""
        raise errors.GuardError(
            f"{labels.brief(old)} is still running under another prefix, and {labels.brief(new)} would run "
            f"alongside it{more}",
            hint=f"to replace it, declare was: {labels.brief(old)}{_only_in(plan)}; if both should run, pass "
            "--allow-prefix-change",
        )


def _only_in(plan: plans.Plan) -> str:
    """Return where to declare something for the plan's environment only; empty if the plan has none."""
    return f" in the charters of environment {plan.environment!r}" if plan.environment else ""


def _whose(target: observed.Target) -> str:
    return f"this spec's owner is {target.owner}" if target.owner else "this spec does not specify an owner"


def _check_payloads(plan: plans.Plan) -> None:
    for change in plan.steps:
        lost = _replaced(change.before.schedule, change.after) if change.before else None
        if lost is not None:
            raise errors.GuardError(
                f"the plan would overwrite {lost.encoding} payloads of {change.id} with plaintext",
                hint="pass --codec-endpoint to keep them encrypted; if this is intended, pass --allow-plaintext",
            )


def _replaced(live: model.Schedule, after: model.Schedule) -> model.Opaque | None:
    """Return an encoded payload that the schedule no longer has after the change."""
    kept = list(after.payloads)
    coded = (each for each in live.payloads if isinstance(each, model.Opaque) and each.is_coded)
    return next((each for each in coded if each not in kept), None)
