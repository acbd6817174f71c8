from __future__ import annotations

import copy
import functools
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import hypothesis
import jsonschema
import pytest
import yaml
from hypothesis import strategies as st

from reconciler import json_schema, published
from reconciler.repospec import dialects
from reconciler.schedule import fields
from tests.property import strategies

ROOT = pathlib.Path(__file__).parents[2]
CASES = ROOT / "tests/golden/cases"
DOCUMENTS: dict[str, str] = {"plan": "plan.json", "snapshot": "live.json"}
EXAMPLES = {row.key: row.declared()["examples"] for row in fields.ROWS}


@functools.cache
def schema(name: published.Name) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(published.text(name))
    return found


@functools.cache
def validators(name: published.Name) -> list[tuple[json_schema.Check, Any]]:
    """Return the two validators of each form of a schema, as published and without references to variables."""
    forms = (schema(name), published.strict(schema(name)))
    return [(json_schema.compiled(form), jsonschema.Draft202012Validator(form)) for form in forms]


@functools.cache
def documents(name: published.Name) -> list[Any]:
    """Return documents in which every key of the schema occurs."""
    if name in DOCUMENTS:
        found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(CASES.rglob(DOCUMENTS[name]))]
        return [document for document in found if document]
    others = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(CASES.rglob("spec.yaml"))]
    keys = {key: examples[0] for key, examples in EXAMPLES.items()}
    section = {"prefix": "a:", "defaults": keys, "schedules": [keys], "environments": {"staging": {"defaults": keys}}}
    return [*others, *({dialect.section: section} for dialect in dialects.ALL)]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container in a value with each of its keys or indexes."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield value, key
        yield from places(each)


words = st.sampled_from(
    ("", "\n", "x\n", "${a}", "resume", "Skip", "auto_upgrade\n", "governance:", "ü" * 201, "a b", "1h", "reconciler.x")
)
odd = st.one_of(words, st.sampled_from((0, 1, 1.0, 0.5, -1, 2.0**53, 6, True, None, [], {}, [1.0], {"x": None})))
samples = st.sampled_from([each for examples in EXAMPLES.values() for each in examples])
replacements = st.one_of(odd, samples, strategies.any_json, st.lists(samples, max_size=2))


@pytest.mark.parametrize("name", ["repo-spec", *DOCUMENTS])
@hypothesis.given(data=st.data())
def test_the_compiled_check_and_jsonschema_agree(name: published.Name, data: st.DataObject) -> None:
    value = copy.deepcopy(data.draw(st.sampled_from(documents(name))))
    for _ in range(data.draw(st.integers(0, 3))):
        all_places = list(places(value))
        if all_places:
            change(data, *data.draw(st.sampled_from(all_places)))
    for check, validator in validators(name):
        assert check(value) is validator.is_valid(value)


def change(data: st.DataObject, container: Any, key: Any) -> None:
    match data.draw(st.sampled_from(("replace", "remove", "rename"))), container:
        case "remove", _:
            del container[key]
        case "rename", dict():
            container[data.draw(st.one_of(words, st.sampled_from(list(EXAMPLES))))] = container.pop(key)
        case _:
            container[key] = copy.deepcopy(data.draw(replacements))


@pytest.mark.parametrize("name", published.NAMES)
def test_every_published_schema_is_supported(name: published.Name) -> None:
    assert json_schema.compiled(schema(name))({"unknown": 1}) in (True, False)


@pytest.mark.parametrize(
    "known", [{"const": 1}, {"enum": [1]}, {"items": {"multipleOf": 2}}, {"patternProperties": {"x": {}}}]
)
def test_what_is_not_supported_is_refused(known: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not supported"):
        json_schema.compiled(known)


def test_a_definition_may_refer_to_itself() -> None:
    nested = {"type": "array", "items": {"$ref": "#/$defs/nested"}}
    check = json_schema.compiled({"$ref": "#/$defs/nested", "$defs": {"nested": nested}})
    assert (check([[], [[]]]), check([[], [1]])) == (True, False)
