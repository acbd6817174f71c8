"""What is wrong with a value of a spec, found without its place in the file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from reconciler.timing import cron

Path: TypeAlias = tuple[str | int, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a value: `path` leads to it from what was checked, `offset` to a character of a text."""

    message: str
    path: Path = ()
    hint: str = ""
    offset: int | None = None


def within(step: str | int, faults: Iterable[Fault]) -> Iterator[Fault]:
    """Yield the faults of an entry as faults of the whole."""
    for fault in faults:
        yield dataclasses.replace(fault, path=(step, *fault.path))


def of_text(name: str, text: object, check: Callable[[str], object]) -> Iterator[Fault]:
    """Yield the fault of a text that a check refuses with a ValueError; what is not text is left to the schema."""
    if isinstance(text, str) and text:
        try:
            check(text)
        except ValueError as error:
            yield Fault(message=f"{name!r}: {error}")


def of_invisible(name: str, text: object) -> Iterator[Fault]:
    """Yield the fault of a name with an invisible character: people could not see it, and databases refuse NUL."""
    if isinstance(text, str) and not text.isprintable():
        message = f"{name!r} is {text!r}, which contains an invisible character"
        yield Fault(message=message, hint="write letters, digits and marks")


def of_cron(error: cron.CronError) -> Fault:
    """Return what is wrong with a part of a cron."""
    return Fault(message=error.message, hint=error.hint, offset=error.offset)
