"""What the program prints and what its source explains is in plain technical English, without the rejected phrases."""

from __future__ import annotations

import ast
import io
import pathlib
import re
import tokenize
from collections.abc import Iterator

import pytest

from tests.support import english

ROOT = pathlib.Path(__file__).parents[2]
MODULES = sorted((ROOT / "reconciler").rglob("*.py"))
ALL = sorted(path for name in ("reconciler", "tests", "bench", "tools") for path in (ROOT / name).rglob("*.py"))
REVISED = sorted(
    path
    for name in ("documents", "plan", "repospec", "schedule", "timing")
    for path in (ROOT / "reconciler" / name).rglob("*.py")
)
MESSAGES = english.pattern(english.IN_MESSAGES)
SOURCE = english.pattern(english.IN_SOURCE)
REVISED_SOURCE = english.pattern(english.IN_REVISED_SOURCE)
CODE = re.compile(r"`[^`]*`")
QUERY = re.compile(r"^\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|SET)\b")


def shown(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every string that is neither a docstring nor a query."""
    tree = ast.parse(source)
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in statements:
            continue
        if isinstance(node.value, str) and not QUERY.match(node.value):
            yield node.lineno, node.value


def explained(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every docstring and comment, without the code in them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, CODE.sub("", node.value.value)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], CODE.sub("", token.string)


def named(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of every variable, parameter, attribute, function and class."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case _:
                pass


def test_docstrings_and_comments_avoid_the_rejected_phrases() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {match[0]!r} in {text!r}"
        for path in MODULES
        for line, text in explained(path.read_text(encoding="utf-8"))
        if (match := SOURCE.search(text))
    ]
    assert found == []


def test_docstrings_and_comments_of_revised_packages_avoid_more_phrases() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {match[0]!r} in {text!r}"
        for path in REVISED
        for line, text in explained(path.read_text(encoding="utf-8"))
        if (match := REVISED_SOURCE.search(text))
    ]
    assert found == []


def test_names_are_nouns_of_the_domain() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in ALL
        for line, name in named(path.read_text(encoding="utf-8"))
        if name.strip("_").lower() in english.NAMES
    ]
    assert found == []


def test_messages_and_help_avoid_the_rejected_phrases() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {match[0]!r} in {text!r}"
        for path in MODULES
        for line, text in shown(path.read_text(encoding="utf-8"))
        if (match := MESSAGES.search(text))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ('def f():\n    """Tell whether it is."""', 1),
        ("x = 1  # as it shall be", 1),
        ('def f():\n    """Call `told`."""', 0),
        ("message = 'nobody'", 0),
    ],
)
def test_a_rejected_phrase_in_an_explanation_is_found(source: str, count: int) -> None:
    assert sum(bool(SOURCE.search(text)) for _, text in explained(source)) == count


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("raise Error('x is no address')", 1),
        ("f'{x} shall be {y}'", 1),
        ("raise Error('there is no schedule')", 0),
        ("def f():\n    '''Nobody calls it.'''", 0),
        ("sql = 'WITH begun AS (SELECT 1)'", 0),
    ],
)
def test_a_rejected_phrase_is_found(source: str, count: int) -> None:
    assert sum(bool(MESSAGES.search(text)) for _, text in shown(source)) == count


def test_a_rejected_name_is_found() -> None:
    names = [name for _, name in named("class _Said:\n    def told(self, unsaid): begun = self.telling")]
    assert {name.strip("_").lower() for name in names} - {"self"} == {"said", "told", "unsaid", "begun", "telling"}
