"""A changed prefix does not double what runs."""

from __future__ import annotations

import pytest
import temporalio.client

from reconciler.plan import ports
from tests.support import program, remote

SPEC = """\
governance:
  OWNER
  schedules:
    - {charter: COMMUNITY, cron: "0 * * * *", entrypoint: COMMUNITY}
    - {charter: OPS, cron: "15 * * * *", entrypoint: OPS}
"""
OWNER = "owner: acme/work"


@pytest.mark.parametrize("owner", [OWNER, "manual_pauses: keep"])
async def test_a_changed_prefix_is_refused_until_the_old_schedules_are_paused(
    reconciler: program.Program, owner: str
) -> None:
    reconciler.declare(SPEC.replace("OWNER", owner))
    assert reconciler.run("apply", "--yes").returncode == 0
    done = reconciler.run("apply", "--yes", "--prefix", "acme:")
    assert done.returncode == 4
    assert "governance:community is still running under another prefix" in done.stderr
    assert "and acme:community would run alongside it (and 1 more)" in done.stderr
    server = await remote.connected(reconciler.address, reconciler.namespace)
    assert await server.schedules.describe("acme:community") is None

    reconciler.declare(SPEC.replace("OWNER", owner).partition("  schedules:")[0] + "  schedules: []\n")
    assert reconciler.run("apply", "--yes", "--allow-mass-pause").returncode == 0
    reconciler.declare(SPEC.replace("OWNER", owner))
    for _ in range(2):
        assert reconciler.run("apply", "--yes", "--prefix", "acme:").returncode == 0


@pytest.mark.parametrize("owner", [OWNER, "manual_pauses: keep"])
@pytest.mark.parametrize(("old", "new"), [("acme", "acme:"), ("governance:", "production-eu-west-1.")])
def test_no_form_of_a_prefix_lets_its_schedules_run_twice(
    reconciler: program.Program, owner: str, old: str, new: str
) -> None:
    reconciler.declare(SPEC.replace("OWNER", owner))
    assert reconciler.run("apply", "--yes", "--prefix", old).returncode == 0
    done = reconciler.run("apply", "--yes", "--prefix", new)
    assert (done.returncode, f"and {new}community would run alongside it (and 1 more)" in done.stderr) == (4, True)


@pytest.mark.parametrize("owner", [OWNER, "manual_pauses: keep"])
@pytest.mark.parametrize("back", [False, True])
async def test_the_advice_of_the_refusal_replaces_the_old_schedules(
    reconciler: program.Program, owner: str, back: bool
) -> None:
    spec = SPEC.replace("OWNER", owner)
    reconciler.declare(spec)
    if back:  # the new ids were in use before
        assert reconciler.run("apply", "--yes", "--prefix", "acme:").returncode == 0
        reconciler.declare(spec.partition("  schedules:")[0] + "  schedules: []\n")
        assert reconciler.run("apply", "--yes", "--prefix", "acme:", "--allow-mass-pause").returncode == 0
        reconciler.declare(spec)
    assert reconciler.run("apply", "--yes").returncode == 0
    refused = reconciler.run("apply", "--yes", "--prefix", "acme:")
    assert "To replace it, declare was: governance:community; if both should run, pass" in refused.stderr
    for name in ("COMMUNITY", "OPS"):
        spec = spec.replace(f"charter: {name}", f'charter: {name}, was: "governance:{name.lower()}"')
    reconciler.declare(spec)
    done = reconciler.run("apply", "--yes", "--prefix", "acme:")
    assert (done.returncode, done.stderr) == (0, "")
    assert reconciler.run("plan", "--prefix", "acme:", "--detailed-exitcode").returncode == 0
    server = await remote.connected(reconciler.address, reconciler.namespace)
    for name in ("community", "ops"):
        old = await server.schedules.describe(f"governance:{name}")
        assert old is not None
        assert (old.schedule.paused, f"renamed to acme:{name}" in (old.schedule.note or "")) == (True, True)


async def test_a_prefix_that_changes_back_does_not_resume_what_would_run_twice(reconciler: program.Program) -> None:
    spec, nothing = SPEC.replace("OWNER", OWNER), f"governance:\n  {OWNER}\n  schedules: []\n"
    for text, options in ((spec, ()), (nothing, ("--allow-mass-pause",)), (spec, ("--prefix", "acme:"))):
        reconciler.declare(text)
        assert reconciler.run("apply", "--yes", *options).returncode == 0
    done = reconciler.run("apply", "--yes")
    assert (
        done.returncode,
        "▶ governance:community  will be resumed (charter is back in the spec)" in done.stdout,
    ) == (4, True)
    assert "acme:community is still running under another prefix" in done.stderr
    server = await remote.connected(reconciler.address, reconciler.namespace)
    live = await server.schedules.describe("governance:community")
    assert live is not None
    assert live.schedule.paused
    assert reconciler.run("apply", "--yes", "--allow-prefix-change").returncode == 0


def test_two_prefixes_can_run_side_by_side_on_purpose(reconciler: program.Program) -> None:
    reconciler.declare(SPEC.replace("OWNER", OWNER))
    assert reconciler.run("apply", "--yes").returncode == 0
    refused = reconciler.run("apply", "--yes", "--prefix", "acme:")
    assert (refused.returncode, "--allow-prefix-change" in refused.stderr) == (4, True)
    done = reconciler.run("apply", "--yes", "--prefix", "acme:", "--allow-prefix-change")
    assert (done.returncode, "2 created" in done.stdout) == (0, True)
    assert reconciler.run("apply", "--yes", "--prefix", "acme:").returncode == 0


async def test_a_pause_by_hand_under_the_old_prefix_is_named_in_the_plan(reconciler: program.Program) -> None:
    reconciler.declare(SPEC.replace("OWNER", OWNER))
    assert reconciler.run("apply", "--yes").returncode == 0
    person = await temporalio.client.Client.connect(reconciler.address, namespace=reconciler.namespace)
    for name in ("community", "ops"):
        await person.get_schedule_handle(f"governance:{name}").pause(note="incident 7")
    planned = reconciler.run("plan", "--prefix", "acme:")
    assert planned.stdout.count("; the new schedule will run unless you declare paused: true") == 2
    assert "looks like a rename of governance:ops, which was paused" in planned.stdout


def test_another_owner_may_have_the_same_names_under_its_own_prefix(reconciler: program.Program) -> None:
    reconciler.declare(SPEC.replace("OWNER", OWNER))
    assert reconciler.run("apply", "--yes").returncode == 0
    assert reconciler.run("apply", "--yes", "--prefix", "acme:", "--owner", "acme/staging").returncode == 0


SEVERAL = """\
governance:
  owner: acme/work
  prefix: ["governance:", "billing:"]
  schedules:
    - {charter: COMMUNITY, cron: "0 * * * *", entrypoint: COMMUNITY}
    - {charter: INVOICES, id: "billing:invoices", cron: "15 * * * *", entrypoint: INVOICES}
"""


async def test_a_charter_of_any_prefix_is_applied_and_paused_when_it_is_removed(reconciler: program.Program) -> None:
    reconciler.declare(SEVERAL)
    done = reconciler.run("apply", "--yes")
    assert (done.returncode, "2 created" in done.stdout) == (0, True)
    assert done.stdout.startswith("Schedules governance:* and billing:* in namespace")
    reconciler.declare(SEVERAL[: SEVERAL.index("    - {charter: INVOICES")])
    done = reconciler.run("apply", "--yes")
    assert (done.returncode, "‖ billing:invoices paused" in done.stdout) == (0, True)

    reconciler.declare(SEVERAL.replace('["governance:", "billing:"]', "'governance:'"))
    invalid = reconciler.run("plan")
    assert invalid.returncode == 3
    assert "repo-spec.yaml:6:31: no prefix covers the ID 'billing:invoices'" in invalid.stderr
    assert 'prefix: ["governance:", "billing:"]' in invalid.stderr


async def test_a_prefix_that_is_dropped_or_added_doubles_nothing(reconciler: program.Program) -> None:
    reconciler.declare(SPEC.replace("OWNER", OWNER))
    assert reconciler.run("apply", "--yes", "--prefix", "acme:").returncode == 0
    refused = reconciler.run("apply", "--yes", "--prefix", "governance:", "--prefix", "billing:")
    assert refused.returncode == 4
    assert "acme:community is still running under another prefix" in refused.stderr
    moved = reconciler.run("plan", "--prefix", "governance:", "--prefix", "acme:")
    assert "Plan: 2 to create, 0 to update, 0 to resume, 2 to pause, 0 unchanged." in moved.stdout
    added = reconciler.run("plan", "--prefix", "acme:", "--prefix", "governance:")
    assert "No changes." in added.stdout


async def test_an_empty_prefix_touches_only_what_is_declared_or_has_the_mark(reconciler: program.Program) -> None:
    foreign = {
        "theirs": remote.schedule(owner="acme/site"),
        "governance:unmarked": remote.schedule(),
        "plain": remote.schedule(),
    }
    raw = await remote.raw(reconciler.address, reconciler.namespace)
    for id_, schedule in foreign.items():
        await raw.create(id_, remote.proto_of(schedule))
    before = {id_: await raw.describe(id_) for id_ in foreign}

    text = SPEC.replace("OWNER", "prefix: ''")
    reconciler.declare(text)
    ownerless = reconciler.run("plan")
    assert ownerless.returncode == 64
    assert "has an empty prefix, so schedules are identified by" in ownerless.stderr
    assert reconciler.run("validate").returncode == 0
    environment = {"GOVERNANCE_OWNER": "acme/work"}
    done = reconciler.run("apply", "--yes", **environment)
    assert (done.returncode, "2 created" in done.stdout) == (0, True)
    assert done.stdout.startswith("Schedules with the owner's mark in namespace")
    await remote.until(lambda: _lists(reconciler, "ops"))

    reconciler.declare(text[: text.index("    - {charter: OPS")])
    removed = reconciler.run("apply", "--yes", **environment)
    assert (removed.returncode, "‖ ops paused" in removed.stdout) == (0, True)
    reconciler.declare("governance:\n  prefix: []\n  schedules: []\n")
    refused = reconciler.run("apply", "--yes", **environment)
    assert (refused.returncode, "the only running managed schedule: community (paused)" in refused.stderr) == (4, True)
    pruned = reconciler.run("prune", "--yes", "--older-than", "0s", **environment)
    assert (pruned.returncode, "- ops deleted" in pruned.stdout) == (0, True)
    for command in ("plan", "status", "snapshot"):
        shown = reconciler.run(command, **environment)
        assert (shown.returncode, [id_ for id_ in foreign if id_ in shown.stdout]) == (0, [])
    after = {id_: await raw.describe(id_) for id_ in foreign}
    assert {id_: each.conflict_token for id_, each in after.items()} == {
        id_: each.conflict_token for id_, each in before.items()
    }


async def _lists(reconciler: program.Program, schedule_id: str) -> bool:
    server = await remote.connected(reconciler.address, reconciler.namespace)
    return schedule_id in await server.schedules.ids()


async def test_after_an_import_by_id_the_next_plan_only_marks_and_the_schedules_around_stay(
    reconciler: program.Program,
) -> None:
    raw = await remote.raw(reconciler.address, reconciler.namespace)
    for id_ in ("nightly", "nightly-eu", "billing:invoices", "billing:reminders"):
        await raw.create(id_, remote.proto_of(remote.schedule(id_)))
    server = await remote.connected(reconciler.address, reconciler.namespace)

    async def all_are_listed() -> bool:
        return len(await server.schedules.ids()) == 4

    await remote.until(all_are_listed)
    reconciler.declare("schema_version: '1'\n")
    ids = ("--id", "nightly", "--id", "billing:invoices")
    ownerless = reconciler.run("import", *ids)
    assert "nightly: no prefix covers it, and any prefix that did would also cover other schedules" in ownerless.stderr
    assert (ownerless.returncode, ownerless.stdout) == (1, "")
    ownerless = reconciler.run("import", *ids[2:])
    assert "  prefix: billing:invoices\n  schedules:\n    - charter: billing-invoices\n" in ownerless.stdout

    environment = {"GOVERNANCE_OWNER": "acme/work"}
    done = reconciler.run("import", *ids, "--write", **environment)
    assert (done.returncode, done.stdout) == (0, ".cogni/repo-spec.yaml: 2 charters added\n")
    applied = reconciler.run("apply", "--yes", **environment)
    assert applied.returncode == 0
    assert "0 created, 2 updated, 0 resumed, 0 paused." in applied.stdout
    assert applied.stdout.count('owner  (none) → "acme/work"') == 2
    again = reconciler.run("plan", "--detailed-exitcode", **environment)
    assert (again.returncode, "No changes." in again.stdout) == (0, True)
    assert reconciler.run("import", "--prefix", "", "--write", **environment).returncode == 0
    assert (
        "Plan: 0 to create, 2 to update, 0 to resume, 0 to pause, 2 unchanged."
        in reconciler.run("plan", **environment).stdout
    )


async def test_appliers_with_a_common_prefix_exclude_each_other(reconciler: program.Program) -> None:
    reconciler.declare(SEVERAL)
    server = await remote.connected(reconciler.address, reconciler.namespace)
    held = await server.lock("billing:").acquire(ports.Holder(who="alice@laptop"))
    refused = reconciler.run("apply", "--yes")
    assert (refused.returncode, "the schedules have been locked by alice@laptop" in refused.stderr) == (6, True)
    assert await server.lock("governance:").holder() is None
    shown = reconciler.run("lock", "show")
    assert shown.stdout.startswith("The lock on governance:* and billing:* has been held by alice@laptop")
    await held.release()
    assert reconciler.run("apply", "--yes").returncode == 0
    free = reconciler.run("lock", "release", "--yes")
    assert free.stdout == "No one holds the lock on governance:* and billing:*.\n"
