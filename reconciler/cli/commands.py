"""The command line: all commands, each imported only when it is called."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping

import click
import click.shell_completion

from reconciler import version
from reconciler.cli import logs

COMMANDS: Mapping[str, tuple[str, str]] = {  # import path within `reconciler`, and one-line help
    "apply": ("cli.apply.apply", "Show the plan, ask for confirmation, and apply it."),
    "db": ("cli.db.db", "Migrate the database, list its migrations, or move its tables."),
    "grant": ("platform.cli.grant.grant", "Create, list, or revoke service grants."),
    "history": ("cli.history.history", "List the latest applies and their outcomes."),
    "import": ("cli.import_.import_", "Write charters for live schedules into the repo-spec."),
    "lock": ("cli.lock.lock", "Show or release the lock on the schedules."),
    "next": ("cli.next.next_times", "List when the charters fire."),
    "plan": ("cli.plan.plan", "Show what apply would change."),
    "preflight": ("cli.preflight.preflight", "Check that the workers can run the declared schedules."),
    "prune": ("cli.prune.prune", "Delete schedules that were paused because their charters were removed."),
    "repair": ("platform.cli.repair.repair", "Make users' schedules in Temporal match the database."),
    "schema": ("cli.schema.schema", "Print a published JSON Schema."),
    "serve": ("platform.cli.serve.serve", "Serve the HTTP API until SIGTERM."),
    "show": ("cli.show.show", "Show a saved plan."),
    "snapshot": ("cli.snapshot.snapshot", "Save the live schedules, for plan --live."),
    "status": ("cli.status.status", "Show the state, runs, and drift of each schedule."),
    "sync": ("cli.sync.sync", "Sync the charters through a running service."),
    "validate": ("cli.validate.validate", "Check the repo-spec without a server."),
    "worker": ("platform.cli.worker.worker", "Run the workflows that schedules start, until SIGTERM."),
}


class Commands(click.Group):
    """A group that shows its help and completes command names without importing the commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or return None if no command has this name."""
        del ctx
        return _command(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[click.shell_completion.CompletionItem]:
        """Return the commands and options that begin with what was typed."""
        names = (name for name in self.list_commands(ctx) if name.startswith(incomplete))
        items = [click.shell_completion.CompletionItem(name, help=COMMANDS[name][1]) for name in names]
        return items + click.Command.shell_complete(self, ctx, incomplete)


@functools.cache
def _command(name: str) -> click.Command:
    module, _, attribute = COMMANDS[name][0].rpartition(".")
    command: click.Command = getattr(importlib.import_module(f"reconciler.{module}"), attribute)
    _add_log_options(command)
    return command


def _add_log_options(command: click.Command) -> None:
    """Add the log options to a command and its subcommands."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            _add_log_options(each)
    else:
        command.params.extend(logs.options())


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 error, 2 changes pending, 3 invalid spec, 4 refused by a guard, 5 stale, 6 locked, "
    "64 usage, 130 Ctrl-C, 143 SIGTERM.",
)
@click.version_option(version.VERSION, message="%(prog)s %(version)s")
def app() -> None:
    """Keep Temporal schedules in sync with the charters that a repository declares."""
