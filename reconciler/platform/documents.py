"""Grants as JSON, without anything from which a token could be recovered."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

from reconciler import json_text
from reconciler.platform import executions


def dumps(grants: Iterable[executions.Grant]) -> str:
    """Return the grants as a JSON array with a trailing newline."""
    return _text([_grant(each) for each in grants])


def created(grant: executions.Grant, token: str) -> str:
    """Return a new grant as a JSON object, including its token, with a trailing newline."""
    return _text({**_grant(grant), "token": token})


def one(grant: executions.Grant) -> str:
    """Return a grant as a JSON object with a trailing newline."""
    return _text(_grant(grant))


def _text(value: Any) -> str:
    return json_text.document(value)


def _grant(grant: executions.Grant) -> dict[str, Any]:
    return {
        "id": str(grant.id),
        "subject": grant.subject,
        "scopes": list(grant.scopes),
        "created_at": grant.created_at.isoformat(),
        "expires_at": _moment(grant.expires_at),
        "revoked_at": _moment(grant.revoked_at),
    }


def _moment(when: datetime.datetime | None) -> str | None:
    return None if when is None else when.isoformat()
