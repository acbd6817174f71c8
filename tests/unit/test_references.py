from __future__ import annotations

import pytest

from reconciler.repospec import references
from reconciler.repospec.references import Reference


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ("",)),
        ("plain", ("plain",)),
        ("${region}", (Reference("region", 0),)),
        ("a ${_x1} b", ("a ", Reference("_x1", 2), " b")),
        ("${a}${B}", (Reference("a", 0), Reference("B", 4))),
        ("$${a}", ("${a}",)),
        ("$$${a}", ("$${a}",)),
        ("$${${a}", ("${", Reference("a", 3))),
        ("$ $5 $a {b} $$ }", ("$ $5 $a {b} $$ }",)),
    ],
)
def test_a_text_consists_of_references_and_literal_text(text: str, parts: tuple[references.Part, ...]) -> None:
    assert references.parse(text) == parts


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        *(("${", 0), ("ab ${}", 3), ("${1a}", 0), ("${a b}", 0), ("${a-b}", 0), ("${a", 0), ("${ a}", 0)),
        *(("${a.b}", 0), ("${a:-b}", 0), ("${é}", 0), ("$${a} ${", 6), ("${a\n}", 0)),
    ],
)
def test_a_mark_without_a_name_is_malformed(text: str, offset: int) -> None:
    with pytest.raises(references.MalformedError) as caught:
        references.parse(text)
    assert caught.value.offset == offset


def test_values_are_escaped_and_keys_are_not() -> None:
    value = {"${a}": ["${b}", 1, None, True, {"c": "$${d} $"}]}
    assert references.escaped(value) == {"${a}": ["$${b}", 1, None, True, {"c": "$$${d} $"}]}


def test_the_names_in_a_value_are_those_of_its_references() -> None:
    value = {"${no}": ["${a} ${b}", "$${no}", "${", {"x": "${c}"}], "y": 1}
    assert list(references.names(value)) == ["a", "b", "c"]
