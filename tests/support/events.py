"""The events that start workflows, with the fields of GitHub's that matter here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAME = "acme/schedules"  # of the repository


def pull_request(
    number: int, *, head: str, base: str, name: str = NAME, fork: str = "", author: str = "somebody"
) -> dict[str, Any]:
    """Return the event of a pull request between two commits; `fork` is the name of the repository it comes from."""
    source = _repository(fork or name)
    return {
        "action": "synchronize",
        "number": number,
        "pull_request": {
            "number": number,
            "html_url": f"https://github.com/{name}/pull/{number}",
            "state": "open",
            "user": {"login": author},
            "head": {"ref": "change", "sha": head, "repo": {**source, "fork": bool(fork)}},
            "base": {"ref": "main", "sha": base, "repo": _repository(name)},
        },
        "repository": _repository(name),
        "sender": {"login": "somebody"},
    }


def push(*, after: str, before: str = "0" * 40, name: str = NAME) -> dict[str, Any]:
    """Return the event of a push to main."""
    return {
        "ref": "refs/heads/main",
        "before": before,
        "after": after,
        "head_commit": {"id": after},
        "repository": _repository(name),
        "sender": {"login": "somebody"},
    }


def schedule() -> dict[str, Any]:
    """Return the event of a timer, which does not say what the repository is."""
    return {"schedule": "23 * * * *"}


def dispatch(inputs: Mapping[str, str], name: str = NAME, ref: str = "refs/heads/main") -> dict[str, Any]:
    """Return the event of a person who starts a workflow, on a branch or tag."""
    return {"inputs": dict(inputs), "ref": ref, "repository": _repository(name)}


def _repository(name: str) -> dict[str, Any]:
    owner, _, short = name.partition("/")
    return {
        "full_name": name,
        "name": short,
        "owner": {"login": owner},
        "default_branch": "main",
        "html_url": f"https://github.com/{name}",
    }
