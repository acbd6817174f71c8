"""`ignore`: no value moves to another position, and an apply leaves nothing to do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import hypothesis
from hypothesis import strategies as st

from reconciler.plan import build, diff, plans
from reconciler.schedule import encodings, ignored, model, paths
from tests.property import strategies
from tests.unit import builders

_arguments = st.lists(
    st.recursive(
        st.one_of(st.none(), st.integers(0, 2), st.sampled_from(("a", "x/y"))),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(("a", "encoding", "data")), inner, max_size=3)
        ),
        max_leaves=6,
    ).map(lambda value: [value, value]),  # lists often enough to matter
    max_size=3,
).map(tuple)


def parts(value: Any, at: paths.Path = ()) -> Iterator[tuple[paths.Path, Any]]:
    """Yield each part of the arguments as they are written in a spec, with its path."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for step, part in inner:
        yield (*at, step), part
        yield from parts(part, (*at, step))


@st.composite
def cases(draw: st.DrawFn) -> tuple[model.Schedule, model.Schedule]:
    """Return a desired schedule that ignores some parts of its arguments, and a live one."""
    declared, live = draw(_arguments), draw(_arguments)
    known = [paths.render(path, within="args") for path, _ in parts(encodings.listed(declared))]
    ignore = tuple(draw(st.lists(st.sampled_from(known), max_size=3))) if known else ()
    desired = dataclasses.replace(builders.schedule(arguments=declared), ignore=ignore)
    return desired, builders.schedule(arguments=live)


@hypothesis.given(cases())
def test_no_value_that_is_not_ignored_moves(case: tuple[model.Schedule, model.Schedule]) -> None:
    desired, live = case
    after = ignored.kept(desired, live)
    others = [paths.parse(path)[1:] for path in desired.ignore]
    declared, found = (dict(parts(encodings.listed(each.action.arguments))) for each in (desired, after))
    assert len(after.action.arguments) == len(desired.action.arguments)
    for path, value in declared.items():
        if any(path[: len(other)] == other for other in others):
            continue
        if any(other[: len(path)] == path for other in others):  # has an ignored part
            assert type(found[path]) is type(value)
            assert not isinstance(value, list) or len(found[path]) == len(value)
        else:
            assert diff.same_json(found[path], value)


@hypothesis.given(cases())
def test_an_apply_leaves_nothing_to_do(case: tuple[model.Schedule, model.Schedule]) -> None:
    desired, live = case
    declaration = strategies.declare([desired])
    (first,) = build.plan(declaration, strategies.described([live]), strategies.TARGET).changes
    assert first.after is not None
    (second,) = build.plan(declaration, strategies.described([first.after]), strategies.TARGET).changes
    assert (second.verb, second.fields) == (plans.Verb.KEEP, ())
