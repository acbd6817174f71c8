from __future__ import annotations

import dataclasses
from typing import Any

import hypothesis
from hypothesis import strategies as st

from reconciler.plan import build, plans
from reconciler.repospec import dialects, importer, loader, nodes, references, yaml_text
from reconciler.schedule import declarations, model, ownership
from tests.property import strategies
from tests.unit import builders


@st.composite
def expressible(draw: st.DrawFn) -> model.Schedule:
    """Return a schedule that a charter could have made."""
    found = draw(strategies.any_schedule)
    name = found.id.removeprefix(ownership.GOVERNANCE_PREFIX)
    argument = {
        "temporalScheduleId": found.id,
        "dbScheduleId": None,
        "charter": draw(st.sampled_from((name, name.upper()))),
        "entrypoint": draw(st.sampled_from(("A", "run-this", "NO", "1e3", "é:"))),
        "input": draw(strategies.json_objects),
    }
    timing = found.timing
    if not timing.calendars and not timing.intervals:
        timing = dataclasses.replace(timing, calendars=(draw(strategies.calendars),))
    if timing.start_at and timing.end_at and timing.start_at > timing.end_at:
        timing = dataclasses.replace(timing, start_at=timing.end_at, end_at=timing.start_at)
    memo = {key: value for key, value in found.action.memo.items() if not key.startswith(ownership.MEMO_PREFIX)}
    retries = found.action.retry_policy
    if retries and retries.maximum_interval < retries.initial_interval:
        retries = dataclasses.replace(retries, maximum_interval=retries.initial_interval)
    action = dataclasses.replace(found.action, arguments=(argument,), memo=memo, retry_policy=retries)
    return dataclasses.replace(found, timing=timing, action=action)


@hypothesis.settings(max_examples=15)  # a round trip through a file is slow
@hypothesis.given(
    st.lists(expressible(), max_size=3, unique_by=lambda each: each.id),
    st.sampled_from([dialect.file for dialect in dialects.ALL]),
)
def test_after_an_import_a_plan_is_empty(schedules: list[model.Schedule], path: str) -> None:
    imported = importer.add(None, path, schedules)
    hypothesis.assume(not any("cannot be expressed as a charter" in each for each in imported.left_out))
    assert imported.left_out == ()
    declaration = loader.parse(imported.text, path)
    plan = build.plan(declaration, strategies.described(schedules), strategies.TARGET)
    assert [(change.id, change.fields) for change in plan.steps if change.verb is not plans.Verb.RESUME] == []
    assert len(declaration.charters) == len(schedules)


@hypothesis.settings(max_examples=20)
@hypothesis.given(strategies.several())
def test_what_an_import_cannot_express_is_reported(schedules: list[model.Schedule]) -> None:
    imported = importer.add(None, "spec.yaml", schedules)
    declaration = loader.parse(imported.text, "spec.yaml")
    live = strategies.described(schedules)
    plan = build.plan(declaration, live, strategies.TARGET)
    silent = [
        change for change in plan.steps if not any(each.startswith(f"{change.id}: ") for each in imported.left_out)
    ]
    assert silent == []


IDS = st.one_of(
    st.sampled_from(("a", "A", "No", "1e3", "ı", "İ", "ß", "ſ", "K", "0X1F", "a.b/C", " a", "a\n", "")),
    st.from_regex(r"[A-Za-z0-9._/-]{1,6}", fullmatch=True),
    strategies.words,
)


@hypothesis.settings(max_examples=25)
@hypothesis.given(
    st.lists(st.tuples(st.sampled_from((ownership.GOVERNANCE_PREFIX, "", "GOVERNANCE:")), IDS), max_size=4)
)
def test_an_import_declares_the_schedules_that_are_there_and_no_others(ids: list[tuple[str, str]]) -> None:
    hourly = builders.schedule("a")
    schedules = [dataclasses.replace(hourly, id=id_) for id_ in sorted({"".join(each) for each in ids} - {""})]
    imported = importer.add(None, "spec.yaml", schedules)
    declared = {charter.schedule.id for charter in loader.parse(imported.text, "spec.yaml").charters}
    live = strategies.described(schedules)
    assert declared <= live.keys()
    for schedule_id in live.keys() - declared:
        assert any(each.startswith(f"{schedule_id}: this schedule cannot be") for each in imported.left_out)
    assert declared == {schedule_id for schedule_id in live if schedule_id.isprintable()}


def defaults_of(schedule: model.Schedule) -> dict[str, Any]:
    """Return what a file could have as defaults: all that a charter of this schedule says and can be inherited."""
    text = importer.add(None, "spec.yaml", [schedule]).text
    section = loader.section(nodes.compose(text, "s"), "s", declarations.Choice())
    spec: Any = section.chosen.document.value if section else {}
    own = {"charter", "cron", "intervals", "entrypoint", "paused"}
    inherited = {
        key: value for entry in spec["governance"]["schedules"] for key, value in entry.items() if key not in own
    }
    return {key: references.escaped(value) for key, value in inherited.items()}


LAYOUTS = (
    "# ours\r\na: {b: 1}   # kept\r\ngovernance:\r\n  defaults: %s # for all\r\n  schedules: []  # none\r\nz: 1\r\n",
    "governance:\n    # first\n    defaults: %s\n\n# end",
    '{"governance": {"defaults": %s}, "z": 1}',
)


@hypothesis.settings(max_examples=20)
@hypothesis.given(
    st.lists(expressible(), max_size=3, unique_by=lambda each: each.id), expressible(), st.sampled_from(LAYOUTS)
)
def test_after_an_import_next_to_defaults_a_plan_is_empty_and_the_rest_of_the_file_is_unchanged(
    schedules: list[model.Schedule], inherited: model.Schedule, layout: str
) -> None:
    text = layout % yaml_text.flow(defaults_of(inherited))
    imported = importer.add(text, "spec.yaml", schedules)
    hypothesis.assume(not any("cannot be expressed as a charter" in each for each in imported.left_out))
    assert imported.left_out == ()
    declaration = loader.parse(imported.text, "spec.yaml")
    plan = build.plan(declaration, strategies.described(schedules), strategies.TARGET)
    assert [(change.id, change.fields) for change in plan.steps if change.verb is not plans.Verb.RESUME] == []
    kept = iter(imported.text)
    assert all(character in kept for character in text.replace(" []  # none", "  # none"))
    assert imported.text.count("\r\n") == (imported.text.count("\n") if "\r\n" in text else 0)
