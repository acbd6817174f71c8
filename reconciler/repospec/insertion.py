"""Insert charters into the text of a spec without changing any of the surrounding text."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from reconciler import errors
from reconciler.repospec import dialects, nodes, yaml_text

PREFIX = "prefix"

_BREAK = re.compile(r"\r\n|\n|\r")
_END_OF_DOCUMENT = re.compile(r"^\.\.\.(?=\s|\Z)", re.MULTILINE)
_COMMENT = re.compile(r"(?:[ \t]*(?:\r\n|\n|\r))*( *)#[^\r\n]*(?:\r\n|\n|\r|\Z)")
_DASH = re.compile(r"^( *)-(?=\s)", re.MULTILINE)
_STEP = 2  # columns of indentation for a file that has none

Entries: TypeAlias = Sequence[Mapping[str, Any]]
_Container: TypeAlias = nodes.Sequence | nodes.Mapping


def insert(
    text: str, root: nodes.Node | None, entries: Entries, head: Mapping[str, Any], dialect: dialects.Dialect
) -> str:
    """Return the text with the charters at the end of its list; `root` is the root node of the text.

    A missing section (which then begins with `head`) or list is added in the file's style. Raises
    `errors.UsageError` if an alias would repeat the charters elsewhere.
    """
    line_break = _BREAK.search(text)
    file = _File(text=text, newline=line_break.group() if line_break else "\n")
    entries = [dialect.entry(entry) for entry in entries]
    name, whole = dialect.section, {**head, dialects.LIST: entries}
    if not isinstance(root, nodes.Mapping):  # only comments
        return file.append({name: whole}, 0)
    found_section = _pair(root, name)
    if found_section is None and root.flow:
        return file.into_flow(root, f'"{name}": {file.flow(whole, root)}')
    if found_section is None:
        return file.append({name: whole}, _column(root))
    key, section = found_section
    _refuse_shared(root, root.start, "the file")
    _refuse_shared(section, key.start, name)
    if not isinstance(section, nodes.Mapping):
        return file.replace(root, key, section, whole)
    return _into_section(file, section, entries)


def with_prefixes(
    text: str, root: nodes.Node | None, own: Sequence[str], added: Sequence[str], dialect: dialects.Dialect
) -> str:
    """Return the text with prefixes added to the section's `own` ones; raises the same errors as `insert`."""
    line_break = _BREAK.search(text)
    file = _File(text=text, newline=line_break.group() if line_break else "\n")
    found_section = _pair(root, dialect.section) if isinstance(root, nodes.Mapping) else None
    if root is None or found_section is None:
        return text
    key, section = found_section
    if not isinstance(section, nodes.Mapping):
        return text
    _refuse_shared(root, root.start, "the file")
    _refuse_shared(section, key.start, dialect.section)
    found, written = _pair(section, PREFIX), yaml_text.flow([*own, *added])
    if found is None and section.flow:
        return file.into_flow(section, f'"{PREFIX}": {written}')
    if found is None:
        return file.before(section.pairs[0][0], f"{PREFIX}: {written}")
    key, old = found
    _refuse_shared(old, key.start, PREFIX)
    if isinstance(old, nodes.Sequence) and old.flow:
        return file.into_flow(old, *map(yaml_text.flow, added))
    if isinstance(old, nodes.Sequence):
        dash = file.dash(old)
        return file.after(old.end, yaml_text.block(list(added), dash), dash)
    if isinstance(old, nodes.Scalar):
        written = yaml_text.flow([old.text, *added])  # the old text may contain references, which stay as written
    return text[: old.start] + written + text[old.end :]


def _into_section(file: _File, section: nodes.Mapping, entries: Entries) -> str:
    found = _pair(section, dialects.LIST)
    if found is None and section.flow:
        return file.into_flow(section, f'"{dialects.LIST}": {file.flow(entries, section)}')
    if found is None:
        column = _column(section)
        return file.after(section.end, yaml_text.block({dialects.LIST: entries}, column), column)
    key, listed = found
    _refuse_shared(listed, key.start, dialects.LIST)
    if not isinstance(listed, nodes.Sequence) or (not section.flow and file.is_bare(listed)):
        return file.replace(section, key, listed, entries)
    if listed.flow:
        return file.into_flow(listed, *(file.flow(entry, listed) for entry in entries))
    dash = file.dash(listed)
    # if dashes are not indented, a comment below them may belong to the next key
    return file.after(listed.end, yaml_text.block(entries, dash), dash + (dash < key.place.column))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file's text and its line ending; methods return the new text unless documented otherwise."""

    text: str
    newline: str

    def append(self, value: Mapping[str, Any], column: int) -> str:
        """Add a value at the end of the document."""
        end = _END_OF_DOCUMENT.search(self.text)
        return self._lines(end.start() if end else len(self.text), yaml_text.block(value, column))

    def before(self, node: nodes.Node, line: str) -> str:
        """Insert a line above the line on which a key in block style starts, with the same indentation."""
        at = node.start - (node.place.column - 1)
        return self._lines(at, [" " * (node.place.column - 1) + line])

    def after(self, end: int, lines: Sequence[str], column: int) -> str:
        """Insert lines below the node that ends at `end`, and below comments at or to the right of `column`."""
        at = self._next_line(end)
        while (found := _COMMENT.match(self.text, at)) and len(found.group(1)) >= column:
            at = found.end()
        return self._lines(at, lines)

    def replace(self, parent: nodes.Mapping, key: nodes.Node, old: nodes.Node, value: Any) -> str:
        """Replace a null or an empty list with a value."""
        before, after = self.text[: old.start], self.text[old.end :]
        if parent.flow:
            return f"{before} {self.flow(value, parent)}{after}"
        before = before.rstrip(" ") + " " * after.startswith("#")
        lines = yaml_text.block(value, key.place.column - 1 + _step(parent))
        rest = dataclasses.replace(self, text=before + after)
        return rest._lines(rest._next_line(len(before)), lines)

    def into_flow(self, container: _Container, *values: str) -> str:
        """Insert values after the last one in brackets or braces."""
        margin = _margin(container)
        between = ", " if margin is None else "," + self.newline + " " * margin
        if _inside(container):
            before, after = self.text[: container.last], self.text[container.last :]
            return before + "".join(between + value for value in values) + after
        at = self.text.index("[" if isinstance(container, nodes.Sequence) else "{", container.start) + 1
        return self.text[:at] + between.join(values) + self.text[at:]

    def flow(self, value: Any, container: _Container) -> str:
        """Return the value as written in brackets or braces."""
        return yaml_text.flow(value, _margin(container)).replace("\n", self.newline)

    def is_bare(self, listed: nodes.Sequence) -> bool:
        """Return whether a list is just `[]`."""
        return bool(re.fullmatch(r"\[[ \t\r\n]*\]", self.text[listed.start : listed.end]))

    def dash(self, listed: nodes.Sequence) -> int:
        """Return the column of the dashes in a block-style list; its anchor may be on the line above."""
        line = max(self.text.rfind("\n", 0, listed.start), self.text.rfind("\r", 0, listed.start)) + 1
        dash = _DASH.search(self.text.replace("\r", "\n"), line)
        return len(dash.group(1)) if dash else listed.place.column - 1

    def _next_line(self, end: int) -> int:
        """Return the offset of the next line: `end` itself if it follows a line break."""
        if self.text[end - 1 : end] in ("\n", "\r"):
            return end
        line_break = _BREAK.search(self.text, end)
        return line_break.end() if line_break else len(self.text)

    def _lines(self, at: int, lines: Sequence[str]) -> str:
        before, after = self.text[:at], self.text[at:]
        missing = self.newline if before and before[-1] not in "\r\n" else ""
        return before + missing + "".join(line + self.newline for line in lines) + after


def _refuse_shared(node: nodes.Node, after: int, name: str) -> None:
    """Reject the target of an alias: charters added there would be repeated elsewhere."""
    if node.start < after or (not isinstance(node, nodes.Scalar) and node.shared):
        raise errors.UsageError(
            f"{node.place}: {name} is repeated by an alias, so charters added there would be repeated too",
            hint="write it out in both places, then import again",
        )


def _pair(node: nodes.Mapping, name: str) -> tuple[nodes.Node, nodes.Node] | None:
    named = ((key, value) for key, value in node.pairs if isinstance(key, nodes.Scalar) and key.text == name)
    return next(named, None)


def _column(node: nodes.Mapping) -> int:
    """Return the column of a block-style object's keys."""
    return node.pairs[0][0].place.column - 1


def _step(parent: nodes.Mapping) -> int:
    """Return the number of columns by which the file indents an object's contents."""
    outer = _column(parent)
    for _, value in parent.pairs:
        if isinstance(value, nodes.Mapping) and not value.flow and value.pairs and _column(value) > outer:
            return _column(value) - outer
    return outer or _STEP


def _inside(container: _Container) -> list[nodes.Node]:
    return container.items if isinstance(container, nodes.Sequence) else [key for key, _ in container.pairs]


def _margin(container: _Container) -> int | None:
    """Return the column of the items in brackets or braces if they are on separate lines, else None."""
    inside = _inside(container)
    if not inside or inside[-1].place.line == container.place.line:
        return None
    return inside[-1].place.column - 1
