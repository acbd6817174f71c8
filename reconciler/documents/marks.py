"""The hidden mark in a comment or issue of ours: what it is about, and what it showed.

An HTML comment on a line of its own, which a reader does not see. Anybody can write one, so it proves nothing by
itself: whoever looks for a mark has to look at the author as well.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import re
from typing import Any, Literal

from reconciler import model

Kind = Literal["plan", "drift"]

_MARK = re.compile(r"\s*<!-- reconciler (\{[^<>\n]{1,2000}\}) -->(?:\n|$)")
_VERSION = 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """`scope` tells environments and specs apart, `key` the namespaces and prefixes on the server.

    `digest` is of the plan that is shown, empty where nothing may be applied by it. `run` is the number of the workflow
    run that wrote it, 0 when unknown, `commit` what it planned, `since` when a drift was first seen.
    """

    kind: Kind
    scope: str
    key: str = ""
    digest: str = ""
    commit: str = ""
    run: int = 0
    since: datetime.datetime | None = None


def scope(environment: str | None, spec_path: str) -> str:
    """Return what tells a spec's environments apart, in letters that can do no harm in a comment."""
    return _hashed(environment or "", spec_path)


def key(target: model.Target) -> str:
    """Return what tells the targets of an environment apart; the namespace is in it by itself, see `is_of`."""
    return f"{_hashed(target.namespace)}-{_hashed(target.prefix)}"


def is_of(mark: Mark, namespace: str) -> bool:
    """Tell whether a mark is about this namespace."""
    return mark.key.partition("-")[0] == _hashed(namespace)


def _hashed(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def dumps(mark: Mark) -> str:
    """Return the mark's line, without a newline."""
    said = {"v": _VERSION, **dataclasses.asdict(mark), "since": mark.since.isoformat() if mark.since else None}
    text = json.dumps(said).replace("<", "\\u003c").replace(">", "\\u003e")
    return f"<!-- reconciler {text} -->"


def find(body: str) -> Mark | None:
    """Return the mark of a body, which is its first line; None when there is none to be read."""
    found = _MARK.match(body.replace("\r\n", "\n"))
    if found is None:
        return None
    try:
        return _read(json.loads(found[1]))
    except (ValueError, KeyError, TypeError):
        return None


def _read(said: dict[str, Any]) -> Mark | None:
    if said.pop("v") != _VERSION or said["kind"] not in ("plan", "drift"):
        return None
    since = said.pop("since")
    mark = Mark(**said, since=datetime.datetime.fromisoformat(since) if since else None)
    if mark.since is not None and mark.since.tzinfo is None:
        return None
    texts = (mark.scope, mark.key, mark.digest, mark.commit)
    return mark if all(isinstance(each, str) for each in texts) and isinstance(mark.run, int) else None
