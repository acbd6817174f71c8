"""The command line: the commands together."""

from __future__ import annotations

import importlib.metadata

import click

from reconciler.cli import asking, changing, grants, logs, offline, reading, records, repairing, serving, working


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 error, 2 changes pending, 3 invalid spec, 4 refused by a guard, 5 stale, 6 locked, "
    "64 usage.",
)
@click.version_option(importlib.metadata.version("reconciler"), message="%(prog)s %(version)s")
def app() -> None:
    """Keep Temporal schedules equal to the charters that a repository declares."""


for each in (
    offline.validate,
    changing.plan,
    changing.apply,
    offline.show,
    changing.prune,
    offline.next_times,
    reading.status,
    reading.preflight,
    reading.snapshot,
    reading.import_,
    working.worker,
    serving.serve,
    asking.sync,
    repairing.repair,
    records.lock,
    records.history,
    records.db,
    grants.grant,
    offline.schema,
):
    app.add_command(each)


def _with_log(command: click.Command) -> None:
    """Give the options of the log to a command and to those below it."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            _with_log(each)
    else:
        command.params.extend(logs.options())


_with_log(app)
