"""The plans of several environments of one spec: reviewed together, applied one environment after another."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
from collections.abc import Iterable

from reconciler import errors
from reconciler.plan import plans


class Progress(enum.Enum):
    """How far an apply to an environment got; FAILED includes partial applies."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    NOT_STARTED = "not started"
    DISABLED = "disabled"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One environment: its plan, or why it has none (`disabled`)."""

    environment: str
    plan: plans.Plan | None = None
    disabled: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """The environments in the order in which they are applied."""

    spec_path: str
    parts: tuple[Part, ...]

    @property
    def planned(self) -> tuple[plans.Plan, ...]:
        """Return the plan of each environment that has one."""
        return tuple(part.plan for part in self.parts if part.plan is not None)

    @property
    def digest(self) -> str:
        """Return the digest (`sha256:…`) of each environment's name and plan digest, in order."""
        pairs = [(part.environment, part.plan.digest) for part in self.parts if part.plan is not None]
        return f"sha256:{hashlib.sha256(json.dumps(pairs).encode()).hexdigest()}"

    @property
    def steps(self) -> tuple[plans.Change, ...]:
        """Return the changes that require a write, in all environments."""
        return tuple(change for plan in self.planned for change in plan.steps)

    @property
    def only(self) -> tuple[str, ...]:
        """Return the charters to which the plans are limited; empty if they are not."""
        return next((plan.only for plan in self.planned), ())

    @property
    def blocked(self) -> tuple[plans.Change, ...]:
        """Return the changes to schedules that belong to another owner, in all environments."""
        return tuple(change for plan in self.planned for change in plan.blocked)

    @property
    def differs(self) -> bool:
        """Return whether the server differs from the spec in any environment."""
        return any(plan.differs for plan in self.planned)

    def count(self, verb: plans.Verb) -> int:
        """Return how many changes in all environments have this verb, not counting blocked ones."""
        return sum(plan.count(verb) for plan in self.planned)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an apply to an environment ended.

    `applied` is None if no step was started. `error` is what ended it early, if anything did.
    """

    part: Part
    progress: Progress
    code: errors.ExitCode = errors.ExitCode.OK
    applied: plans.Applied | None = None
    error: errors.ReconcilerError | None = None


def results(rollout: Rollout, ended: Iterable[Ended]) -> tuple[Ended, ...]:
    """Return how each environment ended, in order, including those that were not started or are disabled."""
    known = {each.part.environment: each for each in ended}
    return tuple(known.get(part.environment) or _idle(part) for part in rollout.parts)


def _idle(part: Part) -> Ended:
    return Ended(part=part, progress=Progress.DISABLED if part.plan is None else Progress.NOT_STARTED)
