from __future__ import annotations

import dataclasses
import hashlib
import json
import re

from reconciler.documents import plan_json, saved, snapshots
from reconciler.plan import build, plans
from reconciler.report import markdown, text
from reconciler.schedule import declarations, redaction
from tests.unit import builders
from tests.unit.test_snapshots import NOW

PIN = "1234"
HIDDEN_KEY = "postgres://u:pw-1@host/db"


def planned(pin: str, live_pin: str, salt: bytes) -> plans.Plan:
    declaration = dataclasses.replace(builders.declaration(builders.schedule(input={"pin": pin})), salt=salt)
    return build.plan(declaration, builders.live(builders.schedule(input={"pin": live_pin})), builders.TARGET)


def renderings(plan: plans.Plan) -> str:
    return "\n".join((text.Text(verbose=True).plan(plan), markdown.plan(plan, verbose=True), plan_json.dumps(plan)))


def digests(rendering: str) -> set[str]:
    return set(re.findall(r"\(secret, ([a-z0-9]+:[0-9a-f]{12})\)", rendering))


def test_what_stands_for_a_short_secret_cannot_be_found_by_trying() -> None:
    shown = renderings(planned(PIN, "9999", b"random"))
    assert len(digests(shown)) == 2
    for pin in (PIN, "9999"):
        assert hashlib.sha256(json.dumps(pin).encode()).hexdigest()[:12] not in shown
    assert digests(shown).isdisjoint(digests(renderings(planned(PIN, "9999", b"other"))))


def test_the_digest_of_a_plan_covers_a_new_secret_and_not_the_one_on_the_server() -> None:
    reviewed = planned(PIN, "9999", b"a").digest
    assert planned(PIN, "8888", b"b").digest == reviewed
    assert planned("4321", "9999", b"b").digest != reviewed


def test_the_digest_of_a_plan_has_no_salt_where_object_keys_are_secrets() -> None:
    desired = builders.schedule(input={HIDDEN_KEY: 2, HIDDEN_KEY.replace("1", "2"): 3, "plain": 1})
    live = builders.live(builders.schedule(input={HIDDEN_KEY: 1, HIDDEN_KEY.replace("1", "2"): 1, "plain": 2}))
    found = {
        build.plan(dataclasses.replace(builders.declaration(desired), salt=bytes([salt])), live, builders.TARGET).digest
        for salt in range(1, 9)
    }
    assert len(found) == 1


def test_a_saved_plan_and_a_snapshot_hold_the_key_of_their_digests() -> None:
    plan = planned(PIN, "9999", b"random")
    kept = saved.Saved(plan=plan, planned_at=NOW, spec_sha256="0" * 64, choice=declarations.Choice())
    again = saved.loads(saved.dumps(kept), "plan.json").plan
    assert (again.salt, again.changes[0].fields) == (b"random", plan.changes[0].fields)
    live = builders.live(builders.schedule(input={"pin": PIN}, salt=b"random"))
    taken = snapshots.dumps(snapshots.Snapshot(target=builders.TARGET, taken_at=NOW, live=live, salt=b"random"))
    (expected,) = digests(taken)
    found = snapshots.loads(taken, "live.json")
    assert str(redaction.digest(PIN, found.salt)) == f"(secret, {expected})"


def test_a_renamed_charter_with_secrets_is_pointed_out_from_a_snapshot_too() -> None:
    paused = builders.schedule("old", input={"pin": PIN}, paused=True, salt=b"random")
    taken = snapshots.Snapshot(target=builders.TARGET, taken_at=NOW, live=builders.live(paused), salt=b"random")
    found = snapshots.loads(snapshots.dumps(taken), "live.json")
    declaration = dataclasses.replace(builders.declaration(builders.schedule("new", input={"pin": PIN})), salt=b"own")
    online = build.plan(declaration, builders.live(paused), builders.TARGET)
    offline = build.plan_from_snapshot(declaration, found.live, found.target, found.taken_at)
    assert [each.renamed_from for each in offline.changes] == [each.renamed_from for each in online.changes]
