"""The words and the escaping that every rendering shares."""

from __future__ import annotations

import datetime
import json
import zoneinfo
from collections.abc import Callable

from reconciler import model

LONGEST_VALUE = 400  # characters of one value; the JSON document has all of it


def summary(plan: model.Plan) -> str:
    """Return the line that says how much the plan does, in Terraform's words."""
    if not plan.steps:
        return f"No changes: the server is as {printable(plan.spec_path)} declares, {_counted(plan, model.Verb.KEEP)}."
    return f"Plan: {', '.join(_counted(plan, verb) for verb in model.Verb)}."


def _counted(plan: model.Plan, verb: model.Verb) -> str:
    return f"{plan.count(verb)} unchanged" if verb is model.Verb.KEEP else f"{plan.count(verb)} to {verb.word}"


def value(shown: model.Json | model.Absent) -> str:
    """Return a field's value as compact JSON on one line, cut when it is very long."""
    if isinstance(shown, model.Absent):
        return shown.value
    text = printable(json.dumps(shown, ensure_ascii=False))
    if len(text) <= LONGEST_VALUE:
        return text
    return f"{text[:LONGEST_VALUE]}… ({len(text)} characters)"


def sides(field: model.FieldChange, verb: model.Verb, mark: Callable[[str], str] = str) -> str:
    """Return old → new, or only the new value of a schedule that is created; `mark` wraps each value."""
    new = mark(value(field.new))
    return new if verb is model.Verb.CREATE else f"{mark(value(field.old))} → {new}"


def printable(text: str) -> str:
    """Return the text with everything that a terminal would obey, or nobody would see, written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def target(plan: model.Plan) -> str:
    """Return which schedules on which server the plan is about, and for which environment."""
    found = plan.target
    environment = f", environment {plan.environment}" if plan.environment else ""
    return f"Schedules {found.prefix}* in namespace {found.namespace} on {found.address}{environment}"


def as_of(plan: model.Plan, now: datetime.datetime | None) -> str:
    """Return how old the snapshot is that the plan is made from; empty when the server was read."""
    if plan.as_of is None:
        return ""
    age = f", {distance(now, plan.as_of).removeprefix('in ')} ago" if now else ""
    return f"From a snapshot of {moment(plan.as_of, 'UTC')}{age}."


def override(change: model.Change, field: model.FieldChange) -> str:
    """Return where the environment says what the field shall be; empty when the charter itself does."""
    key = field.path.partition(".")[0].partition("[")[0]
    return str(change.overrides[key]) if key in change.overrides else ""


def moment(when: datetime.datetime, timezone: str) -> str:
    """Return a time as the charter's people read it: `Mon 24 Nov 2026 09:00 CET`, seconds where there are any."""
    local = when.astimezone(zoneinfo.ZoneInfo(timezone))
    clock = local.strftime("%H:%M:%S" if local.second else "%H:%M")
    return f"{local:%a %d %b %Y} {clock} {local:%Z}"


def distance(when: datetime.datetime, now: datetime.datetime) -> str:
    """Return how far away a time is, in its largest whole unit: `in 22 h`."""
    seconds = int((when - now).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"in {seconds // size} {unit}"
    return f"in {max(seconds, 0)} s"


def rate(a_year: float) -> str:
    """Return a number of firings in 365 days in the unit that a person counts in."""
    for unit, size in (("an hour", 365 * 24), ("a day", 365), ("a month", 12)):
        if a_year >= size * (48 if unit == "an hour" else 1):
            return f"{_short(a_year / size)} {unit}"
    return f"{_short(a_year)} a year"


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
