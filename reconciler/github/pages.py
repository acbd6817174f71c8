"""What surrounds everything written to GitHub: the hidden mark, the commit, the run, and the next step."""

from __future__ import annotations

import dataclasses

from reconciler.documents import marks
from reconciler.github import runner_log
from reconciler.github.invocation import Invocation
from reconciler.plan import plans, rollouts
from reconciler.report import comment
from reconciler.runtime import clock


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A mark and what is shown around a plan: `about` in a comment or an issue, `in_summary` in the step summary."""

    mark: marks.Mark
    about: comment.About

    @property
    def in_summary(self) -> comment.About:
        """Return `about` with a larger size limit and no hidden mark, because later runs do not search summaries."""
        return dataclasses.replace(self.about, mark="", limit=runner_log.SUMMARY_LIMIT)


def page(invocation: Invocation, mark: marks.Mark, *, remarks: tuple[str, ...] = (), next_step: str = "") -> Page:
    """Return the page for a mark."""
    about = comment.About(
        mark=marks.dumps(mark, invocation.marker_key),
        commit=invocation.event.commit,
        run_url=invocation.event.run_url,
        next_step=next_step,
        remarks=remarks,
        now=clock.now(),
    )
    return Page(mark=mark, about=about)


def mark(invocation: Invocation, kind: marks.Kind) -> marks.Mark:
    """Return the mark for a run without a plan."""
    inputs, event = invocation.inputs, invocation.event
    if inputs.selected:
        scope = marks.scope_of_several(inputs.selected, str(inputs.spec_path))
    else:
        scope = marks.scope(inputs.choice.environment, str(inputs.spec_path))
    return marks.Mark(
        kind=kind,
        scope=scope,
        commit=event.commit,
        run=event.run,
        pull=0 if kind == "drift" else invocation.pull_request or event.pull_request or 0,
    )


def plan_mark(invocation: Invocation, kind: marks.Kind, plan: plans.Plan, digest: str = "") -> marks.Mark:
    """Return the mark for a plan; with a digest, it allows the plan to be applied."""
    scope, key = marks.scope(plan.environment, plan.spec_path), marks.key(plan.target)
    return dataclasses.replace(mark(invocation, kind), scope=scope, key=key, digest=digest)


def rollout_mark(invocation: Invocation, rollout: rollouts.Rollout, digest: str = "") -> marks.Mark:
    """Return the mark for the plans of several environments; with a digest, it allows them to be applied."""
    key = marks.key_of_several(rollout.planned[0].target.namespace)
    return dataclasses.replace(mark(invocation, "plan"), key=key, digest=digest)
