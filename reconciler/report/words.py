"""The wording and escaping that all renderings share."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import json
import zoneinfo
from collections.abc import Callable, Iterator, Sequence

from reconciler import errors, json_values, spelling
from reconciler.plan import labels, plans, rollouts
from reconciler.plan import takeovers as taken
from reconciler.report import phrases
from reconciler.schedule import fields, observed, ownership, prospects, redaction
from reconciler.timing import durations

LONGEST_VALUE = 400  # characters of one value; only the JSON document shows all of it
DONE = {
    plans.Verb.CREATE: "created",
    plans.Verb.RENAME: "renamed",
    plans.Verb.UPDATE: "updated",
    plans.Verb.RESUME: "resumed",
    plans.Verb.PAUSE: "paused",
    plans.Verb.DELETE: "deleted",
}
_NAMED = 10  # charters or schedules named in a heading or a note
RARE = (plans.Verb.RENAME, plans.Verb.DELETE)  # counted only if there are any
KEPT = (plans.Reason.UNPROVEN, plans.Reason.CHANGED, plans.Reason.RAN)  # paused because undeclared, but not pruned


def summary(plan: plans.Plan) -> str:
    """Return the summary line of a plan, worded like Terraform's."""
    if not plan.differs:
        matched = phrases.printable(plan.spec_path) + (f" for {partial(plan)}" if plan.only else "")
        side = "listing" if plan.assumed else "server"
        return f"No changes. The {side} matches {matched} ({_counted(plan, plans.Verb.KEEP)})."
    if not plan.steps:
        return f"Nothing can be applied: {blocked(plan)} ({_counted(plan, plans.Verb.KEEP)})."
    shown = (verb for verb in plans.Verb if verb not in RARE or plan.count(verb))
    counts = ", ".join(_counted(plan, verb) for verb in shown)
    kind = "Partial plan" if plan.only else "Plan"
    held = f"; nothing can be applied because {blocked(plan)}" if plan.blocked else ""
    return f"{kind}: {counts}{held}."


def rollout_summary(rollout: rollouts.Rollout) -> str:
    """Return the summary line of the plans of several environments."""
    if not rollout.planned:
        return "Nothing to do: no environment is enabled."
    where = spelling.counted(len(rollout.planned), "environment")
    if not rollout.differs:
        charters = f" for {partial(rollout)}" if rollout.only else ""
        return f"No changes{charters} in {where} ({_counted(rollout, plans.Verb.KEEP)})."
    where += f", only {partial(rollout)}" if rollout.only else ""
    if not rollout.steps:
        return f"Nothing can be applied to {where}: {blocked(rollout)} ({_counted(rollout, plans.Verb.KEEP)})."
    shown = (verb for verb in plans.Verb if verb not in RARE or rollout.count(verb))
    counts = ", ".join(_counted(rollout, verb) for verb in shown)
    held = f"; nothing can be applied because {blocked(rollout)}" if rollout.blocked else ""
    return f"{'Partial plan' if rollout.only else 'Plan'} for {where}: {counts}{held}."


def turn(part: rollouts.Part, rollout: rollouts.Rollout) -> str:
    """Return the heading of an environment."""
    return f"Environment {rollout.parts.index(part) + 1} of {len(rollout.parts)}: {phrases.printable(part.environment)}"


def progress(results: Sequence[rollouts.Ended], mark: Callable[[str], str] = phrases.printable) -> str:
    """Return which environments were applied, failed, were interrupted, or were not started; `mark` wraps each name."""
    names = {
        progress: ", ".join(
            mark(each.part.environment) + (f" ({errors.INTERRUPTED})" if each.code.is_interrupted else "")
            for each in results
            if each.progress is progress
        )
        for progress in rollouts.Progress
    }
    return f"{phrases.capitalized('; '.join(f'{each.value}: {listed}' for each, listed in names.items() if listed))}."


def partial(plan: plans.Plan | rollouts.Rollout) -> str:
    """Return the charters that the plan is limited to; empty if it covers all of them."""
    shown = [phrases.printable(name) for name in plan.only[:_NAMED]]
    more = f" and {len(plan.only) - _NAMED} more" if len(plan.only) > _NAMED else ""
    return ", ".join(shown) + more


def blocked(plan: plans.Plan | rollouts.Rollout) -> str:
    """Return how many declared schedules belong to other owners."""
    count = len(plan.blocked)
    return (
        "1 declared schedule belongs to another owner"
        if count == 1
        else (f"{count} declared schedules belong to other owners")
    )


def _counted(plan: plans.Plan | rollouts.Rollout, verb: plans.Verb) -> str:
    return f"{plan.count(verb)} unchanged" if verb is plans.Verb.KEEP else f"{plan.count(verb)} to {verb.word}"


def value(shown: json_values.Json | plans.Absent) -> str:
    """Return a field's value as JSON on one line, truncated if very long."""
    if isinstance(shown, plans.Absent):
        return shown.value
    text = phrases.printable(json.dumps(shown, ensure_ascii=False))
    if len(text) <= LONGEST_VALUE:
        return text
    return f"{text[:LONGEST_VALUE]}… ({len(text)} characters)"


def sides(field: plans.FieldChange, verb: plans.Verb, mark: Callable[[str], str] = str) -> str:
    """Return `old → new`, or only the new value if the schedule is created; `mark` wraps each value."""
    new = mark(value(field.new))
    return new if verb is plans.Verb.CREATE else f"{mark(value(field.old))} → {new}"


def ignored(field: plans.FieldChange, mark: Callable[[str], str] = str) -> str:
    """Return the note on an ignored field: its live value and the spec's; `mark` wraps paths and values."""
    return f"ignored: {mark(field.path)} stays {mark(value(field.old))}; the spec has {mark(value(field.new))}"


def target(plan: plans.Plan) -> str:
    """Return the heading of a plan: which schedules, server, and environment it is about."""
    place = where(plan)
    is_named = any(plan.target.prefixes) and not plan.target.of_users
    return f"Schedules {place}" if is_named else phrases.capitalized(place)


def where(plan: plans.Plan) -> str:
    """Return which schedules the plan is about, for use within a sentence."""
    target = plan.target
    environment = f", environment {plan.environment}" if plan.environment else ""
    owner = f", owner {target.owner}" if target.owner else ""
    only = f", only {partial(plan)}" if plan.only else ""
    return f"{which(target)} in namespace {target.namespace} on {target.address}{environment}{owner}{only}"


def which(target: observed.Target) -> str:
    """Return which schedules a target consists of."""
    return "users' schedules" if target.of_users else ownership.shown(target.prefixes)


def question(plan: plans.Plan) -> str:
    """Return the confirmation question: how many steps of each kind, and on which server."""
    if plan.count(plans.Verb.DELETE) and not plan.target.of_users:
        return f"Delete {spelling.counted(plan.count(plans.Verb.DELETE), 'schedule')} from {where(plan)}?"
    return f"Apply {_changes(plan)} to {where(plan)}?"


def rollout_question(rollout: rollouts.Rollout) -> str:
    """Return the confirmation question for several environments, including the server."""
    names = ", ".join(phrases.printable(plan.environment or "") for plan in rollout.planned if plan.steps)
    target = rollout.planned[0].target
    only = f", only {partial(rollout)}" if rollout.only else ""
    return f"Apply {_changes(rollout)} to {names} in namespace {target.namespace} on {target.address}{only}?"


def _changes(plan: plans.Plan | rollouts.Rollout) -> str:
    """Return how many changes there are, and how many of each kind: `2 changes (1 create, 1 pause)`."""
    steps = {verb: plan.count(verb) for verb in plans.Verb if verb is not plans.Verb.KEEP}
    kinds = ", ".join(spelling.counted(count, verb.word) for verb, count in steps.items() if count)
    return f"{spelling.counted(sum(steps.values()), 'change')} ({kinds})"


def pruning(plan: plans.Plan, older_than: datetime.timedelta) -> str:
    """Return the summary line for a prune, or why there is nothing to prune."""
    if plan.steps:
        return f"Plan: {_counted(plan, plans.Verb.DELETE)}, {plan.count(plans.Verb.KEEP)} to keep."
    young = sum(change.reason is plans.Reason.ALREADY_PAUSED for change in plan.changes)
    touched = sum(change.reason in KEPT for change in plan.changes)
    if not young and not touched:
        return "Nothing to prune: no schedule was paused because its charter was removed."
    one = young + touched == 1
    which = (
        *([f"{young} less than {durations.render(older_than)} ago"] if young else []),
        *([f"{touched} possibly changed since then"] if touched else []),
    )
    return (
        f"Nothing to prune: {spelling.counted(young + touched, 'schedule')} {'was' if one else 'were'} paused because "
        f"{'its charter was removed, but ' if one else 'their charters were removed: '}"
        f"{' and '.join(which).removeprefix('1 ') if one else ' and '.join(which)}."
    )


def as_of(plan: plans.Plan, now: datetime.datetime | None) -> str:
    """Return the time and age of the plan's snapshot; empty for a plan made against the server."""
    if plan.as_of is None:
        return ""
    age = f", {ago(plan.as_of, now)}" if now else ""
    if now and plan.as_of > now:
        age = ", which is in the future; check both machines' clocks"
    return f"From a snapshot taken on {moment(plan.as_of, 'UTC')}{age}."


def override(change: plans.Change, field: plans.FieldChange) -> str:
    """Return where an environment override defines the field; empty if the charter defines it."""
    key = field.path.partition(".")[0].partition("[")[0]
    return str(change.overrides[key]) if key in change.overrides else ""


def moment(when: datetime.datetime, timezone: str) -> str:
    """Return a local time: `Mon 24 Nov 2026 09:00 CET`; seconds are shown unless zero."""
    local = when.astimezone(zoneinfo.ZoneInfo(timezone))
    clock = local.strftime("%H:%M:%S" if local.second else "%H:%M")
    return f"{local:%a %d %b %Y} {clock} {local:%Z}"


def distance(when: datetime.datetime, now: datetime.datetime) -> str:
    """Return the time until a future moment, in the largest unit that gives at least two: `in 22 h`."""
    seconds = int((when - now).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"in {seconds // size} {unit}"
    return f"in {max(seconds, 0)} s"


def is_notable(change: plans.Change) -> bool:
    """Return whether a plan shows a change by default: a step, or a schedule left alone for a reason."""
    kept = (plans.Reason.MANUAL_PAUSE, plans.Reason.OWNED, *KEPT)
    return change.verb is not plans.Verb.KEEP or change.reason in kept


def remarks(change: plans.Change, now: datetime.datetime | None, mark: Callable[[str], str] = str) -> Iterator[str]:
    """Yield remarks on a change: the owner, who paused the schedule and when, and its note."""
    if change.origin:
        yield from _renaming(change.origin, change.after.paused, now, mark)
        return
    if change.renamed_from and change.live is None:
        yield _origin(change, now, mark)
    if change.live is None:
        return
    owner = change.live.schedule.owner
    if change.reason is plans.Reason.OWNED or (owner and owner != change.after.owner):
        takeover = "" if change.reason is plans.Reason.OWNED else " (will be taken over)"
        yield f"owner: {mark(phrases.printable(labels.brief(owner or '')))}{takeover}"
    explained = (plans.Reason.MANUAL_PAUSE, *KEPT)
    if change.verb not in (plans.Verb.RESUME, plans.Verb.PAUSE) and change.reason not in explained:
        return
    if now and change.live.pause:
        by = paused_by(change.live.pause, "UTC", now)
        if by:
            yield f"paused {mark(by)}{_missed(change, change.live.pause, now)}"
    if change.live.schedule.note:
        yield f"note: {mark(value(fields.note(change.live.schedule)))}"


def _renaming(
    origin: plans.Change, stays_paused: bool, now: datetime.datetime | None, mark: Callable[[str], str]
) -> Iterator[str]:
    """Yield what happens to the schedule with the former name, and to its existing pause."""
    name, live = mark(phrases.printable(labels.brief(origin.id))), origin.live
    if live is None or not live.schedule.paused:
        yield f"{name} will be paused"
        return
    by = paused_by(live.pause, "UTC", now) if now and live.pause else ""
    new = "the new schedule stays paused" if stays_paused else "the new schedule will run"
    yield f"{name} {f'was paused {mark(by)}' if by else 'is already paused'}; {new}"
    if live.schedule.note:
        yield f"note: {mark(value(fields.note(live.schedule)))}"


def reason(change: plans.Change, mark: Callable[[str], str] = str) -> str:
    """Return what will happen to a schedule, with the reason in parentheses, or only the reason if nothing will.

    For a rename, the former name takes the place of the reason.
    """
    if change.verb is plans.Verb.KEEP:
        return change.reason.value
    happens = f"will be {DONE[change.verb]}"
    if change.origin:
        return f"{happens} from {mark(phrases.printable(labels.brief(change.origin.id)))}"
    return happens if change.reason is plans.Reason.NEW else f"{happens} ({change.reason.value})"


def _missed(change: plans.Change, pause: observed.Pause, now: datetime.datetime) -> str:
    """Return how many firings a manually paused schedule has missed since it was paused; empty if that is unknown."""
    by_hand = (plans.Reason.MANUAL_PAUSE, plans.Reason.PAUSED_OUTSIDE, plans.Reason.PAUSED_ON_FAILURE)
    if change.live is None or pause.at is None or change.reason not in by_hand:
        return ""
    due = prospects.upcoming(dataclasses.replace(change.live.schedule, paused=False), pause.at)
    count = sum(1 for _ in itertools.islice(itertools.takewhile(lambda when: when <= now, due), _MOST_MISSED + 1))
    if not count:
        return ""
    shown = f"more than {_MOST_MISSED:,}" if count > _MOST_MISSED else str(count)
    return f"; {shown} firing{'s'[: count != 1]} missed since then"


_MOST_MISSED = 1_000


def _origin(change: plans.Change, now: datetime.datetime | None, mark: Callable[[str], str]) -> str:
    """Return which schedule was probably renamed to this one; its pause is not carried over."""
    name = mark(phrases.printable(change.renamed_from or ""))
    text, advice = f"looks like a rename of {name}, which ", f"; if this is a rename, add was: {name}"
    if change.origin_pause is None:
        return f"{text}will be paused{advice}"
    known = paused_by(change.origin_pause, "UTC", now) if now else ""
    text += f"was paused {mark(known)}" if known else "is already paused"
    runs = "" if change.after.paused else "; the new schedule will run unless you declare paused: true"
    return text + runs + advice


def takeovers(plan: plans.Plan, mark: Callable[[str], str] = str) -> list[str]:
    """Return a line for each schedule that the plan takes over and that will then run something different."""
    found = taken.takeovers(plan)
    return [f"{mark(phrases.printable(labels.brief(taken.taken(each))))}: {taken.changes(each)}" for each in found]


def notes(plan: plans.Plan, mark: Callable[[str], str] = str) -> tuple[str, ...]:
    """Return what the reader of a plan should know besides its changes; `mark` wraps ids."""
    return tuple(filter(None, (_fixed_memos(plan, mark), _assumed(plan))))


def _assumed(plan: plans.Plan) -> str:
    """Return a note that some schedules were compared only by listing; empty if all of them were read."""
    count = len(plan.assumed)
    if not count:
        return ""
    verb, charters = ("was", "Its charter has") if count == 1 else ("were", "Their charters have")
    schedules = spelling.counted(len(plan.changes), "schedule")
    compared = f"Note: {count} of {schedules} {verb} compared by listing only: workflow type, times, note,"
    if plan.refresh == "changed":
        return (
            f"{compared} and pause. {charters} not changed since an apply read the rest: arguments, task queue, "
            "policies, and owner. To read these again, use --refresh=full."
        )
    return f"{compared} and pause. To compare arguments, task queue, policies, and owner as well, use --refresh=full."


def _fixed_memos(plan: plans.Plan, mark: Callable[[str], str]) -> str:
    """Return a note that the server cannot change some schedules' own memos; empty if the plan makes no such change."""
    ids = [mark(phrases.printable(labels.brief(change.id))) for change in plan.changes if change.unchangeable]
    if not ids:
        return ""
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return (
        "Note: this server sets a schedule's own memo only when it creates the schedule; schedule_memo differs for "
        f"{', '.join(ids[:_NAMED])}{more}."
    )


TAKEOVERS = "Schedules that will be taken over and will run something different:"


def ago(when: datetime.datetime, now: datetime.datetime) -> str:
    """Return the age of a past time in the largest unit that gives at least two: `22 h ago`."""
    return f"{distance(now, when).removeprefix('in ')} ago"


def paused_by(pause: observed.Pause, timezone: str, now: datetime.datetime) -> str:
    """Return who paused a schedule and when, as far as is known; empty if neither is known."""
    who = f"by {phrases.printable(pause.by)}" if pause.by else ""
    when = f"on {moment(pause.at, timezone)} ({ago(pause.at, now)})" if pause.at else ""
    return " ".join(part for part in (who, when) if part)


def overdue(passed: observed.Overdue, timezone: str) -> str:
    """Return how many due times passed without a run, and why."""
    why = f": {phrases.printable(redaction.text(passed.reason) or '')}" if passed.reason else ""
    return f"{passed.count} due times since {moment(passed.since, timezone)} passed without a run{why}"


def overdue_warning(change: plans.Change) -> str:
    """Return the warning about an active schedule whose due times pass without a run; empty if there is none."""
    if change.live is None or change.live.overdue is None:
        return ""
    return f"{phrases.printable(change.id)} is active, but {overdue(change.live.overdue, 'UTC')}"


def rate(a_year: float, comparable: float = 0) -> str:
    """Return a number of firings in 365 days as a rate in a readable unit: `24/day`, or `none` for zero.

    The unit is that of a `comparable` rate that is shown next to it, if that rate is larger.
    """
    if not a_year:
        return "none"
    largest = max(a_year, comparable)
    for unit, size in (("hour", 365 * 24), ("day", 365), ("month", 12)):
        if largest >= size * (48 if unit == "hour" else 0.99):  # once a month is 11.99 times in 365 days
            return f"{_short(a_year / size)}/{unit}"
    return f"{_short(a_year)}/year"


def _short(number: float) -> str:
    """Return a number rounded to its significant digits: `24`, `4.3`, `0.25`, `0.003`."""
    if 0 < number < 0.01:
        return f"{number:.1g}"
    if number < 1:
        return f"{number:.2f}".rstrip("0").rstrip(".")
    return f"{number:.1f}".removesuffix(".0")
