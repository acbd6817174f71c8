from __future__ import annotations

import datetime
import uuid
from typing import Any

import pytest

from reconciler import errors
from reconciler.platform import executions

DUE = datetime.datetime(2026, 11, 25, 9, 0, tzinfo=datetime.UTC)
ROW = uuid.UUID("5f0c9f57-54f6-4a7d-9f4d-6f3a86c7f001")
GOVERNANCE: dict[str, Any] = {
    "temporalScheduleId": "governance:community",
    "dbScheduleId": None,
    "charter": "COMMUNITY",
    "entrypoint": "COMMUNITY",
    "input": {"model": "small"},
}
USERS: dict[str, Any] = {
    "temporalScheduleId": str(ROW),
    "dbScheduleId": str(ROW),
    "charter": None,
    "entrypoint": "daily-report",
    "input": {},
}


@pytest.mark.parametrize("given", [GOVERNANCE, USERS])
def test_a_firing_tells_an_executor_what_the_schedule_told_it(given: dict[str, Any]) -> None:
    found = executions.execution(given, DUE)
    assert found.request == {**given, "scheduledFor": "2026-11-25T09:00:00Z"}


def test_only_a_users_schedule_has_a_row() -> None:
    assert executions.execution(GOVERNANCE, DUE).db_schedule_id is None
    assert executions.execution(USERS, DUE).db_schedule_id == ROW


def test_the_key_of_a_firing_is_its_schedule_and_time_in_utc() -> None:
    berlin = DUE.astimezone(datetime.timezone(datetime.timedelta(hours=1)))
    assert executions.execution(GOVERNANCE, berlin).idempotency_key == "governance:community:2026-11-25T09:00:00Z"
    later = executions.execution(GOVERNANCE, DUE + datetime.timedelta(microseconds=5))
    assert later.idempotency_key == "governance:community:2026-11-25T09:00:00.000005Z"


@pytest.mark.parametrize(
    ("key", "header"),
    [
        ("governance:my charter:2026", "governance:my charter:2026"),
        ("governance:café:2026", "governance:caf%C3%A9:2026"),
        ("governance:a%b", "governance:a%25b"),
        ("governance:a%25b", "governance:a%2525b"),
        ("  x", "%20%20x"),
        ("x\ny", "x%0Ay"),
    ],
)
def test_a_header_carries_any_key_and_no_two_alike(key: str, header: str) -> None:
    assert executions.header(key) == header


def test_a_newer_schedules_keys_are_passed_over() -> None:
    assert executions.execution({**GOVERNANCE, "new": 1}, DUE) == executions.execution(GOVERNANCE, DUE)


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        ({"temporalScheduleId": None}, "temporalScheduleId is missing or not a string"),
        ({"temporalScheduleId": ""}, "temporalScheduleId is missing or not a string"),
        ({"entrypoint": 3}, "entrypoint is missing or not a string"),
        ({"dbScheduleId": "x"}, "dbScheduleId is neither a UUID nor null"),
        ({"charter": 1}, "charter is neither a string nor null"),
        ({"input": []}, "input is not an object"),
    ],
)
def test_an_argument_that_is_not_ours_is_refused(change: dict[str, Any], messages: str) -> None:
    with pytest.raises(errors.ArgumentError, match=messages):
        executions.execution({**GOVERNANCE, **change}, DUE)


def test_an_argument_that_is_no_object_is_refused() -> None:
    with pytest.raises(errors.ArgumentError, match="not an object"):
        executions.execution(["governance:community"], DUE)


@pytest.mark.parametrize(
    ("id_", "is_one"),
    [
        (str(ROW), True),
        (str(ROW).upper(), False),
        (ROW.hex, False),
        ("{" + str(ROW) + "}", False),
        ("governance:community", False),
        ("", False),
    ],
)
def test_a_users_schedule_is_known_by_the_writing_of_its_id(id_: str, *, is_one: bool) -> None:
    assert executions.is_user_schedule(id_) is is_one


def test_a_request_has_one_hash_whatever_the_order_of_its_keys() -> None:
    assert executions.request_hash({"a": 1, "b": {"c": "ä", "d": 2}}) == executions.request_hash(
        {"b": {"d": 2, "c": "ä"}, "a": 1}
    )
    assert executions.request_hash({"a": 1}) != executions.request_hash({"a": "1"})


def grant(**change: Any) -> executions.Grant:
    return executions.Grant(
        **{"id": ROW, "subject": "alice", "scopes": ("daily",), "created_at": DUE, "read_at": DUE, **change}
    )


def test_a_grant_counts_until_it_expires_or_is_revoked() -> None:
    second = datetime.timedelta(seconds=1)
    assert grant().why_void == ""
    assert grant(expires_at=DUE + second).why_void == ""
    assert grant(expires_at=DUE).why_void == f"grant {ROW} expired at 2026-11-25T09:00:00Z"
    assert grant(revoked_at=DUE).why_void == f"grant {ROW} was revoked at 2026-11-25T09:00:00Z"


def test_a_grant_covers_its_scopes() -> None:
    assert grant().covers("daily")
    assert not grant().covers("daily-report")
    assert grant(scopes=("*",)).covers("daily-report")
