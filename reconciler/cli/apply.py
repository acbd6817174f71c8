"""`reconciler apply`: show the plan, ask for confirmation, and apply it."""

from __future__ import annotations

import dataclasses
import pathlib

import click

from reconciler import errors, settings
from reconciler.cli import common, console, plan_file, progress, reporter, rollout, rollout_review, spec_file
from reconciler.cli.options import databases, flags, parameters, servers, specs
from reconciler.documents import saved
from reconciler.plan import guards, plans, staleness
from reconciler.repospec import source
from reconciler.runtime import clock, sessions
from reconciler.schedule import declarations
from reconciler.usecases.apply import Job, execute, why_off


@click.command()
@click.argument("plan_path", metavar="[PLAN_FILE]", type=parameters.FILE, required=False)
@specs.spec
@specs.choice_in_several
@specs.only
@specs.refresh
@servers.connection
@databases.writing_or_lock_only
@flags.yes
@click.option("--expect-digest", type=parameters.LINE, metavar="sha256:…", help="Apply only the plan with this digest.")
@click.option("--allow-mass-pause", is_flag=True, help="Allow a plan that stops most or all running schedules.")
@click.option("--allow-empty-namespace", is_flag=True, help="Apply even if all managed schedules are gone.")
@click.option(
    "--allow-prefix-change", is_flag=True, help="Allow creating schedules that also run under another prefix."
)
@click.option("--allow-plaintext", is_flag=True, help="Allow replacing encrypted payloads with plaintext.")
@flags.outcome_format
@flags.verbose
@flags.no_color
@click.pass_obj
def apply(
    out: console.Console,
    plan_path: pathlib.Path | None,
    spec_path: pathlib.Path,
    choice: declarations.Choice,
    selected: tuple[str, ...],
    connection: settings.Connection,
    writing: settings.Writing,
    yes: bool,
    expect_digest: str | None,
    allow_mass_pause: bool,
    allow_empty_namespace: bool,
    allow_prefix_change: bool,
    allow_plaintext: bool,
    form: reporter.Form,
    verbose: bool,
    no_color: bool,
) -> errors.ExitCode:
    """Show the plan, ask for confirmation, and apply it.

    With PLAN_FILE, as saved by plan --out, apply exactly that plan, or make no changes.
    """
    named_by = click.get_current_context().get_parameter_source("spec_path")
    spec_given = named_by is click.core.ParameterSource.COMMANDLINE
    allowed = guards.Allowed(
        mass_pause=allow_mass_pause,
        empty_namespace=allow_empty_namespace,
        prefix_change=allow_prefix_change,
        plaintext=allow_plaintext,
    )
    rendering = common.text(out, no_color=no_color, verbose=verbose)
    if selected or (plan_path is not None and plan_file.is_of_several(plan_path)):
        several = rollout.Reporter(out, rendering, form, spec_path, yes=yes)
        with reporter.errors_reported(several.finish):
            reviewed = rollout_review.Review(path=plan_path, digest=expect_digest)
            path, chosen, names = reviewed.subject(spec_path, spec_given, choice, selected)
            declared = spec_file.load_several(out, path, chosen, names, salt=reviewed.salt)
            code = rollout.apply(declared, connection, writing, allowed, reviewed, several)
        several.finish(code)
        return code
    reported = reporter.Reporter(out, rendering, "apply", form, yes=yes)

    with reported.errors_reported():
        reported.about(connection, str(spec_path), choice)
        review = _Review(path=plan_path, digest=expect_digest, allowed=allowed)
        path, chosen = review.subject(spec_path if spec_given or not plan_path else None, choice)
        reported.about(connection, str(path), chosen)
        declaration = spec_file.load(out, path, chosen, salt=review.salt)
        reported.declared(declaration)
        job = _Apply(command="apply", declaration=declaration, connection=connection, writing=writing, reviewed=review)
        disabled = why_off(declaration, connection)
        if disabled:
            code = reported.skipped(disabled)
        else:
            with sessions.opened(connection, progress.chosen(out, connection, form)) as session:
                code = execute(session, job, reported)
    return reported.finish(code)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Apply(Job):
    reviewed: _Review

    def review(self, plan: plans.Plan) -> None:
        self.reviewed.compare(plan)

    def guard(self, plan: plans.Plan, present: int) -> None:
        self.reviewed.check(plan, present)

    def before_first_write(self, last_commit: str) -> None:
        del last_commit
        self.reviewed.use_up()

    def nothing_written(self) -> None:
        self.reviewed.keep()


def _plan(file: plan_file.PlanFile | None) -> saved.Saved | None:
    """Return the plan in a file; raise `errors.StaleError` if the file now has plans for several environments."""
    if file is None:
        return None
    if isinstance(file.saved, saved.Saved):
        return file.saved
    raise errors.StaleError("the plan file was replaced while it was being read", hint="review it, then apply again")


class _Review:
    """The reviewed plan that may be applied: the one in a file, the one with a digest, or any if neither is given."""

    def __init__(self, *, path: pathlib.Path | None, digest: str | None, allowed: guards.Allowed) -> None:
        self._digest = digest
        self._allowed = allowed
        self._file = plan_file.PlanFile(path) if path is not None else None
        self._saved = _plan(self._file)

    @property
    def salt(self) -> bytes | None:
        """Return the saved plan's salt, so that digests can be compared, or None without a saved plan."""
        return self._saved.plan.salt if self._saved else None

    def subject(
        self, spec: pathlib.Path | None, choice: declarations.Choice
    ) -> tuple[pathlib.Path, declarations.Choice]:
        """Return the spec's path and the options to plan with: those of the saved plan, if there is one.

        The spec and the options must not have changed. If `spec` is None, the path in the saved plan is used.
        """
        if self._file is None or self._saved is None:
            return spec or source.default(), choice
        path = self._file.spec(spec)
        staleness.check_given(self._saved.plan, choice)
        return path, staleness.same_choice(self._saved.choice, choice)

    def compare(self, planned: plans.Plan) -> None:
        """Raise `errors.StaleError` unless this is the plan that was saved."""
        if self._saved is not None:
            staleness.check(self._saved.plan, planned, self._saved.planned_at)

    def check(self, planned: plans.Plan, left: int) -> None:
        """Raise `errors.StaleError` if the digest is unexpected, or `errors.GuardError` if a guard refuses the plan."""
        if self._digest is not None:
            staleness.check_digest(self._digest, planned.digest)
        guards.check(planned, self._allowed, now=clock.now(), left=left)

    def use_up(self) -> None:
        """Mark the plan in the file as applied, so that it is not applied again."""
        if self._file is not None:
            self._file.use_up()

    def keep(self) -> None:
        """Remove the mark that `use_up` set, because no step was started."""
        if self._file is not None:
            self._file.keep()
