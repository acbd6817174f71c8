from __future__ import annotations

import dataclasses

from reconciler import model
from reconciler.spec import importing
from tests.unit import builders

SPEC = """\
# The work of this repository.
schema_version: "0.1.4"   # kept as it is
gates: {review: true}

governance:
  schedules:
    # The first one.
    - charter: COMMUNITY
      cron: "0 * * * *"       # hourly
      entrypoint: COMMUNITY
"""


def test_charters_are_added_below_the_others_and_every_comment_stays() -> None:
    imported = importing.add(SPEC, "spec.yaml", [builders.schedule("engineering"), builders.schedule("community")])
    assert imported.text == SPEC + (
        '    - charter: ENGINEERING\n      cron: "0 * * * *"\n      entrypoint: COMMUNITY\n'
    )
    assert imported.added == ("ENGINEERING",)
    assert imported.left_out[0] == "governance:community: already declared"


def test_a_spec_that_is_not_there_yet_is_begun() -> None:
    assert importing.add(None, "spec.yaml", [builders.schedule("community", paused=True)]).text == (
        'governance:\n  schedules:\n    - charter: COMMUNITY\n      cron: "0 * * * *"\n'
        "      entrypoint: COMMUNITY\n      paused: true\n"
    )


def test_what_a_charter_cannot_say_is_told_and_not_dropped_in_silence() -> None:
    imported = importing.add(None, "spec.yaml", [builders.schedule("a", arguments=(1, 2))])
    said = "arguments cannot be said and would change: a charter's workflow is given one object with its names"
    assert imported.left_out == (f"governance:a: {said}",)


def test_a_payload_that_nobody_can_read_is_told_and_never_written_as_text() -> None:
    secret = model.Opaque(encoding="binary/encrypted", sha256="a8590dfbc793" + "0" * 52)
    live = builders.schedule("a", memo={"m": secret, "team": "platform"}, summary=secret)
    imported = importing.add(None, "spec.yaml", [live])
    assert "payload" not in imported.text
    assert "team: platform" in imported.text
    assert imported.warnings == ("there are encrypted payloads, which only a codec can read: pass --codec-endpoint",)
    assert set(imported.left_out) >= {
        "governance:a: memo.m cannot be said and would change",
        "governance:a: static_summary cannot be said and would change",
    }


def test_times_that_never_come_are_left_out_and_the_others_stay() -> None:
    hourly = builders.schedule("a").timing.calendars[0]
    empty = dataclasses.replace(hourly, hour=(), comment="")
    imported = importing.add(None, "spec.yaml", [builders.schedule("a", calendars=(hourly, empty), exclude=(empty,))])
    assert imported.added == ("A",)
    assert 'cron: "0 * * * *"' in imported.text


def test_it_is_said_what_becomes_of_a_schedule_that_no_charter_declares() -> None:
    ours, foreign = builders.schedule("Foo"), dataclasses.replace(builders.schedule("Foo"), id="other")
    left_out = importing.add(None, "spec.yaml", [ours, foreign]).left_out
    paused = "governance:Foo: a charter's id is governance:foo: the next apply pauses this one, unless it is another"
    assert [each for each in left_out if each.startswith(paused)]
    assert "other: a charter's id is governance:other: this one stays as it is" in left_out
