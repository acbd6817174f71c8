"""What is wrong with a spec, where, and what to do about it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence

from reconciler import errors
from reconciler.schedule import declarations, redaction

_LONGEST = 1_000  # characters
_NAMED = 3  # environments listed in a message
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One error at one place."""

    place: declarations.Place
    message: str
    hint: str = ""

    def __post_init__(self) -> None:
        """Redact quoted values that look like credentials: problems are printed and posted."""
        object.__setattr__(self, "message", _without_secrets(self.message))
        object.__setattr__(self, "hint", _without_secrets(self.hint))

    def __str__(self) -> str:
        text = f"{self.message}; {self.hint}" if self.hint else self.message
        if len(text) > _LONGEST:  # it may quote a value of any length
            text = f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"
        return f"{self.place}: {text}"

    def within(self, environments: Sequence[str]) -> Problem:
        """Return the problem with the names of the environments that have it, unless its message contains one."""
        if any(text in self.message for name in environments for text in (repr(name), f"environments.{name}.")):
            return self
        more = f" and {len(environments) - _NAMED} more" if len(environments) > _NAMED else ""
        listed = ", ".join(map(repr, environments[:_NAMED])) + more
        noun = "environment" if len(environments) == 1 else "environments"
        return dataclasses.replace(self, message=f"{self.message} (in {noun} {listed})")


def of_environments(found: Sequence[tuple[str | None, Iterable[Problem]]]) -> list[Problem]:
    """Return the unique problems of all environments; a problem that only some environments have lists their names.

    Problems outside the environments apply to all of them.
    """
    names: dict[Problem, list[str | None]] = {}
    for environment, problems in found:
        for problem in dict.fromkeys(problems):
            names.setdefault(problem, []).append(environment)
    return [
        problem if None in having or len(having) == len(found) else problem.within([name for name in having if name])
        for problem, having in names.items()
    ]


def _without_secrets(text: str) -> str:
    return _QUOTED.sub(_shown, text)


def _shown(quoted: re.Match[str]) -> str:
    return quoted[0] if redaction.text(quoted[0][1:-1]) == quoted[0][1:-1] else redaction.HIDDEN


def seen_from(place: declarations.Place, other: declarations.Place) -> str:
    """Describe the other position, including its file only if the two files differ."""
    return f"on line {other.line}" if place.path == other.path else f"at {other}"


def _order(place: declarations.Place) -> tuple[str, int, int]:
    """Return the sort key of a place; places without a line keep their order."""
    return place.path if place.line else "", place.line, place.column


class InvalidSpecError(errors.InvalidSpecError):
    """A spec with problems; its message has one line for each, grouped by file and in the file's order.

    A problem that an alias or several environments repeat is reported once.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(dict.fromkeys(problems), key=lambda each: _order(each.place)))
        super().__init__("\n".join(map(str, self.problems)))
