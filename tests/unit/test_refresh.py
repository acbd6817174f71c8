"""Which schedules need no Describe when a plan reads the listing, or the listing and the record of applies."""

from __future__ import annotations

import dataclasses
import datetime

import pytest

from reconciler.plan import build, plans, ports, refresh
from reconciler.report import words
from reconciler.repospec import loader
from reconciler.schedule import declarations, model, observed
from reconciler.timing import timings
from tests.support import lists
from tests.unit import builders

SPEC = """\
governance:
  schedules:
    - {charter: A, cron: "0 3 * * *", entrypoint: A, %s}
"""
ID = "governance:a"
TARGET = observed.Target(address="host:7233", namespace="default")
NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
SALT = b"0123456789abcdef"


def declared(extra: str = "timezone: UTC") -> declarations.Declaration:
    declaration = loader.parse(SPEC % extra, "spec.yaml", declarations.Choice(owner="us", refresh="list"))
    assert declaration.refresh == "list"
    return declaration


def wanted(declaration: declarations.Declaration) -> model.Schedule:
    return declaration.charters[0].schedule


def test_one_that_is_listed_as_declared_is_kept_unread() -> None:
    declaration = declared()
    entry = dataclasses.replace(lists.entry(wanted(declaration)), note="made by hand")
    found = refresh.assumed(declaration, {ID: entry})
    plan = build.plan(declaration, found, TARGET)
    (change,) = plan.changes
    assert (change.verb, change.reason) == (plans.Verb.KEEP, plans.Reason.LISTED)
    assert change.after.note == "made by hand"
    assert plan.assumed == (change,)
    assert (plan.refresh, plan.found) == ("list", observed.Left(managed=1, present=1))
    assert words.notes(plan)[0].startswith(
        "Note: 1 of 1 schedule was compared by listing only: workflow type, times, note, and"
    )
    assert words.summary(plan).startswith("No changes. The listing matches ")


@pytest.mark.parametrize("amount", ["list", "changed"])
def test_a_plan_that_read_every_schedule_has_no_note_about_the_listing(amount: declarations.Refresh) -> None:
    declaration = dataclasses.replace(declared(), refresh=amount)
    assert words.notes(build.plan(declaration, {}, TARGET)) == ()
    read = build.plan(declaration, builders.live(build.plan(declaration, {}, TARGET).changes[0].after), TARGET)
    assert (words.notes(read), words.summary(read).partition(" matches")[0]) == ((), "No changes. The server")


@pytest.mark.parametrize(
    "change",
    [
        {"workflow": "Other"},
        {"paused": True},
        {"timing": timings.Timing(timezone="Europe/Berlin")},
    ],
)
def test_one_that_is_listed_differently_is_read(change: dict[str, object]) -> None:
    declaration = declared()
    entry = dataclasses.replace(lists.entry(wanted(declaration)), **change)  # type: ignore[arg-type]
    assert refresh.assumed(declaration, {ID: entry}) == {}


def test_a_declared_note_is_compared() -> None:
    declaration = declared("note: by us")
    entry = lists.entry(wanted(declaration))
    assert refresh.assumed(declaration, {ID: entry}).keys() == {ID}
    assert refresh.assumed(declaration, {ID: dataclasses.replace(entry, note="by hand")}) == {}


def test_one_that_is_not_listed_or_replaces_another_is_read() -> None:
    assert refresh.assumed(declared(), {}) == {}
    renamed = declared("was: B")
    assert refresh.assumed(renamed, {ID: lists.entry(wanted(renamed))}) == {}


def test_the_digest_says_how_much_was_read() -> None:
    listed, full = (
        build.plan(dataclasses.replace(declared(), refresh=amount), {}, TARGET) for amount in ("list", None)
    )
    assert [change.id for change in listed.steps] == [change.id for change in full.steps] == [ID]
    assert listed.digest != full.digest


def found(declaration: declarations.Declaration, **changes: object) -> dict[str, observed.Live]:
    """The declared schedule on the server, with what differs."""
    schedule = dataclasses.replace(wanted(declaration), owner=declaration.owner, **changes)  # type: ignore[arg-type]
    return {ID: observed.Live(schedule=schedule, token=b"1")}


def read(declaration: declarations.Declaration, live: dict[str, observed.Live], *ended: plans.Status) -> set[str]:
    """Return the ids of the readings of an apply, whose steps ended as given."""
    plan = build.plan(declaration, live, TARGET)
    outcomes = [plans.Outcome(change=change, status=each) for change, each in zip(plan.steps, ended, strict=True)]
    return set(refresh.readings(declaration, plan, outcomes, salt=SALT, read_at=NOW))


def reading(declaration: declarations.Declaration) -> dict[str, ports.Reading]:
    plan = build.plan(declaration, found(declaration), TARGET)
    return refresh.readings(declaration, plan, (), salt=SALT, read_at=NOW)


def test_a_schedule_is_confirmed_until_its_reading_is_too_old() -> None:
    readings = reading(declared())
    hour = dataclasses.replace(declared(), max_age=datetime.timedelta(hours=1))
    for declaration, now, is_confirmed in (
        (declared(), NOW, True),
        (declared(), NOW + DAY - datetime.timedelta(seconds=1), True),
        (declared(), NOW + DAY, False),
        (declared(), NOW - datetime.timedelta(seconds=1), False),  # one of two clocks is wrong
        (hour, NOW + datetime.timedelta(minutes=59), True),
        (hour, NOW + datetime.timedelta(hours=1), False),
        (dataclasses.replace(declared(), max_age=datetime.timedelta(0)), NOW, False),
    ):
        assert refresh.confirmed(declaration, readings, now) == ({ID} if is_confirmed else set())
    assert refresh.confirmed(declared(), {}, NOW) == set()


@pytest.mark.parametrize(
    "extra",
    [
        "input: {token: abc}",
        "task_queue: other",
        "overlap: AllowAll",
        "catchup_window: 1h",
        "ignore: [task_queue]",
        "workflow_id: other",
        "cron: '1 3 * * *'",
    ],
)
def test_a_charter_that_changed_is_not_confirmed(extra: str) -> None:
    text = SPEC.replace('cron: "0 3 * * *", ', "") if extra.startswith("cron") else SPEC
    changed = loader.parse(text % extra, "spec.yaml", declarations.Choice(owner="us"))
    assert refresh.confirmed(changed, reading(changed), NOW) == {ID}
    assert refresh.confirmed(changed, reading(declared()), NOW) == set()


def test_another_owner_or_a_changed_secret_is_not_confirmed() -> None:
    first, second = declared("input: {token: abc}"), declared("input: {token: abd}")
    assert refresh.confirmed(second, reading(first), NOW) == set()
    assert refresh.confirmed(dataclasses.replace(first, owner="them"), reading(first), NOW) == set()
    assert first.charters[0].schedule.action.arguments != second.charters[0].schedule.action.arguments


def test_the_digest_of_a_charter_depends_on_the_salt() -> None:
    schedule = wanted(declared())
    assert refresh.digest(schedule, "us", SALT) == refresh.digest(schedule, "us", SALT)
    assert refresh.digest(schedule, "us", SALT) != refresh.digest(schedule, "us", b"another")


def test_only_what_was_described_and_is_as_declared_is_recorded() -> None:
    declaration = declared()
    differing = found(declaration, remaining_actions=3)
    assert read(declaration, found(declaration)) == {ID}
    assert read(declaration, {}, plans.Status.DONE) == {ID}
    assert read(declaration, differing, plans.Status.DONE) == {ID}
    assert read(declaration, differing, plans.Status.STALE) == set()
    assert read(declaration, differing, plans.Status.FAILED) == set()
    listed = {ID: lists.entry(wanted(declaration))}
    assert read(declaration, refresh.assumed(declaration, listed)) == set()
    owned = found(declaration)
    owned[ID] = dataclasses.replace(owned[ID], schedule=dataclasses.replace(owned[ID].schedule, owner="them"))
    assert read(declaration, owned) == set()


def test_what_does_not_match_is_in_doubt() -> None:
    declaration = declared()
    listed = refresh.assumed(declaration, {ID: lists.entry(wanted(declaration))})
    removed = dataclasses.replace(declaration, charters=())
    for spec, live, ids in (
        (declaration, found(declaration), set()),
        (declaration, listed, set()),
        (declaration, found(declaration, remaining_actions=3), {ID}),
        (declaration, {}, {ID}),
        (removed, found(declaration), {ID}),
    ):
        assert refresh.doubtful(build.plan(spec, live, TARGET)) == ids


def test_one_that_is_listed_as_declared_is_read_unless_it_is_confirmed() -> None:
    declaration = declared()
    listed = {ID: lists.entry(wanted(declaration))}
    assert refresh.assumed(declaration, listed, {ID}).keys() == {ID}
    assert refresh.assumed(declaration, listed, set()) == {}
    assert refresh.assumed(declaration, {}, {ID}) == {}
