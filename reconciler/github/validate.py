"""The Action's `validate`: check the repo-spec, without a server."""

from __future__ import annotations

from reconciler.github import results
from reconciler.github.invocation import Invocation


def run(invocation: Invocation) -> results.Result:
    """Load the spec; its errors are located."""
    declaration = invocation.load_spec()
    count = len(declaration.charters)
    summary = f"{declaration.path}: valid, {count} charter{'s'[: count != 1]}"
    invocation.log.write(summary)
    return invocation.result(summary=summary)
