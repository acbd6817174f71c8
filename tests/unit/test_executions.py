"""A firing's argument, as it is handed over and read again."""

from __future__ import annotations

import datetime
import json
import uuid
from typing import Any

import pytest

from reconciler import errors, executions

DUE = datetime.datetime(2026, 11, 25, 10, 0, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
ROW = uuid.UUID("0190f0a0-0000-7000-8000-000000000001")
GIVEN: dict[str, Any] = {
    "temporalScheduleId": "governance:alpha",
    "dbScheduleId": None,
    "charter": "ALPHA",
    "entrypoint": "alpha",
    "input": {"model": "large"},
}


@pytest.mark.parametrize(
    "given", [GIVEN, {**GIVEN, "temporalScheduleId": str(ROW), "dbScheduleId": str(ROW), "charter": None}]
)
def test_an_argument_read_and_sent_is_the_same_with_its_time(given: dict[str, Any]) -> None:
    found = executions.execution(json.loads(json.dumps(given)), DUE)
    assert found.request == {**given, "scheduledFor": "2026-11-25T09:00:00Z"}
    assert found.idempotency_key == f"{given['temporalScheduleId']}:2026-11-25T09:00:00Z"
    assert executions.execution(found.request, found.scheduled_for) == found


def test_an_argument_of_a_newer_schedule_or_without_the_optional_keys_is_taken() -> None:
    found = executions.execution({"temporalScheduleId": "x", "entrypoint": "y", "newer": 1}, DUE)
    assert (found.charter, found.db_schedule_id, found.input) == (None, None, {})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "no object"),
        ("text", "no object"),
        ({**GIVEN, "temporalScheduleId": ""}, "temporalScheduleId is missing"),
        ({**GIVEN, "entrypoint": 7}, "entrypoint is missing or no text"),
        ({**GIVEN, "charter": 7}, "charter is neither text nor null"),
        ({**GIVEN, "input": []}, "input is no object"),
        ({**GIVEN, "dbScheduleId": "seven"}, "neither a UUID nor null"),
    ],
)
def test_what_is_none_is_said(given: object, message: str) -> None:
    with pytest.raises(errors.ArgumentError, match=message):
        executions.execution(given, DUE)
