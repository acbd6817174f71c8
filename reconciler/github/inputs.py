"""The Action's inputs: `INPUT_…` variables, since a composite action exports none by itself, to frozen data.

An absent secret arrives as an empty input, and `required` is not enforced for composites: so empty is left out, and
everything is checked here, all at once.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Literal, TypeVar, get_args

from reconciler import errors, settings
from reconciler.github import admission
from reconciler.plan import guards
from reconciler.schedule import declarations
from reconciler.timing import durations

Command = Literal["plan", "apply", "drift", "validate", "snapshot"]
Review = Literal["true", "warn", "false"]
Level = Literal["debug", "info", "warning", "error"]
T = TypeVar("T")

_PREFIX = "INPUT_"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a workflow asks for; `live` is a snapshot to plan from or to write, `plan_file` where the plan is left."""

    command: Command
    spec_path: pathlib.Path
    choice: declarations.Choice
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
    """Return the inputs; `errors.UsageError` tells all that are wrong."""
    given = _Given(environ)
    inputs = Inputs(
        command=given.word("command", get_args(Command), "plan"),
        spec_path=_in_workspace(pathlib.Path(given.text("spec") or settings.DEFAULT_SPEC), environ),
        choice=_choice(given, environ),
        connection=_connection(given, environ),
        writing=_writing(given),
        allowed=guards.Allowed(
            mass_pause=given.flag("allow-mass-pause") or False,
            empty_namespace=given.flag("allow-empty-namespace") or False,
            prefix_change=given.flag("allow-prefix-change") or False,
            plaintext=given.flag("allow-plaintext") or False,
        ),
        live=given.path("live"),
        plan_file=given.path("plan-file") or pathlib.Path(environ.get("RUNNER_TEMP") or ".") / _plan_file(environ),
        expect_digest=given.text("expect-digest"),
        require_reviewed_plan=given.word("require-reviewed-plan", get_args(Review), "true"),
        apply_on=given.rules("apply-on"),
        allow_older_commit=given.flag("allow-older-commit") or False,
        comment=given.flag("comment") is not False,
        comment_author=given.text("comment-author"),
        log_level=given.word("log-level", get_args(Level), "warning"),
        plan_workflow=given.text("plan-workflow"),
        marker_key=given.text("marker-key") or "",
        token=given.text("github-token") or "",
    )
    if inputs.command == "snapshot" and inputs.live is None:
        given.wrong.append("input 'live' is empty: no file is named to write the snapshot to")
    if inputs.command not in ("plan", "snapshot") and inputs.live is not None:
        given.wrong.append(f"input 'live' is for plan and snapshot, not for {inputs.command}")
    if given.wrong:
        raise errors.UsageError("; ".join(given.wrong), hint="see the inputs in the action.yml of reconciler")
    return inputs


def _choice(given: _Given, environ: Mapping[str, str]) -> declarations.Choice:
    return declarations.Choice(
        environment=given.text("environment"),
        prefix=given.text("prefix"),
        owner=given.text("owner"),
        repository=environ.get("GITHUB_REPOSITORY") or None,
        keep_manual_pauses=given.flag("keep-manual-pauses") or False,
        adopt=given.flag("adopt") or False,
    )


def _connection(given: _Given, environ: Mapping[str, str]) -> settings.Connection:
    return settings.Connection(
        environ=environ,
        address=given.text("address"),
        namespace=given.text("namespace"),
        api_key=given.text("api-key"),
        tls=settings.Tls(
            enabled=given.flag("tls"),
            server_name=given.text("tls-server-name"),
            ca_data=given.text("tls-ca-data"),
            cert_data=given.text("tls-cert-data"),
            key_data=given.text("tls-key-data"),
        ),
        codec_endpoint=given.text("codec-endpoint"),
        codec_auth=given.text("codec-auth"),
    )


def _writing(given: _Given) -> settings.Writing:
    usual = settings.Writing()
    return settings.Writing(
        lock=given.word("lock", get_args(settings.LockKind), usual.lock),
        lock_timeout=given.duration("lock-timeout", usual.lock_timeout),
        lock_lease=given.duration("lock-lease", usual.lock_lease),
        database_url=given.text("database-url"),
    )


def check_server(connection: settings.Connection) -> None:
    """Raise `errors.UsageError` when nothing says where Temporal is: in a job the local default is never meant."""
    named = ("TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE")
    if not (connection.address or any(connection.environ.get(name) for name in named)):
        raise errors.UsageError(
            "input 'address' is empty, and TEMPORAL_ADDRESS is not set: no server is named",
            hint="an absent variable or secret arrives empty: see that the job has it",
        )


def _in_workspace(path: pathlib.Path, environ: Mapping[str, str]) -> pathlib.Path:
    """Return the path as the repository has it, which is how GitHub shows it."""
    workspace = environ.get("GITHUB_WORKSPACE")
    return path.relative_to(workspace) if workspace and path.is_absolute() and path.is_relative_to(workspace) else path


def _plan_file(environ: Mapping[str, str]) -> str:
    """Return a name that steps about other things do not use."""
    told_apart = ("SPEC", "ENVIRONMENT", "ADDRESS", "NAMESPACE", "PREFIX")
    text = json.dumps([environ.get(_PREFIX + name, "") for name in told_apart])
    return f"reconciler-plan-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"


class _Given:
    """The inputs by name, and what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.wrong: list[str] = []

    def text(self, name: str) -> str | None:
        """Return an input, None when it is empty."""
        return self._environ.get(_PREFIX + name.replace("-", "_").upper(), "").strip() or None

    def path(self, name: str) -> pathlib.Path | None:
        said = self.text(name)
        return pathlib.Path(said) if said else None

    def word(self, name: str, known: tuple[T, ...], default: T) -> T:
        """Return one of the known words."""
        said = self.text(name)
        for each in known:
            if said == each:
                return each
        return default if said is None else self._refused(name, f"is not one of {', '.join(map(str, known))}", default)

    def flag(self, name: str) -> bool | None:
        """Return a truth, None when nothing is said."""
        words: dict[str | None, bool | None] = {None: None, "true": True, "false": False}
        said = self.text(name)
        return words[said] if said in words else self._refused(name, "is neither true nor false", None)

    def duration(self, name: str, default: datetime.timedelta) -> datetime.timedelta:
        said = self.text(name)
        found = default if said is None else self._parsed(name, said, durations.parse, default)
        return self._refused(name, "is negative", default) if found < durations.ZERO else found

    def rules(self, name: str) -> tuple[admission.Rule, ...]:
        value = self.text(name)
        return () if value is None else self._parsed(name, value, admission.parse, ())

    def _parsed(self, name: str, said: str, parse: Callable[[str], T], default: T) -> T:
        try:
            return parse(said)
        except ValueError as error:
            return self._refused(name, f"cannot be read: {error}", default)

    def _refused(self, name: str, why: str, default: T) -> T:
        """Note what is wrong, without the value, which might be a secret in the wrong place."""
        self.wrong.append(f"input {name!r} {why}")
        return default
