"""The two spellings of our section: `governance` in a repo-spec, and `temporal` in any other file.

Documents use the `GOVERNANCE` names, whatever the file's spelling; messages use the file's names.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from reconciler.repospec import nodes

LIST = "schedules"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a file spells the section and the key with a charter's name; `file` is the default path of the spec."""

    section: str
    name: str
    file: str

    @property
    def other(self) -> Dialect:
        """Return the other spelling."""
        return TEMPORAL if self is GOVERNANCE else GOVERNANCE

    def entry(self, keys: Mapping[str, Any]) -> dict[str, Any]:
        """Return a charter's keys as they are spelled in the file."""
        return {self.name if key == GOVERNANCE.name else key: value for key, value in keys.items()}

    def written(self, value: Any) -> Any:
        """Return a document's value as it is spelled in the file."""
        if self is GOVERNANCE or not isinstance(value, dict):
            return value
        section = value[GOVERNANCE.section]
        if isinstance(section, dict) and isinstance(section.get(LIST), list):
            listed = [self.entry(each) if isinstance(each, dict) else each for each in section[LIST]]
            section = {**section, LIST: listed}
        return {self.section: section}

    def path(self, written: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """Convert a path in the result of `written` to the corresponding path in the document."""
        match written:
            case (self.section, str(key), int(index), self.name, *inside) if key == LIST:
                return (GOVERNANCE.section, LIST, index, GOVERNANCE.name, *inside)
            case (self.section, *inside):
                return (GOVERNANCE.section, *inside)
            case _:
                return written


GOVERNANCE = Dialect(section="governance", name="charter", file=".cogni/repo-spec.yaml")
TEMPORAL = Dialect(section="temporal", name="name", file="temporal-schedules.yaml")
ALL = (GOVERNANCE, TEMPORAL)
SECTIONS = tuple(dialect.section for dialect in ALL)


def of(root: nodes.Node | None, path: str) -> Dialect:
    """Return the spelling of a file; for a file without our section, the one that matches its path."""
    for key, _ in root.pairs if isinstance(root, nodes.Mapping) else ():
        for dialect in ALL:
            if isinstance(key, nodes.Scalar) and key.text == dialect.section:
                return dialect
    return GOVERNANCE if pathlib.PurePath(path).parts[-2:] == pathlib.PurePath(GOVERNANCE.file).parts else TEMPORAL
