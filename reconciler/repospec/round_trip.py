"""Read new charters as part of a spec, with its defaults, before any of them is written to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.repospec import charter_keys, dialects, includes, loader, nodes, problems, references, yaml_text
from reconciler.schedule import declarations

_PATH = "the import"


def reader(
    entries: Sequence[charter_keys.Entry],
    root: nodes.Node | None,
    head: Mapping[str, Any],
    dialect: dialects.Dialect,
    choice: declarations.Choice,
) -> charter_keys.Read:
    """Return a function that reads a charter's entry with the keys of the file's section and those of `head`.

    The `entries` are read in advance, together and in flow style, which takes a fraction of the time; only entries that
    are not valid that way, and variants of the entries, are written and read in block style, one by one. The function
    raises `errors.InvalidSpecError` for an entry that a spec cannot express.
    """
    whole = nodes.File(_PATH, "")
    inherited = [*_inherited(root, dialect), *_composed(head)]

    def read(
        some: Sequence[charter_keys.Entry], write: Callable[[Sequence[charter_keys.Entry]], str]
    ) -> Sequence[declarations.Charter]:
        written = write([references.escaped(dialect.entry(entry)) for entry in some])
        listed = nodes.compose(written, _PATH) or _text("", whole)
        section = nodes.Mapping(whole, 0, None, pairs=[*inherited, (_text(dialects.LIST, whole), listed)])
        root = nodes.Mapping(whole, 0, None, pairs=[(_text(dialect.section, whole), section)])
        return loader.declared(root, _PATH, choice).charters

    def valid(some: Sequence[charter_keys.Entry]) -> dict[str, declarations.Charter]:
        """Return the charters of the valid entries by name; bisects the entries to find the invalid ones."""
        try:
            return {charter.name: charter for charter in read(some, yaml_text.flow)} if some else {}
        except problems.InvalidSpecError:
            half = len(some) // 2
            return {**valid(some[:half]), **valid(some[half:])} if half else {}

    known = valid(entries)
    drafts = {entry["charter"]: entry for entry in entries}

    def read_one(entry: charter_keys.Entry) -> declarations.Charter:
        name = entry["charter"]
        if name in known and entry is drafts[name]:
            return known[name]
        (charter,) = read([entry], _block)
        return charter

    return read_one


def _inherited(root: nodes.Node | None, dialect: dialects.Dialect) -> Iterator[tuple[nodes.Node, nodes.Node]]:
    """Yield the keys and values in the file's section, without charters, overrides of single charters, or includes."""
    for key, value in root.pairs if isinstance(root, nodes.Mapping) else ():
        if isinstance(key, nodes.Scalar) and key.text == dialect.section and isinstance(value, nodes.Mapping):
            for name, inner in _without(value, dialects.LIST, includes.KEY):
                is_environments = isinstance(name, nodes.Scalar) and name.text == "environments"
                yield name, _without_charters(inner) if is_environments else inner


def _composed(head: Mapping[str, Any]) -> Sequence[tuple[nodes.Node, nodes.Node]]:
    root = nodes.compose(yaml_text.flow(head), _PATH) if head else None
    return root.pairs if isinstance(root, nodes.Mapping) else ()


def _block(entries: Sequence[charter_keys.Entry]) -> str:
    return "\n".join(yaml_text.block(entries, 0))


def _without_charters(environments: nodes.Node) -> nodes.Node:
    """Return the environments without overrides of single charters, because none of those applies to a new charter."""
    if not isinstance(environments, nodes.Mapping):
        return environments
    bare: list[tuple[nodes.Node, nodes.Node]] = [
        (name, nodes.Mapping(each.file, each.start, None, pairs=list(_without(each, "charters"))))
        if isinstance(each, nodes.Mapping)
        else (name, each)
        for name, each in environments.pairs
    ]
    return nodes.Mapping(environments.file, environments.start, None, pairs=bare)


def _without(node: nodes.Mapping, *names: str) -> Iterator[tuple[nodes.Node, nodes.Node]]:
    return ((key, value) for key, value in node.pairs if not (isinstance(key, nodes.Scalar) and key.text in names))


def _text(text: str, file: nodes.File) -> nodes.Scalar:
    return nodes.Scalar(file, 0, None, text, plain=True)
