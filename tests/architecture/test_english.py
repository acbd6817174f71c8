"""What the program prints is in plain technical English, without the phrases that are rejected here."""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[2]
MODULES = sorted((ROOT / "reconciler").rglob("*.py"))
REJECTED = re.compile(
    r"\b(shall|somebody|nobody|anew|seldom|begun|told|what became of|for want of|by now|all the same|looks whether"
    r"|cannot be said|(?<!there )(?:is|are) no (?!longer)\w+)\b",
    re.IGNORECASE,
)
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


def test_messages_and_help_avoid_the_rejected_phrases() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {match[0]!r} in {text!r}"
        for path in MODULES
        for line, text in shown(path.read_text(encoding="utf-8"))
        if (match := REJECTED.search(text))
    ]
    assert found == []


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
    assert sum(bool(REJECTED.search(text)) for _, text in shown(source)) == count
