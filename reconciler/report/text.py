"""Plans and outcomes for a terminal, optionally in color."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Iterator, Sequence

from reconciler.plan import plans, rollouts
from reconciler.report import forecast, phrases, words

_RESET = "\x1b[0m"
_BOLD = "\x1b[1m"
_FAINT = "\x1b[2m"
_RED = "\x1b[31m"
_COLORS = {
    plans.Verb.CREATE: "\x1b[32m",
    plans.Verb.RENAME: "\x1b[34m",
    plans.Verb.UPDATE: "\x1b[33m",
    plans.Verb.RESUME: "\x1b[36m",
    plans.Verb.PAUSE: "\x1b[35m",
    plans.Verb.DELETE: _RED,
    plans.Verb.KEEP: _FAINT,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Renders text that ends with a newline; `verbose` adds what is kept or ignored, and `now` adds the next times."""

    color: bool = False
    verbose: bool = False
    now: datetime.datetime | None = None

    def plan(self, plan: plans.Plan) -> str:
        """Return a paragraph for each change, the summary line, and the plan's digest."""
        if plan.disabled:
            return self._idle(plan.disabled)
        end = self._paint(words.summary(plan), _BOLD)
        if self.now is not None and plan.steps:
            end += f"\n{forecast.total(plan, self.now)}"
        if plan.steps:
            end += f"\nDigest {plan.digest}"
        return self._document(plan, end)

    def rollout(self, rollout: rollouts.Rollout) -> str:
        """Return each environment's plan under a heading, then the summary line for all of them, and their digest."""
        sections = [f"{self.turn(part, rollout)}\n{self._part(part)}" for part in rollout.parts]
        end = self._paint(words.rollout_summary(rollout), _BOLD)
        if rollout.steps:
            end += f"\nDigest of all environments {rollout.digest}"
        return "\n".join([*sections, end]) + "\n"

    def turn(self, part: rollouts.Part, rollout: rollouts.Rollout) -> str:
        """Return the heading of an environment."""
        return self._paint(words.turn(part, rollout), _BOLD) + "\n"

    def _part(self, part: rollouts.Part) -> str:
        return self.plan(part.plan) if part.plan else self._idle(part.disabled)

    def _idle(self, reason: str) -> str:
        return f"Nothing to do: {phrases.printable(reason)}.\n"

    def progress(self, results: Sequence[rollouts.Ended]) -> str:
        """Return which environments were applied, failed, or were not started."""
        return self._paint(words.progress(results), _BOLD) + "\n"

    def prune(self, plan: plans.Plan, older_than: datetime.timedelta) -> str:
        """Return a prune's plan: a paragraph for each deletion, and the summary line."""
        return self._document(plan, self._paint(words.pruning(plan, older_than), _BOLD))

    def _document(self, plan: plans.Plan, end: str) -> str:
        shown = [change for change in plan.changes if self.verbose or words.is_notable(change)]
        paragraphs = ["\n".join(self._change(change)) for change in shown]
        as_of = words.as_of(plan, self.now)
        head = phrases.printable(words.target(plan)) + (f"\n{as_of}" if as_of else "")
        taken = words.takeovers(plan)
        listed = ["\n".join([words.TAKEOVERS, *(f"  {each}" for each in taken)])] if taken else []
        return "\n\n".join([head, *paragraphs, *listed, *words.notes(plan), end]) + "\n"

    def outcome(self, outcome: plans.Outcome) -> str:
        """Return a line for a step that has ended."""
        change = outcome.change
        symbol = self._paint(change.verb.value, _COLORS[change.verb])
        name = phrases.printable(change.id)
        if outcome.status is plans.Status.DONE:
            detail = f" ({phrases.printable(outcome.detail)})" if outcome.detail else ""
            return f"  {symbol} {name} {words.DONE[change.verb]}{detail}\n"
        status = self._paint(outcome.status.name, _RED)
        return f"  {symbol} {name} {status}: {phrases.printable(outcome.detail)}\n"

    def outcomes(self, outcomes: Iterable[plans.Outcome], plan: plans.Plan | None = None) -> str:
        """Return the summary of an apply, a repair, or (if any step is a deletion) a prune; `plan` adds the server."""
        ended = tuple(outcomes)
        done = [outcome.change.verb for outcome in ended if outcome.status is plans.Status.DONE]
        deletes = any(outcome.change.verb is plans.Verb.DELETE for outcome in ended)
        repairs = plan is not None and plan.target.of_users
        shown = {verb: word for verb, word in words.DONE.items() if repairs or (verb is plans.Verb.DELETE) is deletes}
        if plans.Verb.RENAME not in done:
            shown.pop(plans.Verb.RENAME, None)
        counts = ", ".join(f"{done.count(verb)} {word}" for verb, word in shown.items())
        command, verb, at = ("prune", "Pruned", "") if deletes else ("apply", "Applied", " to")
        if repairs:
            command, verb, at = "repair", "Repaired", " in"
        where = f"{at} {phrases.printable(words.where(plan))}" if plan else ""
        if len(done) == len(ended):
            return self._paint(f"{verb}{where}: {counts}.", _BOLD) + "\n"
        statuses = [outcome.status for outcome in ended]
        missing = ", ".join(
            f"{statuses.count(status)} {status.value}" for status in plans.Status if status is not plans.Status.DONE
        )
        line = f"{verb} in part{where}: {counts}; {missing}."
        return self._paint(line, _BOLD) + f" Run {command} again to apply the rest.\n"

    def _change(self, change: plans.Change) -> Iterator[str]:
        symbol = self._paint(change.verb.value, _COLORS[change.verb])
        place = f"  {self._paint(phrases.printable(str(change.place)), _FAINT)}" if change.place else ""
        name = self._paint(phrases.printable(change.id), _BOLD)
        yield f"  {symbol} {name}  {words.reason(change)}{place}"
        rows = [(phrases.printable(field.path), self._sides(change, field)) for field in change.fields]
        if self.now is not None:
            rows += forecast.lines(change, self.now)
        width = max((len(label) for label, _ in rows), default=0)
        for label, value in rows:
            yield f"      {label:<{width}}  {value}"
        for remark in words.remarks(change, self.now):
            yield f"      {remark}"
        for field in change.ignored if self.verbose else ():
            yield f"      {phrases.printable(words.ignored(field))}"

    def _sides(self, change: plans.Change, field: plans.FieldChange) -> str:
        where = words.override(change, field)
        place = f"  {self._paint(phrases.printable(where), _FAINT)}" if where else ""
        return words.sides(field, change.verb) + place

    def _paint(self, text: str, code: str) -> str:
        return f"{code}{text}{_RESET}" if self.color else text
