"""Load a spec file as a `declarations.Declaration`, or report all of its problems at once."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from reconciler import errors, input_files, published, spelling
from reconciler.repospec import (
    charters,
    dialects,
    exemptions,
    identities,
    includes,
    nodes,
    problems,
    rules,
    sections,
    shape,
    source,
    values,
    views,
)
from reconciler.schedule import declarations, ownership

SURE = 0.88  # an unknown key at least this similar to one of ours is a typo, not another tool's key


def load(
    path: pathlib.Path, choice: declarations.Choice | None = None, *, salt: bytes = b""
) -> declarations.Declaration:
    """Return what the file declares, with this run's options and the salt for digests of secrets.

    Other tools' sections are ignored. Raises `errors.InvalidSpecError` with every problem and its position, and
    `errors.UsageError` for an environment, or a charter in `choice.only`, that the file does not have.
    """
    return dataclasses.replace(parse(source.read(path), str(path), choice, folder_of(path)), salt=salt)


def folder_of(path: pathlib.Path) -> pathlib.Path | None:
    """Return the directory of the files that a spec may include; None for standard input."""
    return None if path is input_files.STANDARD_INPUT else path.parent


def source_text(path: pathlib.Path) -> str:
    """Return the file's text, including a byte order mark; `errors.InvalidSpecError` if it cannot be read."""
    return source.whole(path)


def parse(
    text: str, path: str, choice: declarations.Choice | None = None, folder: pathlib.Path | None = None
) -> declarations.Declaration:
    """Return what the text declares; `path` is for messages, and `folder` contains the files that it may include."""
    return declared(nodes.compose(text, path), path, choice or declarations.Choice(), folder)


def declared(
    root: nodes.Node | None, path: str, choice: declarations.Choice, folder: pathlib.Path | None = None
) -> declarations.Declaration:
    """Return what a file's root node declares; `path` and `folder` are as for `parse`."""
    found = section(root, path, choice, folder)
    if found is None:
        views.refuse_unknown(choice, ())
        _check_names(choice.only, (), path)
        return _declaration(path, {}, choice, governed=False)
    governance = found.chosen.document
    chosen = charters.environment(governance, choice.environment, path)
    keys: Any = rules.value_at(governance, rules.SECTION)
    declaration = dataclasses.replace(_declaration(path, keys, choice), variables=found.variables, unused=found.unused)
    declared = charters.read(governance, choice.environment, declaration.prefixes[0])
    documents = found.by_environment()
    faults = [
        *identities.check(declared, declaration.prefixes),
        *_check_others(declared, declaration, choice, documents),
        *exemptions.check(governance, documents),
        *filter(None, map(charters.endless, declared)),
    ]
    if faults:
        raise problems.InvalidSpecError(faults)
    _check_names(choice.only, [charter.name for charter in declared], path)
    names = {name.lower() for name in choice.only}
    if names:
        declared = tuple(charter for charter in declared if charter.name.lower() in names)
        declaration = dataclasses.replace(declaration, only=tuple(charter.name for charter in declared))
    return dataclasses.replace(
        declaration,
        charters=declared,
        enabled=chosen.get("enabled", True),
        prefix_place=None
        if choice.prefixes
        else governance.places.get((*rules.SECTION, "prefix")) or governance.places[rules.SECTION],
        elsewhere=() if choice.prefixes else _elsewhere(documents, choice.environment),
        inclusions=governance.inclusions,
    )


def _elsewhere(documents: Mapping[str | None, values.Document], environment: str | None) -> tuple[str, ...]:
    """Return the prefixes that are declared for other environments, or outside of any environment."""
    declared = (
        ownership.declared(rules.value_at(document, (*rules.SECTION, "prefix")))
        for name, document in documents.items()
        if name != environment
    )
    return tuple(dict.fromkeys(prefix for prefixes in declared for prefix in prefixes))


def _check_others(
    declared: Iterable[declarations.Charter],
    declaration: declarations.Declaration,
    choice: declarations.Choice,
    documents: Mapping[str | None, values.Document],
) -> Iterator[problems.Problem]:
    """Yield a problem for each former name that is the id of a schedule in another environment.

    Environments that share a prefix are not compared: they cannot be on the same server, where the id
    would belong to this environment.
    """
    renamed = [charter for charter in declared if charter.was]
    if not renamed:
        return
    ids: dict[str, str] = {}
    for name, document in documents.items():
        if name is None or name == choice.environment:
            continue
        keys: Any = rules.value_at(document, rules.SECTION)
        other = _declaration(declaration.path, keys, choice)
        is_enabled = charters.environment(document, name, declaration.path).get("enabled", True)
        if is_enabled and not ownership.shared(
            declaration.prefixes, other.prefixes, is_one_owner=declaration.owner == other.owner
        ):
            ids |= dict.fromkeys(charters.ids(document, name, other.prefixes[0]), name)
    yield from identities.check_others(renamed, choice.environment, ids)


def _check_names(names: Iterable[str], declared: Collection[str], path: str) -> None:
    """Raise `errors.UsageError` for a name that no charter has; names are case-insensitive."""
    known = {name.lower(): name for name in declared}
    for name in names:
        if name.lower() not in known:
            nearest = spelling.nearest(name.lower(), known)
            raise errors.UsageError(
                f"{path} does not declare charter {name!r}",
                hint=f"did you mean {known[nearest]!r}?" if nearest else "specify a charter that the file declares",
            )


def section(
    root: nodes.Node | None,
    path: str,
    choice: declarations.Choice,
    folder: pathlib.Path | None = None,
    *,
    may_lack_keys: bool = False,
) -> views.Views | None:
    """Return our section with its includes and references expanded; None if it is missing or empty.

    An empty section that has required keys is invalid, unless it `may_lack_keys` because they will be added. Raises
    `errors.InvalidSpecError` with all its problems, and `errors.UsageError` for an include without a directory.
    """
    start = declarations.Place(path=path, line=1, column=1)
    usual = dialects.of(root, path).section
    if root is None or (isinstance(root, nodes.Scalar) and not root.text):
        raise _invalid(start, "the file is empty", f"add a {usual} section with schedules")
    if not isinstance(root, nodes.Mapping):
        raise _invalid(root.place, "the repo-spec is not an object", f"begin with '{usual}:'")
    others: list[problems.Problem] = []  # in other tools' keys, which we ignore
    pairs = {name: (key, value) for name, key, value in values.pairs(root, others)}
    names = dialects.SECTIONS
    ours = {key.place for key, _ in root.pairs if isinstance(key, nodes.Scalar) and key.text in names}
    found = [problem for problem in others if problem.place in ours]
    dialect = sections.find(pairs)
    found += [
        shape.unknown_key(name, key.place, list(names), "the repo-spec")
        for name, (key, _) in pairs.items()
        if dialect is None and spelling.nearest(name, names, likeness=SURE)
    ]
    governance = sections.evaluate(pairs[dialect.section][1], dialect) if dialect else None
    if governance is not None:
        is_whole = includes.add(governance, path, folder)
        found += [*governance.problems, *_misspelled(governance)]
        expanded = views.of(governance, choice)
        found += expanded.problems
        broken = [
            (
                view.environment,
                view.without_unset([*shape.check(view.document), *(rules.check(view.document) if is_whole else ())]),
            )
            for view in expanded.all
        ]
        found += problems.of_environments(broken)
        if found:
            found += [problem for view in expanded.all for problem in exemptions.malformed(view.document)]
    if found:
        raise problems.InvalidSpecError(found)
    if governance is None:
        return None
    if governance.value != {dialects.GOVERNANCE.section: None}:
        return expanded
    governance.value = {dialects.GOVERNANCE.section: {}}
    if not may_lack_keys and (missing := list(shape.check(governance))):
        raise problems.InvalidSpecError(missing)
    return None


def _declaration(
    path: str, keys: Mapping[str, Any], choice: declarations.Choice, *, governed: bool = True
) -> declarations.Declaration:
    """Return the declaration without its charters; options take precedence over the spec."""
    return declarations.Declaration(
        path=path,
        charters=(),
        governed=governed,
        environment=choice.environment,
        prefixes=choice.prefixes or ownership.declared(keys.get("prefix")),
        owner=choice.owner or keys.get("owner") or choice.repository or "",
        keep_manual_pauses=choice.keep_manual_pauses,
        adopt=choice.adopt,
        refresh=choice.refresh,
        max_age=choice.max_age,
    )


def _misspelled(document: values.Document) -> list[problems.Problem]:
    """Find unknown keys in the section that are similar to ours; others may belong to another tool."""
    section = rules.value_at(document, rules.SECTION)
    if not isinstance(section, dict):
        return []
    name = document.dialect.section
    known = published.known_keys("repo-spec", "properties", name)
    return [
        shape.unknown_key(key, document.keys[*rules.SECTION, key], known, name)
        for key in section
        if key not in known and spelling.nearest(key, known, likeness=SURE)
    ]


def _invalid(place: declarations.Place, message: str, hint: str) -> problems.InvalidSpecError:
    return problems.InvalidSpecError([problems.Problem(place=place, message=message, hint=hint)])
