from __future__ import annotations

import pytest

from reconciler import settings


@pytest.mark.parametrize(
    ("text", "on"),
    [("false", False), (" FALSE ", False), ("0", False), ("no", False), ("off", False), ("", True), ("true", True)],
)
def test_preview_environments_can_switch_schedules_off(text: str, on: bool) -> None:
    assert settings.schedules_enabled({"GOVERNANCE_SCHEDULES_ENABLED": text}) is on
    assert settings.schedules_enabled({})


def test_credentials_are_not_shown_where_settings_are_printed() -> None:
    given = settings.Connection(
        environ={"TEMPORAL_API_KEY": "s3cr3t"},
        api_key="s3cr3t",
        grpc_meta=(("authorization", "s3cr3t"),),
        tls=settings.Tls(cert_data="s3cr3t", key_data="s3cr3t"),
    )
    assert "s3cr3t" not in repr(given)


def test_whoever_runs_it_can_be_written_down() -> None:
    odd = "a\udcff"
    assert settings.origin({}, odd, "laptop").who == "a?@laptop"
    job = {"GITHUB_RUN_ID": odd, "GITHUB_ACTOR": odd, "GITHUB_SHA": odd}
    assert settings.origin(job, "root", "runner") == settings.Origin(who="a?", run="a?/1", commit="a?")


@pytest.mark.parametrize(
    "name", ["reconciler", "Reconciler", "pgadmin", "our tables", 'a"b', "public", "x" * 63, "ä" * 31 + "x", "user$"]
)
def test_a_schema_may_have_any_name_that_postgresql_keeps(name: str) -> None:
    assert settings.schema_fault(name) == ""


@pytest.mark.parametrize("name", ["", " ", "pg_x", "information_schema", "$user", "x" * 64, "ä" * 32, "a\0b", "a\nb"])
def test_a_schema_may_not_have_a_name_that_postgresql_changes_or_reserves(name: str) -> None:
    assert settings.schema_fault(name) != ""
