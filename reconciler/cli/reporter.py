"""Show what an apply or a prune does, as text for people or as JSON for programs."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterator
from typing import Literal

from reconciler import errors, settings, wiring
from reconciler.cli import common, console
from reconciler.documents import outcomes
from reconciler.plan import plans
from reconciler.report import text as text_report
from reconciler.report import words
from reconciler.runtime import interrupts
from reconciler.schedule import declarations
from reconciler.usecases.apply import Command

_LOG = logging.getLogger(__name__)

Form = Literal["text", "json"]


@contextlib.contextmanager
def errors_reported(write: Callable[[errors.ExitCode, errors.ReconcilerError | None], None]) -> Iterator[None]:
    """Write the outcome if a command raises within the block, then re-raise the error."""
    try:
        yield
    except errors.ReconcilerError as error:
        write(error.exit_code, error)
        raise
    except KeyboardInterrupt:
        write(interrupts.code(), errors.ReconcilerError(errors.INTERRUPTED))
        raise
    except Exception as error:
        defect = errors.ReconcilerError(errors.reason(error), hint="report it with the traceback")
        write(defect.exit_code, defect)
        raise


def agreed(out: console.Console, form: Form, question: str, *, yes: bool) -> bool:
    """Ask for confirmation unless it was already given; raises `errors.UsageError` if prompting is not possible."""
    if yes:
        return True
    if form == "json":
        raise errors.UsageError(
            "--format json does not prompt for confirmation", hint="pass --yes to skip the confirmation"
        )
    return common.agreed(out, question)


class Reporter:
    """Shows what happens: as text while it happens, or as one JSON document at the end, even after a failure.

    `show` renders the plan of a command other than apply. Implements `Audience`.
    """

    def __init__(
        self,
        out: console.Console,
        rendering: text_report.Text,
        command: Command,
        form: Form,
        *,
        yes: bool,
        show: Callable[[plans.Plan], str] | None = None,
    ) -> None:
        self._out = out
        self._yes = yes
        self._rendering = rendering
        self._show = show or rendering.plan
        self._command = command
        self._form = form
        self._connection: settings.Connection | None = None
        self._known = outcomes.Subject()
        self._plan: plans.Plan | None = None
        self._applied: plans.Applied | None = None
        self._heard: list[plans.Outcome] = []
        self._skipped = ""

    def errors_reported(self) -> contextlib.AbstractContextManager[None]:
        """Write the outcome if a command raises within the block, then re-raise the error."""
        return errors_reported(self._write_outcome)

    def finish(self, code: errors.ExitCode) -> errors.ExitCode:
        """Write the outcome of a command that ended with an exit code, and return the code."""
        self._write_outcome(code)
        return code

    def about(self, connection: settings.Connection, spec: str, choice: declarations.Choice) -> None:
        """Record what was requested, before it is known whether it can be done."""
        self._connection = connection
        self._known = outcomes.Subject(
            spec=spec, environment=choice.environment, prefixes=choice.prefixes, owner=choice.owner
        )

    def declared(self, declaration: declarations.Declaration) -> None:
        """Record what the spec declares."""
        self._known = dataclasses.replace(self._known, prefixes=declaration.prefixes, owner=declaration.owner or None)

    def skipped(self, reason: str) -> errors.ExitCode:
        """Report why there is nothing to do."""
        self._skipped = reason
        self._text(f"Nothing to do: {reason}.\n")
        return errors.ExitCode.OK

    def agreed(self) -> bool:
        """Ask for confirmation unless it was already given; raises `errors.UsageError` if prompting is impossible."""
        question = words.question(self._plan) if self._plan else "Continue?"
        return agreed(self._out, self._form, question, yes=self._yes)

    def plan(self, plan: plans.Plan) -> None:
        """Show the plan."""
        self._plan = plan
        self._text(self._show(plan))

    def outcome(self, outcome: plans.Outcome) -> None:
        """Show the outcome of a step."""
        self._text(f"{'' if self._heard else chr(10)}{self._rendering.outcome(outcome)}")
        self._heard.append(outcome)

    def applied(self, applied: plans.Applied) -> None:
        """Show the outcome of all steps."""
        self._applied = applied
        self._text(f"\n{self._rendering.outcomes(applied.outcomes, self._plan)}")
        if applied.interrupted:
            self._out.warn("Interrupted.")

    def warn(self, text: str) -> None:
        """Warn about something other than an outcome."""
        self._out.warn(text)

    def _write_outcome(self, code: errors.ExitCode, error: errors.ReconcilerError | None = None) -> None:
        _LOG.info(f"{self._command} ended", extra={"fields": {"exit_code": int(code)}})
        if self._form == "json":
            applied = self._applied or (plans.Applied(outcomes=tuple(self._heard)) if self._heard else None)
            if applied is None and self._plan is not None and code.is_interrupted:
                applied = plans.interrupted(self._plan)
            known = self._located()
            self._out.say(
                outcomes.dumps(
                    self._command,
                    self._plan,
                    applied,
                    exit_code=code,
                    known=known,
                    error=error,
                    skipped=self._skipped,
                )
            )

    def _located(self) -> outcomes.Subject:
        """Return the subject with the server that was or would have been used, if the settings specify one."""
        if self._connection is None or self._plan is not None:
            return self._known
        with contextlib.suppress(errors.ReconcilerError):
            address, namespace = wiring.place(self._connection)
            return dataclasses.replace(self._known, address=address, namespace=namespace)
        return self._known

    def _text(self, text: str) -> None:
        if self._form == "text":
            self._out.say(text)
