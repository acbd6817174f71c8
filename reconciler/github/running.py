"""The commands of the Action: validate, plan, apply and drift."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping

from reconciler import errors
from reconciler.documents import marks, snapshots
from reconciler.github import admission, api, conversation, events, freshness, inputs, reviews, workflow
from reconciler.plan import advice, guards, plans, staleness
from reconciler.report import annotating, comment, phrases, text, words
from reconciler.repospec import loading
from reconciler.runtime import clock, files, interrupts, salts, sessions
from reconciler.schedule import declarations
from reconciler.usecases.apply import Job, declared_off, execute, why_off
from reconciler.usecases.plan import propose, save_plan
from reconciler.usecases.snapshot import take_snapshot

REVIEW_NEXT = "**Next:** review, then merge; apply verifies that the plan is unchanged."
_DRIFT_NEXT = (
    "**Next:** apply, to make the server match the spec, or declare what is there. This issue closes by itself."
)
_UNTRUSTED = (
    "this pull request comes without secrets, so there is no server to plan from and the repo-spec is only validated; "
    "for a plan, pass a snapshot as live"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What the step's outputs are made of."""

    code: errors.ExitCode = errors.ExitCode.OK
    summary: str = ""
    plan: plans.Plan | None = None
    plan_file: str = ""
    comment_url: str = ""
    issue_url: str = ""

    def outputs(self) -> Mapping[str, str]:
        """Return every output; those about a plan are empty where there is none."""
        plan = self.plan
        counted = (plans.Verb.CREATE, plans.Verb.UPDATE, plans.Verb.RESUME, plans.Verb.PAUSE)
        counts = {f"{verb.word}s": str(plan.count(verb)) if plan else "" for verb in counted}
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


class Action:
    """One run of the Action."""

    def __init__(
        self, given: inputs.Inputs, event: events.Event, told: workflow.Workflow, hub: api.Repository | None
    ) -> None:
        self._given = given
        self._event = event
        self._told = told
        self._hub = hub
        self._pull: int | None = None
        self._plan: plans.Plan | None = None
        self._plan_file = ""
        self._marker_key = marks.key_for(event.repository, given.marker_key)

    def run(self) -> Result:
        """Do what is asked for; an error is told wherever somebody may look for it, and is in the result."""
        commands: dict[inputs.Command, Callable[[], Result]] = {
            "plan": self._do_plan,
            "apply": self._do_apply,
            "drift": self._do_drift,
            "validate": self._validate,
            "snapshot": self._snapshot,
        }
        try:
            return commands[self._given.command]()
        except errors.ReconcilerError as error:
            return self._failed(error)
        except KeyboardInterrupt:
            self._told.say("Interrupted.")
            return self._result(code=interrupts.code(), summary="interrupted")

    def _result(self, **more: object) -> Result:
        known = Result(plan=self._plan, plan_file=self._plan_file)
        return dataclasses.replace(known, **more)  # type: ignore[arg-type]

    def _validate(self) -> Result:
        declaration = self._declared()
        count = len(declaration.charters)
        summary = f"{declaration.path}: valid, {count} charter{'s'[: count != 1]}"
        self._told.say(summary)
        return self._result(summary=summary)

    def _snapshot(self) -> Result:
        declaration, path = self._declared(), self._given.live
        if path is None:
            raise errors.UsageError("there is no file to write the snapshot to", hint="name one with the input live")
        inputs.check_server(self._given.connection)
        taken = take_snapshot(declaration, self._given.connection)
        files.save(path, snapshots.dumps(taken))
        summary = f"{path}: {len(taken.live)} schedule{'s'[: len(taken.live) != 1]}"
        self._told.say(summary)
        return self._result(summary=summary)

    def _do_plan(self) -> Result:
        declaration = self._declared()
        off = declared_off(declaration)
        if off:
            return self._nothing(off)
        if self._given.live is None:
            if self._event.is_untrusted:
                return self._nothing(_UNTRUSTED)
            inputs.check_server(self._given.connection)
        proposal = propose(declaration, self._given.connection, self._given.live)
        plan = self._proposed(proposal.plan)
        self._told.annotate(annotating.warning(str(problem)) for problem in proposal.problems)
        page = self._page(
            self._mark("plan", plan, digest=plan.digest),
            remarks=self._refusals(plan),
            next_step=REVIEW_NEXT if plan.steps else "",
        )
        self._told.summary(comment.plan(plan, page.whole))
        thread = self._thread(self._event.pull)
        shown = thread and thread.show(comment.plan(plan, page.about), page.mark, create=plan.differs)
        return self._result(summary=words.summary(plan), comment_url=shown.url if shown else "")

    def _do_apply(self) -> Result:
        declaration = self._declared()
        off = why_off(declaration, self._given.connection)
        if off:
            return self._nothing(off)
        admission.check(self._event, self._given.apply_on)
        inputs.check_server(self._given.connection)
        thread = self._merged()
        audience = _Audience(self._told, self._proposed)
        job = _Apply(
            command="apply",
            declaration=declaration,
            connection=self._given.connection,
            writing=self._given.writing,
            check=lambda plan, present: self._check(plan, present, thread),
            check_commit=self._check_commit,
        )
        try:
            with sessions.opened(self._given.connection) as session:
                code = execute(session, job, audience)
        except (Exception, KeyboardInterrupt) as error:
            reason = _reason(error)
            if audience.heard:
                self._applied(errors.ExitCode.ERROR, audience, thread, remarks=(reason,))
            else:  # nothing was written, so what was reviewed may still be applied
                self._retell("Apply failed", reason, thread, keep_digest=True)
            raise
        return self._applied(code, audience, thread)

    def _applied(
        self,
        code: errors.ExitCode,
        audience: _Audience,
        thread: conversation.Thread | None,
        remarks: tuple[str, ...] = (),
    ) -> Result:
        """Tell what became of the plan, where it was reviewed as well."""
        plan, applied = audience.planned, audience.ended or plans.Applied(outcomes=tuple(audience.heard))
        if plan is None:
            return self._result(code=code)
        page = self._page(self._mark("plan", plan), remarks=remarks)
        self._told.summary(comment.applied(plan, applied, page.whole))
        undone = (outcome for outcome in applied.outcomes if outcome.status is not plans.Status.DONE)
        self._told.annotate(map(annotating.outcome, undone))
        url = ""
        if thread and self._given.comment:
            try:
                shown = thread.show(comment.applied(plan, applied, page.about), page.mark, create=bool(plan.steps))
                url = shown.url if shown else ""
            except errors.ReconcilerError as error:  # the apply is what it is, with or without a word about it
                self._told.annotate([annotating.warning(f"applied, but not shown in the comment: {error.sentence}")])
        summary = text.Text().outcomes(applied.outcomes).strip() if plan.steps else words.summary(plan)
        return self._result(code=code, summary=summary, comment_url=url)

    def _check(self, plan: plans.Plan, left: int, thread: conversation.Thread | None) -> None:
        """Raise unless this is what was reviewed, and may run."""
        if self._given.expect_digest is not None:
            staleness.check_digest(self._given.expect_digest, plan)
        elif plan.steps and self._given.require_reviewed_plan != "false":
            self._check_review(plan, thread)
        guards.check(plan, self._given.allowed, now=clock.now(), left=left)

    def _check_commit(self, applied: str) -> None:
        """Raise when this run's commit is older than its branch, or than the commit that was `applied` last."""
        if not self._given.allow_older_commit:
            freshness.check(self._hub, self._event, applied, self._given.spec_path)

    def _check_review(self, plan: plans.Plan, thread: conversation.Thread | None) -> None:
        self._needed_hub()
        reviewed = reviews.find(thread, plan, self._event.commit)  # an error here: it is unknown, which is not "none"
        try:
            reviews.check(reviewed, plan)
        except errors.StaleError as error:
            if self._given.require_reviewed_plan == "true":
                raise
            self._told.annotate([annotating.warning(f"{error.message}; applying anyway")])

    def _do_drift(self) -> Result:
        declaration = self._declared()
        hub = self._needed_hub()
        off = why_off(declaration, self._given.connection)
        if off:
            page = self._page(self._bare_mark("drift"))
            closing = comment.failed("Drift tracking disabled", off, page.whole)
            conversation.close_all(hub, self._author(hub), page.mark.scope, closing, key=self._marker_key)
            return self._nothing(off)
        inputs.check_server(self._given.connection)
        plan = self._proposed(propose(declaration, self._given.connection, None).plan)
        now = clock.now()
        first = self._mark("drift", plan, digest=plan.digest if plan.steps else "")
        title = f"Temporal schedules differ from {plan.spec_path}" + (
            f" in {plan.environment}" if plan.environment else f" in namespace {plan.target.namespace}"
        )

        def write(known: marks.Mark | None) -> tuple[str, str]:
            since = known.since if known else None
            page = self._page(
                dataclasses.replace(first, since=since or now), next_step=_DRIFT_NEXT if plan.differs else ""
            )
            if plan.differs:
                return phrases.printable(title), comment.drift(plan, page.about, since or now)
            return phrases.printable(title), comment.settled(plan, page.about, since)

        self._told.summary(comment.plan(plan, self._page(first).whole))
        issue = conversation.track(
            hub, self._author(hub), first, write=write, is_open=plan.differs, key=self._marker_key
        )
        return self._result(summary=words.summary(plan), issue_url=issue.url if issue else "")

    def _declared(self) -> declarations.Declaration:
        declaration = loading.load(self._given.spec_path, self._given.choice, salt=salts.new())
        self._told.annotate(map(annotating.advice, advice.advise(declaration, clock.now())))
        return declaration

    def _proposed(self, plan: plans.Plan) -> plans.Plan:
        """Tell of a plan: in the log, beside the lines of the spec, and in the plan file; return it again."""
        self._plan = plan
        self._told.say(text.Text(now=clock.now()).plan(plan))
        self._told.annotate(itertools.chain(annotating.plan(plan), annotating.overdue(plan)))
        save_plan(self._given.plan_file, plan, self._given.spec_path, self._given.choice)
        self._plan_file = str(self._given.plan_file)
        return plan

    def _refusals(self, plan: plans.Plan) -> tuple[str, ...]:
        try:
            guards.check(plan, self._given.allowed, now=clock.now())
        except errors.GuardError as refusal:
            said = f"apply will refuse this: {refusal.message}; {refusal.hint} (an input of the Action has its name)"
            self._told.annotate([annotating.warning(said)])
            return (said,)
        return ()

    def _nothing(self, reason: str) -> Result:
        self._told.say(f"Nothing to do: {reason}.")
        self._told.annotate([annotating.notice(reason)])
        page = self._page(self._bare_mark("plan"))
        self._told.summary(comment.failed("Nothing to do", reason, page.whole))
        if self._given.command == "plan":
            self._retell("Nothing to do", reason, None)
        return self._result(summary=f"nothing to do: {reason}")

    def _failed(self, error: errors.ReconcilerError) -> Result:
        """Tell of an error in the log, beside the lines, in the summary and in a comment that is there already."""
        self._told.say(f"Error: {error.message}" + (f"\n{error.hint}" if error.hint else ""))
        self._told.annotate(annotating.error(error))
        page = self._page(self._bare_mark("plan"))
        self._told.summary(comment.failed(f"{self._given.command.capitalize()} failed", error.sentence, page.whole))
        if self._given.command == "plan" and not isinstance(error, errors.GitHubError):
            self._retell("Plan failed", error.sentence, None)
        return self._result(code=error.exit_code, summary=error.message.partition("\n")[0])

    def _retell(
        self, title: str, reason: str, thread: conversation.Thread | None, *, keep_digest: bool = False
    ) -> None:
        """Remove an invalid plan from our comments; a failure to do so is reported as a warning.

        With `keep_digest` what was reviewed may still be applied, and a comment that proves no review is left alone: a
        digest in a mark of this run would be one.
        """
        if self._hub is None or not self._given.comment:
            return
        try:
            thread = thread or self._thread(self._event.pull)
            if thread is None:
                return
            for key in dict.fromkeys(mark.key for _, mark in thread.ours() if self._is_meant(mark)):
                renewed = dataclasses.replace(self._bare_mark("plan"), key=key)
                if keep_digest:
                    renewed = dataclasses.replace(renewed, digest=reviews.shown(thread, renewed.scope, key).digest)
                if renewed.digest or not keep_digest:
                    thread.show(comment.failed(title, reason, self._page(renewed).about), renewed, create=False)
        except errors.ReconcilerError as other:
            self._told.annotate([annotating.warning(other.sentence)])

    def _is_meant(self, mark: marks.Mark) -> bool:
        """Tell whether a mark is about what this run is about, as far as it came to know that."""
        if mark.scope != self._bare_mark("plan").scope:
            return False
        if self._plan is not None:
            return mark.key == marks.key(self._plan.target)
        connection = self._given.connection
        namespace = connection.namespace or connection.environ.get("TEMPORAL_NAMESPACE") or "default"
        return marks.is_of(mark, namespace)

    def _mark(self, kind: marks.Kind, plan: plans.Plan, digest: str = "") -> marks.Mark:
        scope = marks.scope(plan.environment, plan.spec_path)
        return dataclasses.replace(self._bare_mark(kind), scope=scope, key=marks.key(plan.target), digest=digest)

    def _bare_mark(self, kind: marks.Kind) -> marks.Mark:
        scope = marks.scope(self._given.choice.environment, str(self._given.spec_path))
        pull = 0 if kind == "drift" else self._pull or self._event.pull or 0
        return marks.Mark(kind=kind, scope=scope, commit=self._event.commit, run=self._event.run, pull=pull)

    def _page(self, mark: marks.Mark, *, remarks: tuple[str, ...] = (), next_step: str = "") -> _Page:
        about = comment.About(
            mark=marks.dumps(mark, self._marker_key),
            commit=self._event.commit,
            run_url=self._event.run_url,
            next_step=next_step,
            remarks=remarks,
            now=clock.now(),
        )
        return _Page(mark=mark, about=about)

    def _thread(self, pull: int | None) -> conversation.Thread | None:
        """Return the pull request in which to comment; None where there is none, or none is wanted."""
        if pull is None or not self._given.comment or self._event.is_untrusted:
            return None
        return self._thread_of(self._needed_hub(), pull)

    def _thread_of(self, hub: api.Repository, pull: int) -> conversation.Thread:
        self._pull = pull
        names = (self._event.workflow, self._given.plan_workflow or "")
        return conversation.Thread(
            hub=hub,
            number=pull,
            author=self._author(hub),
            key=self._marker_key,
            workflows=frozenset(name.rpartition("/")[2] for name in names if name),
        )

    def _merged(self) -> conversation.Thread | None:
        """Return the pull request that brought this commit; a warning where GitHub does not tell and may not."""
        wanted = self._given.comment or self._given.require_reviewed_plan != "false"
        if not wanted or self._hub is None:
            return None
        if self._event.pull is not None:
            return self._thread_of(self._hub, self._event.pull)
        try:
            merged = [each for each in self._hub.pulls_of(self._event.commit) if each.is_merged]
            merged.sort(key=lambda each: each.merge_commit_sha != self._event.commit)
            return self._thread_of(self._hub, merged[0].number) if merged else None
        except errors.GitHubError as error:
            if self._given.require_reviewed_plan != "false" and self._given.expect_digest is None:
                raise
            self._told.annotate([annotating.warning(error.sentence)])
            return None

    def _needed_hub(self) -> api.Repository:
        if self._hub is None:
            raise errors.UsageError(
                "there is no token for GitHub", hint="leave github-token at its default, or set comment: false"
            )
        return self._hub

    def _author(self, hub: api.Repository) -> str:
        return self._given.comment_author or hub.login()


def _reason(error: BaseException) -> str:
    """Return why an apply broke off."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return error.sentence if isinstance(error, errors.ReconcilerError) else annotating.defect().message


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """A mark and what is said with it; `whole` is for the step summary, which is longer and found by nobody."""

    mark: marks.Mark
    about: comment.About

    @property
    def whole(self) -> comment.About:
        return dataclasses.replace(self.about, mark="", limit=workflow.SUMMARY_LIMIT)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Apply(Job):
    check: Callable[[plans.Plan, int], None]
    check_commit: Callable[[str], None]

    def guard(self, plan: plans.Plan, present: int) -> None:
        self.check(plan, present)

    def before_first_write(self, last_commit: str) -> None:
        self.check_commit(last_commit)


class _Audience:
    """Tells the log what an apply does, and remembers it; implements `Audience`."""

    def __init__(self, told: workflow.Workflow, proposed: Callable[[plans.Plan], plans.Plan]) -> None:
        self._told = told
        self._proposed = proposed
        self.planned: plans.Plan | None = None
        self.heard: list[plans.Outcome] = []
        self.ended: plans.Applied | None = None

    def plan(self, plan: plans.Plan) -> None:
        """Hear what shall be done."""
        self.planned = self._proposed(plan)

    def agreed(self) -> bool:
        """Say yes: who merges has agreed."""
        return True

    def outcome(self, outcome: plans.Outcome) -> None:
        """Hear what became of a step."""
        self.heard.append(outcome)
        self._told.say(text.Text().outcome(outcome))

    def applied(self, applied: plans.Applied) -> None:
        """Hear what became of all of them."""
        self.ended = applied
        self._told.say(text.Text().outcomes(applied.outcomes))

    def warn(self, text: str) -> None:
        """Hear of something beside the work."""
        self._told.annotate([annotating.warning(text)])
