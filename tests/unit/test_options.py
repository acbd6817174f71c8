"""What options take, by the types that read them."""

from __future__ import annotations

import datetime
from typing import Any

import click
import pytest

from reconciler import settings
from reconciler.cli.options import parameters, servers, specs
from reconciler.platform.cli import worker
from reconciler.schedule import declarations, ownership


@pytest.mark.parametrize(
    ("messages", "read"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("localhost:65535", ("localhost", 65_535)),
        ("[::1]:8080", ("::1", 8080)),
    ],
)
def test_an_address_is_a_host_and_a_port(messages: str, read: tuple[str, int]) -> None:
    assert parameters.ADDRESS.convert(messages, None, None) == read


@pytest.mark.parametrize(
    "messages", ["", ":8081", "8081", "host", "host:", "host:99999", "host:8080x", "h:" + "1" * 9000]
)
def test_what_names_no_host_or_no_port_is_no_address(messages: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a valid address; use host:port"):
        parameters.ADDRESS.convert(messages, None, None)


@pytest.mark.parametrize(
    ("option", "value", "messages"),
    [
        ("executor_timeout", "0s", "'0s' is too short; use 0.1s or more"),
        ("executor_patience", "0s", "'0s' is too short; use 0.1s or more"),
        ("drain_timeout", "-1s", "'-1s' is too short; use 0s or more"),
        ("health", ":8081", "':8081' is not a valid address"),
    ],
)
def test_a_worker_is_not_told_what_it_could_not_work_with(option: str, value: str, messages: str) -> None:
    with pytest.raises(click.BadParameter, match=messages):
        _read(option, value)


@pytest.mark.parametrize("kind", [parameters.FILE, parameters.SpecPath(allow_dash=True)])
def test_an_empty_path_is_refused(kind: parameters.FilePath) -> None:
    with pytest.raises(click.BadParameter, match="it is empty; specify a file"):
        kind.convert("", None, None)


def test_a_worker_may_drain_for_no_time_at_all() -> None:
    assert _read("drain_timeout", "0s") == datetime.timedelta(0)


def _read(option: str, value: str) -> Any:
    """Return what the worker's option makes of a text."""
    (found,) = (each for each in worker.worker.params if each.name == option)
    return found.type.convert(value, found, None)


@pytest.mark.parametrize(
    ("environ", "arguments", "rate"),
    [
        ({}, [], None),
        ({"RECONCILER_RATE": ""}, [], None),
        ({"RECONCILER_RATE": "10"}, [], 10.0),
        ({"RECONCILER_RATE": "10"}, ["--rate", "2.5"], 2.5),
        ({}, ["--rate", ".5"], 0.5),
        ({}, ["--rate", "0.10"], 0.1),
        ({}, ["--rate", "1000000"], 1_000_000.0),
    ],
)
def test_a_rate_is_given_as_an_option_or_a_variable(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], arguments: list[str], rate: float | None
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert _connection().main(arguments, standalone_mode=False).rate == rate


@pytest.mark.parametrize(
    ("texts", "what"),
    [
        (
            ["", ".", "inf", "nan", "1e3", "1e9", "10/s", "١٠", " 10"],
            "requests per second as a plain number, such as 10 or",
        ),
        (
            ["0", "0.09", "-1", "1000000.1", "9999999", "9" * 400],
            "at least 0.1 and at most 1000000 requests per second.",
        ),
    ],
)
def test_what_is_not_a_rate_is_refused_with_what_to_write(texts: list[str], what: str) -> None:
    for text in texts:
        with pytest.raises(click.UsageError, match=f"is not a valid rate: specify {what}"):
            _connection().main(["--rate", text], standalone_mode=False)


@pytest.mark.parametrize("kind", [parameters.NOT_NEGATIVE, parameters.POSITIVE])
def test_a_time_that_is_too_long_is_refused_for_its_own_limit(kind: click.ParamType[datetime.timedelta]) -> None:
    for text in ("36501d", "1000000d", "9" * 400 + "h"):
        with pytest.raises(click.UsageError, match="is too long: write 36500d or less"):
            kind.convert(text, None, None)
    assert kind.convert("36500d", None, None) == datetime.timedelta(days=36_500)


def _connection() -> click.Command:
    @click.command
    @servers.connection
    def command(connection: settings.Connection) -> settings.Connection:
        return connection

    return command


@pytest.mark.parametrize(
    ("arguments", "prefixes"),
    [
        ([], None),
        (["--prefix", "a:"], ("a:",)),
        (["--prefix", "a:", "--prefix=b:", "--prefix", "a:"], ("a:", "b:")),
        (["--prefix", ""], ("",)),
    ],
)
def test_a_prefix_may_be_repeated_and_may_be_empty(arguments: list[str], prefixes: tuple[str, ...] | None) -> None:
    @click.command
    @specs.choice
    def command(choice: declarations.Choice) -> ownership.Prefixes | None:
        return choice.prefixes

    assert command.main(arguments, standalone_mode=False) == prefixes
