"""Plan the repair of users' schedules from the rows that declare them."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

from reconciler.plan import build, decisions, notes, plans
from reconciler.schedule import declarations, observed


def repair(
    declaration: declarations.Declaration,
    deleted: Collection[str],
    live: Mapping[str, observed.Live],
    target: observed.Target,
    held: Collection[str] = (),
) -> plans.Plan:
    """Return the plan that makes users' schedules match the rows that declare them.

    A live schedule is deleted if its row is `deleted`, and paused if it has no row or is `held`, which means that its
    row is not enabled and the rest of the row cannot be read. Only schedules with our own mark are touched; others may
    have similar ids.
    """
    declaration, live = build.marked(declaration), build.exempted(live, declaration)
    wanted = {charter.schedule.id for charter in declaration.charters}
    ours = [each for id_, each in live.items() if id_ not in wanted and each.schedule.owner == declaration.owner]
    changes = [
        *(decisions.for_charter(each, live.get(each.schedule.id), declaration) for each in declaration.charters),
        *(_undeclared(each, deleted, held, declaration.path) for each in ours),
    ]
    known = wanted | {each.schedule.id for each in ours}
    present = {id_: each for id_, each in live.items() if id_ in known}
    return build.assembled(declaration, present, target, build.in_order(changes))


def _undeclared(live: observed.Live, deleted: Collection[str], held: Collection[str], path: str) -> plans.Change:
    if live.schedule.id in deleted:
        return _deletion(live)
    if live.schedule.id not in held:
        return dataclasses.replace(decisions.for_undeclared(live, path), reason=plans.Reason.ORPHANED)
    change = dataclasses.replace(decisions.for_undeclared(live, path), reason=plans.Reason.DECLARED_PAUSED)
    if change.verb is plans.Verb.KEEP:
        return change
    return dataclasses.replace(change, after=dataclasses.replace(change.after, note=notes.declared(path)))


def _deletion(live: observed.Live) -> plans.Change:
    return plans.Change(
        verb=plans.Verb.DELETE, reason=plans.Reason.DELETED, after=live.schedule, live=live, charter=None, place=None
    )
