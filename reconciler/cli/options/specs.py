"""Options that choose the repo-spec and the parts of it that a command applies to."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import os
from collections.abc import Callable
from typing import Any, Literal

import click

from reconciler import errors, settings
from reconciler.cli.options import parameters
from reconciler.repospec import environments, source
from reconciler.schedule import declarations, ownership
from reconciler.timing import durations


def _variable(name: str) -> str:
    """Return an environment variable's value, empty if unset; raises `errors.UsageError` if it is not valid text."""
    value = os.environ.get(name, "")
    wrong = parameters.fault(value, line=True)
    if wrong:
        raise errors.UsageError(f"{name} {wrong}", hint="set it to another value, or unset it")
    return value


def _variables(_: click.Context, __: click.Parameter, pairs: tuple[str, ...]) -> tuple[declarations.Variable, ...]:
    try:
        return tuple(settings.variable(pair, "--var") for pair in pairs)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


def _variables_of_environment() -> tuple[declarations.Variable, ...]:
    """Return the spec variables set in the environment; raises `errors.UsageError` if one is not valid text."""
    found = settings.variables(os.environ)
    for variable in found:
        if wrong := parameters.fault(variable.text, line=False):
            raise errors.UsageError(f"{variable.source} {wrong}", hint="set it to another value, or unset it")
    return found


def _spec(text: str, *, allow_dash: bool) -> Callable[[Any], Any]:
    return click.option(
        "--spec",
        "spec_path",
        type=parameters.SpecPath(allow_dash=allow_dash),
        default=source.default,
        metavar="PATH",
        help=f"{text}  [{', or else '.join(map(str, source.DEFAULTS))}]",
    )


spec = _spec("The repo-spec; - reads standard input.", allow_dash=True)
spec_file = _spec("The repo-spec.", allow_dash=False)

_CHOICE = (
    click.option(
        "--environment",
        "selected",
        type=parameters.NAME,
        multiple=True,
        metavar="NAME",
        envvar="GOVERNANCE_ENVIRONMENT",
        help="The repo-spec environment; plan, apply, and validate accept several, or '*' for all.",
    ),
    click.option(
        "--prefix",
        "prefixes",
        type=parameters.LINE,
        multiple=True,
        metavar="TEXT",
        help="The prefix of managed schedule IDs; may be repeated.  [governance:]",
    ),
    click.option(
        "--owner",
        type=parameters.LINE,
        metavar="TEXT",
        envvar="GOVERNANCE_OWNER",
        help="The owner of the schedules.  [the repository]",
    ),
    click.option(
        "--var",
        "variables",
        type=parameters.TEXT,
        multiple=True,
        metavar="NAME=VALUE",
        callback=_variables,
        help="Set a repo-spec variable; may be repeated. The RECONCILER_VAR_NAME environment variable does the same.",
    ),
)
_OVERRIDES = (
    click.option("--keep-manual-pauses", is_flag=True, help="Do not resume manually paused schedules."),
    click.option(
        "--adopt",
        is_flag=True,
        help="Take over declared schedules that belong to another owner, and schedules without an owner's mark whose "
        "workflow type, task queue, or arguments would change.",
    ),
)


def choice(command: parameters.Command) -> Callable[..., Any]:
    """Add to a command the options that select which part of the spec applies, passed as `choice`."""
    return _choosing(_in_one(command), _CHOICE)


def choice_and_overrides(command: parameters.Command) -> Callable[..., Any]:
    """Add the `choice` options and the options that control how a plan treats other people's changes."""
    return _choosing(_in_one(command), (*_CHOICE, *_OVERRIDES))


def choice_in_several(command: parameters.Command) -> Callable[..., Any]:
    """Add the same options as `choice_and_overrides`, but pass several environment names, or `*`, as `selected`."""
    return _choosing(_in_several(command), (*_CHOICE, *_OVERRIDES))


def choice_to_read_several(command: parameters.Command) -> Callable[..., Any]:
    """Add the `choice` options, but accept several environments."""
    return _choosing(_in_several(command), _CHOICE)


def _in_several(command: parameters.Command) -> Callable[..., Any]:
    @functools.wraps(command)
    def named(*, selected: tuple[str, ...], choice: declarations.Choice, **options: Any) -> Any:
        names = _distinct(selected)
        if environments.is_several(names):
            return command(choice=choice, selected=names, **options)
        return command(choice=_in_environment(choice, names), selected=(), **options)

    return named


def _in_one(command: parameters.Command) -> Callable[..., Any]:
    """Return the command limited to at most one environment, which becomes part of `choice`."""

    @functools.wraps(command)
    def named(*, selected: tuple[str, ...], choice: declarations.Choice, **options: Any) -> Any:
        names = _distinct(selected)
        if environments.is_several(names):
            count = f"{len(names)} environments" if len(names) > 1 else "all environments"
            raise errors.UsageError(
                f"--environment selects {count}, but only plan, apply, and validate accept more than one",
                hint="select only one environment",
            )
        return command(choice=_in_environment(choice, names), **options)

    return named


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the environment names without duplicates or empty strings."""
    return tuple(dict.fromkeys(filter(None, names)))


def _in_environment(choice: declarations.Choice, names: tuple[str, ...]) -> declarations.Choice:
    return dataclasses.replace(choice, environment=names[0] if names else None)


def refresh(command: parameters.Command) -> Callable[..., Any]:
    """Add the options that control how much a plan reads from the server, passed as part of `choice`."""

    @click.option(
        "--refresh",
        "amount",
        type=click.Choice(["full", "list", "changed"]),
        default="full",
        show_default=True,
        is_eager=True,  # the database options depend on it
        help="full reads every schedule; list reads only the schedules whose list entry differs from the spec; "
        "changed also reads those whose charter has changed since an apply last confirmed a match.",
    )
    @click.option(
        "--max-age",
        type=parameters.NOT_NEGATIVE,
        metavar="TIME",
        help="With --refresh=changed, also read schedules that were last read longer ago than this.  "
        f"[{durations.render(declarations.MAX_AGE)}]",
    )
    @functools.wraps(command)
    def reading(
        *,
        choice: declarations.Choice,
        amount: Literal["full", "list", "changed"],
        max_age: datetime.timedelta | None,
        **options: Any,
    ) -> Any:
        if max_age is not None and amount != "changed":
            raise errors.UsageError("--max-age requires --refresh=changed", hint="pass both or neither")
        found = None if amount == "full" else amount
        return command(choice=dataclasses.replace(choice, refresh=found, max_age=max_age), **options)

    return reading


def only(command: parameters.Command) -> Callable[..., Any]:
    """Add the option that limits a plan to certain charters, passed as part of `choice`."""

    @click.option(
        "--only",
        "names",
        type=parameters.LINE,
        multiple=True,
        metavar="NAME",
        help="Plan only this charter and leave all other schedules alone; may be repeated.",
    )
    @functools.wraps(command)
    def limited(*, choice: declarations.Choice, names: tuple[str, ...], **options: Any) -> Any:
        return command(choice=dataclasses.replace(choice, only=tuple(sorted(set(names)))), **options)

    return limited


def _choosing(command: parameters.Command, declared: tuple[Callable[[Any], Any], ...]) -> Callable[..., Any]:
    @functools.wraps(command)
    def gathered(
        *,
        prefixes: tuple[str, ...],
        owner: str | None,
        variables: tuple[declarations.Variable, ...],
        keep_manual_pauses: bool = False,
        adopt: bool = False,
        **options: Any,
    ) -> Any:
        chosen = declarations.Choice(
            prefixes=ownership.prefixes(prefixes) if prefixes else None,
            owner=owner or None,
            repository=_variable("GITHUB_REPOSITORY") or None,
            keep_manual_pauses=keep_manual_pauses,
            adopt=adopt,
            variables=(*_variables_of_environment(), *variables),
        )
        return command(choice=chosen, **options)

    return parameters.with_options(gathered, declared)
