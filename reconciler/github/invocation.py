"""One invocation of the Action: its inputs, the event, the runner's log, and the repository on GitHub."""

from __future__ import annotations

import dataclasses
import itertools

from reconciler import errors
from reconciler.documents import marks
from reconciler.github import client, events, inputs, results, runner_log
from reconciler.plan import advice, plans, ports, rollouts
from reconciler.report import annotation, text
from reconciler.repospec import environments, loader
from reconciler.runtime import clock, progress, salts
from reconciler.schedule import declarations
from reconciler.usecases import rollout as rollout_usecase
from reconciler.usecases.plan import save_plan


@dataclasses.dataclass(slots=True, kw_only=True)
class Invocation:
    """What the commands share; `repository` is None without a token.

    `plan` is set once the plan of one or several environments is shown, `plan_file` once it is saved, and
    `pull_request` once a conversation is opened.
    """

    inputs: inputs.Inputs
    event: events.Event
    log: runner_log.RunnerLog
    repository: client.Repository | None
    plan: plans.Plan | rollouts.Rollout | None = None
    plan_file: str = ""
    pull_request: int | None = None

    @property
    def marker_key(self) -> str:
        """Return the key that signs this repository's marks; empty if none is set."""
        return marks.key_for(self.event.repository, self.inputs.marker_key)

    @property
    def progress(self) -> ports.Progress:
        """Return an object that logs the progress of long operations."""
        return progress.Lines(self.log.write_line, rate=self.inputs.connection.rate)

    def load_spec(self) -> declarations.Declaration:
        """Read the repo-spec; annotate it with advice."""
        declaration = loader.load(self.inputs.spec_path, self.inputs.choice, salt=salts.new())
        self.log.annotate(map(annotation.advice, advice.advise(declaration, clock.now())))
        return declaration

    def load_several(self, *, is_one_server: bool = True) -> tuple[declarations.Declaration, ...]:
        """Read the repo-spec for the selected environments; annotate it with each piece of advice only once."""
        inputs = self.inputs
        declared = environments.load(
            inputs.spec_path, inputs.choice, inputs.selected, salt=salts.new(), is_one_server=is_one_server
        )
        notes = (annotation.advice(note) for each in declared for note in advice.advise(each, clock.now()))
        self.log.annotate(dict.fromkeys(notes))
        return declared

    def show_rollout(self, rollout: rollouts.Rollout) -> None:
        """Show the plans of several environments as `show_plan` does, and save them."""
        self.plan = rollout
        self.log.write(text.Text(now=clock.now()).rollout(rollout))
        notes = ((annotation.plan(plan), annotation.overdue(plan)) for plan in rollout.planned)
        self.log.annotate(itertools.chain.from_iterable(itertools.chain.from_iterable(notes)))
        rollout_usecase.save(self.inputs.plan_file, rollout, self.inputs.spec_path, self.inputs.choice)
        self.plan_file = str(self.inputs.plan_file)

    def show_plan(self, plan: plans.Plan) -> None:
        """Show a plan in the log and on the lines of the spec, and save it to the plan file."""
        self.plan = plan
        self.log.write(text.Text(now=clock.now()).plan(plan))
        self.log.annotate(itertools.chain(annotation.plan(plan), annotation.overdue(plan)))
        save_plan(self.inputs.plan_file, plan, self.inputs.spec_path, self.inputs.choice)
        self.plan_file = str(self.inputs.plan_file)

    def warn(self, message: str) -> None:
        """Annotate the run with a warning."""
        self.log.annotate([annotation.warning(message)])

    def result(
        self,
        *,
        code: errors.ExitCode = errors.ExitCode.OK,
        summary: str = "",
        comment_url: str = "",
        issue_url: str = "",
    ) -> results.Result:
        """Return the result, with the plan that was shown."""
        return results.Result(
            code=code,
            summary=summary,
            plan=self.plan,
            plan_file=self.plan_file,
            comment_url=comment_url,
            issue_url=issue_url,
        )

    def required_repository(self) -> client.Repository:
        """Return the repository; raise `errors.UsageError` without a token."""
        if self.repository is None:
            raise errors.UsageError(
                "the GitHub token is missing", hint="leave github-token at its default, or set comment: false"
            )
        return self.repository

    def author(self, repository: client.Repository) -> str:
        """Return the login that writes comments and opens issues."""
        return self.inputs.comment_author or repository.login()
