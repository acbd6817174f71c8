"""Build a plan from desired and live schedules: each one's verb and reason, and the order."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from reconciler import errors, json_values
from reconciler.plan import diff, plans, predecessors, renames
from reconciler.schedule import declarations, fields, governed, ignored, model, observed, ownership, redaction

KEEP = "keep"  # of `manual_pauses`
_ORDER = tuple(plans.Verb)


def managed(schedule: model.Schedule, target: observed.Target) -> bool:
    """Return whether a schedule is below one of our prefixes or, with an empty one, carries our mark."""
    if ownership.claims(target.prefixes, schedule.id):
        return True
    return "" in target.prefixes and schedule.owner is not None and schedule.owner == target.owner


def plan(
    declaration: declarations.Declaration, live: Mapping[str, observed.Live], target: observed.Target
) -> plans.Plan:
    """Return the plan that makes `live` equal to the declaration.

    `live` holds each declared id that exists, every managed id that is not declared, and those that charters replace; a
    plan that is limited to some charters leaves out what none of them declares or replaces. Changes are in order of
    execution (creates, renames, updates, resumes, pauses) and by id within a verb, whatever the order of the inputs.
    """
    declaration, live = _marked(declaration), predecessors.with_carried_pauses(exempted(live, declaration))
    former = predecessors.former(declaration, live, lambda each: managed(each, target))
    wanted = {charter.schedule.id for charter in declaration.charters}
    changes = [
        *(_charted(charter, live, former.get(charter.schedule.id), declaration) for charter in declaration.charters),
        *_uncharted({id_: each for id_, each in live.items() if id_ not in wanted}, live, former, declaration),
    ]
    changes = renames.pointed_out(changes)
    changes.sort(key=lambda change: (_ORDER.index(change.verb), change.id))
    return _planned(declaration, live, target, changes)


def _charted(
    charter: declarations.Charter,
    live: Mapping[str, observed.Live],
    former: observed.Live | None,
    declaration: declarations.Declaration,
) -> plans.Change:
    own = live.get(charter.schedule.id)
    if former is None:
        return _wanted(charter, own, declaration)
    if own is None:
        return _renamed(charter, former, declaration)
    if _is_returned_while_paused(charter, own, former, declaration):
        return _paused_like(charter, own, former)
    change = _wanted(charter, own, declaration)
    return change if former.schedule.paused else dataclasses.replace(change, renamed_from=former.schedule.id)


def _is_returned_while_paused(
    charter: declarations.Charter, own: observed.Live, former: observed.Live, declaration: declarations.Declaration
) -> bool:
    """Return whether a charter gets its earlier name back, and a pause by hand of the present schedule is kept."""
    keeps = declaration.keep_manual_pauses or charter.schedule.manual_pauses == KEEP
    is_ours = not _is_foreign(own.schedule, declaration) or declaration.adopt
    is_resting = own.schedule.paused and _is_removed(own.schedule.note)
    return keeps and is_ours and is_resting and _is_paused_by_hand(former, charter.schedule)


def _paused_like(charter: declarations.Charter, own: observed.Live, former: observed.Live) -> plans.Change:
    """Return the change of a schedule that stays paused, now because the one that it replaces was paused by hand."""
    pausing = dataclasses.replace(charter.schedule, paused=True, note=former.schedule.note)
    note = _carried_note(charter, pausing, former)
    paused = dataclasses.replace(ignored.kept(pausing, own.schedule), note=note)
    fields = diff.diff(own.schedule, paused)
    after = diff.settled(own.schedule, paused)
    return _change(charter, plans.Verb.UPDATE, plans.Reason.MANUAL_PAUSE, after, own, fields)


def _uncharted(
    uncharted: Mapping[str, observed.Live],
    live: Mapping[str, observed.Live],
    former: Mapping[str, observed.Live],
    declaration: declarations.Declaration,
) -> Iterator[plans.Change]:
    """Yield the changes of schedules that no charter declares, without those that are part of a rename."""
    successors = {old.schedule.id: new for new, old in former.items()}
    for id_, each in uncharted.items():
        new = successors.get(id_)
        if (new is not None and new not in live) or (new is None and declaration.only):
            continue
        if new is None and _is_ours(each.schedule, declaration):
            yield _unwanted(each, declaration.path)
        if new is not None and (declaration.adopt or not _is_foreign(each.schedule, declaration)):
            yield _replaced(each, new, declaration.path)


def _renamed(
    charter: declarations.Charter, former: observed.Live, declaration: declarations.Declaration
) -> plans.Change:
    """Return the change that replaces a schedule by one with the charter's id, as if only its id changed."""
    new = charter.schedule.id
    renamed = dataclasses.replace(former.schedule, id=new)
    alike = dataclasses.replace(former, schedule=renamed, memo_is_fixed=False)  # as it is created again
    change = _wanted(charter, alike, declaration)
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
    """Return the note of a renamed schedule; that of a manual pause which is kept must not look like our own."""
    path, declared = charter.place.path, charter.schedule
    if after.paused and not declared.paused:
        return predecessors.carried_note(None if after.note == declared.note else after.note, former)
    return after.note or (declared_note(path) if after.paused else managed_note(path))


def _origin(former: observed.Live, new: str, path: str) -> plans.Change:
    """Return the change of the schedule that a rename replaces; one that is paused gets the note about that."""
    change = _replaced(former, new, path)
    if change.verb is plans.Verb.PAUSE or _is_removed(former.schedule.note):
        return change
    after = dataclasses.replace(former.schedule, note=predecessors.note(new, path), seal=former.next_seal)
    return dataclasses.replace(change, verb=plans.Verb.PAUSE, reason=plans.Reason.RENAMED, after=after)


def _replaced(former: observed.Live, new: str, path: str) -> plans.Change:
    """Return the change of a schedule whose work another one does now."""
    change = _unwanted(former, path)
    if change.verb is plans.Verb.KEEP:
        return change
    after = dataclasses.replace(change.after, note=predecessors.note(new, path))
    return dataclasses.replace(change, reason=plans.Reason.RENAMED, after=after)


def check_owner(declaration: declarations.Declaration) -> None:
    """Raise `errors.UsageError` for an empty prefix without an owner, as no mark would be ours."""
    if "" in declaration.prefixes and not declaration.owner:
        raise errors.UsageError(
            f"{declaration.path} has an empty prefix, so the owner's mark decides whose a schedule is, and no owner is "
            "named",
            hint="add an owner to the section, or pass --owner",
        )


def exempted(live: Mapping[str, observed.Live], declaration: declarations.Declaration) -> dict[str, observed.Live]:
    """Return the live schedules with the salt, and each with its charter's `not_secret` paths."""
    paths = {id_: charter.schedule.not_secret for charter in declaration.charters for id_ in charter.was}
    paths |= {charter.schedule.id: charter.schedule.not_secret for charter in declaration.charters}
    return {
        id_: dataclasses.replace(
            each,
            schedule=dataclasses.replace(each.schedule, not_secret=paths.get(id_, ()), salt=declaration.salt),
        )
        for id_, each in live.items()
    }


def _marked(declaration: declarations.Declaration) -> declarations.Declaration:
    """Return the declaration with its salt and its owner in every schedule."""
    salt, owner = declaration.salt, declaration.owner or None
    charters = (
        dataclasses.replace(each, schedule=dataclasses.replace(each.schedule, salt=salt, owner=owner))
        for each in declaration.charters
    )
    return dataclasses.replace(declaration, charters=tuple(charters))


def _planned(
    declaration: declarations.Declaration,
    live: Mapping[str, observed.Live],
    target: observed.Target,
    changes: Sequence[plans.Change],
) -> plans.Plan:
    return plans.Plan(
        target=target,
        spec_path=declaration.path,
        governed=declaration.governed,
        environment=declaration.environment,
        changes=tuple(changes),
        digest=digest(target, changes, declaration.only, declaration.refresh),
        only=declaration.only,
        refresh=declaration.refresh,
        found=_counts(live, declaration),
        adopts=declaration.adopt,
        salt=declaration.salt,
        variables={name: str(redaction.digest(text, declaration.salt)) for name, text in declaration.variables.items()},
    )


def repair(
    declaration: declarations.Declaration,
    deleted: Collection[str],
    live: Mapping[str, observed.Live],
    target: observed.Target,
    held: Collection[str] = (),
) -> plans.Plan:
    """Return the plan that makes the schedules of users equal to the rows that declare them.

    A live schedule is deleted if its row is `deleted`, and paused if it has no row or is `held`: the row cannot be
    read, except that it is not enabled. Only schedules with our own mark are touched; others may have similar ids.
    """
    declaration, live = _marked(declaration), exempted(live, declaration)
    wanted = {charter.schedule.id for charter in declaration.charters}
    ours = [each for id_, each in live.items() if id_ not in wanted and each.schedule.owner == declaration.owner]
    changes = [
        *(_wanted(charter, live.get(charter.schedule.id), declaration) for charter in declaration.charters),
        *(_undeclared(each, deleted, held, declaration.path) for each in ours),
    ]
    changes.sort(key=lambda change: (_ORDER.index(change.verb), change.id))
    known = wanted | {each.schedule.id for each in ours}
    return _planned(declaration, {id_: each for id_, each in live.items() if id_ in known}, target, changes)


def _undeclared(live: observed.Live, deleted: Collection[str], held: Collection[str], path: str) -> plans.Change:
    if live.schedule.id in deleted:
        return _deletion(live)
    if live.schedule.id not in held:
        return dataclasses.replace(_unwanted(live, path), reason=plans.Reason.ORPHANED)
    change = dataclasses.replace(_unwanted(live, path), reason=plans.Reason.DECLARED_PAUSED)
    if change.verb is plans.Verb.KEEP:
        return change
    return dataclasses.replace(change, after=dataclasses.replace(change.after, note=declared_note(path)))


def _deletion(live: observed.Live) -> plans.Change:
    return plans.Change(
        verb=plans.Verb.DELETE, reason=plans.Reason.DELETED, after=live.schedule, live=live, charter=None, place=None
    )


def at_rest(plan: plans.Plan) -> plans.Plan:
    """Return the plan of a disabled environment: every schedule is kept as it is."""
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
    return dataclasses.replace(plan, changes=tuple(changes), digest=digest(plan.target, (), plan.only, plan.refresh))


def disabled(declaration: declarations.Declaration, target: observed.Target) -> plans.Plan:
    """Return the plan of a disabled environment without the server: it has no changes."""
    return dataclasses.replace(_planned(declaration, {}, target, ()), disabled=declaration.disabled, variables={})


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

    If a wanted change that must precede pauses and deletes is missing, none of these is kept.
    """
    meanings = {change.id: _meaning(change) for change in wanted}
    kept = [change for change in plan.steps if meanings.get(change.id) == _meaning(change)]
    missing = meanings.keys() - {change.id for change in kept}
    if any(change.id in missing and not change.verb.is_last for change in wanted):
        kept = [change for change in kept if not change.verb.is_last]
    return dataclasses.replace(plan, changes=tuple(kept))


def _meaning(change: plans.Change) -> tuple[object, ...]:
    """Return what a person approved, the reason included: resuming someone's manual pause is a step of its own."""
    return change.verb, change.reason, change.fields, change.origin.id if change.origin else None


def prune(
    declaration: declarations.Declaration,
    live: Mapping[str, observed.Live],
    target: observed.Target,
    before: datetime.datetime | None = None,
) -> plans.Plan:
    """Return the plan that deletes the schedules that this tool paused before a time because their charter was removed.

    Schedules paused later, those that anyone has changed since, and all other managed ones are kept.
    """
    live = exempted(live, declaration)
    wanted = {charter.schedule.id for charter in declaration.charters}
    known = (each for _, each in sorted(live.items()) if not _is_foreign(each.schedule, declaration))
    candidates = (each for each in known if each.schedule.id in wanted or _is_ours(each.schedule, declaration))
    changes = [_pruned(each, before, wanted=each.schedule.id in wanted) for each in candidates]
    return _planned(declaration, live, target, changes)


def _counts(live: Mapping[str, observed.Live], declaration: declarations.Declaration) -> observed.Left:
    """Return how many schedules exist; one that is about to be taken over is counted as managed."""
    wanted = {charter.schedule.id for charter in declaration.charters}
    known = wanted | {id_ for charter in declaration.charters for id_ in charter.was}
    ours = present = 0
    for id_, each in live.items():
        is_taken = id_ in wanted and declaration.adopt
        is_known = id_ in known and not _is_foreign(each.schedule, declaration)
        is_ours = is_taken or is_known or _is_ours(each.schedule, declaration)
        ours += is_ours
        present += is_ours or id_ in known or ownership.claims(declaration.prefixes, id_)
    return observed.Left(managed=ours, present=present)


def _pruned(live: observed.Live, before: datetime.datetime | None, *, wanted: bool) -> plans.Change:
    reason = plans.Reason.STAYS if wanted else _why_prunable(live, before)
    verb = plans.Verb.DELETE if reason is plans.Reason.PRUNED else plans.Verb.KEEP
    return plans.Change(verb=verb, reason=reason, after=live.schedule, live=live, charter=None, place=None)


def _why_prunable(live: observed.Live, before: datetime.datetime | None) -> plans.Reason:
    """Return why an undeclared schedule may or may not be deleted: only if provably nothing happened since our pause.

    The seal proves that no one edited, resumed or paused it since. A trigger or a backfill does not change V1's token,
    but it starts or buffers a run after the pause, which is the last update.
    """
    if not live.schedule.paused or not _is_removed(live.schedule.note):
        return plans.Reason.STAYS
    paused_at = live.history.updated_at
    if live.schedule.seal is None or paused_at is None:
        return plans.Reason.UNPROVEN
    if not live.is_sealed:
        return plans.Reason.CHANGED
    if live.history.buffered or any(run.started_at and run.started_at > paused_at for run in live.history.recent):
        return plans.Reason.RAN
    return plans.Reason.PRUNED if before is None or paused_at <= before else plans.Reason.ALREADY_PAUSED


def plan_from_snapshot(
    declaration: declarations.Declaration,
    live: Mapping[str, observed.Live],
    target: observed.Target,
    taken_at: datetime.datetime,
) -> plans.Plan:
    """Return the plan against a snapshot: its secrets are redacted, so the declaration is redacted alike to compare.

    A declaration without an owner gets the snapshot's. Raises `errors.UsageError` if the snapshot has other prefixes.
    """
    if target.prefixes != declaration.prefixes:
        there, here = map(ownership.shown, (target.prefixes, declaration.prefixes))
        raise errors.UsageError(
            f"the snapshot is of schedules {there}, the spec declares {here}",
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
    """Return the declared schedule redacted like its live one: a value that is a digest there becomes one here."""
    if live is None:  # still compared, to find renames
        return fields.redacted(dataclasses.replace(desired, salt=salt))
    alike = dataclasses.replace(desired, not_secret=live.schedule.not_secret, salt=salt)
    return dataclasses.replace(fields.redacted(alike, coded=live.coded), not_secret=desired.not_secret)


def _is_foreign(live: model.Schedule, declaration: declarations.Declaration) -> bool:
    """Return whether a schedule carries another owner's mark."""
    return live.owner is not None and live.owner != declaration.owner


def _is_ours(live: model.Schedule, declaration: declarations.Declaration) -> bool:
    """Return whether a schedule is managed although no charter declares it."""
    return ownership.is_ours(declaration.prefixes, declaration.owner, live.id, live.owner)


def _wanted(
    charter: declarations.Charter, live: observed.Live | None, declaration: declarations.Declaration
) -> plans.Change:
    desired = charter.schedule
    if live is None:
        return _creation(charter, desired)
    if _is_foreign(live.schedule, declaration) and not declaration.adopt:
        return _change(charter, plans.Verb.KEEP, plans.Reason.OWNED, live.schedule, live)
    kept = ignored.kept(desired, live.schedule)
    possible, unchangeable = _possible(kept, live)
    change = _difference(charter, possible, live, declaration)
    if unchangeable:
        change = dataclasses.replace(change, unchangeable=unchangeable)
    if not desired.ignore:
        return change
    shown = {each.path for each in (*change.fields, *unchangeable)}
    hidden = (each for each in diff.diff(live.schedule, desired) if each.path not in shown)
    return dataclasses.replace(change, ignored=tuple(hidden))


def _possible(desired: model.Schedule, live: observed.Live) -> tuple[model.Schedule, tuple[plans.FieldChange, ...]]:
    """Return the desired schedule as far as the server can change the live one, and what it cannot change."""
    if not live.memo_is_fixed or desired.memo is None:
        return desired, ()
    alike = dataclasses.replace(live.schedule, not_secret=desired.not_secret, salt=desired.salt)
    unchangeable = diff.diff(live.schedule, dataclasses.replace(alike, memo=desired.memo))
    return dataclasses.replace(desired, memo=live.schedule.memo), unchangeable


def _difference(
    charter: declarations.Charter, desired: model.Schedule, live: observed.Live, declaration: declarations.Declaration
) -> plans.Change:
    keeps = declaration.keep_manual_pauses or desired.manual_pauses == KEEP
    if keeps and _is_paused_by_hand(live, desired):
        return _left_paused(charter, desired, live)
    after = diff.settled(live.schedule, desired)
    fields = diff.from_settled(live.schedule, after)
    verb, reason = _verb(live, desired, fields)
    note = _note(verb, live.schedule.note, charter.place.path)
    if desired.note is None and note != after.note:
        after = dataclasses.replace(after, note=note)
    return _change(charter, verb, reason, after, live, fields)


def _creation(charter: declarations.Charter, desired: model.Schedule) -> plans.Change:
    path = charter.place.path
    note = declared_note(path) if desired.paused else managed_note(path)
    after = dataclasses.replace(desired, note=desired.note or note)
    return _change(charter, plans.Verb.CREATE, plans.Reason.NEW, after, None, diff.everything(desired))


def _is_paused_by_hand(live: observed.Live, desired: model.Schedule) -> bool:
    if desired.paused or not live.schedule.paused:
        return False
    reason = _why_paused(live, desired.note)
    return reason in (plans.Reason.PAUSED_OUTSIDE, plans.Reason.PAUSED_ON_FAILURE)


def _left_paused(charter: declarations.Charter, desired: model.Schedule, live: observed.Live) -> plans.Change:
    """Return the change to a schedule whose manual pause and note are kept."""
    paused = dataclasses.replace(desired, paused=True, note=live.schedule.note)
    fields = diff.diff(live.schedule, paused)
    verb, reason = plans.Verb.KEEP, plans.Reason.MANUAL_PAUSE
    if fields:
        verb, reason = plans.Verb.UPDATE, plans.Reason.DIFFERENT
    return _change(charter, verb, reason, diff.settled(live.schedule, paused), live, fields)


def _change(
    charter: declarations.Charter,
    verb: plans.Verb,
    reason: plans.Reason,
    after: model.Schedule,
    live: observed.Live | None,
    fields: tuple[plans.FieldChange, ...] = (),
) -> plans.Change:
    return plans.Change(
        verb=verb,
        reason=reason,
        after=after,
        live=live,
        charter=charter.name,
        place=charter.place,
        fields=fields,
        overrides=charter.overrides,
    )


def _verb(
    live: observed.Live, desired: model.Schedule, fields: Iterable[plans.FieldChange]
) -> tuple[plans.Verb, plans.Reason]:
    if live.schedule.paused and not desired.paused:
        return plans.Verb.RESUME, _why_paused(live, desired.note)
    if desired.paused and not live.schedule.paused:
        return plans.Verb.PAUSE, plans.Reason.DECLARED_PAUSED
    if fields:
        return plans.Verb.UPDATE, plans.Reason.DIFFERENT
    return plans.Verb.KEEP, plans.Reason.LISTED if live.assumed else plans.Reason.SAME


def _why_paused(live: observed.Live, declared_note: str | None) -> plans.Reason:
    """Return why a schedule is paused, from its note and, where that is the charter's own, from who paused it.

    A pause by an update keeps the charter's note, as our declared pause does. So that note alone proves nothing: unless
    the server names us, a person paused it.
    """
    note = live.schedule.note or ""
    if _is_removed(note):
        return plans.Reason.RETURNED
    ours = note == declared_note and live.pause is not None and live.pause.is_ours
    if note.startswith(_DECLARED) or ours:
        return plans.Reason.UNDECLARED_PAUSED
    if note.startswith(ownership.PAUSED_ON_FAILURE):
        return plans.Reason.PAUSED_ON_FAILURE
    return plans.Reason.PAUSED_OUTSIDE


def _is_removed(note: str | None) -> bool:
    return (note or "").startswith((REMOVED, renames.RENAMED))


def _unwanted(live: observed.Live, path: str) -> plans.Change:
    paused = dataclasses.replace(live.schedule, paused=True, note=None)
    if live.schedule.paused:
        verb, reason, after = plans.Verb.KEEP, plans.Reason.ALREADY_PAUSED, live.schedule
    else:
        verb, reason = plans.Verb.PAUSE, plans.Reason.REMOVED
        after = dataclasses.replace(paused, note=REMOVED + path, seal=live.next_seal)
    return plans.Change(
        verb=verb,
        reason=reason,
        after=after,
        live=live,
        charter=None,
        place=None,
        fields=diff.diff(live.schedule, paused),
    )


REMOVED = renames.REMOVED
_DECLARED = f"{ownership.PAUSED_BY_US}declared paused in "


def managed_note(path: str) -> str:
    """Return the note of a schedule that runs as this spec declares."""
    return f"{ownership.MANAGED_BY_US}declared in {path}"


def declared_note(path: str) -> str:
    """Return the note of a schedule that this spec declares paused."""
    return _DECLARED + path


def _note(verb: plans.Verb, live_note: str | None, path: str) -> str | None:
    """Return the note after a change: one that describes the new state, or else the previous one."""
    match verb:
        case plans.Verb.RESUME:
            return managed_note(path)
        case plans.Verb.PAUSE:
            return declared_note(path)
        case plans.Verb.UPDATE if _is_removed(live_note):  # back in the spec, and declared paused
            return declared_note(path)
        case _:
            return live_note


def digest(
    target: observed.Target,
    changes: Iterable[plans.Change],
    only: Sequence[str] = (),
    refresh: declarations.Refresh | None = None,
) -> str:
    """Return `sha256:…` over what the plan means: namespace, prefixes and each step's verb, id and fields.

    That of a plan which is limited to some charters covers their names, and that of a plan which did not read
    everything covers how much it read.

    It covers a secret's new value but not the old one, which anyone who sees the digest could otherwise guess. It
    contains no times, tokens, addresses or places, so the same plan has the same digest on any machine, at any time.
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
