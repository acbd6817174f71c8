"""Parse YAML text into a tree of nodes with positions; values are not interpreted yet."""

from __future__ import annotations

import bisect
import dataclasses
import re
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import yaml

from reconciler.repospec import positions, problems
from reconciler.schedule import declarations

DEPTH_LIMIT = 100
NODE_LIMIT = 1_000_000  # keys and values in a file; they use about 250 MB of memory

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LINE_LIMIT = 1_000  # characters; longer lines are not searched for an unquoted value, because the search is not linear
_RESERVED = re.compile(r"(?:^|[:,-]\s|[\[{])\s*([*@%`][^\]}]*?)(?=\s+#|,?\s*$|,\s|[\]}])")
_REFERENCE = re.compile(r"(?:[:,-]\s+|[\[{]\s*)[^\"',\[\]{}]*\$\{")
_CRON = re.compile(r"\*\S*(?:\s+\S+){4,6}|@(?:every\s+\S+|yearly|annually|monthly|weekly|daily|midnight|hourly)")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, if available, is ten times as fast


class File:
    """A file's text and path, and the places of its characters; lines are counted on demand."""

    __slots__ = ("_lines", "path", "text")

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self._lines: list[int] = []

    def place(self, index: int) -> declarations.Place:
        """Return the place of a character."""
        self._lines = self._lines or [0, *positions.line_ends(self.text)]
        line = bisect.bisect_right(self._lines, index)
        return declarations.Place(path=self.path, line=line, column=index - self._lines[line - 1] + 1)


@dataclasses.dataclass(slots=True)
class Scalar:
    """A single value: its text and its style; `plain` means without quotes.

    `start` and `end` are character offsets in the file, here and below.
    """

    file: File
    start: int
    tag: str | None
    text: str
    plain: bool
    end: int = 0

    @property
    def place(self) -> declarations.Place:
        """Return the position of the text, not of an anchor before it."""
        return self.file.place(self._begin)

    @property
    def written(self) -> str:
        """Return the text exactly as in the file, without its anchor and tag."""
        return self.file.text[self._begin : self.end]

    @property
    def _begin(self) -> int:
        if not self.file.text.startswith(("&", "!"), self.start):
            return self.start
        return self.start + positions.begin(self.file.text[self.start : self.end])

    def inside(self, offset: int) -> declarations.Place:
        """Return the position of a character of the text or, if that is unknown, of the whole value."""
        index = positions.index(self.written, self.text, offset)
        return self.place if index is None else self.file.place(self._begin + index)


@dataclasses.dataclass(slots=True)
class Sequence:
    """A list of nodes; `flow` if in brackets, `shared` if an alias repeats it. `last` is where its last item ends."""

    file: File
    start: int
    tag: str | None
    items: list[Node] = dataclasses.field(default_factory=list)
    flow: bool = False
    shared: bool = False
    end: int = 0
    last: int = 0

    @property
    def place(self) -> declarations.Place:
        """Return the position of the list's start."""
        return self.file.place(self.start)


@dataclasses.dataclass(slots=True)
class Mapping:
    """Keys and values in the file's order, including duplicates; `flow` if in braces.

    The other attributes are as in `Sequence`.
    """

    file: File
    start: int
    tag: str | None
    pairs: list[tuple[Node, Node]] = dataclasses.field(default_factory=list)
    flow: bool = False
    shared: bool = False
    end: int = 0
    last: int = 0

    @property
    def place(self) -> declarations.Place:
        """Return the position of the object's start."""
        return self.file.place(self.start)


Node: TypeAlias = Scalar | Sequence | Mapping


def compose(text: str, path: str) -> Node | None:
    """Return the root node of the file's only document, None if it is empty.

    Raises InvalidSpecError if it is not YAML, has a second document, or is nested deeper than `DEPTH_LIMIT`.
    """
    try:
        return _Composer(path, text).compose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = declarations.Place(path=path, line=mark.line + 1 if mark else 1, column=mark.column + 1 if mark else 1)
        hint = _unquoted(text, place) or "fix the syntax here"
        raise _refused(place, f"not valid YAML: {error.problem or error.context}", hint) from error
    except yaml.reader.ReaderError as error:
        before = text[
            : max(text.find(chr(error.character)), 0)
        ]  # the error's position is in bytes or in characters, depending on the build
        place = declarations.Place(path=path, line=before.count("\n") + 1, column=len(before) - before.rfind("\n"))
        raise _refused(place, "YAML does not allow this character", "remove control characters") from error


class _Composer:
    """Builds nodes from the parser's events with its own stack, which bounds the depth.

    The events are of type Any because, according to yaml's stubs, an event may have no marks; a parser's always have.
    """

    def __init__(self, path: str, text: str) -> None:
        self._file = File(path, text)
        self._text = text
        self._anchors: dict[str, Node] = {}
        self._open: list[tuple[Sequence | Mapping, list[Node]]] = []
        self._root: Node | None = None
        self._documents = 0
        self._count = 0
        self._end_of_content = 0  # the end of the last node, before comments and blank lines

    def compose(self) -> Node | None:
        handlers: dict[type[yaml.Event], Callable[[Any], None]] = {
            yaml.DocumentStartEvent: self._document,
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.SequenceStartEvent: self._sequence,
            yaml.MappingStartEvent: self._mapping,
            yaml.SequenceEndEvent: self._close,
            yaml.MappingEndEvent: self._close,
        }
        # libyaml rejects escaped surrogate pairs, which JSON uses for many characters
        loader = yaml.SafeLoader if _SURROGATE.search(self._text) else _LOADER
        for event in yaml.parse(self._text, Loader=loader):
            handle = handlers.get(type(event))
            if handle is not None:
                handle(event)
        return self._root

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            raise _refused(self._place(event), "the file contains a second document", "keep only one")

    def _scalar(self, event: Any) -> None:
        end = self._end_of_content = event.end_mark.index
        text = sys.intern(event.value) if event.value.isascii() else self._paired(event)  # many are the same
        self._add(Scalar(self._file, event.start_mark.index, event.tag, text, not event.style, end), event.anchor)

    def _alias(self, event: Any) -> None:
        self._end_of_content = event.end_mark.index
        self._add(self._anchored(event), None)

    def _sequence(self, event: Any) -> None:
        self._begin(Sequence(self._file, event.start_mark.index, event.tag), event)

    def _mapping(self, event: Any) -> None:
        self._begin(Mapping(self._file, event.start_mark.index, event.tag), event)

    def _place(self, event: Any) -> declarations.Place:
        return self._file.place(event.start_mark.index)

    def _paired(self, event: Any) -> str:
        """Return the text with each surrogate pair replaced by the character that it represents."""
        try:
            paired: str = event.value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            raise _refused(
                self._place(event),
                "an unpaired surrogate is not a character",
                "write both halves of the pair, or neither",
            ) from None
        return paired

    def _anchored(self, event: Any) -> Node:
        node = self._anchors.get(event.anchor or "")
        if node is None:
            hint = _unquoted(self._text, self._place(event))
            is_cron = " " in hint.partition(": ")[2]
            raise _refused(
                self._place(event), "the alias has no anchor before it", hint if is_cron else "define it first"
            )
        if any(node is container for container, _ in self._open):
            raise _refused(self._place(event), "the alias contains itself", "write the value out")
        if not isinstance(node, Scalar):
            node.shared = True
        return node

    def _begin(self, node: Sequence | Mapping, event: Any) -> None:
        if len(self._open) >= DEPTH_LIMIT:
            raise _refused(node.place, f"nested deeper than {DEPTH_LIMIT} levels", "flatten the value")
        if event.anchor:
            self._anchors[event.anchor] = node
        node.flow = bool(event.flow_style)
        self._open.append((node, []))

    def _close(self, event: Any) -> None:
        node, inner = self._open.pop()
        node.last = self._end_of_content
        if node.flow:
            self._end_of_content = event.end_mark.index
        node.end = self._end_of_content
        if isinstance(node, Sequence):
            node.items = inner
        else:
            node.pairs = list(zip(inner[::2], inner[1::2], strict=True))
        self._add(node, None)

    def _add(self, node: Node, anchor: str | None) -> None:
        self._count += 1
        if self._count > NODE_LIMIT:
            raise _refused(node.place, f"more than {NODE_LIMIT} keys and values", "declare fewer values in one file")
        if anchor:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1][1].append(node)
        else:
            self._root = node


def _unquoted(text: str, place: declarations.Place) -> str:
    """Return what to do about an unquoted value that begins with a reserved character, as many crons do; else ''.

    The parser stops inside that value, because `*` begins an alias.
    """
    line = (*text.split("\n")[place.line - 1 :], "")[0]
    if len(line) > _LINE_LIMIT:
        return ""
    if _REFERENCE.search(line[: place.column]):
        return "inside braces or brackets, quote a value that contains '${'"
    matches = [each for each in _RESERVED.finditer(line) if each.start(1) < place.column]
    if not matches or ": " in matches[-1][1]:
        return ""
    value = matches[-1][1]
    return f"quote the value: {value!r}" if _CRON.fullmatch(value) else "quote the value"  # it may be a password


def _refused(place: declarations.Place, message: str, hint: str) -> problems.InvalidSpecError:
    return problems.InvalidSpecError([problems.Problem(place=place, message=message, hint=hint)])
