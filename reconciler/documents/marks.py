"""The hidden mark in our comments and issues, which identifies their subject and the plan that they show.

It is an HTML comment on a separate line. Anyone can write one, and all workflows in a repository write as the same
author, so only a mark that is signed with a key proves who wrote it.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from typing import Any, Literal

from reconciler.schedule import observed

Kind = Literal["plan", "drift"]

_MARK = re.compile(r"\s*<!-- reconciler (\{[^<>\n]{1,2000}\}) -->(?:\n|$)")
_VERSION = 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A mark; `scope` identifies the environment and the spec, and `key` the namespace and the prefixes.

    `digest` is the digest of the plan that was shown; empty if the plan must not be applied. `run` is the number of the
    workflow run that wrote the mark (0 if unknown), `commit` is the planned commit, `since` is when drift was first
    seen, and `pull` is the pull request's number (0 for an issue). `is_signed` means that the mark has a signature,
    which was verified if there is a key.
    """

    kind: Kind
    scope: str
    key: str = ""
    digest: str = ""
    commit: str = ""
    run: int = 0
    since: datetime.datetime | None = None
    pull: int = 0
    is_signed: bool = dataclasses.field(default=False, compare=False)


def scope_of_several(environments: Sequence[str], spec_path: str) -> str:
    """Return an identifier for the selected environments (by name or as `*`) and the spec."""
    return _hashed("environments", *environments, spec_path)


def scope(environment: str | None, spec_path: str) -> str:
    """Return an identifier for an environment and a spec, in characters that are safe in a comment."""
    return _hashed(environment or "", spec_path)


def key(target: observed.Target) -> str:
    """Return an identifier for a target: one part for the namespace (see `is_of`), and one for the prefixes."""
    return f"{_hashed(target.namespace)}-{_hashed(*target.prefixes)}"


def key_of_several(namespace: str) -> str:
    """Return an identifier for the target of several environments, each with its own prefixes."""
    return f"{_hashed(namespace)}-several"


def is_of(mark: Mark, namespace: str) -> bool:
    """Return whether a mark belongs to this namespace."""
    return mark.key.partition("-")[0] == _hashed(namespace)


def _hashed(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def key_for(repository: str, secret: str) -> str:
    """Return this repository's own key, so others with the same secret cannot sign for it; empty without a secret."""
    return hmac.new(secret.encode(), repository.lower().encode(), hashlib.sha256).hexdigest() if secret else ""


def dumps(mark: Mark, key: str = "") -> str:
    """Return the mark's line, without a newline; signed if there is a key."""
    values = {"v": _VERSION, **_values(mark)}
    if not mark.pull:
        del values["pull"]
    if key:
        values["mac"] = _mac(mark, key)
    text = json.dumps(values).replace("<", "\\u003c").replace(">", "\\u003e")
    return f"<!-- reconciler {text} -->"


def find(body: str, key: str = "") -> Mark | None:
    """Return the mark in the first line of a body; if there is a key, only a mark signed with it."""
    match = _MARK.match(body.replace("\r\n", "\n"))
    if match is None:
        return None
    try:
        return _read(json.loads(match[1]), key)
    except (ValueError, KeyError, TypeError):
        return None


def _read(values: dict[str, Any], key: str) -> Mark | None:
    if values.pop("v") != _VERSION or values["kind"] not in ("plan", "drift"):
        return None
    since, mac = values.pop("since"), values.pop("mac", "")
    mark = Mark(**values, since=datetime.datetime.fromisoformat(since) if since else None, is_signed=bool(mac))
    if mark.since is not None and mark.since.tzinfo is None:
        return None
    texts, numbers = (mark.scope, mark.key, mark.digest, mark.commit), (mark.run, mark.pull)
    if not all(isinstance(each, str) for each in texts) or not all(isinstance(each, int) for each in numbers):
        return None
    return mark if not key or hmac.compare_digest(str(mac).encode(), _mac(mark, key).encode()) else None


def _mac(mark: Mark, key: str) -> str:
    text = json.dumps(["reconciler mark", _VERSION, _values(mark)], sort_keys=True)
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _values(mark: Mark) -> dict[str, Any]:
    """Return a mark's values as they are written."""
    values = {**dataclasses.asdict(mark), "since": mark.since.isoformat() if mark.since else None}
    del values["is_signed"]
    return values
