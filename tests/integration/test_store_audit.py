"""The audit of applies, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import itertools
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any, LiteralString

import psycopg
import pytest

from reconciler import errors, settings
from reconciler.plan import plans, ports
from reconciler.postgres import audit, database
from reconciler.schedule import observed
from tests.support import postgres

TARGET = observed.Target(address="temporal:7233", namespace="default", owner="cogni/app")
ATTEMPT = ports.Attempt(
    command="apply",
    who="zoë@laptop",
    run="42",
    commit="f" * 40,
    started_at=datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.UTC),
    target=TARGET,
    spec_path=".cogni/repo-spec.yaml",
    environment="production",
    digest="sha256:" + "0" * 64,
)
DONE = ports.Step(id="governance:alpha", verb="create", status="done", detail="")
FAILED = ports.Step(id="governance:beta", verb="pause", status="failed", detail="the server said “no”")
KILLED = """
import asyncio, sys
from reconciler import settings
from reconciler.postgres import audit
from tests.integration import test_store_audit as here

async def main() -> None:
    async with audit.opened(settings.Database(url=sys.argv[1])) as kept:
        print(await kept.begin(here.ATTEMPT), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
CUT: LiteralString = """
CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10); RETURN NEW; END $$;
CREATE TRIGGER cut AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION cut();
"""


@pytest.fixture
async def kept(database_url: str) -> AsyncIterator[audit.Audit]:
    async with audit.opened(settings.Database(url=database_url)) as opened:
        yield opened


def left(count: int) -> observed.Left:
    return observed.Left(managed=count, present=count)


async def ended(kept: audit.Audit, *, present: int = 1, **changes: Any) -> int:
    """Record an attempt from begin to end, that left nothing managed and so many of other owners."""
    number = await kept.begin(dataclasses.replace(ATTEMPT, target=dataclasses.replace(TARGET, **changes)))
    await kept.end(number, [], left=observed.Left(managed=0, present=present))
    return number


async def test_what_is_recorded_reads_back_as_it_was(kept: audit.Audit) -> None:
    number = await kept.begin(ATTEMPT)
    before = datetime.datetime.now(datetime.UTC)
    await kept.end(number, [FAILED, DONE], left=left(7), error="1 of 2 failed")
    (found,) = await kept.latest(10)
    assert found.ended_at is not None
    assert before <= found.ended_at <= datetime.datetime.now(datetime.UTC)
    assert found == ports.Record(
        number=number,
        attempt=ATTEMPT,
        ended_at=found.ended_at,
        steps=(FAILED, DONE),
        managed=7,
        error="1 of 2 failed",
    )


async def test_an_attempt_is_recorded_before_it_ends(kept: audit.Audit, database_url: str) -> None:
    number = await kept.begin(ATTEMPT)
    async with audit.opened(settings.Database(url=database_url)) as another:
        assert await another.latest(1) == (
            ports.Record(number=number, attempt=ATTEMPT, ended_at=None, steps=(), managed=None, error=""),
        )


async def test_an_attempt_that_was_killed_shows_as_not_ended(database_url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED, database_url), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    number = int(await process.stdout.readline())
    process.kill()
    assert await process.wait() == -signal.SIGKILL
    async with audit.opened(settings.Database(url=database_url)) as kept:
        assert await ended(kept) > number
        assert [(each.number, each.ended_at is None) for each in await kept.latest(5)][1] == (number, True)


async def test_the_latest_come_newest_first_and_no_more_than_asked_for(kept: audit.Audit) -> None:
    numbers = [await kept.begin(ATTEMPT) for _ in range(3)]
    assert [each.number for each in await kept.latest(2)] == numbers[:0:-1]
    assert await kept.latest(0) == ()


async def test_as_many_are_present_as_the_last_that_was_not_refused_left_whoever_it_was(kept: audit.Audit) -> None:
    assert await kept.present(TARGET) == 0
    await ended(kept, present=4)
    await ended(kept, present=3, address="the same server, by another name:7233", owner="cogni/other")
    await kept.begin(ATTEMPT)
    await kept.end(await kept.begin(ATTEMPT), [], left=None, error="the namespace is empty")
    await ended(kept, present=9, namespace="other")
    await ended(kept, present=9, prefixes=("other:",))
    assert await kept.present(TARGET) == 3


async def test_what_one_of_several_prefixes_left_counts_unless_it_had_others_too(kept: audit.Audit) -> None:
    def of(*prefixes: str, owner: str = TARGET.owner) -> observed.Target:
        return dataclasses.replace(TARGET, prefixes=prefixes, owner=owner)

    await ended(kept, present=3, prefixes=("a:",))
    assert [await kept.present(of(*each)) for each in (("a:",), ("b:", "a:"), ("b:",), ("",))] == [3, 3, 0, 0]
    await ended(kept, present=5, prefixes=("a:", "b:"))
    assert [await kept.present(of(*each)) for each in (("b:", "a:"), ("a:", "b:", "c:"), ("a:",))] == [5, 5, 0]
    await ended(kept, present=7, prefixes=("",))
    assert [await kept.present(of("", owner=owner)) for owner in (TARGET.owner, "cogni/other")] == [7, 0]
    (record, *_) = await kept.latest(1)
    assert record.attempt.target.prefixes == ("",)


async def test_the_last_commit_is_that_of_any_of_the_prefixes(kept: audit.Audit) -> None:
    for position, prefixes in enumerate((("a:",), ("a:", "b:"), ("c:",))):
        target = dataclasses.replace(TARGET, prefixes=prefixes)
        number = await kept.begin(
            dataclasses.replace(ATTEMPT, target=target, commit=f"{position}" * 40, command="apply")
        )
        await kept.end(number, [], left=left(1))
    found = [
        (await kept.commit(dataclasses.replace(TARGET, prefixes=each)))[:1]
        for each in (("a:",), ("b:", "x:"), ("c:",), ("x:",))
    ]
    assert found == ["1", "1", "2", ""]


async def test_of_two_at_once_the_one_that_began_last_counts_whatever_the_clocks_say(
    kept: audit.Audit, database_url: str
) -> None:
    first, second = await kept.begin(ATTEMPT), await kept.begin(ATTEMPT)
    await kept.end(second, [], left=left(2))
    await kept.end(first, [], left=left(1))
    postgres.execute(database_url, "UPDATE applies SET ended_at = now() + interval '1 day' WHERE number = 1")
    assert await kept.present(TARGET) == 2


async def test_one_that_is_refused_is_kept_with_its_reason_and_counts_nothing(kept: audit.Audit) -> None:
    number = await kept.begin(ATTEMPT)
    with pytest.raises(errors.StoreError, match="violates check constraint"):
        await kept.end(number, [], left=None)
    await kept.end(number, [], left=None, error="declined")
    (found,) = await kept.latest(1)
    assert (found.managed, found.error, found.ended_at is None) == (None, "declined", False)


async def test_every_verb_and_every_status_can_be_kept(kept: audit.Audit) -> None:
    steps = [
        ports.Step(id=f"governance:{verb.word}-{status.value}", verb=verb.word, status=status.value, detail="why")
        for verb, status in itertools.product(plans.Verb, plans.Status)
    ]
    await kept.end(await kept.begin(ATTEMPT), steps, left=left(0))
    assert (await kept.latest(1))[0].steps == tuple(steps)


async def test_texts_that_postgres_cannot_hold_lose_only_what_it_cannot(kept: audit.Audit) -> None:
    number = await kept.begin(dataclasses.replace(ATTEMPT, spec_path="sp\udcffec.yaml", environment=None))
    await kept.end(number, [dataclasses.replace(FAILED, detail="a\0b")], left=left(0))
    (found,) = await kept.latest(1)
    assert (found.attempt.spec_path, found.attempt.environment) == ("sp?ec.yaml", None)
    assert found.steps[0].detail == "a\N{REPLACEMENT CHARACTER}b"


async def test_an_attempt_ends_once(kept: audit.Audit) -> None:
    number = await ended(kept)
    for wrong in (number, number + 1):
        with pytest.raises(errors.StoreError, match=f"has no apply {wrong} in progress"):
            await kept.end(wrong, [DONE], left=left(1))
    assert [(each.steps, each.managed) for each in await kept.latest(5)] == [((), 0)]


async def test_an_end_that_fails_leaves_nothing_half_done(kept: audit.Audit) -> None:
    number = await kept.begin(ATTEMPT)
    with pytest.raises(errors.StoreError, match="duplicate key"):
        await kept.end(number, [DONE, DONE], left=left(1))
    assert [(each.steps, each.ended_at) for each in await kept.latest(5)] == [((), None)]
    await kept.end(number, [DONE], left=left(1))


@pytest.mark.parametrize("table", ["applies", "apply_steps"])
async def test_a_database_that_goes_away_in_the_middle_is_an_error_and_nothing_is_half_done(
    kept: audit.Audit, database_url: str, table: LiteralString
) -> None:
    number = await kept.begin(ATTEMPT)
    postgres.execute(database_url, psycopg.sql.SQL(CUT).format(table=psycopg.sql.Identifier(table)))
    with pytest.raises(
        errors.StoreError, match=r"database test_.* failed: (the connection was lost|terminating)"
    ) as caught:
        await (kept.begin(ATTEMPT) if table == "applies" else kept.end(number, [DONE], left=left(1)))
    assert caught.value.hint == "check that PostgreSQL is running there, then try again"
    assert [(each.number, each.steps, each.ended_at) for each in await kept.latest(5)] == [(number, (), None)]


async def test_a_session_that_is_lost_between_begin_and_end_does_not_lose_the_end(
    kept: audit.Audit, database_url: str
) -> None:
    number = await kept.begin(ATTEMPT)
    postgres.execute(
        database_url,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    await kept.end(number, [DONE], left=left(1))
    assert (await kept.latest(1))[0].steps == (DONE,)


@pytest.mark.parametrize(
    "change",
    [
        {"who": ""},
        {"command": ""},
        {"digest": "abc"},
        {"target": dataclasses.replace(TARGET, namespace="")},
    ],
    ids=lambda change: str(*change),
)
async def test_the_database_itself_refuses_what_makes_no_sense(kept: audit.Audit, change: dict[str, Any]) -> None:
    with pytest.raises(errors.StoreError, match="violates check constraint"):
        await kept.begin(dataclasses.replace(ATTEMPT, **change))


async def test_the_database_itself_refuses_steps_of_no_apply_and_unknown_words(
    kept: audit.Audit, database_url: str
) -> None:
    number = await kept.begin(ATTEMPT)
    for wrong in (dataclasses.replace(DONE, verb="+"), dataclasses.replace(DONE, status="DONE")):
        with pytest.raises(errors.StoreError, match="violates check constraint"):
            await kept.end(number, [wrong], left=left(1))
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        postgres.execute(database_url, "INSERT INTO apply_steps VALUES (99, 1, 'a', 'create', 'done', '')")
    for half in ("ended_at = now()", "managed = 1", "error = 'why'"):
        with pytest.raises(psycopg.errors.CheckViolation):
            postgres.execute(database_url, psycopg.sql.SQL("UPDATE applies SET {}").format(psycopg.sql.SQL(half)))


async def test_an_end_whose_session_is_lost_is_recorded_on_the_next(
    kept: audit.Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await kept.begin(ATTEMPT)
    once = iter([errors.StoreError("the connection was lost")])
    opened = database.opened

    def losing(url: str, **options: Any) -> contextlib.AbstractAsyncContextManager[database.Connection]:
        for error in once:
            raise error
        return opened(url, **options)

    monkeypatch.setattr(database, "opened", losing)
    await kept.end(number, [DONE], left=observed.Left(managed=1, present=1))
    (found,) = await kept.latest(1)
    assert (found.ended_at is not None, found.steps) == (True, (DONE,))


async def test_an_end_that_was_recorded_although_its_answer_was_lost_is_no_error(
    kept: audit.Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await kept.begin(ATTEMPT)
    opened = database.opened
    times = itertools.count()

    @contextlib.asynccontextmanager
    async def losing(url: str, **options: Any) -> AsyncIterator[database.Connection]:
        async with opened(url, **options) as connection:
            yield connection
        if next(times) == 0:
            raise errors.StoreError("the connection was lost")

    monkeypatch.setattr(database, "opened", losing)
    await kept.end(number, [DONE], left=observed.Left(managed=1, present=1))
    (found,) = await kept.latest(1)
    assert found.steps == (DONE,)


async def test_a_database_that_stops_answering_is_waited_for_a_while_only(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.5)
    async with audit.opened(settings.Database(url=database_url)) as kept:
        number = await kept.begin(ATTEMPT)
        with psycopg.connect(database_url, options=postgres.PATH) as other:
            other.execute("LOCK TABLE applies IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(errors.StoreError, match=r"did not respond within 0\.5 s"):
                await kept.end(number, [DONE], left=observed.Left(managed=1, present=1))
        await kept.end(number, [DONE], left=observed.Left(managed=1, present=1))


def reading(charter: str = "a", *, minutes: int = 0) -> ports.Reading:
    read_at = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC) + datetime.timedelta(minutes=minutes)
    return ports.Reading(charter=charter * 64, salt=b"0123456789abcdef", read_at=read_at)


async def recorded(kept: audit.Audit, readings: dict[str, ports.Reading], **changes: Any) -> None:
    """Record an apply that found these schedules as declared."""
    number = await kept.begin(dataclasses.replace(ATTEMPT, target=dataclasses.replace(TARGET, **changes)))
    await kept.end(number, [], left=left(1), readings=readings)


async def test_the_latest_reading_of_each_schedule_is_kept(kept: audit.Audit, database_url: str) -> None:
    chosen = settings.Database(url=database_url)
    assert await audit.readings(chosen, TARGET) == {}
    await recorded(kept, {"governance:a": reading(), "governance:b": reading()})
    later = reading("b", minutes=5)
    await recorded(kept, {"governance:b": later}, owner="another")
    assert await audit.readings(chosen, TARGET) == {"governance:a": reading(), "governance:b": later}
    namespace, server = (
        dataclasses.replace(TARGET, namespace="other"),
        dataclasses.replace(TARGET, address="other:7233"),
    )
    assert [await audit.readings(chosen, other) for other in (namespace, server)] == [{}, {}]


async def test_a_reading_ends_when_its_schedule_is_to_be_changed_or_is_no_longer_declared(
    kept: audit.Audit, database_url: str
) -> None:
    chosen = settings.Database(url=database_url)
    all_ids = ("governance:a", "governance:b", "governance:c")
    await recorded(kept, dict.fromkeys(all_ids, reading()))
    await recorded(kept, {"governance:d": reading()}, owner="another")
    await kept.begin(ATTEMPT, doubtful=["governance:a"])  # a part of the charters
    assert (await audit.readings(chosen, TARGET)).keys() == {"governance:b", "governance:c", "governance:d"}
    await kept.begin(ATTEMPT, declared=["governance:b"])
    assert (await audit.readings(chosen, TARGET)).keys() == {"governance:b", "governance:d"}
    await kept.begin(ATTEMPT, doubtful=["governance:d"])  # is taken over
    assert (await audit.readings(chosen, TARGET)).keys() == {"governance:b"}


@pytest.mark.parametrize(
    "text", ["infinity", "-infinity", "0044-03-15 00:00:00+00 BC", "12026-01-01 00:00:00+00", "9999-12-31 23:59:59-12"]
)
async def test_a_time_that_cannot_be_represented_confirms_nothing_and_hides_nothing(
    kept: audit.Audit, database_url: str, text: str
) -> None:
    await recorded(kept, {"governance:a": reading()})
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("UPDATE reconciler.readings SET read_at = %s::timestamptz", (text,))
        await connection.execute(
            "UPDATE reconciler.applies SET started_at = %(at)s::timestamptz, ended_at = %(at)s::timestamptz",
            {"at": text},
        )
    now = datetime.datetime.now(datetime.UTC)
    (found,) = (await audit.readings(settings.Database(url=database_url), TARGET)).values()
    assert not datetime.timedelta(0) <= now - found.read_at < settings.LONGEST
    (record,) = await kept.latest(1)
    assert record.ended_at == record.attempt.started_at == found.read_at


async def test_an_end_that_fails_records_no_reading(kept: audit.Audit, database_url: str) -> None:
    number = await kept.begin(ATTEMPT)
    with pytest.raises(errors.StoreError, match="duplicate key"):
        await kept.end(number, [DONE, DONE], left=left(1), readings={"governance:a": reading()})
    assert await audit.readings(settings.Database(url=database_url), TARGET) == {}


async def test_an_id_that_would_not_be_kept_as_it_is_has_no_reading(kept: audit.Audit, database_url: str) -> None:
    await recorded(kept, {"governance:\0": reading(), "governance:a": reading()})
    assert (await audit.readings(settings.Database(url=database_url), TARGET)).keys() == {"governance:a"}


async def test_reading_the_record_creates_no_tables(database_url: str) -> None:
    assert await audit.readings(settings.Database(url=database_url), TARGET) == {}
    assert postgres.execute(database_url, "SELECT to_regnamespace('reconciler')") == [(None,)]
