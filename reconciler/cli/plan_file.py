"""A plan file, for one or several environments: unchanged since the review, and applied only once."""

from __future__ import annotations

import dataclasses
import datetime
import json
import pathlib

from reconciler import errors
from reconciler.documents import saved, saved_rollouts
from reconciler.repospec import includes
from reconciler.runtime import clock, files

_NAMED = 3  # the maximum number of files named in a message
_ELSEWHERE = "run this in the directory where the plan was created, or specify the repo-spec with --spec"
_WRITABLE = "make the plan file and its directory writable, because apply marks the plan as used"


class PlanFile:
    """The contents of a plan file at the time this object was created."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self.saved = _read(path)

    def spec(self, path: pathlib.Path | None) -> pathlib.Path:
        """Return the spec to plan from, which must be unchanged; without a path, use the one in the plan.

        Raises `errors.StaleError` if it has changed, or if the plan was already applied.
        """
        self._check_unused(self.saved)
        made = self.saved if isinstance(self.saved, saved.Saved) else self.saved.first
        path = path or pathlib.Path(made.plan.spec_path)
        included = includes.files(path)
        if files.sha256(path, included, hint=_ELSEWHERE) != made.spec_sha256:
            names = files.changed(path, included, made.files) if made.files else ()
            raise errors.StaleError(
                f"{_listed(names) or path} changed since the plan was made on {made.planned_at:%Y-%m-%d %H:%M:%S} UTC",
                hint="plan again, and review the changes",
            )
        return path

    def use_up(self) -> None:
        """Mark the plan in the file as applied, so that it is not applied again.

        Raises `errors.StaleError` if another process has done so since this one read the file.
        """
        with files.locked(self._path):
            found = _read(self._path)
            self._check_unused(found)
            if found != self.saved:
                raise errors.StaleError(
                    f"{self._path} was replaced after it was read", hint="review it, then apply again"
                )
            self._mark(clock.now())

    def keep(self) -> None:
        """Remove the mark, because no step was started."""
        self._mark(None)

    def _check_unused(self, found: saved.Saved | saved_rollouts.SavedRollout) -> None:
        if found.applied_at is not None:
            at = f"{found.applied_at:%Y-%m-%d %H:%M:%S} UTC"
            raise errors.StaleError(f"{self._path} was already applied on {at}", hint="plan again")

    def _mark(self, applied_at: datetime.datetime | None) -> None:
        marked = dataclasses.replace(self.saved, applied_at=applied_at)
        files.save(self._path, saved_rollouts.dumps(marked), hint=_WRITABLE)


def _listed(names: tuple[str, ...]) -> str:
    """Return the first few names and how many more there are, or an empty string if there are none."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _read(path: pathlib.Path) -> saved.Saved | saved_rollouts.SavedRollout:
    if path.exists() and not path.is_file():
        raise errors.UsageError(
            f"{path} is not a regular file; apply must be able to mark the plan as used",
            hint="save the plan to a file",
        )
    return saved_rollouts.loads(files.read(path), str(path))


def is_of_several(path: pathlib.Path) -> bool:
    """Return whether a file contains plans for several environments; False if it cannot be read."""
    if not path.is_file():
        return False
    try:
        document = json.loads(files.read(path))
    except (errors.ReconcilerError, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "environments" in document
