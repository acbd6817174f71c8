"""The Action's `snapshot`: save the live schedules to the file specified by the `live` input."""

from __future__ import annotations

from reconciler import errors, spelling
from reconciler.documents import snapshots
from reconciler.github import inputs, results
from reconciler.github.invocation import Invocation
from reconciler.runtime import files
from reconciler.usecases.snapshot import take_snapshot


def run(invocation: Invocation) -> results.Result:
    """Read the live schedules and save them."""
    declaration, path = invocation.load_spec(), invocation.inputs.live
    if path is None:
        raise errors.UsageError("the snapshot needs an output file", hint="set the live input to its path")
    inputs.check_server(invocation.inputs.connection)
    snapshot = take_snapshot(declaration, invocation.inputs.connection, invocation.progress)
    files.save(path, snapshots.dumps(snapshot))
    summary = f"{path}: {spelling.counted(len(snapshot.live), 'schedule')}"
    invocation.log.write(summary)
    return invocation.result(summary=summary)
