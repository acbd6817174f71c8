"""Parse YAML text into a tree of nodes with positions; values are not interpreted yet."""

from __future__ import annotations

import dataclasses
import re
from typing import TypeAlias, cast

import yaml

from reconciler.repospec import positions, problems
from reconciler.schedule import declarations

DEPTH_LIMIT = 100

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LINE_LIMIT = 1_000  # characters; longer lines are not searched for an unquoted value, which is not linear
_RESERVED = re.compile(r"(?:^|[:,-]\s|[\[{])\s*([*@%`][^\]}]*?)(?=\s+#|,?\s*$|,\s|[\]}])")
_REFERENCE = re.compile(r"(?:[:,-]\s+|[\[{]\s*)[^\"',\[\]{}]*\$\{")
_CRON = re.compile(r"\*\S*(?:\s+\S+){4,6}|@(?:every\s+\S+|yearly|annually|monthly|weekly|daily|midnight|hourly)")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, if available, is ten times as fast


@dataclasses.dataclass(slots=True)
class Scalar:
    """A single value: its text and how it is written; `plain` means without quotes.

    `start` and `end` are character offsets in the file, here and below.
    """

    place: declarations.Place
    text: str
    plain: bool
    tag: str | None
    written: str
    start: int = 0
    end: int = 0

    def inside(self, offset: int) -> declarations.Place:
        """Return the position of a character of the text, or that of the whole value if it is unknown."""
        index = positions.index(self.written, self.text, offset)
        if index is None:
            return self.place
        lines, column = positions.moved(self.written, index)
        if lines:
            return dataclasses.replace(self.place, line=self.place.line + lines, column=column + 1)
        return dataclasses.replace(self.place, column=self.place.column + column)


@dataclasses.dataclass(slots=True)
class Sequence:
    """A list of nodes; `flow` if in brackets, `shared` if an alias repeats it. `last` is where its last item ends."""

    place: declarations.Place
    tag: str | None
    items: list[Node] = dataclasses.field(default_factory=list)
    flow: bool = False
    shared: bool = False
    start: int = 0
    end: int = 0
    last: int = 0


@dataclasses.dataclass(slots=True)
class Mapping:
    """Keys and values in the file's order, duplicates included; `flow` if in braces, the rest as for a list."""

    place: declarations.Place
    tag: str | None
    pairs: list[tuple[Node, Node]] = dataclasses.field(default_factory=list)
    flow: bool = False
    shared: bool = False
    start: int = 0
    end: int = 0
    last: int = 0


Node: TypeAlias = Scalar | Sequence | Mapping


def compose(text: str, path: str) -> Node | None:
    """Return the root node of the file's only document, None if it is empty.

    Raises InvalidSpecError if it is not YAML, has a second document, or is nested deeper than `DEPTH_LIMIT`.
    """
    try:
        return _Composer(path).compose(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = declarations.Place(path=path, line=mark.line + 1 if mark else 1, column=mark.column + 1 if mark else 1)
        hint = _unquoted(text, place) or "fix the syntax here"
        raise _refused(place, f"not valid YAML: {error.problem or error.context}", hint) from error
    except yaml.reader.ReaderError as error:
        before = text[
            : max(text.find(chr(error.character)), 0)
        ]  # its position is in bytes or in characters, depending on the build
        place = declarations.Place(path=path, line=before.count("\n") + 1, column=len(before) - before.rfind("\n"))
        raise _refused(place, "a character that YAML does not allow", "remove control characters") from error


class _Composer:
    """Builds nodes from the parser's events with its own stack, which bounds the depth."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._anchors: dict[str, Node] = {}
        self._open: list[tuple[Sequence | Mapping, list[Node]]] = []
        self._root: Node | None = None
        self._documents = 0
        self._end_of_content = 0  # where the last node ended, before comments and blank lines
        self._text = ""

    def compose(self, text: str) -> Node | None:
        self._text = text
        # libyaml refuses escaped surrogate pairs, which JSON has for many characters
        loader = yaml.SafeLoader if _SURROGATE.search(text) else _LOADER
        for event in yaml.parse(text, Loader=loader):
            self._take(event)
        return self._root

    def _take(self, event: yaml.Event) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise _refused(self._place(event), "a second document", "keep one document in the file")
            case yaml.ScalarEvent():
                self._end_of_content = _end(event).index
                self._add(self._scalar(event), event.anchor)
            case yaml.AliasEvent():
                self._end_of_content = _end(event).index
                self._add(self._anchored(event), None)
            case yaml.SequenceStartEvent():
                self._begin(Sequence(place=self._place(event), tag=event.tag), event)
            case yaml.MappingStartEvent():
                self._begin(Mapping(place=self._place(event), tag=event.tag), event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._close(event)

    def _place(self, event: yaml.Event) -> declarations.Place:
        mark = _start(event)
        return declarations.Place(path=self._path, line=mark.line + 1, column=mark.column + 1)

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        """Return the value with the position of its text, not of an anchor before it."""
        written = self._text[_start(event).index : _end(event).index]
        begin = positions.begin(written) if event.anchor or event.tag else 0
        lines, column = positions.moved(written, begin)
        place = self._place(event)
        column += 1 if lines else place.column
        return Scalar(
            place=dataclasses.replace(place, line=place.line + lines, column=column),
            text=self._paired(event),
            plain=not event.style,
            tag=event.tag,
            written=written[begin:],
            start=_start(event).index,
            end=_end(event).index,
        )

    def _paired(self, event: yaml.ScalarEvent) -> str:
        """Return the text with each surrogate pair replaced by the character that it represents."""
        try:
            return event.value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            raise _refused(
                self._place(event),
                "half of a surrogate pair, which is not a character",
                "write both halves, or neither",
            ) from None

    def _anchored(self, event: yaml.AliasEvent) -> Node:
        node = self._anchors.get(event.anchor or "")
        if node is None:
            hint = _unquoted(self._text, self._place(event))
            is_cron = " " in hint.partition(": ")[2]
            raise _refused(
                self._place(event), "an alias with no anchor before it", hint if is_cron else "define it first"
            )
        if any(node is container for container, _ in self._open):
            raise _refused(self._place(event), "an alias that contains itself", "write the value out")
        if not isinstance(node, Scalar):
            node.shared = True
        return node

    def _begin(self, node: Sequence | Mapping, event: yaml.SequenceStartEvent | yaml.MappingStartEvent) -> None:
        if len(self._open) >= DEPTH_LIMIT:
            raise _refused(node.place, f"nested deeper than {DEPTH_LIMIT} levels", "flatten the value")
        if event.anchor:
            self._anchors[event.anchor] = node
        node.flow = bool(event.flow_style)
        node.start = _start(event).index
        self._open.append((node, []))

    def _close(self, event: yaml.Event) -> None:
        node, inner = self._open.pop()
        node.last = self._end_of_content
        if node.flow:
            self._end_of_content = _end(event).index
        node.end = self._end_of_content
        if isinstance(node, Sequence):
            node.items = inner
        else:
            node.pairs = list(zip(inner[::2], inner[1::2], strict=True))
        self._add(node, None)

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1][1].append(node)
        else:
            self._root = node


def _unquoted(text: str, place: declarations.Place) -> str:
    """Return what to do about an unquoted value that begins with a reserved character, as crons do; empty for others.

    The parser stops within that value, because `*` begins an alias.
    """
    line = (*text.split("\n")[place.line - 1 :], "")[0]
    if len(line) > _LINE_LIMIT:
        return ""
    if _REFERENCE.search(line[: place.column]):
        return "quote a value with '${' in it between braces or brackets"
    matches = [each for each in _RESERVED.finditer(line) if each.start(1) < place.column]
    if not matches or ": " in matches[-1][1]:
        return ""
    value = matches[-1][1]
    return f"quote the value: {value!r}" if _CRON.fullmatch(value) else "quote the value"  # it may be a password


def _start(event: yaml.Event) -> yaml.Mark:
    return cast("yaml.Mark", event.start_mark)  # None only for events that no parser made


def _end(event: yaml.Event) -> yaml.Mark:
    return cast("yaml.Mark", event.end_mark)


def _refused(place: declarations.Place, message: str, hint: str) -> problems.InvalidSpecError:
    return problems.InvalidSpecError([problems.Problem(place=place, message=message, hint=hint)])
