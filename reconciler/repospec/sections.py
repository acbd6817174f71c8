"""Find our section in a file, and convert it to a document with one set of names, regardless of the file's spelling."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from reconciler.repospec import dialects, locations, nodes, problems, values

Pairs: TypeAlias = Mapping[str, tuple[nodes.Node, nodes.Node]]


def find(pairs: Pairs) -> dialects.Dialect | None:
    """Return the spelling of the section among a file's top-level keys; None if it is missing.

    Raises `problems.InvalidSpecError` if the file has both spellings.
    """
    present = [dialect for dialect in dialects.ALL if dialect.section in pairs]
    if len(present) < len(dialects.ALL):
        return present[0] if present else None
    first, second = sorted(present, key=lambda dialect: pairs[dialect.section][0].place.line)
    problem = problems.Problem(
        place=pairs[second.section][0].place,
        message=f"the file has a {second.section} section in addition to a {first.section} section "
        f"(line {pairs[first.section][0].place.line})",
        hint="they are two spellings of the same section: move everything into one of them",
    )
    raise problems.InvalidSpecError([problem])


def evaluate(node: nodes.Node, dialect: dialects.Dialect) -> values.Document:
    """Return the section's document; the problems in it are in the document's `problems`."""
    section = dialects.GOVERNANCE.section
    document = values.evaluate(node, (section,))
    document.dialect = dialect
    document.problems.extend(_named(document, dialect))
    if document.tree is not None:
        document.tree.name(functools.partial(_children, dialect))
    document.value = {section: document.value}
    return document


def _named(document: values.Document, dialect: dialects.Dialect) -> Iterator[problems.Problem]:
    """Rename the key for each charter's name as in `GOVERNANCE`; yield a problem for each one in the wrong spelling."""
    section = document.value
    listed = section.get(dialects.LIST) if isinstance(section, dict) else None
    for index, charter in enumerate(listed if isinstance(listed, list) else ()):
        if not isinstance(charter, dict):
            continue
        at: values.Path = (dialects.GOVERNANCE.section, dialects.LIST, index)
        wrong = dialect.other.name
        if wrong in charter:
            yield problems.Problem(
                place=document.keys[(*at, wrong)],
                message=f"unknown key {wrong!r} in charter {index + 1}",
                hint=f"write {dialect.name!r}, the key in a {dialect.section} section",
            )
        own = dialect.name if dialect.name in charter else wrong
        if own != dialects.GOVERNANCE.name or wrong in charter:
            _rename(charter, own)


def _children(dialect: dialects.Dialect, at: values.Path, node: nodes.Mapping) -> dict[str, locations.Pair]:
    """Return the keys of an object in a document: the key for a charter's name is spelled as in `GOVERNANCE`."""
    found = values.children(at, node)
    match at:
        case (str(), dialects.LIST, int()):
            own = found.get(dialect.name) or found.get(dialect.other.name)
            return found if own is None else {**found, dialects.GOVERNANCE.name: own}
        case _:
            return found


def _rename(charter: dict[str, values.Value], own: str) -> None:
    """Rename the key for a charter's name as in `GOVERNANCE`; `own` is its spelling in the file."""
    canonical = dialects.GOVERNANCE.name
    names = {dialect.name for dialect in dialects.ALL}
    renamed = {canonical if key == own else key: each for key, each in charter.items() if key not in names - {own}}
    charter.clear()
    charter.update(renamed)
