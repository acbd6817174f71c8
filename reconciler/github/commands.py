"""The Action's commands, each in the module named after it."""

from __future__ import annotations

from typing import assert_never

from reconciler import errors
from reconciler.github import apply, drift, endings, plan, results, rollout, snapshot, validate
from reconciler.github.invocation import Invocation
from reconciler.runtime import interrupts


def run(invocation: Invocation) -> results.Result:
    """Run the command that the inputs specify; an error is reported and reflected in the result."""
    try:
        return _run(invocation)
    except errors.ReconcilerError as error:
        return endings.failed(invocation, error)
    except KeyboardInterrupt:
        invocation.log.write("Interrupted.")
        return invocation.result(code=interrupts.code(), summary=errors.INTERRUPTED)


def _run(invocation: Invocation) -> results.Result:
    match invocation.inputs.command:
        case "plan" if invocation.inputs.selected:
            return rollout.plan(invocation)
        case "apply" if invocation.inputs.selected:
            return rollout.apply(invocation)
        case "plan":
            return plan.run(invocation)
        case "apply":
            return apply.run(invocation)
        case "drift":
            return drift.run(invocation)
        case "validate":
            return validate.run(invocation)
        case "snapshot":
            return snapshot.run(invocation)
        case unknown:
            assert_never(unknown)
