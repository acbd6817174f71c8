"""Which schedules need no Describe when a plan reads the listing alone."""

from __future__ import annotations

import dataclasses

import pytest

from reconciler.plan import build, plans, refresh
from reconciler.repospec import loader
from reconciler.schedule import declarations, model, observed
from reconciler.timing import timings
from tests.support import lists

SPEC = """\
governance:
  schedules:
    - {charter: A, cron: "0 3 * * *", entrypoint: A, %s}
"""
ID = "governance:a"
TARGET = observed.Target(address="host:7233", namespace="default")


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
