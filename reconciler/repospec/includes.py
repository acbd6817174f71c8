"""Add the charters of the files that a spec includes to its document."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping

from reconciler import errors
from reconciler.repospec import dialects, nodes, patterns, problems, rules, sections, source, values
from reconciler.schedule import declarations

KEY = "include"
AT: values.Path = (*rules.SECTION, KEY)
FILE_LIMIT = 1_000
SIZE_LIMIT = source.SIZE_LIMIT  # total bytes of all included files
SEARCH_LIMIT = 100_000  # directory entries that are compared with the patterns


def add(document: values.Document, path: str, folder: pathlib.Path | None) -> bool:
    """Append the included charters, with their places, to the spec's own; add problems to the document's `problems`.

    Return whether all files could be read. `folder` is the spec's directory, or None if the spec is not a file; then
    `errors.UsageError` is raised if it includes any files. Messages show each file's path with `path`'s directory.
    """
    before, size = len(document.problems), 0
    document.inclusions = tuple(_inclusions(document, path, folder))
    for name, place in _once(document.inclusions, path, folder).items():
        shown = str(pathlib.PurePath(path).parent / name)
        text = source.read_included(pathlib.Path(folder or ".") / name, shown)
        size += len(text.encode())
        if size > SIZE_LIMIT:
            message = f"include: the included files exceed {SIZE_LIMIT // 1024**2} MiB in total"
            raise _refused(place, message, "include fewer or smaller files")
        try:
            _append(document, _read(nodes.compose(text, shown), shown, document))
        except problems.InvalidSpecError as error:
            document.problems.extend(error.problems)
    return len(document.problems) == before


def files(path: pathlib.Path) -> dict[str, pathlib.Path]:
    """Return the files that a spec includes, by path relative to its directory; empty for an invalid spec."""
    with contextlib.suppress(errors.InvalidSpecError):
        text = source.read(path)
        root = nodes.compose(text, str(path)) if KEY in text or "\\" in text else None
        dialect = dialects.of(root, str(path))
        for name, _, section in values.pairs(root, []) if isinstance(root, nodes.Mapping) else ():
            if name == dialect.section and isinstance(section, nodes.Mapping):
                document = sections.evaluate(_only_includes(section), dialect)
                folder = path.parent
                found = _once(_inclusions(document, str(path), folder), str(path), folder)
                return {name: folder / name for name in found}
    return {}


def _only_includes(section: nodes.Mapping) -> nodes.Mapping:
    pairs = [pair for pair in section.pairs if isinstance(pair[0], nodes.Scalar) and pair[0].text == KEY]
    return dataclasses.replace(section, pairs=pairs)


def _inclusions(document: values.Document, path: str, folder: pathlib.Path | None) -> Iterator[declarations.Inclusion]:
    """Yield each pattern with its matches, other than the spec itself; the schema reports values of wrong types."""
    listed = rules.value_at(document, AT)
    entries = listed if isinstance(listed, list) else []
    if entries and folder is None:
        raise errors.UsageError(
            f"{document.keys[AT]}: include requires the spec to be a file, because paths are relative to its directory",
            hint="specify the file with --spec",
        )
    search = _Search(pathlib.Path(folder or "."))
    for index, pattern in enumerate(entries):
        if not isinstance(pattern, str) or not pattern:
            continue
        place = document.places[*AT, index]
        fault = patterns.fault(pattern)
        if fault is not None:
            document.problems.append(problems.Problem(place=place, message=fault.message, hint=fault.hint))
            continue
        try:
            found = _others(search.matches(pattern, place), pattern, place, path, folder)
        except problems.InvalidSpecError as error:
            document.problems.extend(error.problems)
            continue
        yield declarations.Inclusion(place=place, pattern=pattern, files=found)


def _others(
    names: Iterable[str], pattern: str, place: declarations.Place, path: str, folder: pathlib.Path | None
) -> tuple[str, ...]:
    """Return the matches other than the spec; raises `problems.InvalidSpecError` if the pattern is the spec's path."""
    spec = pathlib.Path(folder or ".", pathlib.PurePath(path).name).resolve()
    found = tuple(name for name in names if pathlib.Path(folder or ".", name).resolve() != spec)
    if not found and patterns.is_plain(pattern):
        raise _refused(place, f"include: {pattern!r} is the spec itself", "remove it, or specify another file")
    return found


class _Search:
    """Finds the files in a directory that match patterns, up to limits that apply to all patterns together."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._visited = 0
        self._matched = 0

    def matches(self, pattern: str, place: declarations.Place) -> list[str]:
        """Return the sorted matches, relative to the directory; raises `problems.InvalidSpecError` if that fails."""
        try:
            found = sorted(self._walk(self._folder, "", patterns.start(pattern), place))
            is_folder = not found and self._folder.joinpath(*patterns.parts(pattern)).is_dir()
        except (OSError, RuntimeError) as error:  # a symlink loop is a RuntimeError before Python 3.13
            reason = error.strerror if isinstance(error, OSError) else error
            raise _refused(place, f"include: {pattern!r} cannot be read: {reason}", "make it readable") from error
        if not found and patterns.is_plain(pattern):
            if is_folder:
                hint = f"specify the files in it: {'/'.join(patterns.parts(pattern))}/*.yaml"
                raise _refused(place, f"include: {pattern!r} is a directory", hint)
            hint = f"the path is relative to the spec's directory ({self._folder})"
            raise _refused(place, f"include: {pattern!r}: no such file", hint)
        return found

    def _walk(
        self, folder: pathlib.Path, before: str, states: patterns.States, place: declarations.Place
    ) -> Iterator[str]:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        self._visited += len(found)
        if self._visited > SEARCH_LIMIT:
            message = f"include: more than {SEARCH_LIMIT:,} files to search"
            raise _refused(place, message, "use directories with fewer files")
        for entry in found:
            is_folder = _is_folder(entry)
            is_link = is_folder and entry.is_symlink()
            following = patterns.step(patterns.named(states) if is_link else states, entry.name)
            if not following:
                continue
            name, inside = before + entry.name, pathlib.Path(entry.path)
            if is_folder:
                if following == {patterns.END}:
                    continue
                if is_link:
                    self._check(inside, name, place)
                yield from self._walk(inside, f"{name}/", following, place)
            elif patterns.END in following:
                self._check(inside, name, place)
                yield name

    def _check(self, path: pathlib.Path, name: str, place: declarations.Place) -> None:
        """Raise unless a path can be displayed, exists, and is in the directory."""
        self._matched += 1
        if self._matched > FILE_LIMIT:
            hint = "include fewer files, with more charters in each"
            raise _refused(place, f"include: more than {FILE_LIMIT:,} files", hint)
        if not name.isprintable():
            raise _refused(place, "include: a file name contains a control or invisible character", "rename the file")
        if not path.resolve(strict=True).is_relative_to(self._folder.resolve()):
            message = f"include: {name!r} is a symlink that points outside the spec's directory"
            raise _refused(place, message, "include only files in or below that directory")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # part of a symlink loop; an error only if a pattern matches it
        return False


def _once(
    inclusions: Iterable[declarations.Inclusion], path: str, folder: pathlib.Path | None
) -> Mapping[str, declarations.Place]:
    """Return each file once, in order, with the place of a pattern that matches it; symlinks are resolved."""
    places = {name: inclusion.place for inclusion in inclusions for name in inclusion.files}
    seen = {pathlib.Path(folder or ".", pathlib.PurePath(path).name).resolve()}
    found: dict[str, declarations.Place] = {}
    for name in sorted(places):
        file = pathlib.Path(folder or ".", name).resolve()
        if file not in seen:
            seen.add(file)
            found[name] = places[name]
    return found


def _read(root: nodes.Node | None, path: str, document: values.Document) -> values.Document:
    """Return the document of an included file; raises `problems.InvalidSpecError` with all of the file's problems."""
    section = document.dialect.section
    only = f"an included file can contain only {section}.{dialects.LIST}"
    found: list[problems.Problem] = []
    node = _section(root, path, document, found)
    if node is None:
        raise problems.InvalidSpecError(found)
    included = sections.evaluate(node, document.dialect)
    value = rules.value_at(included, rules.SECTION)
    keys = value if isinstance(value, dict) else {}
    for key in keys.keys() - {dialects.LIST}:
        place = included.keys[*rules.SECTION, key]
        message = f"{section}.{key} is not allowed in an included file"
        found.append(problems.Problem(place=place, message=message, hint=only))
    if not isinstance(keys.get(dialects.LIST), list):
        place = included.places.get(rules.SCHEDULES) or included.places[rules.SECTION]
        found.append(problems.Problem(place=place, message=f"{section} has no list of {dialects.LIST}", hint=only))
    if found or included.problems:
        raise problems.InvalidSpecError([*found, *included.problems])
    return included


def _section(
    root: nodes.Node | None, path: str, document: values.Document, found: list[problems.Problem]
) -> nodes.Node | None:
    """Return the section of an included file, None if it is missing; anything else in the file is a problem."""
    dialect = document.dialect
    only = f"an included file can contain only {dialect.section}.{dialects.LIST}"
    whole = declarations.Place(path=path, line=1, column=1)
    if not isinstance(root, nodes.Mapping):
        place = whole if root is None else root.place
        found.append(problems.Problem(place=place, message="the included file is not an object", hint=only))
        return None
    own: nodes.Node | None = None
    for name, key, value in values.pairs(root, found):
        if name == dialect.section:
            own = value
        elif name == dialect.other.section:
            hint = f"write {dialect.section!r}, as {document.places[rules.SECTION].path} does"
            found.append(problems.Problem(place=key.place, message=f"the section is spelled {name!r} here", hint=hint))
        else:
            found.append(problems.Problem(place=key.place, message=f"unknown key {name!r}", hint=only))
    if own is None and not found:
        message = f"the included file has no {dialect.section} section"
        found.append(problems.Problem(place=whole, message=message, hint=only))
    return own


def _append(document: values.Document, included: values.Document) -> None:
    """Append the charters of an included file to those of the document."""
    section, more = rules.value_at(document, rules.SECTION), rules.value_at(included, rules.SCHEDULES)
    if not isinstance(section, dict) or not isinstance(more, list):
        return
    listed = section.setdefault(dialects.LIST, [])
    if not isinstance(listed, list):  # the schema reports it
        return
    document.firsts.append(len(listed))
    listed.extend(more)
    document.count += included.count
    document.characters += included.characters
    if document.tree is not None and included.tree is not None:
        document.tree.extend(dialects.LIST, included.tree)
    place = included.places[rules.SECTION]
    if document.count > values.VALUE_LIMIT:
        message = f"more than {values.VALUE_LIMIT} values, including those in the preceding files"
        raise _refused(place, message, "declare fewer values")
    if document.characters > values.TEXT_LIMIT:
        message = f"more than {values.TEXT_LIMIT} characters, including those in the preceding files"
        raise _refused(place, message, "shorten the values, or declare fewer")


def _refused(place: declarations.Place, message: str, hint: str) -> problems.InvalidSpecError:
    return problems.InvalidSpecError([problems.Problem(place=place, message=message, hint=hint)])
