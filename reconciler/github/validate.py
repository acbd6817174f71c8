"""The Action's `validate`: check the repo-spec, without a server."""

from __future__ import annotations

from reconciler.github import results
from reconciler.github.invocation import Invocation
from reconciler.repospec import environments


def run(invocation: Invocation) -> results.Result:
    """Load the spec; its errors include their locations."""
    is_several = bool(invocation.inputs.selected)
    declared = invocation.load_several(is_one_server=False) if is_several else (invocation.load_spec(),)
    summary = environments.valid(declared)
    invocation.log.write(summary)
    return invocation.result(summary=summary)
