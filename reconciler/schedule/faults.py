"""What is wrong with a value in a spec, without its position in the file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from reconciler.timing import cron

Path: TypeAlias = tuple[str | int, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a value; `path` is relative to the checked value, and `offset` is a position in a string."""

    message: str
    path: Path = ()
    hint: str = ""
    offset: int | None = None


def within(step: str | int, faults: Iterable[Fault]) -> Iterator[Fault]:
    """Yield the faults of an entry with paths relative to its container."""
    for fault in faults:
        yield dataclasses.replace(fault, path=(step, *fault.path))


def of_text(name: str, text: object, check: Callable[[str], object]) -> Iterator[Fault]:
    """Yield a fault if a check raises ValueError for a string; the schema check reports other types."""
    if isinstance(text, str) and text:
        try:
            check(text)
        except ValueError as error:
            yield Fault(message=f"{name!r}: {error}")


def of_invisible(name: str, text: object) -> Iterator[Fault]:
    """Yield a fault if a name contains an invisible character: people cannot see it, and databases reject NUL."""
    if isinstance(text, str) and not text.isprintable():
        message = f"{name!r} is {text!r}, which contains an invisible character"
        yield Fault(message=message, hint="use only visible characters")


def of_cron(error: cron.CronError) -> Fault:
    """Return the fault for a cron error."""
    return Fault(message=error.message, hint=error.hint, offset=error.offset)
