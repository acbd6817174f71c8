"""Take secrets out of values before anyone can render them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence

from reconciler import model

_SECRET_WORD = re.compile("auth|dsn|jwt|keys?|otp|pass|pat|pin|pw|pwd|signature")
_SECRET_PART = re.compile(
    "authorization|bearer|connectionstring|cookie|cred(s$|ential)|database_?url|pass(code|phrase|wd|word)|secret(?!ar)"
    "|sessionid|token(?!s|i[sz])|^tokens$|webhook|(access|api|auth|encryption|master|private|signing|ssh)keys?"
)
_SECRET_TEXT = re.compile(r"://[^/\s:@]+:[^/\s@]+@|\b(bearer|basic)\s+\S{6,}", re.IGNORECASE)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


_DIGEST = re.compile(r"\((secret|encrypted), sha256:[0-9a-f]{12}\)")


def redact(value: model.Json, *names: str) -> model.Json:
    """Return the value with every secret in it replaced by a digest.

    A value is secret when a word of its name, or of a name it stands under (`names`, outermost first), is one such as
    token, secret, password or key, and a text when it holds a URL's password or a bearer's token. Equal secrets have
    equal digests, so a change still shows.
    """
    if any(map(is_secret, names)):
        return _digest(value)
    match value:
        case Mapping():
            named = [value["name"]] if isinstance(value.get("name"), str) and "value" in value else []
            return {key: redact(inner, key, *(named if key == "value" else ())) for key, inner in value.items()}
        case str():
            return _digest(value) if _SECRET_TEXT.search(value) else value
        case Sequence():
            return [redact(inner) for inner in value]
        case _:
            return value


def secrets(value: model.Json, path: str, *names: str) -> Iterator[str]:
    """Yield where within a value the secrets stand that `redact` takes out: `input.api_key`."""
    hidden = redact(value, *names)
    match value, hidden:
        case Mapping(), Mapping():
            for key, inner in value.items():
                named = str(value.get("name", "")) if key == "value" else ""
                yield from secrets(inner, f"{path}.{key}", key, named)
        case ((list() | tuple()), (list() | tuple())):
            for index, inner in enumerate(value):
                yield from secrets(inner, f"{path}[{index}]")
        case _:
            if hidden != value:
                yield path


def is_secret(name: str) -> bool:
    """Tell whether a name sounds like that of a secret: `api_key` and `accessToken` do, `max_tokens` does not."""
    words = [word.lower() for word in _WORD.findall(name)]
    return any(map(_SECRET_WORD.fullmatch, words)) or bool(_SECRET_PART.search("".join(words)))


def text(said: str | None) -> str | None:
    """Return a text for people, a digest in its place where it holds a URL's password or a bearer's token."""
    return _digest(said) if said and _SECRET_TEXT.search(said) else said


def schedule(given: model.Schedule, *, coded: bool = False) -> model.Schedule:
    """Return the schedule with every secret in its payloads, search attributes and note replaced by a digest.

    Of one whose payloads a codec made (`coded`), each argument, memo entry, summary and details is replaced as a whole.
    """
    action = _uncoded(given.action) if coded else given.action
    attributes = {
        name: dataclasses.replace(each, value=_argument(each.value, name))
        for name, each in action.search_attributes.items()
    }
    redacted = dataclasses.replace(
        action,
        arguments=tuple(_argument(each) for each in action.arguments),
        memo={name: _argument(each, name) for name, each in action.memo.items()},
        search_attributes=attributes,
        summary=_argument(action.summary),
        details=_argument(action.details),
    )
    return dataclasses.replace(given, action=redacted, note=text(given.note))


def _uncoded(action: model.Action) -> model.Action:
    """Return the action without anything of what its payloads say, which equal payloads still share."""
    return dataclasses.replace(
        action,
        arguments=tuple(map(_encrypted, action.arguments)),
        memo={name: _encrypted(each) for name, each in action.memo.items()},
        summary=None if action.summary is None else _encrypted(action.summary),
        details=None if action.details is None else _encrypted(action.details),
    )


def _encrypted(argument: model.Argument) -> model.Argument:
    return argument if isinstance(argument, model.Opaque) else _digest(argument, "encrypted")


def _argument(argument: model.Argument, *names: str) -> model.Argument:
    return argument if isinstance(argument, model.Opaque) else redact(argument, *names)


def _digest(value: model.Json, what: str = "secret") -> str:
    """Return what stands for a value; for one that stands for another already, itself."""
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        return value
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return f"({what}, sha256:{hashlib.sha256(canonical.encode()).hexdigest()[:12]})"
