"""The runs of users' schedules, and who may run what, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import uuid
from collections.abc import AsyncIterator

import pytest

from reconciler import errors, settings
from reconciler.platform import executions, ports
from reconciler.platform.executions import RunState
from reconciler.platform.postgres import grants, schedules, tables
from tests.support import postgres, stored

HOUR = datetime.timedelta(hours=1)
SECOND = datetime.timedelta(seconds=1)
NOW = stored.NOON


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[tables.Store]:
    async with tables.opened(settings.Database(url=database_url)) as opened:
        yield opened


@pytest.fixture
async def row(store: tables.Store) -> executions.UserSchedule:
    made, _ = await store.schedules.create(stored.new())
    return made


async def next_run(store: tables.Store, row: executions.UserSchedule) -> datetime.datetime | None:
    found = await store.schedules.find(row.id)
    assert found is not None
    return found.next_run_at


async def test_a_run_is_recorded_from_begin_to_end(store: tables.Store, row: executions.UserSchedule) -> None:
    runs: ports.Runs = store.runs
    run = stored.run(row.id)
    assert await store.runs.find(row.id, NOW) is None
    await runs.begin(run, NOW + HOUR)
    assert await store.runs.find(row.id, NOW) == run
    await runs.end(row.id, NOW, RunState.DONE, NOW + 5 * SECOND)
    assert await store.runs.find(row.id, NOW) == dataclasses.replace(
        run, state=RunState.DONE, ended_at=NOW + 5 * SECOND
    )


async def test_the_next_run_of_its_schedule_is_kept_and_its_revision_is_not_touched(
    store: tables.Store, row: executions.UserSchedule
) -> None:
    await store.runs.begin(stored.run(row.id), NOW + HOUR)
    assert await store.schedules.find(row.id) == dataclasses.replace(row, next_run_at=NOW + HOUR)
    await store.runs.begin(stored.run(row.id, scheduled_for=NOW + HOUR), None)
    assert await next_run(store, row) is None


async def test_a_firing_that_comes_late_or_after_its_end_does_not_say_when_the_next_is(
    store: tables.Store, row: executions.UserSchedule
) -> None:
    await store.runs.begin(stored.run(row.id, scheduled_for=NOW + HOUR), NOW + 2 * HOUR)
    await store.runs.begin(stored.run(row.id), NOW + HOUR)
    assert await next_run(store, row) == NOW + 2 * HOUR
    await store.runs.end(row.id, NOW + HOUR, RunState.DONE, NOW + HOUR + SECOND)
    await store.schedules.update("alice", row.id, schedules.Changes(next_run_at=NOW + 9 * HOUR))
    await store.runs.begin(stored.run(row.id, scheduled_for=NOW + HOUR), NOW + 2 * HOUR)
    assert await next_run(store, row) == NOW + 9 * HOUR


async def test_a_schedule_that_is_not_enabled_or_deleted_gets_no_next_run(
    store: tables.Store, row: executions.UserSchedule
) -> None:
    await store.schedules.update("alice", row.id, schedules.Changes(enabled=False))
    await store.runs.begin(stored.run(row.id), NOW + HOUR)
    await store.schedules.delete("alice", row.id)
    await store.runs.begin(stored.run(row.id, scheduled_for=NOW + HOUR), NOW + 2 * HOUR)
    assert await next_run(store, row) is None
    assert len((await store.runs.page(row.id, limit=5))[0]) == 2


async def test_a_firing_that_is_delivered_again_is_one_run_with_the_highest_attempt(
    store: tables.Store, row: executions.UserSchedule
) -> None:
    for attempt, expected in ((1, 1), (3, 3), (2, 3)):
        await store.runs.begin(stored.run(row.id, attempt=attempt, started_at=NOW + attempt * SECOND), None)
        page, _ = await store.runs.page(row.id, limit=5)
        assert page == (stored.run(row.id, attempt=expected),)


async def test_twenty_deliveries_at_once_are_one_run(store: tables.Store, row: executions.UserSchedule) -> None:
    delivered = [stored.run(row.id, attempt=number) for number in range(1, 21)]
    await asyncio.gather(*(store.runs.begin(each, NOW + HOUR) for each in delivered))
    assert (await store.runs.page(row.id, limit=5))[0] == (stored.run(row.id, attempt=20),)


async def test_the_first_end_counts_and_an_ended_run_is_never_changed(
    store: tables.Store, row: executions.UserSchedule
) -> None:
    await store.runs.begin(stored.run(row.id), None)
    ends = ((RunState.FAILED, "the executor said no"), (RunState.DONE, ""), (RunState.REFUSED, "why"))
    for number, (state, error) in enumerate(ends):
        await store.runs.end(row.id, NOW, state, NOW + (number + 2) * SECOND, error)
    await store.runs.begin(stored.run(row.id, attempt=7), None)
    assert await store.runs.find(row.id, NOW) == stored.run(
        row.id, state=RunState.FAILED, ended_at=NOW + 2 * SECOND, error="the executor said no"
    )


async def test_of_many_ends_at_once_one_counts_whole(store: tables.Store, row: executions.UserSchedule) -> None:
    await store.runs.begin(stored.run(row.id), None)
    await asyncio.gather(
        *(store.runs.end(row.id, NOW, RunState.FAILED, NOW + n * SECOND, f"why {n}") for n in range(1, 11))
    )
    found = await store.runs.find(row.id, NOW)
    assert found is not None
    assert found.ended_at is not None
    assert found.error == f"why {(found.ended_at - NOW) // SECOND}"


async def test_an_end_has_what_its_state_asks_for(store: tables.Store, row: executions.UserSchedule) -> None:
    """A clock that is behind and a reason that is missing, or that no database keeps, do not lose the end."""
    for number, (error, expected) in enumerate(
        (("", "no reason was given"), ("a\0b\udcff", "a\N{REPLACEMENT CHARACTER}b?"))
    ):
        when = NOW + number * HOUR
        await store.runs.begin(stored.run(row.id, scheduled_for=when, started_at=when), None)
        await store.runs.end(row.id, when, RunState.REFUSED, when - SECOND, error)
        found = await store.runs.find(row.id, when)
        assert found is not None
        assert (found.state, found.ended_at, found.error) == (RunState.REFUSED, when, expected)


async def test_a_run_that_is_refused_from_the_start_can_be_begun_as_that(
    store: tables.Store, row: executions.UserSchedule
) -> None:
    run = stored.run(row.id, state=RunState.REFUSED, ended_at=NOW + SECOND, error="no grant")
    await store.runs.begin(run, None)
    assert await store.runs.find(row.id, NOW) == run


async def test_a_run_of_an_unknown_schedule_is_refused_and_so_is_an_end_without_a_begin(
    store: tables.Store, row: executions.UserSchedule
) -> None:
    with pytest.raises(errors.StoreError, match="violates foreign key constraint"):
        await store.runs.begin(stored.run(uuid.uuid4()), None)
    with pytest.raises(errors.StoreError, match=f"has no run of schedule {row.id} at 2026-01-02T12:00:00Z"):
        await store.runs.end(row.id, NOW, RunState.DONE, NOW)


async def test_pages_of_runs_have_each_once_newest_first(store: tables.Store, row: executions.UserSchedule) -> None:
    other, _ = await store.schedules.create(stored.new())
    await store.runs.begin(stored.run(other.id), None)
    times = [NOW + number * HOUR for number in (3, 1, 4, 0, 2)]
    for when in times:
        await store.runs.begin(stored.run(row.id, scheduled_for=when), None)
    found: list[datetime.datetime] = []
    after = None
    while True:
        page, after = await store.runs.page(row.id, limit=2, after=after)
        found.extend(each.scheduled_for for each in page)
        if after is None:
            break
    assert found == sorted(times, reverse=True)
    assert await store.runs.page(uuid.uuid4(), limit=2) == ((), None)


async def refused(store: tables.Store, row: executions.UserSchedule, workflow: str = "REPORT") -> str:
    return await store.runs.why_refused(row.id, workflow)


async def test_a_schedule_runs_what_a_grant_of_its_owner_covers(
    store: tables.Store, row: executions.UserSchedule
) -> None:
    await store.grants.create("bob", ["*"])
    await store.grants.create("alice", ["OTHER", "REPORTS", "report"])
    assert await refused(store, row) == "no grant for alice covers workflow 'REPORT'"
    assert await refused(store, row, "OTHER") == ""
    await store.grants.create("alice", ["REPORT"])
    assert await refused(store, row) == ""
    assert await refused(store, row, "THIRD") == "no grant for alice covers workflow 'THIRD'"
    await store.grants.create("alice", ["*"])
    assert await refused(store, row, "THIRD") == ""


async def test_a_grant_that_was_revoked_counts_no_longer_and_another_does(
    store: tables.Store, row: executions.UserSchedule
) -> None:
    first, _ = await store.grants.create("alice", ["REPORT"])
    second, _ = await store.grants.create("alice", ["*"])
    await store.grants.revoke(first.id)
    assert await refused(store, row) == ""
    revoked = await store.grants.revoke(second.id)
    assert revoked.revoked_at is not None
    when = executions.moment(revoked.revoked_at)
    assert await refused(store, row) == f"grant {second.id} was revoked at {when}"  # the newest says why


async def test_a_grant_counts_until_it_expires_by_the_databases_clock(
    store: tables.Store, row: executions.UserSchedule, database_url: str
) -> None:
    grant, token = await store.grants.create("alice", ["REPORT"], HOUR)
    assert grant.expires_at == grant.created_at + HOUR
    assert await refused(store, row) == ""
    passed = "UPDATE execution_grants SET created_at = created_at - interval %s, expires_at = expires_at - interval %s"
    postgres.execute(database_url, passed.replace("%s", "'59 min'"))
    assert await refused(store, row) == ""
    postgres.execute(database_url, passed.replace("%s", "'1 min'"))
    expired = await store.grants.by_token(token)
    assert expired is not None
    assert expired.expires_at is not None
    assert await refused(store, row) == f"grant {grant.id} expired at {executions.moment(expired.expires_at)}"
    assert expired.why_void == await refused(store, row)


async def test_a_schedule_without_a_row_or_with_a_deleted_one_runs_nothing(
    store: tables.Store, row: executions.UserSchedule
) -> None:
    await store.grants.create("alice", ["*"])
    unknown = uuid.uuid4()
    assert await store.runs.why_refused(unknown, "REPORT") == f"schedule {unknown} has no row"
    deleted = (await store.schedules.delete("alice", row.id)).deleted_at
    assert deleted is not None
    assert await refused(store, row) == f"schedule {row.id} was deleted at {executions.moment(deleted)}"


async def test_a_token_is_known_by_its_hash_alone(store: tables.Store, database_url: str) -> None:
    grant, token = await store.grants.create("alice", ["B", "A", "B"], HOUR)
    end = grant.created_at + HOUR
    assert (grant.subject, grant.scopes, grant.expires_at, grant.revoked_at) == ("alice", ("B", "A"), end, None)
    assert (token.startswith(grants.PREFIX), len(token)) == (True, 47)
    assert await store.grants.by_token(token) == grant
    for wrong in ("", token[:-1], token + " ", token.upper(), "rcn_\udcff"):
        assert await store.grants.by_token(wrong) is None
    kept = str(postgres.execute(database_url, "SELECT execution_grants::text FROM execution_grants"))
    assert token not in kept
    assert token.removeprefix(grants.PREFIX) not in kept
    _, other = await store.grants.create("alice", ["A"])
    assert other != token


async def test_a_revoked_grant_is_still_found_and_the_first_revocation_counts(store: tables.Store) -> None:
    grant, token = await store.grants.create("alice", ["A"])
    first = await store.grants.revoke(grant.id)
    assert first.revoked_at is not None
    assert first == dataclasses.replace(grant, revoked_at=first.revoked_at)
    assert await store.grants.revoke(grant.id) == first
    assert await store.grants.by_token(token) == first
    with pytest.raises(errors.MissingError, match="there is no grant") as caught:
        await store.grants.revoke(uuid.uuid4())
    assert caught.value.hint == "see reconciler grant list"


async def test_grants_are_listed_newest_first_of_one_subject_or_of_all(store: tables.Store) -> None:
    made = [(await store.grants.create(subject, ["A"]))[0] for subject in ("alice", "bob", "alice")]
    assert await store.grants.list() == tuple(made[::-1])
    assert await store.grants.list("alice") == (made[2], made[0])
    assert await store.grants.list("nobody") == ()
