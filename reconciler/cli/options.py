"""The options that commands share."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import os
import pathlib
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import click

from reconciler import errors, input_files, settings, wiring
from reconciler.repospec import environments, source
from reconciler.schedule import declarations, ownership
from reconciler.timing import durations, moments

Command = TypeVar("Command", bound=Callable[..., Any])

_FILE = click.Path(path_type=pathlib.Path)


class _Text(click.ParamType[str]):
    """Text that can be written down: bytes that are not UTF-8 arrive as lone surrogates, which cannot.

    A `line` also has no control or invisible characters.
    """

    name = "text"

    def __init__(self, *, line: bool) -> None:
        self._line = line

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        wrong = _wrong(value, line=self._line)
        if wrong:
            self.fail(f"it {wrong}.", param, ctx)
        return str(value)


def _wrong(value: str, *, line: bool) -> str:
    """Say why a text cannot be taken; empty when it can."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return "is not UTF-8 text"
    return "contains a control character" if line and not value.isprintable() else ""


class _SpecPath(click.Path):
    """The path of a spec, which goes into the notes of schedules; `-` is standard input where that is enough."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "-" and self.allow_dash:
            return input_files.STANDARD_INPUT
        if value == "-":
            self.fail("standard input can be read only once, and the repo-spec is read for each sync; name a file")
        TEXT.convert(str(value), param, ctx)
        return super().convert(value, param, ctx)


LINE = _Text(line=True)
TEXT = _Text(line=False)


def _variable(name: str) -> str:
    """Return a variable of the environment, empty when unset; `errors.UsageError` when it cannot be written down."""
    value = os.environ.get(name, "")
    wrong = _wrong(value, line=True)
    if wrong:
        raise errors.UsageError(f"{name} {wrong}", hint="set it to another value, or unset it")
    return value


def _variables(_: click.Context, __: click.Parameter, pairs: tuple[str, ...]) -> tuple[declarations.Variable, ...]:
    try:
        return tuple(settings.variable(pair, "--var") for pair in pairs)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


def _variables_of_environment() -> tuple[declarations.Variable, ...]:
    """Return the variables that the environment sets; `errors.UsageError` for one that cannot be written down."""
    found = settings.variables(os.environ)
    for variable in found:
        if wrong := _wrong(variable.text, line=False):
            raise errors.UsageError(f"{variable.source} {wrong}", hint="set it to another value, or unset it")
    return found


def _spec(text: str, *, allow_dash: bool) -> Callable[[Any], Any]:
    return click.option(
        "--spec",
        "spec_path",
        type=_SpecPath(path_type=pathlib.Path, allow_dash=allow_dash),
        default=source.default,
        metavar="PATH",
        help=f"{text}  [{', else '.join(map(str, source.DEFAULTS))}]",
    )


spec = _spec("The repo-spec; - reads standard input.", allow_dash=True)
spec_file = _spec("The repo-spec.", allow_dash=False)
no_color = click.option("--no-color", is_flag=True, help="Disable colors; NO_COLOR does the same.")
verbose = click.option("--verbose", is_flag=True, help="Also list what is unchanged.")


class _Name(_Text):
    """A name; an environment variable has one, whatever it contains."""

    def split_envvar_value(self, rv: str) -> list[str]:
        return [rv]


_CHOICE = (
    click.option(
        "--environment",
        "selected",
        type=_Name(line=True),
        multiple=True,
        metavar="NAME",
        envvar="GOVERNANCE_ENVIRONMENT",
        help="The environment of the repo-spec; plan, apply and validate accept several, or '*' for all.",
    ),
    click.option(
        "--prefix",
        "prefixes",
        type=LINE,
        multiple=True,
        metavar="TEXT",
        help="The prefix of managed schedule IDs; may be repeated.  [governance:]",
    ),
    click.option(
        "--owner",
        type=LINE,
        metavar="TEXT",
        envvar="GOVERNANCE_OWNER",
        help="The owner of the schedules.  [the repository]",
    ),
    click.option(
        "--var",
        "variables",
        type=TEXT,
        multiple=True,
        metavar="NAME=VALUE",
        callback=_variables,
        help="Set a variable of the repo-spec; may be repeated. RECONCILER_VAR_NAME does the same.",
    ),
)
_OVERRIDES = (
    click.option("--keep-manual-pauses", is_flag=True, help="Do not resume schedules that were paused by hand."),
    click.option(
        "--adopt",
        is_flag=True,
        help="Take over declared schedules of another owner, and unmarked ones that would run something else.",
    ),
)


def choice(command: Command) -> Callable[..., Any]:
    """Give a command the options that choose what of the spec counts, gathered into `choice`."""
    return _choosing(_in_one(command), _CHOICE)


def choice_and_overrides(command: Command) -> Callable[..., Any]:
    """Give a command these options and those that change what a plan does about other people's doings."""
    return _choosing(_in_one(command), (*_CHOICE, *_OVERRIDES))


def choice_in_several(command: Command) -> Callable[..., Any]:
    """Give a command the same for one environment or several; the names of several, or `*`, are in `selected`."""
    return _choosing(_in_several(command), (*_CHOICE, *_OVERRIDES))


def choice_to_read_several(command: Command) -> Callable[..., Any]:
    """Give a command the options of `choice` for one environment or several."""
    return _choosing(_in_several(command), _CHOICE)


def _in_several(command: Command) -> Callable[..., Any]:
    @functools.wraps(command)
    def named(*, selected: tuple[str, ...], choice: declarations.Choice, **options: Any) -> Any:
        names = _distinct(selected)
        if environments.is_several(names):
            return command(choice=choice, selected=names, **options)
        return command(choice=_in_environment(choice, names), selected=(), **options)

    return named


def _in_one(command: Command) -> Callable[..., Any]:
    """Return the command for at most one environment, which becomes a part of `choice`."""

    @functools.wraps(command)
    def named(*, selected: tuple[str, ...], choice: declarations.Choice, **options: Any) -> Any:
        names = _distinct(selected)
        if environments.is_several(names):
            count = f"{len(names)} environments" if len(names) > 1 else "all environments"
            raise errors.UsageError(
                f"--environment selects {count}, and only plan, apply and validate accept several",
                hint="name one of them",
            )
        return command(choice=_in_environment(choice, names), **options)

    return named


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of environments, each once, without empty ones."""
    return tuple(dict.fromkeys(filter(None, names)))


def _in_environment(choice: declarations.Choice, names: tuple[str, ...]) -> declarations.Choice:
    return dataclasses.replace(choice, environment=names[0] if names else None)


def refresh(command: Command) -> Callable[..., Any]:
    """Give a command the options that say how much of the server its plan reads, as a part of `choice`."""

    @click.option(
        "--refresh",
        "amount",
        type=click.Choice(["full", "list", "changed"]),
        default="full",
        show_default=True,
        is_eager=True,  # what the database is for depends on it
        help="full reads every schedule; list reads the listing, then only the schedules that it shows to differ; "
        "changed also reads those whose charter changed since an apply recorded it.",
    )
    @click.option(
        "--max-age",
        type=NOT_NEGATIVE,
        metavar="TIME",
        help=f"With --refresh=changed: the maximum age of the record.  [{durations.render(declarations.MAX_AGE)}]",
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
            raise errors.UsageError("--max-age is for --refresh=changed", hint="pass both, or neither of them")
        found = None if amount == "full" else amount
        return command(choice=dataclasses.replace(choice, refresh=found, max_age=max_age), **options)

    return reading


def only(command: Command) -> Callable[..., Any]:
    """Give a command the option that limits its plan to some charters, as a part of `choice`."""

    @click.option(
        "--only",
        "names",
        type=LINE,
        multiple=True,
        metavar="NAME",
        help="Plan only this charter and leave all other schedules alone; may be repeated.",
    )
    @functools.wraps(command)
    def limited(*, choice: declarations.Choice, names: tuple[str, ...], **options: Any) -> Any:
        return command(choice=dataclasses.replace(choice, only=tuple(sorted(set(names)))), **options)

    return limited


def _choosing(command: Command, declared: tuple[Callable[[Any], Any], ...]) -> Callable[..., Any]:
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

    for option in reversed(declared):
        gathered = option(gathered)
    return gathered


class _Duration(click.ParamType[datetime.timedelta]):
    """A length of time as a spec has them, within limits."""

    name = "duration"

    def __init__(self, *, least: datetime.timedelta) -> None:
        self._least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime.timedelta:
        if isinstance(value, datetime.timedelta):
            return value
        try:
            found = durations.parse(value, longest=settings.LONGEST)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
        if found < self._least:
            self.fail(f"{value!r} is too short: write {durations.render(self._least)} or more.", param, ctx)
        return found


NOT_NEGATIVE = _Duration(least=durations.ZERO)
POSITIVE = _Duration(least=datetime.timedelta(seconds=0.1))


class _Address(click.ParamType[tuple[str, int]]):
    """Where to listen: `host:port`, an IPv6 address in brackets."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, _, port = value.rpartition(":")
        if not (host and port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65_536):
            self.fail(f"{value!r} is not a valid address: write host:port, as in 127.0.0.1:8080.", param, ctx)
        return host.removeprefix("[").removesuffix("]"), int(port)


ADDRESS = _Address()

_WRITING = (
    click.option(
        "--lock",
        type=click.Choice(["auto", "postgres", "temporal", "none"]),
        default="auto",
        help="The lock that prevents concurrent writes.  [postgres with a database, else temporal]",
    ),
    click.option(
        "--lock-timeout", type=NOT_NEGATIVE, default="0s", metavar="TIME", help="How long to wait for the lock.  [0s]"
    ),
    click.option(
        "--lock-lease",
        type=POSITIVE,
        default="10m",
        metavar="TIME",
        help="How long a lock in Temporal is valid.  [10m]",
    ),
)


def _database(ctx: click.Context, _: click.Parameter, given: str | None) -> str | None:
    """Return the URL to connect to; an embedded database runs until the command ends."""
    if not given:  # an absent secret arrives as an empty one
        return None
    return ctx.with_resource(wiring.database(given, os.environ)) if given.startswith(settings.EMBEDDED) else given


def _embedded(ctx: click.Context, param: click.Parameter, given: str | None) -> str | None:
    return _database(ctx, param, given or settings.EMBEDDED)


def _kept(ctx: click.Context, param: click.Parameter, given: str | None) -> str | None:
    """Return the URL as `_database` does; without one, that of the embedded database where there is one already."""
    return _database(ctx, param, given or (settings.EMBEDDED if wiring.has_embedded(os.environ) else None))


def _read(ctx: click.Context, param: click.Parameter, given: str | None) -> str | None:
    """Return the URL as `_database` does for --refresh=changed; no other plan reads a database."""
    return _database(ctx, param, given) if ctx.params.get("amount") == "changed" else None


class _Schema(click.ParamType[str]):
    """The name of a schema in PostgreSQL, as it is: case and odd characters are kept."""

    name = "schema"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        fault = settings.schema_fault(LINE.convert(value or settings.DATABASE_SCHEMA, param, ctx))
        if fault:
            self.fail(f"{value!r} {fault}; name another schema.", param, ctx)
        return value or settings.DATABASE_SCHEMA  # an absent variable arrives as an empty one


_database_schema = click.option(
    "--database-schema",
    type=_Schema(),
    default=settings.DATABASE_SCHEMA,
    metavar="NAME",
    envvar="RECONCILER_DATABASE_SCHEMA",
    help=f"The PostgreSQL schema of reconciler's tables, created if missing.  [{settings.DATABASE_SCHEMA}]",
)


def _database_options(callback: Callable[..., str | None], text: str) -> Callable[[Any], Any]:
    """Return what gives a command the options about the database, gathered into `database`; None without one."""
    url = click.option("--database-url", type=LINE, metavar="URL", envvar="DATABASE_URL", callback=callback, help=text)

    def give(command: Command) -> Callable[..., Any]:
        @functools.wraps(command)
        def gathered(*, database_url: str | None, database_schema: str, **options: Any) -> Any:
            chosen = settings.Database(url=database_url, schema=database_schema) if database_url else None
            return command(database=chosen, **options)

        return url(_database_schema(gathered))

    return give


database = _database_options(_database, "The PostgreSQL database for the lock and the audit.")
database_for_refresh = _database_options(_read, "The PostgreSQL database with the record that --refresh=changed reads.")
database_or_kept = _database_options(_kept, "The PostgreSQL database.  [embedded: if it exists]")
database_or_embedded = _database_options(
    _embedded, "The PostgreSQL database; embedded:/path runs one with its data in that folder.  [embedded:]"
)
no_audit = click.option("--no-audit", is_flag=True, help="Use the database only for the lock, which needs no tables.")
expect_build = click.option(
    "--expect-build",
    type=LINE,
    metavar="ID",
    envvar="RECONCILER_EXPECT_BUILD",
    callback=lambda _, __, given: given or None,
    help="The build that every worker must run.",
)
outcome_format = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)


def writing(command: Command) -> Callable[..., Any]:
    """Give a command the options about the lock and the audit, gathered into `writing`."""
    return _writing(command, database)


def writing_or_lock_only(command: Command) -> Callable[..., Any]:
    """Give a command these options; its audit can be turned off."""
    return writing(no_audit(command))


def writing_or_embedded(command: Command) -> Callable[..., Any]:
    """Give a command these options; without a database, one of its own runs for as long as the command does."""
    return _writing(command, database_or_embedded)


def _writing(command: Command, database_option: Callable[[Any], Any]) -> Callable[..., Any]:
    @functools.wraps(command)
    def gathered(
        *,
        lock: settings.LockKind,
        lock_timeout: datetime.timedelta,
        lock_lease: datetime.timedelta,
        database: settings.Database | None,
        no_audit: bool = False,
        **options: Any,
    ) -> Any:
        chosen = settings.Writing(
            lock=lock, lock_timeout=lock_timeout, lock_lease=lock_lease, database=database, audit=not no_audit
        )
        return command(writing=chosen, **options)

    for option in reversed((*_WRITING, database_option)):
        gathered = option(gathered)
    return gathered


class _Moment(click.ParamType[datetime.datetime]):
    """A point in time, as the spec has them."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime.datetime:
        try:
            return moments.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


MOMENT = _Moment()


def _metadata(_: click.Context, __: click.Parameter, pairs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    found = []
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not settings.HEADER_NAME.fullmatch(key):  # not quoted: `Authorization: Bearer …=` has a key
            raise click.BadParameter("a header is written KEY=VALUE, KEY in letters, digits, '-', '_' and '.'.")
        found.append((key, value))
    return tuple(found)


class _Rate(click.ParamType[float]):
    """How many requests may be sent in a second."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            return settings.rate(value)
        except ValueError as error:
            self.fail(f"{value!r} is not a valid rate: {error}.", param, ctx)


_CONNECTION = (
    click.option("--address", type=LINE, metavar="HOST:PORT", help="The Temporal frontend.  [localhost:7233]"),
    click.option("-n", "--namespace", type=LINE, metavar="NAME", help="The Temporal namespace.  [default]"),
    click.option("--profile", type=LINE, metavar="NAME", help="The profile in the Temporal configuration file."),
    click.option("--api-key", type=LINE, metavar="KEY", help="The API key; prefer TEMPORAL_API_KEY."),
    click.option(
        "--identity",
        type=LINE,
        metavar="TEXT",
        help="Identity recorded in the server's history.  [reconciler:USER@HOST]",
    ),
    click.option(
        "--grpc-meta",
        type=LINE,
        multiple=True,
        metavar="KEY=VALUE",
        callback=_metadata,
        help="A gRPC header; may be repeated.",
    ),
    click.option("--config-file", type=_FILE, metavar="PATH", help="The Temporal configuration file (TOML)."),
    click.option("--disable-config-file", is_flag=True, help="Do not read the Temporal configuration file."),
    click.option("--disable-config-env", is_flag=True, help="Do not read TEMPORAL_ environment variables."),
    click.option("--tls/--no-tls", default=None, help="Use TLS or not, overriding the configuration."),
    click.option(
        "--tls-server-name",
        type=LINE,
        metavar="NAME",
        help="The name in the server's certificate, if it is not the address.",
    ),
    click.option("--tls-ca-path", type=_FILE, metavar="PATH", help="The path of the CA certificate."),
    click.option("--tls-cert-path", type=_FILE, metavar="PATH", help="The path of the client certificate."),
    click.option("--tls-key-path", type=_FILE, metavar="PATH", help="The path of the client's private key."),
    click.option("--tls-ca-data", type=TEXT, metavar="PEM", help="The CA certificate, as PEM."),
    click.option("--tls-cert-data", type=TEXT, metavar="PEM", help="The client certificate, as PEM."),
    click.option("--tls-key-data", type=TEXT, metavar="PEM", help="The client's private key, as PEM."),
    click.option("--codec-endpoint", type=LINE, metavar="URL", help="The codec server for encrypted payloads."),
    click.option(
        "--codec-auth",
        type=LINE,
        metavar="TEXT",
        help="The codec server's Authorization header; prefer TEMPORAL_CODEC_AUTH.",
    ),
    click.option(
        "--codec-header",
        type=LINE,
        multiple=True,
        metavar="KEY=VALUE",
        callback=_metadata,
        help="A header for the codec server; may be repeated.",
    ),
    click.option(
        "--request-timeout",
        type=POSITIVE,
        metavar="TIME",
        envvar="RECONCILER_REQUEST_TIMEOUT",
        help="How long to wait for a slow server, per request.  [60s; serve: 20s]",
    ),
    click.option(
        "--rate",
        type=_Rate(),
        metavar="NUMBER",
        envvar="RECONCILER_RATE",
        help=f"The maximum number of requests to the server per second, from {settings.LEAST_RATE} to "
        f"{settings.MOST_RATE}.  [as many as it sustains]",
    ),
)


def connection(command: Command) -> Callable[..., Any]:
    """Give a command the connection options of Temporal's own command line, gathered into `connection`."""

    @functools.wraps(command)
    def gathered(**options: Any) -> Any:
        given = {name: options.pop(name) for name in _NAMES}
        given = {name: None if value == "" else value for name, value in given.items()}
        tls = {name: given.pop(f"tls_{name}") for name in _TLS_NAMES}
        connection = settings.Connection(
            environ=dict(os.environ), tls=settings.Tls(enabled=given.pop("tls"), **tls), **given
        )
        return command(connection=connection, **options)

    for option in reversed(_CONNECTION):
        gathered = option(gathered)
    return gathered


_TLS_NAMES = ("server_name", "ca_path", "cert_path", "key_path", "ca_data", "cert_data", "key_data")
_NAMES = (
    *("address", "namespace", "profile", "api_key", "identity", "grpc_meta", "config_file"),
    *("disable_config_file", "disable_config_env", "tls", *(f"tls_{name}" for name in _TLS_NAMES)),
    *("codec_endpoint", "codec_auth", "codec_header", "request_timeout", "rate"),
)

yes = click.option("--yes", is_flag=True, help="Skip the confirmation; required without a terminal.")
