"""The plans for several environments in one file, to be applied later exactly as they were reviewed.

It is the plans document, in which each plan is a saved plan, plus a checksum of everything.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

from reconciler import errors, json_text, published
from reconciler.documents import rejections, rollout_json, saved, schedules, versions
from reconciler.plan import plans, rollouts


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One environment: its saved plan, or the reason why it has none (`disabled`).

    If all environments are disabled, each has a saved plan without changes, as if it had been planned alone.
    """

    environment: str
    saved: saved.Saved | None = None
    disabled: str = ""

    @property
    def plan(self) -> plans.Plan | None:
        """Return the plan, if the environment was enabled."""
        return self.saved.plan if self.saved and not self.saved.plan.disabled else None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SavedRollout:
    """The environments in order, at least one with a saved plan; `applied_at` is as in `saved.Saved`."""

    parts: tuple[Part, ...]
    applied_at: datetime.datetime | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all environments."""
        return tuple(part.environment for part in self.parts)

    @property
    def first(self) -> saved.Saved:
        """Return the first plan: all were created from the same spec, at the same time, with the same options."""
        return next(part.saved for part in self.parts if part.saved is not None)

    @property
    def rollout(self) -> rollouts.Rollout:
        """Return the plans."""
        parts = (
            rollouts.Part(environment=part.environment, plan=part.plan, disabled=part.disabled) for part in self.parts
        )
        return rollouts.Rollout(spec_path=self.first.plan.spec_path, parts=tuple(parts))


def dumps(document: saved.Saved | SavedRollout) -> str:
    """Return the text of a saved plan, or of several, ending with a newline."""
    return saved.dumps(document) if isinstance(document, saved.Saved) else json_text.document(_encode(document))


def _encode(several: SavedRollout) -> dict[str, Any]:
    document = rollout_json.encode(several.rollout, lambda _: {})
    for part, entry in zip(several.parts, document["environments"], strict=True):
        entry["plan"] = saved.encode(part.saved) if part.saved is not None else None
    document["applied_at"] = several.applied_at.isoformat() if several.applied_at else None
    document["checksum"] = saved.checksum(document)
    return document


def loads(text: str, path: str) -> saved.Saved | SavedRollout:
    """Return the plan or plans in a document's text; raises as `saved.loads` does if they are invalid."""
    document = saved.parsed(text, path)
    return _read(document, path) if "environments" in document else saved.read(document, path)


def _read(document: Mapping[str, Any], path: str) -> SavedRollout:
    version = document.get("format_version")
    newer = versions.newer(version, rollout_json.PLANS_VERSION)
    if newer:
        raise errors.DocumentError(
            f"{path} has plans {newer}", hint="apply them with the release that created them, or plan again"
        )
    saved.check_checksum(document, path)
    broken = next(published.violations("plans", document), None)
    if broken is not None:
        raise saved.refused(path, rejections.fault(broken))
    parts = tuple(_part(part, path) for part in document["environments"])
    if not any(part.saved for part in parts):
        raise saved.refused(path, "no environment in it has a plan")
    applied_at = document.get("applied_at")
    try:
        return SavedRollout(parts=parts, applied_at=schedules.moment(applied_at) if applied_at else None)
    except ValueError as error:
        raise saved.refused(path, f"a value cannot be read ({error})") from None


def _part(document: Mapping[str, Any], path: str) -> Part:
    plan = document["plan"]
    return Part(
        environment=document["environment"],
        saved=saved.read(plan, path) if plan is not None else None,
        disabled=document["disabled"] or "",
    )
