"""`plan` and `apply` for several environments."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence

from reconciler import errors, settings
from reconciler.cli import common, console, progress, reporter, rollout_review
from reconciler.documents import rollout_json
from reconciler.plan import guards, plans, ports, rollouts
from reconciler.report import markdown, words
from reconciler.report import text as text_report
from reconciler.runtime import clock, sessions
from reconciler.schedule import declarations
from reconciler.usecases import rollout as usecase
from reconciler.usecases.apply import why_off


def plan(
    out: console.Console,
    proposal: usecase.Proposal,
    rendering: text_report.Text,
    form: str,
) -> rollouts.Rollout:
    """Show the plans for several environments and warnings about them; return the plans."""
    rollout = proposal.rollout
    out.say(rendered(rollout, rendering, form))
    for planned in rollout.planned:
        common.warn_of_refusal(out, planned, f"environment {planned.environment!r}: ")
    common.warn_of_problems(out, proposal.problems)
    for planned in rollout.planned:
        common.warn_of_overdue(out, planned)
    return rollout


def rendered(rollout: rollouts.Rollout, rendering: text_report.Text, form: str) -> str:
    """Return the plans for several environments in the requested format."""
    renderings: dict[str, Callable[[], str]] = {
        "text": lambda: rendering.rollout(rollout),
        "json": lambda: rollout_json.dumps(rollout, clock.now()),
        "markdown": lambda: markdown.rollout(rollout, verbose=rendering.verbose, now=clock.now()),
    }
    return renderings[form]()


def apply(
    declared: Sequence[declarations.Declaration],
    connection: settings.Connection,
    writing: settings.Writing,
    allowed: guards.Allowed,
    review: rollout_review.Review,
    reported: Reporter,
) -> errors.ExitCode:
    """Apply to the enabled environments, one after another."""
    disabled = [why_off(declaration, connection) for declaration in declared]
    if all(disabled):
        return reported.skipped("; ".join(dict.fromkeys(disabled)))
    turns = [
        rollout_review.Turn(
            command="apply",
            declaration=each,
            connection=connection,
            writing=writing,
            allowed=allowed,
            reviewed=review,
        )
        for each in declared
        if each.enabled
    ]
    with sessions.opened(connection, reported.progress(connection)) as session:
        return usecase.execute(session, declared, turns, reported, review.check)


class Reporter:
    """Shows an apply to several environments, as text or as one JSON document. Implements `usecase.Audience`."""

    def __init__(
        self,
        out: console.Console,
        rendering: text_report.Text,
        form: reporter.Form,
        spec_path: pathlib.Path,
        *,
        yes: bool,
    ) -> None:
        self._out = out
        self._rendering = rendering
        self._form = form
        self._spec_path = str(spec_path)
        self._yes = yes
        self._rollout: rollouts.Rollout | None = None
        self._ended: list[rollouts.Ended] = []
        self._is_first = True  # whether the next outcome is the environment's first
        self._skipped = ""

    def progress(self, connection: settings.Connection) -> ports.Progress:
        """Return how to show the progress of long-running operations."""
        return progress.chosen(self._out, connection, self._form)

    def skipped(self, reason: str) -> errors.ExitCode:
        """Report why there is nothing to do."""
        self._skipped = reason
        self._text(f"Nothing to do: {reason}.\n")
        return errors.ExitCode.OK

    def rollout(self, rollout: rollouts.Rollout) -> None:
        """Show all plans."""
        self._rollout = rollout
        self._text(self._rendering.rollout(rollout))

    def agreed(self) -> bool:
        """Ask for confirmation unless it was already given; raises `errors.UsageError` if prompting is impossible."""
        question = words.rollout_question(self._rollout) if self._rollout else "Apply?"
        return reporter.agreed(self._out, self._form, question, yes=self._yes)

    def started(self, part: rollouts.Part) -> None:
        """Show the heading for an environment, if it has steps."""
        self._is_first = True
        if self._rollout and part.plan and part.plan.steps:
            self._text(f"\n{self._rendering.turn(part, self._rollout)}")

    def outcome(self, outcome: plans.Outcome) -> None:
        """Show the outcome of a step."""
        self._text(f"{chr(10) if self._is_first else ''}{self._rendering.outcome(outcome)}")
        self._is_first = False

    def applied(self, applied: plans.Applied) -> None:
        """Show the outcome of all steps of an environment."""
        self._text(f"\n{self._rendering.outcomes(applied.outcomes)}")
        if applied.interrupted:
            self._out.warn("Interrupted.")

    def ended(self, ended: rollouts.Ended) -> None:
        """Record how an environment ended."""
        self._ended.append(ended)

    def warn(self, text: str) -> None:
        """Warn about something other than an outcome."""
        self._out.warn(text)

    def finish(self, code: errors.ExitCode, error: errors.ReconcilerError | None = None) -> None:
        """Show which environments were applied, failed, or were not started, or write the JSON document."""
        if self._rollout and self._ended and self._rollout.steps:
            self._text(f"\n{self._rendering.progress(rollouts.results(self._rollout, self._ended))}")
        if self._form == "json":
            self._out.say(
                rollout_json.dumps_outcomes(
                    self._rollout,
                    self._ended,
                    spec=self._spec_path,
                    exit_code=code,
                    error=error,
                    skipped=self._skipped,
                )
            )

    def _text(self, text: str) -> None:
        if self._form == "text":
            self._out.say(text)
