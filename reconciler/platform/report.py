"""Grants as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.platform import executions
from reconciler.report import phrases, words


def text(grants: Iterable[executions.Grant]) -> str:
    """Return a line for each grant: its ID, its subject, the workflows that it covers, and its expiry."""
    lines = [phrases.printable(f"{each.id}  {each.subject}  {_scopes(each)}  {_term(each)}") for each in grants]
    return "\n".join(lines or ["There are no grants."]) + "\n"


def created(grant: executions.Grant, token: str) -> str:
    """Return the message about a new grant, the only one that contains its token."""
    until = f"until {words.moment(grant.expires_at, 'UTC')}" if grant.expires_at else "until it is revoked"
    text = phrases.printable(f"Grant {grant.id} allows {grant.subject} to run {_scopes(grant)} {until}. Its token:")
    return f"{text}\n{token}\nStore it securely; it will not be shown again.\n"


def revoked(grant: executions.Grant) -> str:
    """Return the message about a revoked grant."""
    when = words.moment(grant.revoked_at, "UTC") if grant.revoked_at else "an unknown time"
    return phrases.printable(f"Grant {grant.id} for {grant.subject} was revoked at {when}.") + "\n"


def _scopes(grant: executions.Grant) -> str:
    return "every workflow" if executions.EVERYTHING in grant.scopes else ", ".join(grant.scopes)


def _term(grant: executions.Grant) -> str:
    if grant.revoked_at is not None:
        return f"revoked {words.moment(grant.revoked_at, 'UTC')}"
    if grant.expires_at is None:
        return "no expiry"
    return f"{'expired' if grant.is_expired else 'expires'} {words.moment(grant.expires_at, 'UTC')}"
