"""Take secrets out of values before anyone can render them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping, Sequence

from reconciler import model

_SECRET = re.compile(
    "auth|authorization|bearer|cookies?|credentials?|dsn|jwt|pat|pwd|signature"
    "|(access|api|auth|encryption|private|secret|signing|ssh)?keys?"
    "|.*(passphrase|passwd|password|secret)s?|.*token"
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


_DIGEST = re.compile(r"\(secret, sha256:[0-9a-f]{12}\)")


def redact(value: model.Json, *names: str) -> model.Json:
    """Return the value with every secret in it replaced by a digest.

    A value is secret when a word of its name, or of a name it stands under (`names`, outermost first), is one
    such as token, secret, password or key. Equal secrets have equal digests, so a change still shows.
    """
    if any(map(is_secret, names)):
        return value if isinstance(value, str) and _DIGEST.fullmatch(value) else _digest(value)
    match value:
        case Mapping():
            return {name: redact(inner, name) for name, inner in value.items()}
        case str():
            return value
        case Sequence():
            return [redact(inner) for inner in value]
        case _:
            return value


def is_secret(name: str) -> bool:
    """Tell whether a name sounds like that of a secret: `api_key` and `accessToken` do, `max_tokens` does not."""
    return any(_SECRET.fullmatch(word.lower()) for word in _WORD.findall(name))


def schedule(given: model.Schedule) -> model.Schedule:
    """Return the schedule with every secret in its arguments, memo and search attributes replaced by a digest."""
    action = given.action
    attributes = {
        name: dataclasses.replace(each, value=_argument(each.value, name))
        for name, each in action.search_attributes.items()
    }
    redacted = dataclasses.replace(
        action,
        arguments=tuple(_argument(each) for each in action.arguments),
        memo={name: _argument(each, name) for name, each in action.memo.items()},
        search_attributes=attributes,
    )
    return dataclasses.replace(given, action=redacted)


def _argument(argument: model.Argument, *names: str) -> model.Argument:
    return argument if isinstance(argument, model.Opaque) else redact(argument, *names)


def _digest(value: model.Json) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return f"(secret, sha256:{hashlib.sha256(text.encode()).hexdigest()[:12]})"
