"""A lock's holder in the 63 bytes of an application_name."""

from __future__ import annotations

import datetime

import pytest

from reconciler.plan import ports
from reconciler.postgres import holder_names

NOW = datetime.datetime(2026, 11, 24, 2, 35, 31, tzinfo=datetime.UTC)


def test_it_can_be_read_by_who_looks_at_the_sessions() -> None:
    holder = ports.Holder(who="alice@laptop", run="42")
    assert holder_names.encoded(holder, NOW) == "reconciler:1795487731:42:alice@laptop"


@pytest.mark.parametrize(
    ("who", "kept"),
    [
        ("zoë@büro", "zoë@büro"),
        ("a" * 80, "a" * 27),
        ("ë" * 80, "ë" * 4),
        ("", "an unknown holder"),
        ("a:b%c", "a:b%c"),
    ],
)
def test_who_is_cut_between_two_characters(who: str, kept: str) -> None:
    name = holder_names.encoded(ports.Holder(who=who, run="12345678901/1"), NOW)
    assert holder_names.decoded(name, "app", None) == ports.Holder(who=kept, run="12345678901/1", since=NOW)


def test_a_run_that_leaves_no_room_still_fits() -> None:
    name = holder_names.encoded(ports.Holder(who="alice", run="1" * 80), NOW)
    assert len(name) == holder_names.LIMIT
    assert holder_names.decoded(name, "app", None).run == "1" * 40


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("cogni-sync", "cogni-sync (database role app)"),
        ("", "a session of database role app"),
        ("reconciler", "reconciler (database role app)"),
        ("reconciler:soon:1:alice", "reconciler:soon:1:alice (database role app)"),
    ],
)
def test_another_program_is_known_by_its_name_its_role_and_its_start(name: str, who: str) -> None:
    assert holder_names.decoded(name, "app", NOW) == ports.Holder(who=who, since=NOW)
