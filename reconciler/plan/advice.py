"""Warnings about declarations that are valid but probably unintended; never an error."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
import re
import zoneinfo
from collections.abc import Iterable, Iterator, Sequence

from reconciler.plan import collisions
from reconciler.schedule import declarations, fields, model
from reconciler.timing import cron, dst, durations, ranges, times, timings

UNGOVERNED = "has no governance or temporal section, or an empty one"
GOVERN = "check that this is the right file; to declare no schedules, write 'schedules: []' in the section"
_EVERY_DAY = tuple(range(1, 32))
_EVERY_WEEKDAY = tuple(range(7))
_SQL_WORKFLOW_ID = 255 - len("-2009-11-10T23:00:00Z")  # the column's width, minus the time that is appended to each run
_ORDINAL = re.compile(r"(?:\s|^)(\S*[A-Za-z0-9])#([1-5])(?:\s|$)")


class Kind(enum.Enum):
    """What a piece of advice is about; the value completes "12 charters …"."""

    ORDINAL = "have a '#' that starts a comment"
    BOTH_DAYS = "fire only on days that match both day of month and day of week"
    NEVER = "never fire"
    CLOCKS = "fire during an hour when clocks change"
    SHARED_ID = "share a workflow ID with another charter at the same time"
    SAME_WORK = "start the same work as another charter at the same times"
    UNEVEN = "have a step that does not divide its range"
    NO_SUNDAY = "have a range of weekdays that ends with 7 and omits Sunday"
    ZONED_INTERVAL = "have intervals of whole days and a time zone"
    LONG_ID = "have a workflow ID that is too long for SQL databases"
    UNMATCHED = "match no file"  # include patterns, not charters
    BRIEF = "have a timeout that no run can meet"
    UNUSED = "are not used"  # variables, not charters
    UNGOVERNED = "declare no schedules"  # files, not charters
    REPLACED = "have a duration that Temporal replaces with its own limit"


_TIMEOUTS = ("execution_timeout", "run_timeout", "task_timeout")
_DAY = datetime.timedelta(days=1)
_NONE = datetime.timedelta(0)
_MONTH = datetime.timedelta(days=30)
_KEYS = {Kind.ZONED_INTERVAL: ("intervals", "cron")}  # the first of these that the charter has
_LISTED = 10  # pieces of advice of one kind; if there are more, they are summarized
_NAMED = 3  # places that a summary names


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A warning; `message` is the finding and what to do if it is not intended."""

    place: declarations.Place
    message: str
    kind: Kind

    def __str__(self) -> str:
        return f"{self.place}: warning: {self.message}"


def advise(declaration: declarations.Declaration, now: datetime.datetime) -> tuple[Advice, ...]:
    """Return advice in file order; upcoming times are those after `now`."""
    colliding: dict[str, list[Advice]] = {}
    for charter, advice in _collisions(declaration.charters, now):
        colliding.setdefault(charter.name, []).append(advice)
    about_charters = (
        advice
        for charter in declaration.charters
        for advice in (*_advice(charter, now), *colliding.get(charter.name, ()))
    )
    return (
        *_ungoverned(declaration),
        *_unmatched(declaration.inclusions),
        *map(_unused, declaration.unused.items()),
        *about_charters,
    )


def _ungoverned(declaration: declarations.Declaration) -> Iterator[Advice]:
    if not declaration.governed:
        place = declarations.Place(path=declaration.path, line=1, column=1)
        yield Advice(place=place, message=f"the file {UNGOVERNED}; {GOVERN}", kind=Kind.UNGOVERNED)


def _unmatched(inclusions: Iterable[declarations.Inclusion]) -> Iterator[Advice]:
    for each in inclusions:
        if not each.files:
            message = f"include: {each.pattern!r} matches no file; correct or remove it"
            yield Advice(place=each.place, message=message, kind=Kind.UNMATCHED)


def _unused(variable: tuple[str, declarations.Place]) -> Advice:
    name, place = variable
    message = f"nothing refers to variable {name!r}; remove it, or write ${{{name}}} where its value should appear"
    return Advice(place=place, message=message, kind=Kind.UNUSED)


def _collisions(
    charters: Sequence[declarations.Charter], now: datetime.datetime
) -> Iterator[tuple[declarations.Charter, Advice]]:
    for charter, other, at in collisions.shared_ids(charters, now):
        message = (
            f"charter {other.name} ({other.place}) has the same workflow ID, and both are due at "
            f"{at:%Y-%m-%d %H:%M:%S} UTC: Temporal does not start the second run while the first is running, and "
            "does not report this; give each its own workflow_id"
        )
        place = charter.places.get("workflow_id", charter.place)
        yield charter, Advice(place=place, message=message, kind=Kind.SHARED_ID)
    for charter, other in collisions.same_work(charters, now):
        message = (
            f"charter {other.name} ({other.place}) starts the same work at the same times on task queue "
            f"{charter.schedule.action.task_queue}, so the work runs twice each time; remove one, or change its input"
        )
        yield charter, Advice(place=charter.place, message=message, kind=Kind.SAME_WORK)


def _advice(charter: declarations.Charter, now: datetime.datetime) -> Iterator[Advice]:
    for kind, message in _messages(charter.schedule.timing, now):
        places = (charter.places[key] for key in _KEYS.get(kind, fields.FIRINGS) if key in charter.places)
        yield Advice(place=next(places, charter.place), message=message, kind=kind)
    length = len(charter.schedule.action.workflow_id)
    if length > _SQL_WORKFLOW_ID:
        message = (
            f"the workflow ID has {length} characters; with the timestamp that Temporal appends, a server on "
            f"PostgreSQL or MySQL cannot store it and never starts a run; shorten it to {_SQL_WORKFLOW_ID}"
        )
        yield Advice(place=charter.places.get("workflow_id", charter.place), message=message, kind=Kind.LONG_ID)
    for key in _TIMEOUTS:
        timeout = getattr(charter.schedule.action, key)
        if timeout and timeout < model.BRIEF:
            message = (
                f"{key} is {durations.render(timeout)}, but no run can finish in less than a second; make it longer"
            )
            yield Advice(place=charter.places.get(key, charter.place), message=message, kind=Kind.BRIEF)
    for key, replaced in charter.replaced.items():
        message = _of_replaced(key, replaced)
        yield Advice(place=charter.places.get(key, charter.place), message=message, kind=Kind.REPLACED)


def _of_replaced(key: str, replaced: declarations.Replaced) -> str:
    """Return the message for a duration instead of which Temporal uses its own limit."""
    declared, limit = durations.render(replaced.declared), durations.render(replaced.limit)
    if replaced.declared > replaced.limit:
        reason, instead = f"the server allows at most {limit}", f"{limit} or less"
    else:
        reason, instead = f"Temporal's minimum is {limit}", f"{limit} or more"
    return f"{key} is {declared}, but {reason}, so it uses {limit}; write {instead}"


def lines(advice: Iterable[Advice]) -> tuple[str, ...]:
    """Return a line for each piece of advice; a kind that many charters share gets one line, listed with the first."""
    kinds: dict[Kind, list[Advice]] = {}
    for each in advice:
        kinds.setdefault(each.kind, []).append(each)
    entries: list[tuple[Advice, str]] = []
    for kind, alike in kinds.items():
        if len(alike) > _LISTED and kind is not Kind.UNMATCHED:
            entries.append((alike[0], _summary(alike)))
        else:
            entries += [(each, str(each)) for each in alike]
    entries.sort(key=lambda entry: (entry[0].place.path, entry[0].place.line, entry[0].place.column))
    return tuple(line for _, line in entries)


def _summary(alike: Sequence[Advice]) -> str:
    here = alike[0].place.path
    others = ", ".join(
        f"{each.place.line}:{each.place.column}" if each.place.path == here else str(each.place)
        for each in alike[1:_NAMED]
    )
    what = "variables" if alike[0].kind is Kind.UNUSED else "charters"
    return (
        f"{alike[0].place}: warning: {len(alike)} {what} {alike[0].kind.value}: this one, those at {others}, and "
        f"{len(alike) - _NAMED} more; for this one: {alike[0].message}"
    )


def _of_cron(calendar: timings.Calendar) -> Iterator[tuple[Kind, str]]:
    """Yield advice about how a cron is written: steps that do not divide their range, and `1-7`."""
    if "/" not in calendar.comment and "7" not in calendar.comment:
        return
    spans = cron.spans(calendar.comment)
    for field in (cron.SECOND, cron.MINUTE, cron.HOUR):
        match spans.get(field):
            case [only] if _is_uneven(only, field):
                values = [str(each) for each in range(only.start, only.end + 1, only.step)]
                matched = f"{field.name}s {', '.join(values)}" if len(values) > 1 else f"only {field.name} {values[0]}"
                yield (
                    Kind.UNEVEN,
                    f"{calendar.comment!r} matches {matched}, then starts over: {only.step} does not divide "
                    f"{field.highest + 1}; for even spacing, use intervals, such as every: {only.step}{field.name[0]}",
                )
    if 0 not in calendar.day_of_week and any(map(_loses_sunday, spans.get(cron.DAY_OF_WEEK, ()))):
        yield (
            Kind.NO_SUNDAY,
            f"{calendar.comment!r} omits Sunday, because Temporal reads 1-7 as Monday through Saturday; for every day, "
            "use *",
        )


def _is_uneven(span: ranges.Range, field: cron.Field) -> bool:
    """Return whether a step over the whole field does not divide it; a step over part of it is deliberate."""
    whole = span.start < span.step and span.end == field.highest
    return whole and bool((field.highest + 1) % span.step)


def _loses_sunday(weekdays: ranges.Range) -> bool:
    return weekdays == ranges.Range(start=1, end=7, step=1)


def _is_utc(timezone: str, now: datetime.datetime) -> bool:
    """Return whether a zone is at UTC all year, as GMT is."""
    zone = zoneinfo.ZoneInfo(timezone)
    return not any((now + month * _MONTH).astimezone(zone).utcoffset() for month in range(12))


def _messages(timing: timings.Timing, now: datetime.datetime) -> Iterator[tuple[Kind, str]]:
    whole_days = [each for each in timing.intervals if each.every % _DAY == _NONE]
    if whole_days and not _is_utc(timing.timezone, now):
        yield (
            Kind.ZONED_INTERVAL,
            f"intervals ignore the {timing.timezone} time zone, because they are counted from 1970-01-01 00:00 UTC; "
            "to fire at a specific time of day, use a cron",
        )
    for calendar in timing.calendars:
        yield from _of_cron(calendar)
        shown = repr(calendar.comment) if calendar.comment else "the calendar"
        ordinal = _ORDINAL.search(calendar.comment)
        if ordinal:
            yield (
                Kind.ORDINAL,
                f"{shown} fires on every {ordinal[1]}, because '#{ordinal[2]}' starts a comment in Temporal; "
                "for the second Monday, use days 8-14 and MON",
            )
        restricted = calendar.day_of_month != _EVERY_DAY and calendar.day_of_week != _EVERY_WEEKDAY
        if restricted and not _is_one_week(calendar.day_of_month):
            yield (
                Kind.BOTH_DAYS,
                f"{shown} fires only on days that match both day of month and day of week; "
                "to match either one, as in crontab, use two crons",
            )
    yield from _of_times(timing, now)


@functools.lru_cache(maxsize=4096)  # many charters fire at the same times; comments in crons do not affect the key
def _of_times(timing: timings.Timing, now: datetime.datetime) -> tuple[tuple[Kind, str], ...]:
    """Return advice about upcoming times."""
    first = next(times.upcoming(timing, now), None)
    if first is None:
        return ((Kind.NEVER, "no time matches, so this never fires; check its days, years, exclusions, and end"),)
    skipped, repeated = dst.skipped_or_repeated(timing, now, first)
    clocks = [f"{skipped:%Y-%m-%d %H:%M} does not exist"] if skipped else []
    clocks += [f"{repeated:%Y-%m-%d %H:%M} occurs twice"] if repeated else []
    if not clocks:
        return ()
    effects = (["skip that time"] if skipped else []) + (["fire twice"] if repeated else [])
    effect = f"the schedule may {' or '.join(effects)}"
    return ((Kind.CLOCKS, f"{' and '.join(clocks)} in {timing.timezone}, so {effect}; {_ADVICE}"),)


def _is_one_week(days: tuple[int, ...]) -> bool:
    """Return whether the days are seven consecutive days, which is intentional with a weekday: `8-14` and MON."""
    return len(days) == 7 and days[-1] - days[0] == 6


_ADVICE = "choose an hour without a clock change, or UTC"
