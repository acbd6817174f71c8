"""Build a plan from desired and live schedules: the changes and their order."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence

from reconciler import errors
from reconciler.plan import decisions, diff, digests, notes, plans, predecessors, renames
from reconciler.schedule import declarations, fields, governed, ignored, model, observed, ownership, redaction

_ORDER = tuple(plans.Verb)


def managed(schedule: model.Schedule, target: observed.Target) -> bool:
    """Return whether a schedule's id has one of our prefixes or, if one is empty, the schedule carries our mark."""
    if ownership.claims(target.prefixes, schedule.id):
        return True
    return "" in target.prefixes and schedule.owner is not None and schedule.owner == target.owner


def plan(
    declaration: declarations.Declaration, live: Mapping[str, observed.Live], target: observed.Target
) -> plans.Plan:
    """Return the plan that makes `live` equal to the declaration.

    `live` holds each declared schedule that exists, every managed one that is not declared, and those that charters
    replace; a plan that is limited to some charters omits schedules that none of them declares or replaces. Changes are
    in order of execution (creates, renames, updates, resumes, pauses) and by id within a verb, regardless of the order
    of the inputs.
    """
    declaration, live = marked(declaration), notes.with_carried_pauses(exempted(live, declaration))
    former = predecessors.former(declaration, live, lambda each: managed(each, target))
    wanted = {charter.schedule.id for charter in declaration.charters}
    changes = [
        *(_charted(charter, live, former.get(charter.schedule.id), declaration) for charter in declaration.charters),
        *_uncharted({id_: each for id_, each in live.items() if id_ not in wanted}, live, former, declaration),
    ]
    return assembled(declaration, live, target, in_order(renames.pointed_out(changes)))


def _charted(
    charter: declarations.Charter,
    live: Mapping[str, observed.Live],
    former: observed.Live | None,
    declaration: declarations.Declaration,
) -> plans.Change:
    own = live.get(charter.schedule.id)
    if former is None:
        return decisions.for_charter(charter, own, declaration)
    if own is None:
        return _renamed(charter, former, declaration)
    if _is_returned_while_paused(charter, own, former, declaration):
        return _paused_like(charter, own, former)
    change = decisions.for_charter(charter, own, declaration)
    return change if former.schedule.paused else dataclasses.replace(change, renamed_from=former.schedule.id)


def _is_returned_while_paused(
    charter: declarations.Charter, own: observed.Live, former: observed.Live, declaration: declarations.Declaration
) -> bool:
    """Return whether a charter gets its earlier name back and keeps the manual pause of its current schedule."""
    is_ours = not decisions.is_foreign(own.schedule, declaration) or declaration.adopt
    is_resting = own.schedule.paused and notes.is_removed(own.schedule.note)
    return is_ours and is_resting and decisions.keeps_manual_pause(charter.schedule, former, declaration)


def _paused_like(charter: declarations.Charter, own: observed.Live, former: observed.Live) -> plans.Change:
    """Return the change that keeps a schedule paused, now because the one that it replaces was paused manually."""
    pausing = dataclasses.replace(charter.schedule, paused=True, note=former.schedule.note)
    note = _carried_note(charter, pausing, former)
    paused = dataclasses.replace(ignored.kept(pausing, own.schedule), note=note)
    fields = diff.diff(own.schedule, paused)
    after = diff.settled(own.schedule, paused)
    return decisions.new(charter, plans.Verb.UPDATE, plans.Reason.MANUAL_PAUSE, after, own, fields)


def _uncharted(
    uncharted: Mapping[str, observed.Live],
    live: Mapping[str, observed.Live],
    former: Mapping[str, observed.Live],
    declaration: declarations.Declaration,
) -> Iterator[plans.Change]:
    """Yield the changes to schedules that no charter declares, except those that are part of a rename."""
    successors = {old.schedule.id: new for new, old in former.items()}
    for id_, each in uncharted.items():
        new = successors.get(id_)
        if (new is not None and new not in live) or (new is None and declaration.only):
            continue
        if new is None and decisions.is_ours(each.schedule, declaration):
            yield decisions.for_undeclared(each, declaration.path)
        if new is not None and (declaration.adopt or not decisions.is_foreign(each.schedule, declaration)):
            yield _replaced(each, new, declaration.path)


def _renamed(
    charter: declarations.Charter, former: observed.Live, declaration: declarations.Declaration
) -> plans.Change:
    """Return the change that replaces a schedule with one that has the charter's id, as if only its id had changed."""
    new = charter.schedule.id
    renamed = dataclasses.replace(former.schedule, id=new)
    alike = dataclasses.replace(former, schedule=renamed, memo_is_fixed=False)  # because it is recreated
    change = decisions.for_charter(charter, alike, declaration)
    if change.is_blocked:
        return dataclasses.replace(change, after=former.schedule, live=former)
    fields = (field for field in change.fields if field.path not in governed.IDENTITIES)
    return dataclasses.replace(
        change,
        verb=plans.Verb.RENAME,
        reason=plans.Reason.RENAMED,
        after=dataclasses.replace(change.after, note=_carried_note(charter, change.after, former)),
        live=None,
        fields=tuple(fields),
        renamed_from=former.schedule.id,
        origin=_origin(former, new, charter.place.path),
    )


def _carried_note(charter: declarations.Charter, after: model.Schedule, former: observed.Live) -> str | None:
    """Return the note of a renamed schedule; if a manual pause is kept, the note must not suggest that we paused it."""
    path, declared = charter.place.path, charter.schedule
    if after.paused and not declared.paused:
        return notes.carried(None if after.note == declared.note else after.note, former)
    return after.note or (notes.declared(path) if after.paused else notes.managed(path))


def _origin(former: observed.Live, new: str, path: str) -> plans.Change:
    """Return the change to the schedule that a rename replaces; if it is paused, only its note changes."""
    change = _replaced(former, new, path)
    if change.verb is plans.Verb.PAUSE or notes.is_removed(former.schedule.note):
        return change
    after = dataclasses.replace(former.schedule, note=notes.renamed(new, path), seal=former.next_seal)
    return dataclasses.replace(change, verb=plans.Verb.PAUSE, reason=plans.Reason.RENAMED, after=after)


def _replaced(former: observed.Live, new: str, path: str) -> plans.Change:
    """Return the change to a schedule that another one has replaced."""
    change = decisions.for_undeclared(former, path)
    if change.verb is plans.Verb.KEEP:
        return change
    after = dataclasses.replace(change.after, note=notes.renamed(new, path))
    return dataclasses.replace(change, reason=plans.Reason.RENAMED, after=after)


def check_owner(declaration: declarations.Declaration) -> None:
    """Raise `errors.UsageError` for an empty prefix without an owner: no schedule could be identified as ours."""
    if "" in declaration.prefixes and not declaration.owner:
        raise errors.UsageError(
            f"{declaration.path} has an empty prefix, so schedules are identified by their owner's mark, but no owner "
            "is specified",
            hint="add an owner to the section, or pass --owner",
        )


def exempted(live: Mapping[str, observed.Live], declaration: declarations.Declaration) -> dict[str, observed.Live]:
    """Return the live schedules, each with the salt and its charter's `not_secret` paths."""
    paths = {id_: charter.schedule.not_secret for charter in declaration.charters for id_ in charter.was}
    paths |= {charter.schedule.id: charter.schedule.not_secret for charter in declaration.charters}
    return {
        id_: dataclasses.replace(
            each,
            schedule=dataclasses.replace(each.schedule, not_secret=paths.get(id_, ()), salt=declaration.salt),
        )
        for id_, each in live.items()
    }


def marked(declaration: declarations.Declaration) -> declarations.Declaration:
    """Return the declaration with its salt and its owner in every schedule."""
    salt, owner = declaration.salt, declaration.owner or None
    charters = (
        dataclasses.replace(each, schedule=dataclasses.replace(each.schedule, salt=salt, owner=owner))
        for each in declaration.charters
    )
    return dataclasses.replace(declaration, charters=tuple(charters))


def in_order(changes: Iterable[plans.Change]) -> list[plans.Change]:
    """Return the changes in order of execution, and by id within each verb."""
    return sorted(changes, key=lambda change: (_ORDER.index(change.verb), change.id))


def assembled(
    declaration: declarations.Declaration,
    live: Mapping[str, observed.Live],
    target: observed.Target,
    changes: Sequence[plans.Change],
) -> plans.Plan:
    """Return the plan with these changes, its digest, and the number of schedules that exist."""
    return plans.Plan(
        target=target,
        spec_path=declaration.path,
        governed=declaration.governed,
        environment=declaration.environment,
        changes=tuple(changes),
        digest=digests.digest(target, changes, declaration.only, declaration.refresh),
        only=declaration.only,
        refresh=declaration.refresh,
        found=_counts(live, declaration),
        adopts=declaration.adopt,
        salt=declaration.salt,
        variables={name: str(redaction.digest(text, declaration.salt)) for name, text in declaration.variables.items()},
    )


def _counts(live: Mapping[str, observed.Live], declaration: declarations.Declaration) -> observed.Left:
    """Return how many schedules exist; one that is about to be taken over is counted as managed."""
    wanted = {charter.schedule.id for charter in declaration.charters}
    known = wanted | {id_ for charter in declaration.charters for id_ in charter.was}
    ours = present = 0
    for id_, each in live.items():
        is_taken = id_ in wanted and declaration.adopt
        is_known = id_ in known and not decisions.is_foreign(each.schedule, declaration)
        is_ours = is_taken or is_known or decisions.is_ours(each.schedule, declaration)
        ours += is_ours
        present += is_ours or id_ in known or ownership.claims(declaration.prefixes, id_)
    return observed.Left(managed=ours, present=present)


def at_rest(plan: plans.Plan) -> plans.Plan:
    """Return the plan for a disabled environment: every schedule is kept as it is."""
    changes = (
        dataclasses.replace(
            change,
            verb=plans.Verb.KEEP,
            reason=plans.Reason.SWITCHED_OFF,
            after=change.live.schedule if change.live else change.after,
            fields=(),
            renamed_from=None,
            origin=None,
            unchangeable=(),
        )
        for change in plan.schedules
    )
    return dataclasses.replace(
        plan, changes=tuple(changes), digest=digests.digest(plan.target, (), plan.only, plan.refresh)
    )


def disabled(declaration: declarations.Declaration, target: observed.Target) -> plans.Plan:
    """Return the plan for a disabled environment, made without reading the server: it has no changes."""
    return dataclasses.replace(assembled(declaration, {}, target, ()), disabled=declaration.disabled, variables={})


def plan_from_snapshot(
    declaration: declarations.Declaration,
    live: Mapping[str, observed.Live],
    target: observed.Target,
    taken_at: datetime.datetime,
) -> plans.Plan:
    """Return the plan against a snapshot; its secrets are redacted, so the declaration is redacted the same way.

    A declaration without an owner gets the snapshot's. Raises `errors.UsageError` if the snapshot's prefixes differ.
    """
    if target.prefixes != declaration.prefixes:
        there, here = map(ownership.shown, (target.prefixes, declaration.prefixes))
        raise errors.UsageError(
            f"the snapshot contains schedules {there}, but the spec declares {here}",
            hint="take a new snapshot, or pass the snapshot's --prefix",
        )
    declaration = dataclasses.replace(declaration, owner=declaration.owner or target.owner)
    salt = next((each.schedule.salt for each in live.values()), declaration.salt)
    charters = (
        dataclasses.replace(each, schedule=_as_in_snapshot(each.schedule, _counterpart(each, live), salt))
        for each in declaration.charters
    )
    planned = plan(dataclasses.replace(declaration, charters=tuple(charters)), live, target)
    return dataclasses.replace(planned, as_of=taken_at)


def _counterpart(charter: declarations.Charter, live: Mapping[str, observed.Live]) -> observed.Live | None:
    return next((live[id_] for id_ in (charter.schedule.id, *charter.was) if id_ in live), None)


def _as_in_snapshot(desired: model.Schedule, live: observed.Live | None, salt: bytes) -> model.Schedule:
    """Return the declared schedule; values that are redacted in the snapshot's live one are replaced by digests."""
    if live is None:  # still compared, to find renames
        return fields.redacted(dataclasses.replace(desired, salt=salt))
    alike = dataclasses.replace(desired, not_secret=live.schedule.not_secret, salt=salt)
    return dataclasses.replace(fields.redacted(alike, coded=live.coded), not_secret=desired.not_secret)
