"""Which events `apply` accepts: those on the default branch, and those that the `apply-on` input adds."""

from __future__ import annotations

import dataclasses
import re

from reconciler import errors
from reconciler.github import events

EVENTS = ("push", "pull_request", "workflow_dispatch", "repository_dispatch", "schedule")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An event and a branch pattern, which is empty for the default branch.

    In the pattern, `*` matches any characters except slashes, and `**` matches any characters.
    """

    event: str
    branches: str = ""


ALWAYS = (Rule(event="push"), Rule(event="pull_request"))


def parse(text: str) -> tuple[Rule, ...]:
    """Parse rules like `EVENT` or `EVENT:BRANCHES`, separated by commas or spaces; raise ValueError if invalid."""
    rules = []
    for word in re.split(r"[\s,]+", text.strip(" \t\r\n,")):
        event, colon, branches = word.partition(":")
        if event not in EVENTS:
            raise ValueError(f"an event must be one of {', '.join(EVENTS)}, optionally with :BRANCHES")
        if colon and not branches:
            raise ValueError("a branch pattern is missing after the colon")
        rules.append(Rule(event=event, branches=branches))
    return tuple(rules)


def check(event: events.Event, added: tuple[Rule, ...]) -> None:
    """Raise `errors.UsageError` unless `apply` accepts the event."""
    if event.name == "pull_request" and (event.is_untrusted or not event.is_merged):
        why = "comes from a fork or from Dependabot" if event.is_merged else "is not merged"
        raise errors.UsageError(
            f"pull request {event.pull_request} {why}, so it is not applied",
            hint="apply on a push to the default branch",
        )
    if not any(_accepts(rule, event) for rule in (*ALWAYS, *added)):
        where = f"branch {event.branch!r}" if event.branch else "a ref that is not a branch"
        default = f"the default branch ({event.default_branch})" if event.default_branch else "the default branch"
        raise errors.UsageError(
            f"apply does not run on the {event.name!r} event for {where}: without apply-on, it accepts only pushes to "
            f"{default} and pull requests merged into it",
            hint=_hint(event),
        )


def _accepts(rule: Rule, event: events.Event) -> bool:
    if rule.event != event.name:
        return False
    if rule.branches:
        return event.branch is not None and _pattern(rule.branches).fullmatch(event.branch) is not None
    if event.name == "schedule":  # GitHub runs it only on the default branch, and does not always name that branch
        return event.default_branch in ("", event.branch)
    return event.branch is not None and event.branch == event.default_branch


def _pattern(branches: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*)", branches)
    return re.compile("".join({"**": ".*", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts))


def _hint(event: events.Event) -> str:
    if event.name not in EVENTS:
        return "apply on a push to the default branch instead"
    if event.branch is None:
        return "start it on a branch"
    wanted = event.name if event.branch == event.default_branch else f"{event.name}:{event.branch}"
    return f"if this is intended, set apply-on: {wanted!r}"
