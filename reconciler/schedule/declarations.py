"""What a spec declares, with positions in the file, and the options chosen for one run."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Literal

from reconciler.schedule import model, ownership


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A position in a file; line and column start at 1, and are 0 for the file as a whole."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """A declared duration, and the limit that Temporal uses instead."""

    declared: datetime.timedelta
    limit: datetime.timedelta


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Charter:
    """One declared schedule: its name, where it is defined, and what it declares.

    `was` lists the ids that the schedule may have had before its charter was renamed, likeliest first. `places` has the
    positions of its own keys, and `overrides` has those of the keys that an environment replaces. `replaced` has the
    durations, by key, instead of which Temporal uses its own limit.
    """

    name: str
    place: Place
    schedule: model.Schedule
    was: tuple[str, ...] = ()
    places: Mapping[str, Place] = dataclasses.field(default_factory=dict, compare=False)
    overrides: Mapping[str, Place] = dataclasses.field(default_factory=dict, compare=False)
    replaced: Mapping[str, Replaced] = dataclasses.field(default_factory=dict, compare=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """The value of a variable from outside the spec, as text, and its source, such as `--var region`.

    If it is `optional`, a spec that does not declare the variable ignores it.
    """

    name: str
    text: str = dataclasses.field(repr=False)
    source: str
    optional: bool = False


Refresh = Literal["list", "changed"]  # for a plan that does not read every schedule
MAX_AGE = datetime.timedelta(days=1)  # the maximum age of what an earlier apply read, for a plan that relies on it


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The options of one run; None leaves the choice to the spec.

    `repository` is the owner if neither the spec nor `owner` specifies one. `only` has the names of the charters
    that the run is limited to, and `refresh` determines how much of the server it reads. `max_age` is the maximum age
    of what an earlier apply read; only `changed` relies on that. Later `variables` take precedence.
    """

    environment: str | None = None
    prefixes: ownership.Prefixes | None = None
    owner: str | None = None
    repository: str | None = None
    keep_manual_pauses: bool = False
    adopt: bool = False
    only: tuple[str, ...] = ()
    refresh: Refresh | None = None
    max_age: datetime.timedelta | None = None
    variables: tuple[Variable, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """A pattern under `include`, its position, and the matching files, with paths relative to the spec's directory."""

    place: Place
    pattern: str
    files: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """Everything that a spec declares, for one environment if one is chosen.

    `governed` is false if the spec does not have our section, and `enabled` is false if the environment is disabled.
    `keep_manual_pauses` leaves manual pauses alone, and `adopt` takes over other owners' schedules. `salt` is the key
    for the digests that replace secrets in plans. `only` has the names of `charters` if the run is limited to them,
    `refresh` is how much of the server is read (None means everything), and `max_age` is the one from the choice.
    `prefix_place` is the position of the declared prefix, or else of the section; None if an option sets the prefix,
    or if nothing does. `elsewhere` has the prefixes that the section declares for other environments, or for none.
    `variables` has the values, as JSON, that were passed from outside for the variables that the spec declares;
    `unused` has the positions of declared variables that are never used. `of_users` means that it declares users'
    schedules, not charters.
    """

    path: str
    charters: tuple[Charter, ...]
    governed: bool = True
    environment: str | None = None
    enabled: bool = True
    prefixes: ownership.Prefixes = ownership.DEFAULT_PREFIXES
    owner: str = ""
    of_users: bool = False
    keep_manual_pauses: bool = False
    adopt: bool = False
    only: tuple[str, ...] = ()
    refresh: Refresh | None = None
    max_age: datetime.timedelta | None = None
    inclusions: tuple[Inclusion, ...] = ()
    elsewhere: tuple[str, ...] = ()
    prefix_place: Place | None = dataclasses.field(default=None, compare=False)
    salt: bytes = dataclasses.field(default=b"", repr=False)
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    unused: Mapping[str, Place] = dataclasses.field(default_factory=dict)

    @property
    def disabled(self) -> str:
        """Return the reason if the spec disables its environment; otherwise an empty string."""
        return "" if self.enabled else f"environment {self.environment!r} is disabled in {self.path}"
