from __future__ import annotations

import dataclasses
from typing import Any

import hypothesis
from hypothesis import strategies as st

from reconciler.credentials import detection
from reconciler.documents import plan_json
from reconciler.plan import build
from reconciler.report import markdown, text
from reconciler.schedule import model, ownership
from reconciler.timing import timings
from tests.property import strategies

ID = f"{ownership.GOVERNANCE_PREFIX}a"

secret_values = st.text("0123456789abcdefghijkl", min_size=6, max_size=12).map("hunter2-{}".format)
names = st.sampled_from(strategies.SECRET_NAMES)


@st.composite
def hidden(draw: st.DrawFn) -> dict[str, Any]:
    """Return an input with a secret somewhere in it, under a name that says so."""
    value = draw(
        st.recursive(
            secret_values,
            lambda inner: st.one_of(
                st.lists(inner, min_size=1, max_size=2), st.dictionaries(strategies.plain_words, inner, min_size=1)
            ),
            max_leaves=3,
        )
    )
    found: Any = {draw(names): value}
    for wrap in draw(st.lists(st.sampled_from(("list", "object")), max_size=3)):
        found = [found] if wrap == "list" else {draw(strategies.plain_words): found}
    return {"around": found, "plain": draw(strategies.any_json)}


def schedule(arguments: tuple[model.Argument, ...], *, paused: bool) -> model.Schedule:
    action = model.Action(workflow="W", task_queue="q", workflow_id=ID, arguments=arguments)
    return model.Schedule(id=ID, timing=timings.Timing(), action=action, paused=paused)


sides = st.builds(
    schedule,
    hidden().flatmap(
        lambda given: st.sampled_from(
            [({"charter": "A", "input": given},), (given,), ("text", given), ({"legacy": [given]},)]
        )
    ),
    paused=st.booleans(),
)


@hypothesis.given(sides, st.none() | sides)
def test_no_rendering_of_a_plan_holds_a_secret(desired: model.Schedule, live: model.Schedule | None) -> None:
    plan = build.plan(strategies.declare([desired]), strategies.described([live] if live else []), strategies.TARGET)
    renderings = (
        text.Text(verbose=True).plan(plan),
        text.Text(color=True).plan(plan),
        markdown.plan(plan, verbose=True),
        plan_json.dumps(plan),
    )
    assert [each for each in renderings if "hunter2" in each] == []


@hypothesis.given(sides, st.none() | sides)
def test_the_digest_of_a_plan_is_the_same_under_every_salt(
    desired: model.Schedule, live: model.Schedule | None
) -> None:
    declaration = strategies.declare([desired])
    found = strategies.described([live] if live else [])
    digests = {
        build.plan(dataclasses.replace(declaration, salt=salt), found, strategies.TARGET).digest
        for salt in (b"", b"one", b"two", b"three")
    }
    assert len(digests) == 1


@hypothesis.given(st.text("AEIKabdefghpsxy0123456789", max_size=detection._SHORTEST - 1))
def test_no_pattern_matches_a_short_word_that_is_not_looked_at(word: str) -> None:
    assert not detection._in_text.__wrapped__(word)
    assert not detection.in_text(word)


def test_the_shortest_word_of_a_known_form_is_found() -> None:
    assert detection.in_text("AKIA" + "A1" * 8)
    assert len("AKIA" + "A1" * 8) == detection._SHORTEST
