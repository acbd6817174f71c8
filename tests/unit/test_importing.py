from __future__ import annotations

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
    assert "governance:a: arguments cannot be said and would change" in imported.left_out
