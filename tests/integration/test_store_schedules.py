"""Users' schedules, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import datetime
import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from reconciler import errors, settings
from reconciler.platform import executions, ports
from reconciler.platform.postgres import cursors, schedules, tables
from tests.support import postgres, stored

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[tables.Store]:
    async with tables.opened(settings.Database(url=database_url)) as opened:
        yield opened


async def made(store: tables.Store, **changes: Any) -> executions.UserSchedule:
    row, _ = await store.schedules.create(stored.new(**changes))
    return row


async def walked(store: tables.Store, owner: str, limit: int, **options: Any) -> list[uuid.UUID]:
    """Return the ids of every page, in order."""
    found: list[uuid.UUID] = []
    after = None
    while True:
        page, after = await store.schedules.page(owner, limit=limit, after=after, **options)
        found.extend(each.id for each in page)
        if after is None:
            return found
        assert len(page) == limit
        after = cursors.cursor(after.text)


async def test_a_new_row_reads_back_as_it_was_made(store: tables.Store) -> None:
    new = stored.new()
    before = datetime.datetime.now(datetime.UTC)
    row, is_new = await store.schedules.create(new)
    assert is_new
    assert before <= row.created_at == row.updated_at <= datetime.datetime.now(datetime.UTC)
    assert row == executions.UserSchedule(
        id=new.id,
        owner="alice",
        cron="0 * * * *",
        timezone="Europe/Berlin",
        workflow="REPORT",
        input=new.input,
        enabled=True,
        next_run_at=stored.NOON,
        revision=1,
        synced_revision=0,
        created_at=row.created_at,
        updated_at=row.created_at,
    )
    assert row.created_at.tzinfo is datetime.UTC
    assert await store.schedules.get("alice", row.id) == row
    assert await store.schedules.find(row.id) == row
    assert await stored.rows(store.pool) == (row,)


async def test_a_row_of_somebody_else_or_of_nobody_is_not_there(store: tables.Store) -> None:
    row = await made(store)
    for owner, id_ in (("bob", row.id), ("alice", uuid.uuid4())):
        assert await store.schedules.get(owner, id_) is None
        with pytest.raises(errors.MissingError, match=f"schedule {id_} does not exist"):
            await store.schedules.update(owner, id_, schedules.Changes(cron="1 * * * *"), expected_revision=1)
        with pytest.raises(errors.MissingError):
            await store.schedules.delete(owner, id_)
    assert await store.schedules.page("bob", limit=5) == ((), None)
    assert await store.schedules.find(row.id) == row


async def test_the_same_request_under_the_same_key_makes_one_row(store: tables.Store) -> None:
    first, is_new = await store.schedules.create(stored.new(idempotency_key="k", request_hash=stored.HASH))
    again, is_new_again = await store.schedules.create(stored.new(idempotency_key="k", request_hash=stored.HASH))
    assert (again, is_new, is_new_again) == (first, True, False)
    bobs, is_new = await store.schedules.create(stored.new(owner="bob", idempotency_key="k", request_hash=stored.HASH))
    assert (bobs.id == first.id, is_new) == (False, True)
    unkeyed = [await store.schedules.create(stored.new()) for _ in range(2)]
    assert [is_new for _, is_new in unkeyed] == [True, True]


async def test_another_request_under_the_same_key_is_refused(store: tables.Store) -> None:
    await made(store, idempotency_key="k", request_hash=stored.HASH)
    with pytest.raises(errors.IdempotencyConflictError, match="already used") as caught:
        await made(store, cron="1 * * * *", idempotency_key="k", request_hash=executions.request_hash("other"))
    assert caught.value.hint == "send a new key for a new request"
    assert len(await stored.rows(store.pool)) == 1


async def test_a_key_whose_row_was_changed_or_deleted_still_returns_it(store: tables.Store) -> None:
    new = stored.new(idempotency_key="k", request_hash=stored.HASH)
    row, _ = await store.schedules.create(new)
    changed = await store.schedules.update("alice", row.id, schedules.Changes(enabled=False))
    assert await store.schedules.create(dataclasses.replace(new, id=uuid.uuid4())) == (changed, False)
    deleted = await store.schedules.delete("alice", row.id)
    assert await store.schedules.create(dataclasses.replace(new, id=uuid.uuid4())) == (deleted, False)


async def test_fifty_creates_at_once_under_one_key_make_one_row(store: tables.Store) -> None:
    news = [stored.new(idempotency_key="k", request_hash=stored.HASH) for _ in range(50)]
    made = await asyncio.gather(*map(store.schedules.create, news))
    assert sum(is_new for _, is_new in made) == 1
    assert {row.id for row, _ in made} == {row.id for row in await stored.rows(store.pool)}
    assert len(await stored.rows(store.pool)) == 1


async def test_of_two_requests_at_once_under_one_key_one_is_refused(store: tables.Store) -> None:
    hashes = [executions.request_hash(each) for each in range(10)]
    news = [stored.new(idempotency_key="k", request_hash=each) for each in hashes]
    ended = await asyncio.gather(*map(store.schedules.create, news), return_exceptions=True)
    refused = [each for each in ended if isinstance(each, errors.IdempotencyConflictError)]
    assert (len(refused), len(await stored.rows(store.pool))) == (9, 1)


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
async def test_pages_have_every_row_once_newest_first_where_many_are_of_one_moment(
    store: tables.Store, database_url: str, limit: int
) -> None:
    rows = [await made(store, enabled=number % 3 > 0, next_run_at=None) for number in range(14)]
    await made(store, owner="bob")
    postgres.execute(database_url, "UPDATE schedules SET created_at = '2026-01-02 03:04:05.678901+00'")
    postgres.execute(
        database_url,
        "UPDATE schedules SET created_at = '2025-01-01' WHERE id = ANY(%s)",
        [each.id for each in rows[:4]],
    )
    await store.schedules.delete("alice", rows[5].id)
    old, new = ({each.id for each in some if each != rows[5]} for some in (rows[:4], rows[4:]))
    expected = sorted(new, reverse=True) + sorted(old, reverse=True)
    assert await walked(store, "alice", limit) == expected
    enabled = {each.id for each in rows if each.enabled}
    assert await walked(store, "alice", limit, enabled=True) == [each for each in expected if each in enabled]
    assert await walked(store, "alice", limit, enabled=False) == [each for each in expected if each not in enabled]


async def test_rows_that_come_and_go_between_pages_move_no_other(store: tables.Store) -> None:
    rows = [await made(store) for _ in range(6)]
    page, after = await store.schedules.page("alice", limit=2)
    assert [each.id for each in page] == [rows[5].id, rows[4].id]
    await made(store)
    await store.schedules.delete("alice", rows[4].id)  # the very row that the cursor is of
    page, after = await store.schedules.page("alice", limit=2, after=after)
    assert [each.id for each in page] == [rows[3].id, rows[2].id]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "ü" * 32,
        "A" * 31,
        "A" * 33,
        "A" * 28,
        "A" * 64,
        "?" * 32,
        "-" * 32,
        "f" + "/" * 31,
        "A" * 32 + "\n",
        "=",
    ],
)
def test_a_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(errors.UsageError, match="the cursor is not valid"):
        cursors.cursor(text)


@pytest.mark.parametrize("at", [stored.NOON, datetime.datetime.max, datetime.datetime.min])
def test_a_cursor_reads_back_as_it_was(at: datetime.datetime) -> None:
    cursor = cursors.Cursor(at=at.replace(tzinfo=datetime.UTC), id=uuid.uuid4())
    assert re.fullmatch(r"[\w-]{32}", cursor.text)
    assert len(base64.urlsafe_b64decode(cursor.text)) == 24
    assert cursors.cursor(cursor.text) == cursor


async def test_a_change_writes_what_is_given_and_leaves_the_rest(store: tables.Store) -> None:
    row = await made(store)
    changes = schedules.Changes(cron="5 * * * *", input={}, next_run_at=stored.NOON + HOUR)
    changed = await store.schedules.update("alice", row.id, changes, expected_revision=1)
    assert changed.updated_at > row.updated_at
    assert changed == dataclasses.replace(
        row, cron="5 * * * *", input={}, next_run_at=stored.NOON + HOUR, revision=2, updated_at=changed.updated_at
    )
    assert await store.schedules.get("alice", row.id) == changed


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (schedules.Changes(workflow="OTHER"), stored.NOON),
        (schedules.Changes(next_run_at=stored.NOON + HOUR), stored.NOON + HOUR),
        (schedules.Changes(cron="0 0 1 1 * 2027"), None),
        (schedules.Changes(timezone="UTC", next_run_at=stored.NOON + HOUR), stored.NOON + HOUR),
        (schedules.Changes(enabled=False, next_run_at=stored.NOON + HOUR), None),
        (schedules.Changes(enabled=True, next_run_at=stored.NOON + HOUR), stored.NOON + HOUR),
    ],
)
async def test_the_next_run_is_kept_only_while_nothing_changes_that_it_depends_on(
    store: tables.Store, changes: schedules.Changes, expected: datetime.datetime | None
) -> None:
    row = await made(store)
    assert (await store.schedules.update("alice", row.id, changes)).next_run_at == expected


async def test_a_change_of_a_row_that_is_not_enabled_sets_no_next_run(store: tables.Store) -> None:
    row = await made(store, enabled=False, next_run_at=None)
    changed = await store.schedules.update(
        "alice", row.id, schedules.Changes(cron="1 * * * *", next_run_at=stored.NOON)
    )
    assert (changed.enabled, changed.next_run_at) == (False, None)


async def test_a_deleted_row_is_gone_for_its_owner_and_stays_for_its_runs(store: tables.Store) -> None:
    row = await made(store)
    deleted = await store.schedules.delete("alice", row.id, expected_revision=1)
    assert deleted.deleted_at is not None
    assert deleted == dataclasses.replace(
        row, next_run_at=None, revision=2, updated_at=deleted.updated_at, deleted_at=deleted.deleted_at
    )
    assert await store.schedules.get("alice", row.id) is None
    assert await store.schedules.page("alice", limit=5) == ((), None)
    assert await store.schedules.find(row.id) == deleted
    assert await stored.rows(store.pool) == (deleted,)
    with pytest.raises(errors.MissingError):
        await store.schedules.delete("alice", row.id, expected_revision=2)
    with pytest.raises(errors.MissingError):
        await store.schedules.update("alice", row.id, schedules.Changes(enabled=True), expected_revision=2)


async def test_a_change_from_another_revision_is_refused_and_writes_nothing(store: tables.Store) -> None:
    row = await made(store)
    changed = await store.schedules.update("alice", row.id, schedules.Changes(cron="1 * * * *"))
    with pytest.raises(errors.RevisionError, match=f"schedule {row.id} is at revision 2, not 1") as caught:
        await store.schedules.update("alice", row.id, schedules.Changes(cron="2 * * * *"), expected_revision=1)
    assert (caught.value.exit_code, caught.value.hint) == (errors.ExitCode.STALE, "read it again, then retry")
    with pytest.raises(errors.RevisionError):
        await store.schedules.delete("alice", row.id, expected_revision=1)
    assert await store.schedules.get("alice", row.id) == changed


async def test_of_twenty_changes_at_once_from_one_revision_one_wins(store: tables.Store) -> None:
    row = await made(store)
    ended = await asyncio.gather(
        *(
            store.schedules.update("alice", row.id, schedules.Changes(cron=f"{n} * * * *"), expected_revision=1)
            for n in range(20)
        ),
        return_exceptions=True,
    )
    (won,) = [each for each in ended if isinstance(each, executions.UserSchedule)]
    assert sum(isinstance(each, errors.RevisionError) for each in ended) == 19
    assert await store.schedules.get("alice", row.id) == won


async def test_of_changes_at_once_that_expect_nothing_each_counts(store: tables.Store) -> None:
    row = await made(store)
    changes = schedules.Changes(enabled=True, next_run_at=stored.NOON)
    changed = await asyncio.gather(*(store.schedules.update("alice", row.id, changes) for _ in range(20)))
    assert sorted(each.revision for each in changed) == list(range(2, 22))


async def test_what_temporal_has_of_a_row_only_rises_and_never_above_it(store: tables.Store) -> None:
    rows: ports.Rows = store.schedules
    first, second = await made(store), await made(store)
    for _ in range(3):
        await store.schedules.update("alice", first.id, schedules.Changes(enabled=True))
    for given, expected in ((3, 3), (2, 3), (4, 4), (9, 4)):
        await rows.synced({first.id: given, second.id: 1, uuid.uuid4(): 1})
        assert [each.synced_revision for each in await stored.rows(store.pool)] == [expected, 1]
    await rows.synced({})


async def test_many_who_note_the_same_rows_at_once_do_not_lock_each_other_out(store: tables.Store) -> None:
    rows = [await made(store) for _ in range(30)]
    for row in rows:
        await store.schedules.update("alice", row.id, schedules.Changes(enabled=True))
    orders = [rows, rows[::-1], rows[::2] + rows[1::2]]
    await asyncio.gather(
        *(store.schedules.synced({row.id: 1 + n % 2 for row in orders[n % 3]}) for n in range(12)),
    )
    assert {each.synced_revision for each in await stored.rows(store.pool)} == {2}


async def test_every_database_has_a_mark_of_its_own_that_stays(store: tables.Store, database_server: str) -> None:
    mark = await store.schedules.owner()
    assert re.fullmatch(r"database:[0-9a-f-]{36}", mark)
    assert await store.schedules.owner() == mark
    with postgres.database(database_server) as other:
        async with tables.opened(settings.Database(url=other)) as another:
            assert await another.schedules.owner() != mark


async def test_an_owner_has_as_many_schedules_as_the_quota_and_deleted_ones_do_not_count(store: tables.Store) -> None:
    first, _ = await store.schedules.create(stored.new(idempotency_key="k", request_hash=stored.HASH), quota=2)
    await store.schedules.create(stored.new(), quota=2)
    with pytest.raises(errors.QuotaError, match="you already have 2 schedules"):
        await store.schedules.create(stored.new(), quota=2)
    again = stored.new(idempotency_key="k", request_hash=stored.HASH)
    assert await store.schedules.create(again, quota=2) == (first, False)
    await store.schedules.create(stored.new(owner="bob"), quota=2)
    await store.schedules.delete("alice", first.id)
    await store.schedules.create(stored.new(), quota=2)
    assert len((await store.schedules.page("alice", limit=5))[0]) == 2


async def test_of_many_creates_at_once_no_more_succeed_than_the_quota(store: tables.Store) -> None:
    news = [stored.new() for _ in range(30)]
    made = await asyncio.gather(*(store.schedules.create(new, quota=7) for new in news), return_exceptions=True)
    refused = [each for each in made if isinstance(each, errors.QuotaError)]
    assert len(refused) == 23
    assert len((await store.schedules.page("alice", limit=30))[0]) == 7
