"""`reconciler repair`: whatever happened to users' schedules, they become what their rows say."""

from __future__ import annotations

import asyncio
import json
import pathlib
import uuid
from collections.abc import Callable

import temporalio.client
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2

from reconciler import published, settings
from reconciler.platform import executions, repair, users
from reconciler.platform.postgres import schedules as rows
from reconciler.platform.postgres import tables
from reconciler.schedule import governed
from reconciler.temporal import connect
from tests.support import postgres, program, remote, stored

OWNER = "user-1"
MINUTE_59 = schedule_pb2.Range(start=59, end=59, step=1)


async def made(url: str, count: int) -> list[uuid.UUID]:
    """Make rows, as a service that was killed before it told Temporal."""
    async with tables.opened(settings.Database(url=url), size=1) as store:
        ids = [uuid.uuid4() for _ in range(count)]
        for number, id_ in enumerate(ids):
            await store.schedules.create(
                rows.New(
                    id=id_,
                    owner=OWNER,
                    cron=f"{number} 3 1 1 *",
                    timezone="UTC",
                    workflow="REPORT",
                    input={"api_key": f"sk-{program.SECRET}2"},
                )
            )
    return ids


async def server_of(run: program.Program) -> connect.Server:
    """Return the adapter, connected."""
    return await remote.connected(run.address, run.namespace)


async def until_listed(server: connect.Server, ids: set[str]) -> None:
    """Wait until the listing shows these users' schedules and no others."""

    async def lists() -> bool:
        return {id_ for id_ in await server.schedules.ids() if executions.is_user_schedule(id_)} == ids

    await remote.until(lists)


async def test_everything_comes_into_line_and_then_there_is_nothing_to_do(
    reconciler: program.Program, database_url: str
) -> None:
    def repair(*arguments: str) -> str:
        done = reconciler.run("repair", "--yes", *arguments, DATABASE_URL=database_url)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        return done.stdout

    ids = await made(database_url, 8)
    missing, changed, orphan, deleted, by_hand, off, *kept = map(str, ids)
    assert "8 created" in await asyncio.to_thread(repair)
    synced = "SELECT count(*) FROM schedules WHERE synced_revision = revision"
    assert postgres.execute(database_url, synced) == [(8,)]
    server, raw = await server_of(reconciler), await remote.raw(reconciler.address, reconciler.namespace)
    await until_listed(server, set(map(str, ids)))
    await server.schedules.delete(missing)
    proto = (await raw.describe(changed)).schedule
    proto.spec.structured_calendar[0].minute[0].start = 59
    proto.spec.structured_calendar[0].minute[0].end = 59
    await raw.update(changed, proto)
    proto = (await raw.describe(by_hand)).schedule
    proto.state.paused, proto.state.notes = True, "the disk is full"
    await raw.update(by_hand, proto)
    postgres.execute(database_url, "DELETE FROM schedules WHERE id = %s", orphan)
    postgres.execute(
        database_url, "UPDATE schedules SET deleted_at = clock_timestamp(), revision = 2 WHERE id = %s", deleted
    )
    postgres.execute(database_url, "UPDATE schedules SET enabled = false, revision = 2 WHERE id = %s", off)
    await until_listed(server, {str(id_) for id_ in ids} - {missing})
    messages = await asyncio.to_thread(repair, "--keep-manual-pauses")
    assert "1 created, 1 updated, 0 resumed, 2 paused, 1 deleted." in messages
    assert f"‖ {orphan}  will be paused (has no row in the database)" in messages
    assert f"- {deleted}  will be deleted (deleted by its owner)" in messages
    found = await server.schedules.describe_all(map(str, ids))
    assert found.keys() == {missing, changed, orphan, by_hand, off, *kept}
    assert {id_ for id_, live in found.items() if live.schedule.paused} == {orphan, by_hand, off}
    assert found[changed].schedule.timing.calendars[0].minute == (1,)
    assert postgres.execute(database_url, synced) == [(7,)]
    assert "1 resumed" in await asyncio.to_thread(repair)
    await until_listed(server, set(found))
    for _ in range(2):
        assert "No changes. " in await asyncio.to_thread(repair)


async def test_a_quick_repair_describes_only_what_the_listing_shows_to_differ(
    reconciler: program.Program, database_url: str
) -> None:
    ids = await made(database_url, 8)
    missing, moved, renoted, by_hand, deleted, changed, hidden, _ = map(str, ids)
    assert (await asyncio.to_thread(reconciler.run, "repair", "--yes", DATABASE_URL=database_url)).returncode == 0
    server, raw = await server_of(reconciler), await remote.raw(reconciler.address, reconciler.namespace)
    await until_listed(server, set(map(str, ids)))

    async def edited(id_: str, edit: Callable[[schedule_pb2.Schedule], None]) -> None:
        proto = (await raw.describe(id_)).schedule
        edit(proto)
        await raw.update(id_, proto)

    def pause(proto: schedule_pb2.Schedule) -> None:
        proto.state.paused, proto.state.notes = True, "the disk is full"

    async with tables.opened(settings.Database(url=database_url), size=1) as store:
        target = server.target(users.PREFIXES, await store.schedules.owner(), of_users=True)

        async def planned(*, full: bool) -> tuple[set[str], set[str], int]:
            found = await repair.repair(store.schedules, server.schedules, target, keep_manual_pauses=False, full=full)
            return set(found.revisions), {change.id for change in found.plan.steps}, found.undescribed

        async def nothing_differs() -> bool:
            return await planned(full=False) == (set(), set(), 8)

        await remote.until(nothing_differs)
        await server.schedules.delete(missing)
        await edited(moved, lambda proto: proto.spec.structured_calendar[0].minute[0].MergeFrom(MINUTE_59))
        await edited(renoted, lambda proto: setattr(proto.state, "notes", ""))
        await edited(by_hand, pause)
        await edited(hidden, lambda proto: setattr(proto.action.start_workflow.task_queue, "name", "elsewhere"))
        postgres.execute(
            database_url, "UPDATE schedules SET deleted_at = clock_timestamp(), revision = 2 WHERE id = %s", deleted
        )
        postgres.execute(database_url, "UPDATE schedules SET cron = '7 7 1 1 *', revision = 2 WHERE id = %s", changed)
        differing = {missing, moved, renoted, by_hand, deleted, changed}

        async def all_are_seen() -> bool:
            return await planned(full=False) == (differing, differing, 2)

        await remote.until(all_are_seen)
        assert await planned(full=True) == (set(map(str, ids)), differing | {hidden}, 0)
    done = await asyncio.to_thread(reconciler.run, "repair", "--yes", "--quick", DATABASE_URL=database_url)
    assert (done.returncode, "1 created, 3 updated, 1 resumed, 0 paused, 1 deleted." in done.stdout) == (0, True)
    assert "2 schedules match their rows according to the list of schedules" in done.stderr
    done = await asyncio.to_thread(reconciler.run, "repair", "--yes", DATABASE_URL=database_url)
    assert (done.returncode, "1 updated" in done.stdout) == (0, True)


async def test_what_is_not_this_databases_is_left_alone(reconciler: program.Program, database_url: str) -> None:
    server, raw = await server_of(reconciler), await remote.raw(reconciler.address, reconciler.namespace)
    somebodys, others, governance = str(uuid.uuid4()), str(uuid.uuid4()), "governance:alpha"
    for id_, owner in ((somebodys, None), (others, f"database:{uuid.uuid4()}"), (governance, None)):
        schedule = remote.schedule("alpha", owner=owner)
        await raw.create(id_, remote.proto_of(schedule), request_id=id_)

    async def listed() -> bool:
        return {somebodys, others, governance} <= await server.schedules.ids()

    await remote.until(listed)
    before = await server.schedules.describe_all([somebodys, others, governance])
    done = await asyncio.to_thread(reconciler.run, "repair", "--yes", DATABASE_URL=database_url)
    assert (done.returncode, "No changes. " in done.stdout) == (0, True)
    assert await server.schedules.describe_all([somebodys, others, governance]) == before


async def test_a_database_that_lost_its_rows_pauses_nothing_until_it_is_meant(
    reconciler: program.Program, database_url: str
) -> None:
    ids = await made(database_url, 3)
    environment = {"DATABASE_URL": database_url}
    assert (await asyncio.to_thread(reconciler.run, "repair", "--yes", **environment)).returncode == 0
    server = await server_of(reconciler)
    await until_listed(server, set(map(str, ids)))
    postgres.execute(database_url, "DELETE FROM schedules WHERE id <> %s", ids[0])
    refused = await asyncio.to_thread(reconciler.run, "repair", "--yes", **environment)
    assert (refused.returncode, "pauses 2 of 3 running schedules" in refused.stderr) == (4, True)
    assert "2 to pause" in refused.stdout  # the plan is shown first
    assert not any(live.schedule.paused for live in (await server.schedules.describe_all(map(str, ids))).values())
    done = await asyncio.to_thread(reconciler.run, "repair", "--yes", "--allow-mass-pause", **environment)
    assert (done.returncode, "2 paused" in done.stdout) == (0, True)


async def test_a_row_that_cannot_be_read_is_told_and_hinders_no_other(
    reconciler: program.Program, database_url: str
) -> None:
    good, bad = await made(database_url, 2)
    postgres.execute(database_url, "UPDATE schedules SET timezone = 'Gone/Town' WHERE id = %s", bad)
    done = await asyncio.to_thread(reconciler.run, "repair", "--yes", DATABASE_URL=database_url)
    assert (done.returncode, "1 created" in done.stdout) == (0, True)
    assert f"Warning: row {bad} cannot be read; its schedule was left unchanged: " in done.stderr
    rows = postgres.execute(database_url, "SELECT id, synced_revision FROM schedules ORDER BY synced_revision")
    assert rows == [(bad, 0), (good, 1)]


async def test_a_run_that_ended_in_temporal_is_closed(reconciler: program.Program, database_url: str) -> None:
    (id_,) = await made(database_url, 1)
    client = await temporalio.client.Client.connect(reconciler.address, namespace=reconciler.namespace)
    handle = await client.start_workflow(governed.WORKFLOW, id="run", task_queue="no-workers")
    await handle.terminate(reason="by hand")
    workflow = executions.WorkflowRun(workflow_id=handle.id, run_id=handle.result_run_id or "")
    async with tables.opened(settings.Database(url=database_url), size=1) as store:
        await store.runs.begin(stored.run(id_, workflow=workflow), None)
    done = await asyncio.to_thread(reconciler.run, "repair", "--yes", DATABASE_URL=database_url)
    assert (done.returncode, "1 created" in done.stdout) == (0, True)
    assert done.stderr == "Note: closed 1 run whose end in Temporal had not been recorded.\n"
    rows = postgres.execute(database_url, "SELECT status, error FROM schedule_runs")
    assert rows == [("failed", "terminated in Temporal: by hand")]
    done = await asyncio.to_thread(reconciler.run, "repair", "--yes", DATABASE_URL=database_url)
    assert (done.returncode, done.stderr) == (0, "")


async def test_a_repair_is_recorded_and_told_as_a_document(reconciler: program.Program, database_url: str) -> None:
    await made(database_url, 1)
    environment = {"DATABASE_URL": database_url}
    done = await asyncio.to_thread(reconciler.run, "repair", "--yes", "--format", "json", **environment)
    document = json.loads(done.stdout)
    assert list(published.violations("outcome", document)) == []
    assert (document["command"], document["counts"]["create"], document["exit_code"]) == ("repair", 1, 0)
    for _ in range(2):  # one with nothing to do is not kept
        assert (await asyncio.to_thread(reconciler.run, "repair", "--yes", **environment)).returncode == 0
        history = await asyncio.to_thread(reconciler.run, "history", "--format", "json", **environment)
        records = json.loads(history.stdout)
        assert list(published.violations("history", records)) == []
        assert [(each["command"], each["managed"]) for each in records["records"]] == [("repair", 1)]


def test_nobody_is_asked_without_a_terminal(reconciler: program.Program, database_url: str) -> None:
    asyncio.run(made(database_url, 1))
    asked = reconciler.run("repair", DATABASE_URL=database_url)
    assert (asked.returncode, "1 to create" in asked.stdout, "--yes" in asked.stderr) == (64, True, True)
    assert postgres.execute(database_url, "SELECT synced_revision FROM schedules") == [(0,)]


def test_without_a_database_the_embedded_one_is_repaired_from(
    reconciler: program.Program, tmp_path: pathlib.Path
) -> None:
    url = f"embedded:{tmp_path}/postgres"
    done = reconciler.run("repair", "--yes", DATABASE_URL=url)
    assert (done.returncode, "No changes. " in done.stdout) == (0, True), done.stderr
