"""`manual_pauses`: whether a pause by hand is undone or kept, for one charter or for all."""

from __future__ import annotations

import dataclasses
import datetime

import pytest

from reconciler.plan import build, plans
from reconciler.report import text
from reconciler.repospec import loader
from reconciler.schedule import declarations, observed
from tests.unit import builders

NOW = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)
PAUSED = observed.Pause(by="ada@laptop", at=NOW - datetime.timedelta(hours=5))
SPEC = """\
governance:
  {section}
  defaults: {{{defaults}}}
  environments: {{staging: {{defaults: {{{environment}}}}}}}
  schedules:
    - {{charter: A, cron: "0 * * * *", args: [], {charter}}}
"""


def change(choice: declarations.Choice | None = None, **keys: str) -> plans.Change:
    """Return what is planned for a schedule that someone paused."""
    layers = {name: keys.get(name, "") for name in ("section", "defaults", "environment", "charter")}
    declaration = loader.parse(SPEC.format(**layers).replace(", }", "}"), "spec.yaml", choice)
    (declared,) = declaration.charters
    live = observed.Live(schedule=dataclasses.replace(declared.schedule, paused=True), token=b"1", pause=PAUSED)
    (found,) = build.plan(declaration, {live.schedule.id: live}, builders.TARGET).changes
    return found


KEEP, RESUME = "manual_pauses: keep", "manual_pauses: resume"
STAGING = declarations.Choice(environment="staging")


@pytest.mark.parametrize(
    ("keys", "choice", "is_kept"),
    [
        ({}, None, False),
        ({"section": KEEP}, None, True),
        ({"section": KEEP, "charter": RESUME}, None, False),
        ({"section": KEEP, "charter": "manual_pauses: null"}, None, True),
        ({"defaults": KEEP}, None, True),
        ({"defaults": KEEP, "charter": RESUME}, None, False),
        ({"charter": KEEP}, None, True),
        ({"environment": KEEP}, None, False),
        ({"environment": KEEP}, STAGING, True),
        ({"environment": KEEP, "charter": RESUME}, STAGING, False),
        ({"charter": RESUME}, declarations.Choice(keep_manual_pauses=True), True),
    ],
)
def test_the_nearest_key_decides_and_the_option_keeps_all(
    keys: dict[str, str], choice: declarations.Choice | None, is_kept: bool
) -> None:
    found = change(choice, **keys)
    assert (found.verb is plans.Verb.KEEP, found.verb is plans.Verb.RESUME) == (is_kept, not is_kept)


@pytest.mark.parametrize("keys", [{"charter": KEEP}, {}])
def test_the_plan_names_who_paused_it_when_and_what_it_missed(keys: dict[str, str]) -> None:
    found = change(None, **keys)
    plan = plans.Plan(target=builders.TARGET, spec_path="s", governed=True, changes=(found,), digest="")
    expected = "paused by ada@laptop on Mon 23 Nov 2026 15:00 UTC (5 h ago); 5 firings missed"
    assert expected in text.Text(now=NOW).plan(plan)
