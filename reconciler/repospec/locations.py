"""Find the positions at which the parts of a document are defined; they are computed on demand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Generic, TypeAlias, TypeVar

from reconciler.repospec import nodes

T = TypeVar("T")

Path: TypeAlias = tuple[str | int, ...]
Pair: TypeAlias = tuple[nodes.Node, nodes.Node]  # a key and its value; for an item of a list, both are the item
Children: TypeAlias = Callable[[Path, nodes.Mapping], dict[str, Pair]]


def _nothing(path: Path) -> None:
    del path


@dataclasses.dataclass(slots=True)
class Locations(Generic[T]):
    """A value for each path: the recorded one, or else the one that `find` returns, which may be None."""

    find: Callable[[Path], T | None] = _nothing
    noted: dict[Path, T | None] = dataclasses.field(default_factory=dict)

    def __getitem__(self, path: Path) -> T:
        found = self.get(path)
        if found is None:
            raise KeyError(path)
        return found

    def __setitem__(self, path: Path, value: T | None) -> None:
        self.noted[path] = value

    def get(self, path: Path) -> T | None:
        """Return the value for a path, None if it is missing."""
        return self.noted[path] if path in self.noted else self.find(path)

    def copy(self) -> Locations[T]:
        """Return a copy in which locations can be recorded separately."""
        return Locations(self.find, dict(self.noted))


class Tree:
    """The nodes of a document by path; the root is at path `at`.

    `children` returns the keys and values of an object, by name.
    """

    def __init__(self, root: nodes.Node, at: Path, children: Children) -> None:
        self._root = root
        self._at = at
        self._children = children
        self._parents: dict[Path, dict[str, Pair] | list[nodes.Node]] = {}

    def value(self, path: Path) -> nodes.Node | None:
        """Return the node of the value at a path."""
        if path == self._at:
            return self._root
        pair = self._pair(path)
        return None if pair is None else pair[1]

    def values(self, path: Path) -> dict[str, nodes.Node]:
        """Return the nodes of the values in an object, by key; empty for anything else."""
        inside = self._inside(path)
        return {name: value for name, (_, value) in inside.items()} if isinstance(inside, dict) else {}

    def key(self, path: Path) -> nodes.Node | None:
        """Return the node of the key at the end of a path."""
        pair = self._pair(path)
        return None if pair is None or not isinstance(path[-1], str) else pair[0]

    def name(self, children: Children) -> None:
        """Rename the keys of objects."""
        self._children = children
        self._parents.clear()

    def extend(self, name: str, other: Tree) -> None:
        """Append the list under a key of another tree's root to this tree's list; the nodes are not changed."""
        more = other._pair((*other._at, name))
        if more is None or not isinstance(more[1], nodes.Sequence) or not isinstance(self._root, nodes.Mapping):
            return
        own = self._pair((*self._at, name))
        if own is None:
            pairs = [*self._root.pairs, more]
        else:
            items = [*(own[1].items if isinstance(own[1], nodes.Sequence) else ()), *more[1].items]
            longer = dataclasses.replace(more[1], file=own[1].file, start=own[1].start, items=items)
            pairs = [(key, longer) if key is own[0] else (key, value) for key, value in self._root.pairs]
        self._root = dataclasses.replace(self._root, pairs=pairs)
        self._parents.clear()

    def _pair(self, path: Path) -> Pair | None:
        if len(path) <= len(self._at):
            return None
        inside, step = self._inside(path[:-1]), path[-1]
        if isinstance(inside, dict):
            return inside.get(step) if isinstance(step, str) else None
        if isinstance(step, int) and 0 <= step < len(inside):
            return inside[step], inside[step]
        return None

    def _inside(self, path: Path) -> dict[str, Pair] | list[nodes.Node]:
        """Return the parts of an object by key, or those of a list; the most recent ones are cached."""
        if path not in self._parents:
            node = self.value(path)
            if len(self._parents) >= _KEPT:
                self._parents.clear()
            listed = node.items if isinstance(node, nodes.Sequence) else []
            self._parents[path] = self._children(path, node) if isinstance(node, nodes.Mapping) else listed
        return self._parents[path]


_KEPT = 100
