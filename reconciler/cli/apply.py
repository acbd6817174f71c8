"""`reconciler apply`: show the plan, ask, and apply it."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib

import click

from reconciler import errors, settings
from reconciler.cli import common, console, options, reporter, rollout, spec_file
from reconciler.documents import saved
from reconciler.plan import guards, plans, staleness
from reconciler.repospec import includes, source
from reconciler.runtime import clock, files, sessions
from reconciler.schedule import declarations
from reconciler.usecases.apply import Job, execute, why_off


@click.command()
@click.argument("plan_file", type=click.Path(path_type=pathlib.Path), required=False)
@options.spec
@options.choice_in_several
@options.only
@options.refresh
@options.connection
@options.writing_or_lock_only
@options.yes
@click.option("--expect-digest", type=options.LINE, metavar="sha256:…", help="Apply only the plan with this digest.")
@click.option("--allow-mass-pause", is_flag=True, help="Let the plan stop most or all of what runs.")
@click.option("--allow-empty-namespace", is_flag=True, help="Apply although everything managed is gone.")
@click.option("--allow-prefix-change", is_flag=True, help="Let the plan create what also runs under another prefix.")
@click.option("--allow-plaintext", is_flag=True, help="Let the plan replace encrypted payloads by readable ones.")
@options.outcome_format
@options.verbose
@options.no_color
@click.pass_obj
def apply(
    out: console.Console,
    plan_file: pathlib.Path | None,
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
    """Show the plan, ask, and make the server what the repo-spec declares.

    With PLAN_FILE, of plan --out, exactly that plan is applied, or none.
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
    if selected:
        several = rollout.Reporter(out, rendering, form, spec_path, yes=yes)
        with reporter.errors_reported(several.finish):
            _check_single(plan_file)
            declared = spec_file.load_several(out, spec_path, choice, selected)
            code = rollout.apply(declared, connection, writing, allowed, expect_digest, several)
        several.finish(code)
        return code
    reported = reporter.Reporter(out, rendering, "apply", form, yes=yes)

    with reported.errors_reported():
        reported.about(connection, str(spec_path), choice)
        review = _Review(path=plan_file, digest=expect_digest, allowed=allowed)
        path, chosen = review.subject(spec_path if spec_given or not plan_file else None, choice)
        reported.about(connection, str(path), chosen)
        declaration = spec_file.load(out, path, chosen, salt=review.salt)
        reported.declared(declaration)
        job = _Apply(command="apply", declaration=declaration, connection=connection, writing=writing, reviewed=review)
        disabled = why_off(declaration, connection)
        if disabled:
            code = reported.skipped(disabled)
        else:
            with sessions.opened(connection) as session:
                code = execute(session, job, reported)
    return reported.finish(code)


def _check_single(plan_file: pathlib.Path | None) -> None:
    """Raise `errors.UsageError` for a saved plan, which is of a single environment."""
    if plan_file is not None:
        raise errors.UsageError(
            f"{plan_file} is the plan of one environment, and several are selected", hint="leave out --environment"
        )


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


class _Review:
    """What was reviewed and may be applied: a plan in a file, a digest, or, with neither, any plan."""

    def __init__(self, *, path: pathlib.Path | None, digest: str | None, allowed: guards.Allowed) -> None:
        self._path = path
        self._digest = digest
        self._allowed = allowed
        self._saved = _reviewed(path) if path is not None else None

    @property
    def salt(self) -> bytes | None:
        """Return the salt of the saved plan, whose digests are compared; None where there is none."""
        return self._saved.plan.salt if self._saved else None

    def subject(
        self, spec: pathlib.Path | None, choice: declarations.Choice
    ) -> tuple[pathlib.Path, declarations.Choice]:
        """Return the spec and the choice to plan from: those of the saved plan, which must be as they were.

        `spec` is None when it is where the saved plan found it.
        """
        if self._saved is None:
            return spec or source.default(), choice
        made = f"{self._saved.planned_at:%Y-%m-%d %H:%M:%S} UTC"
        self._check_unused(self._saved)
        path = spec or pathlib.Path(self._saved.plan.spec_path)
        included = includes.files(path)
        if files.sha256(path, included, hint=_ELSEWHERE) != self._saved.spec_sha256:
            names = files.changed(path, included, self._saved.files) if self._saved.files else ()
            raise errors.StaleError(
                f"{_listed(names) or path} changed since the plan was made on {made}",
                hint="plan again, and review what is new",
            )
        staleness.check_given(self._saved.plan, choice)
        return path, staleness.same_choice(self._saved.choice, choice)

    def compare(self, planned: plans.Plan) -> None:
        """Raise `errors.StaleError` unless this is the plan that was saved."""
        if self._saved is not None:
            staleness.check(self._saved.plan, planned, self._saved.planned_at)

    def check(self, planned: plans.Plan, left: int) -> None:
        """Raise `errors.StaleError` unless it has the reviewed digest, `errors.GuardError` when it may not run."""
        if self._digest is not None:
            staleness.check_digest(self._digest, planned.digest)
        guards.check(planned, self._allowed, now=clock.now(), left=left)

    def use_up(self) -> None:
        """Note in the file that its plan is being applied, so that it is not applied again.

        Raises `errors.StaleError` when another process has done so since this one read the file.
        """
        if self._path is None:
            return
        with files.locked(self._path):
            found = _reviewed(self._path)
            self._check_unused(found)
            if found != self._saved:
                raise errors.StaleError(
                    f"{self._path} was replaced since it was read", hint="review it, then apply again"
                )
            self._mark(clock.now())

    def keep(self) -> None:
        """Delete the note: no step was started."""
        self._mark(None)

    def _check_unused(self, found: saved.Saved) -> None:
        if found.applied_at is not None:
            at = f"{found.applied_at:%Y-%m-%d %H:%M:%S} UTC"
            raise errors.StaleError(f"{self._path} was applied already, on {at}", hint="plan again")

    def _mark(self, applied_at: datetime.datetime | None) -> None:
        if self._path is not None and self._saved is not None:
            marked = dataclasses.replace(self._saved, applied_at=applied_at)
            files.save(self._path, saved.dumps(marked), hint=_WRITABLE)


def _listed(names: tuple[str, ...]) -> str:
    """Return the first files, and how many more there are; empty without any."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _reviewed(path: pathlib.Path) -> saved.Saved:
    if path.exists() and not path.is_file():
        raise errors.UsageError(
            f"{path}: is not a regular file, and a plan that is applied is marked as used",
            hint="save the plan to a file",
        )
    return saved.loads(files.read(path), str(path))


_NAMED = 3  # files in a message
_ELSEWHERE = "run where the plan was made, or name the repo-spec with --spec"


_WRITABLE = "make the plan file and its folder writable: a plan that is applied is marked as used"
