"""The result of an invocation of the Action: the step's outputs and the exit code."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from reconciler import errors
from reconciler.plan import plans, rollouts

_COUNTED = (plans.Verb.CREATE, plans.Verb.RENAME, plans.Verb.UPDATE, plans.Verb.RESUME, plans.Verb.PAUSE)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The exit code and the data for the outputs; `plan` is the last plan shown, or a rollout's plans."""

    code: errors.ExitCode = errors.ExitCode.OK
    summary: str = ""
    plan: plans.Plan | rollouts.Rollout | None = None
    plan_file: str = ""
    comment_url: str = ""
    issue_url: str = ""

    def outputs(self) -> Mapping[str, str]:
        """Return every output; the outputs that describe a plan are empty without one."""
        plan = self.plan
        counts = {f"{verb.word}s": str(plan.count(verb)) if plan else "" for verb in _COUNTED}
        return {
            "changes": "" if plan is None else str(plan.differs).lower(),
            **counts,
            "unchanged": str(plan.count(plans.Verb.KEEP)) if plan else "",
            "digest": plan.digest if plan else "",
            "plan-file": self.plan_file,
            "summary": self.summary,
            "comment-url": self.comment_url,
            "issue-url": self.issue_url,
            "exit-code": str(int(self.code)),
        }
