"""What may be applied to several environments: the plans in a file, the plans with a given digest, or any plans."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

from reconciler import errors
from reconciler.cli import plan_file
from reconciler.documents import saved, saved_rollouts
from reconciler.plan import rollouts, staleness
from reconciler.schedule import declarations
from reconciler.usecases import rollout as usecase


class Review:
    """The plans in a file (`path`) and a digest, either of which may be missing."""

    def __init__(self, *, path: pathlib.Path | None, digest: str | None) -> None:
        self._digest = digest
        self._file = plan_file.PlanFile(path) if path is not None else None
        self._saved = _plans(self._file, path)
        self._used = 0  # environments whose apply has started

    @property
    def salt(self) -> bytes | None:
        """Return the saved plans' salt, so that digests can be compared, or None without saved plans."""
        return self._saved.first.plan.salt if self._saved else None

    def subject(
        self, spec: pathlib.Path, is_given: bool, choice: declarations.Choice, selected: Sequence[str]
    ) -> tuple[pathlib.Path, declarations.Choice, Sequence[str]]:
        """Return the spec, the choice, and the environments to plan, taken from the saved plans if there are any.

        Raises `errors.StaleError` if the arguments contradict the saved plans.
        """
        if self._file is None or self._saved is None:
            return spec, choice, selected
        path = self._file.spec(spec if is_given else None)
        names = self._saved.names
        if choice.environment or (selected and tuple(selected) != names):
            raise errors.StaleError(
                f"--environment was passed, but the plans were made for {', '.join(names)}", hint="omit it"
            )
        staleness.check_given(self._saved.first.plan, choice)
        made = dataclasses.replace(self._saved.first.choice, environment=None)
        return path, staleness.same_choice(made, choice), names

    def check(self, rollout: rollouts.Rollout) -> None:
        """Raise `errors.StaleError` unless these are the saved plans and have the expected digest."""
        reviewed = self._saved.parts if self._saved else ()
        for part, now in zip(reviewed, rollout.parts, strict=bool(reviewed)):
            if (part.plan is None) is not (now.plan is None):
                raise staleness.enabled_since(part.environment, is_enabled=now.plan is not None)
            if part.saved is not None and part.plan is not None and now.plan is not None:
                staleness.check(part.saved.plan, now.plan, part.saved.planned_at)
        if self._digest is not None:
            staleness.check_digest(self._digest, rollout.digest)

    def use_up(self) -> None:
        """Mark the plans in the file as applied, before the first write to any environment."""
        self._used += 1
        if self._file is not None and self._used == 1:
            self._file.use_up()

    def keep(self) -> None:
        """Remove the mark if no step was started in any environment."""
        if self._file is not None and self._used == 1:
            self._used = 0
            self._file.keep()


def _plans(file: plan_file.PlanFile | None, path: pathlib.Path | None) -> saved_rollouts.SavedRollout | None:
    if file is None:
        return None
    if isinstance(file.saved, saved.Saved):
        raise errors.UsageError(
            f"{path} is a plan for one environment, but several are selected", hint="omit --environment"
        )
    return file.saved


@dataclasses.dataclass(frozen=True, kw_only=True)
class Turn(usecase.Turn):
    """An apply to one environment; before its first write, all of the reviewed plans are marked as applied."""

    reviewed: Review

    def before_first_write(self, last_commit: str) -> None:
        """Mark the plans as applied."""
        del last_commit
        self.reviewed.use_up()

    def nothing_written(self) -> None:
        """Remove the mark, unless something was written in another environment."""
        self.reviewed.keep()
