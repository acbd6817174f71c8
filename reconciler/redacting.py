"""Take secrets out of values before anyone can render them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence

from reconciler import detecting, model

_DIGEST = re.compile(r"\((secret|encrypted), sha256:[0-9a-f]{12}\)")
_NAME_KEYS = ("name", "key", "field", "header", "variable")  # of an entry such as {name: DB_PASSWORD, value: …}
_VALUE_KEYS = ("value", "val")

is_secret = detecting.is_secret


def redact(value: model.Json, *names: str) -> model.Json:
    """Return the value with every secret in it replaced by a digest.

    A value is secret when a word of its name, or of a name it is under (`names`, outermost first), is one such as
    token, secret, password or key. A text, also an object's key, is secret when it contains what looks like a
    credential; so is the value under such a key.
    Equal secrets have equal digests, so a change still shows.
    """
    if any(is_secret(name) or _text(name) != name for name in names):
        return _digest(value)
    match value:
        case Mapping():
            return _mapping(value)
        case str():
            return text(value)
        case Sequence():
            return [_item(value, index) for index in range(len(value))]
        case _:
            return value


def _mapping(value: Mapping[str, model.Json]) -> dict[str, model.Json]:
    """Redact an object; of one that names its value, the value as under that name, and the name stays readable."""
    named: tuple[str, ...] = ()
    if any(key.lower() in _VALUE_KEYS for key in value):
        found = ((key, inner) for key, inner in value.items() if key.lower() in _NAME_KEYS)
        named = tuple(key for key, inner in found if isinstance(inner, str) and is_secret(inner))
    secret = [str(value[key]) for key in named]
    return {
        _text(key): _text(str(inner))
        if key in named
        else redact(inner, key, *(secret if key.lower() in _VALUE_KEYS else ()))
        for key, inner in value.items()
    }


def _item(items: Sequence[model.Json], index: int) -> model.Json:
    """Redact an item of a list: the value of an option before it, or one of a list's pairs of name and value."""
    item, before = items[index], items[index - 1] if index else None
    if isinstance(before, str) and detecting.is_option(before):
        return _digest(item)
    match item:
        case [str() as name, inner] if detecting.is_strong(name) and " " not in name:
            return [_text(name), _digest(inner)]
        case _:
            return redact(item)


def secrets(value: model.Json, path: str, *names: str) -> Iterator[str]:
    """Yield where within a value the secrets are that `redact` takes out: `input.api_key`."""
    yield from _differing(value, redact(value, *names), path)


def _differing(value: model.Json, hidden: model.Json, path: str) -> Iterator[str]:
    match value, hidden:
        case Mapping(), Mapping():
            for (key, inner), (name, shown) in zip(value.items(), hidden.items(), strict=True):
                if key != name:
                    yield f"{path}.{name}"
                yield from _differing(inner, shown, f"{path}.{name}")
        case ((list() | tuple()), (list() | tuple())):
            for index, (inner, shown) in enumerate(zip(value, hidden, strict=True)):
                yield from _differing(inner, shown, f"{path}[{index}]")
        case _:
            if hidden != value:
                yield path


def text(said: str | None) -> str | None:
    """Return a text, or a digest in its place where it contains what looks like a credential, also as JSON in it."""
    return None if said is None else _text(said)


def _text(said: str) -> str:
    return _digest(said) if detecting.in_text(said) or _has_secret_json(said) else said


def _has_secret_json(said: str) -> bool:
    if said.strip()[:1] not in ("{", "["):
        return False
    try:
        value = json.loads(said)
    except (ValueError, RecursionError):
        return False
    return bool(redact(value) != value)


def schedule(given: model.Schedule, *, coded: bool = False) -> model.Schedule:
    """Return the schedule with every secret in any of its texts but its id and owner replaced by a digest.

    Of one whose payloads a codec made (`coded`), each argument, memo entry, summary and details is replaced as a whole.
    """
    action = _uncoded(given.action) if coded else given.action
    attributes = {
        _text(name): dataclasses.replace(each, value=_argument(each.value, name))
        for name, each in action.search_attributes.items()
    }
    redacted = dataclasses.replace(
        action,
        workflow=_text(action.workflow),
        workflow_id=_text(action.workflow_id),
        task_queue=_text(action.task_queue),
        retry_policy=_retry_policy(action.retry_policy),
        priority=dataclasses.replace(action.priority, fairness_key=_text(action.priority.fairness_key)),
        arguments=tuple(_argument(each) for each in action.arguments),
        memo={_text(name): _argument(each, name) for name, each in action.memo.items()},
        search_attributes=attributes,
        summary=_argument(action.summary),
        details=_argument(action.details),
    )
    return dataclasses.replace(given, timing=_timing(given.timing), action=redacted, note=text(given.note))


def _retry_policy(policy: model.RetryPolicy | None) -> model.RetryPolicy | None:
    if policy is None:
        return None
    return dataclasses.replace(policy, non_retryable_errors=tuple(map(_text, policy.non_retryable_errors)))


def _timing(timing: model.Timing) -> model.Timing:
    calendars, exclude = (tuple(map(_calendar, each)) for each in (timing.calendars, timing.exclude))
    return dataclasses.replace(timing, calendars=calendars, exclude=exclude)


def _calendar(calendar: model.Calendar) -> model.Calendar:
    """Redact a calendar's comment; of a cron only what follows its `#`, so that it remains one."""
    cron, sign, comment = calendar.comment.partition("#")
    shown = f"{_text(cron)}{sign}{_text(comment)}"
    if shown == calendar.comment:
        return calendar
    return dataclasses.replace(calendar, comment=shown)


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
