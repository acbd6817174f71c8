"""The Action's inputs, from the `INPUT_…` variables that `action.yml` sets.

An empty input is treated as absent, because a missing secret arrives as one. All inputs are checked here, at once,
because GitHub does not enforce `required` for composite actions.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import hashlib
import json
import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Literal, TypeVar, get_args

from reconciler import errors, settings
from reconciler.github import admission
from reconciler.plan import guards
from reconciler.repospec import environments, source
from reconciler.schedule import declarations
from reconciler.timing import durations

Command = Literal["plan", "apply", "drift", "validate", "snapshot"]
Review = Literal["true", "warn", "false"]
Level = Literal["debug", "info", "warning", "error"]
T = TypeVar("T")

_PREFIX = "INPUT_"
_SEPARATORS = re.compile(r"[\s,]+")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """All inputs. `live` is the snapshot to plan from or to write; `plan_file` is where the plan is saved.

    `selected` contains the names of several environments, or `*`; a single environment is in `choice`.
    """

    command: Command
    spec_path: pathlib.Path
    choice: declarations.Choice
    selected: tuple[str, ...]
    connection: settings.Connection
    writing: settings.Writing
    allowed: guards.Allowed
    live: pathlib.Path | None
    plan_file: pathlib.Path
    expect_digest: str | None
    require_reviewed_plan: Review
    apply_on: tuple[admission.Rule, ...]
    allow_older_commit: bool
    comment: bool
    comment_author: str | None
    log_level: Level
    plan_workflow: str | None
    marker_key: str = dataclasses.field(repr=False)
    token: str = dataclasses.field(repr=False)


def read(environ: Mapping[str, str]) -> Inputs:
    """Return the inputs; raise an `errors.UsageError` that lists all invalid ones."""
    reader = _Reader(environ)
    names = reader.words("environment")
    inputs = Inputs(
        command=reader.word("command", get_args(Command), "plan"),
        spec_path=_in_workspace(pathlib.Path(reader.text("spec") or source.default()), environ),
        choice=_choice(reader, environ, names),
        selected=names if environments.is_several(names) else (),
        connection=_connection(reader, environ),
        writing=_writing(reader),
        allowed=guards.Allowed(
            mass_pause=reader.flag("allow-mass-pause") or False,
            empty_namespace=reader.flag("allow-empty-namespace") or False,
            prefix_change=reader.flag("allow-prefix-change") or False,
            plaintext=reader.flag("allow-plaintext") or False,
        ),
        live=reader.path("live"),
        plan_file=reader.path("plan-file") or pathlib.Path(environ.get("RUNNER_TEMP") or ".") / _plan_file(environ),
        expect_digest=reader.text("expect-digest"),
        require_reviewed_plan=reader.word("require-reviewed-plan", get_args(Review), "true"),
        apply_on=reader.rules("apply-on"),
        allow_older_commit=reader.flag("allow-older-commit") or False,
        comment=reader.flag("comment") is not False,
        comment_author=reader.text("comment-author"),
        log_level=reader.word("log-level", get_args(Level), "warning"),
        plan_workflow=reader.text("plan-workflow"),
        marker_key=reader.text("marker-key") or "",
        token=reader.text("github-token") or "",
    )
    if inputs.command == "snapshot" and inputs.live is None:
        reader.problems.append("input 'live' is empty; set it to the file to write the snapshot to")
    if inputs.command not in ("plan", "snapshot") and inputs.live is not None:
        reader.problems.append(f"input 'live' is for plan and snapshot, not for {inputs.command}")
    if inputs.selected and (inputs.command not in ("plan", "apply", "validate") or inputs.live is not None):
        command = inputs.command if inputs.live is None else "a snapshot (live)"
        reader.problems.append(f"input 'environment' specifies several environments, but {command} accepts only one")
    if reader.problems:
        raise errors.UsageError("; ".join(reader.problems), hint="see the inputs in reconciler's action.yml")
    return inputs


def _choice(reader: _Reader, environ: Mapping[str, str], names: tuple[str, ...]) -> declarations.Choice:
    return declarations.Choice(
        environment=None if environments.is_several(names) else next(iter(names), None),
        prefixes=reader.lines("prefix"),
        owner=reader.text("owner"),
        repository=environ.get("GITHUB_REPOSITORY") or None,
        keep_manual_pauses=reader.flag("keep-manual-pauses") or False,
        adopt=reader.flag("adopt") or False,
        variables=(*settings.variables(environ), *reader.variables("vars")),
    )


def _connection(reader: _Reader, environ: Mapping[str, str]) -> settings.Connection:
    return settings.Connection(
        environ=environ,
        address=reader.text("address"),
        namespace=reader.text("namespace"),
        api_key=reader.text("api-key"),
        tls=settings.Tls(
            enabled=reader.flag("tls"),
            server_name=reader.text("tls-server-name"),
            ca_data=reader.text("tls-ca-data"),
            cert_data=reader.text("tls-cert-data"),
            key_data=reader.text("tls-key-data"),
        ),
        codec_endpoint=reader.text("codec-endpoint"),
        codec_auth=reader.text("codec-auth"),
        rate=reader.rate("rate"),
    )


def _writing(reader: _Reader) -> settings.Writing:
    defaults = settings.Writing()
    url, schema = reader.text("database-url"), reader.schema("database-schema")
    return settings.Writing(
        lock=reader.word("lock", get_args(settings.LockKind), defaults.lock),
        lock_timeout=reader.duration("lock-timeout", defaults.lock_timeout),
        lock_lease=reader.duration("lock-lease", defaults.lock_lease),
        database=settings.Database(url=url, schema=schema) if url else None,
        audit=reader.flag("audit") is not False,
    )


def check_server(connection: settings.Connection) -> None:
    """Raise `errors.UsageError` when no address is set, because in a job the local default is never intended."""
    variables = ("TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE")
    if not (connection.address or any(connection.environ.get(name) for name in variables)):
        raise errors.UsageError(
            "input 'address' is empty, and TEMPORAL_ADDRESS is not set",
            hint="a missing variable or secret is passed as an empty string; check that it is available to the job",
        )


def _in_workspace(path: pathlib.Path, environ: Mapping[str, str]) -> pathlib.Path:
    """Return the path relative to the workspace, as GitHub shows it."""
    workspace = environ.get("GITHUB_WORKSPACE")
    return path.relative_to(workspace) if workspace and path.is_absolute() and path.is_relative_to(workspace) else path


def _plan_file(environ: Mapping[str, str]) -> str:
    """Return a name that steps for other targets do not use."""
    names = ("SPEC", "ENVIRONMENT", "ADDRESS", "NAMESPACE", "PREFIX")
    values = [environ.get(_PREFIX + name, "") for name in names]
    variables = environ.get(f"{_PREFIX}VARS", "").strip()
    text = json.dumps([*values, variables] if variables else values)
    return f"reconciler-plan-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"


class _Reader:
    """Reads inputs by name and collects their problems."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def text(self, name: str) -> str | None:
        """Return an input, or None if it is empty."""
        return self._environ.get(_PREFIX + name.replace("-", "_").upper(), "").strip() or None

    def lines(self, name: str) -> tuple[str, ...] | None:
        """Return the lines of an input without blank or repeated ones, or None if it is empty."""
        lines = (line.strip() for line in (self.text(name) or "").splitlines())
        return tuple(dict.fromkeys(filter(None, lines))) or None

    def words(self, name: str) -> tuple[str, ...]:
        """Return the words in an input, separated by commas or whitespace, without duplicates."""
        return tuple(dict.fromkeys(filter(None, _SEPARATORS.split(self.text(name) or ""))))

    def path(self, name: str) -> pathlib.Path | None:
        value = self.text(name)
        return pathlib.Path(value) if value else None

    def word(self, name: str, known: tuple[T, ...], default: T) -> T:
        """Return one of the known words."""
        value = self.text(name)
        for word in known:
            if value == word:
                return word
        return default if value is None else self._refused(name, f"is not one of {', '.join(map(str, known))}", default)

    def flag(self, name: str) -> bool | None:
        """Return a boolean, or None if the input is empty."""
        words: dict[str | None, bool | None] = {None: None, "true": True, "false": False}
        value = self.text(name)
        return words[value] if value in words else self._refused(name, "is neither true nor false", None)

    def duration(self, name: str, default: datetime.timedelta) -> datetime.timedelta:
        value = self.text(name)
        parse = functools.partial(durations.parse, longest=settings.LONGEST)
        duration = default if value is None else self._parsed(name, value, parse, default)
        return self._refused(name, "is negative", default) if duration < durations.ZERO else duration

    def rate(self, name: str) -> float | None:
        value = self.text(name)
        return None if value is None else self._parsed(name, value, settings.rate, None)

    def schema(self, name: str) -> str:
        value = self.text(name) or settings.DATABASE_SCHEMA
        fault = settings.schema_fault(value)
        return self._refused(name, fault, settings.DATABASE_SCHEMA) if fault else value

    def rules(self, name: str) -> tuple[admission.Rule, ...]:
        value = self.text(name)
        return () if value is None else self._parsed(name, value, admission.parse, ())

    def variables(self, name: str) -> tuple[declarations.Variable, ...]:
        """Return the variables that an input sets, one per line; a line without a value sets none."""
        found = []
        for line in (self.text(name) or "").splitlines():
            try:
                variable = settings.variable(line.strip(), f"input {name!r}:") if line.strip() else None
            except ValueError as error:
                return self._refused(name, f"is invalid: {error}; put each variable on its own line", ())
            found += [variable] if variable and variable.text else []
        return tuple(found)

    def _parsed(self, name: str, value: str, parse: Callable[[str], T], default: T) -> T:
        try:
            return parse(value)
        except ValueError as error:
            return self._refused(name, f"is invalid: {error}", default)

    def _refused(self, name: str, why: str, default: T) -> T:
        """Add a problem, omitting the value, which might be a misplaced secret."""
        self.problems.append(f"input {name!r} {why}")
        return default
