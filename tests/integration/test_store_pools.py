"""Sessions that are shared, lost and replaced, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from psycopg import sql

from reconciler import errors
from reconciler.postgres import database, pools
from tests.support import postgres, relay, remote

SECRET = "hunter2/@:%"  # noqa: S105  # no password of anything
OURS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'reconciler' AND pid <> pg_backend_pid()
"""
END = OURS.replace("count(*)", "pg_terminate_backend(pid, 5000)")


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[pools.Pool]:
    async with pools.opened(database_url, ("public",)) as opened:
        yield opened


@contextlib.contextmanager
def away(server: str, url: str) -> Iterator[None]:
    """Let the server take no session of a database, and end those there are: what a restart looks like."""
    ((name,),) = postgres.execute(url, "SELECT current_database()::text")
    named = sql.Identifier(name)
    postgres.execute(server, sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(named))
    postgres.execute(server, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", name)
    try:
        yield
    finally:
        postgres.execute(server, sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(named))


async def at_once(pool: pools.Pool, count: int) -> None:
    """Use so many sessions at the same time."""
    all_there = asyncio.Barrier(count)

    async def one() -> None:
        async with pool.session() as connection:
            await connection.execute("SELECT 1")
            async with asyncio.timeout(15):
                await all_there.wait()

    await asyncio.gather(*(one() for _ in range(count)))


async def test_as_many_sessions_as_wanted_are_shared_by_many_more(pool: pools.Pool, database_url: str) -> None:
    await at_once(pool, pools.SIZE)
    assert postgres.execute(database_url, OURS) == [(pools.SIZE,)]

    async def asked(number: int) -> int:
        async with pool.session() as connection:
            row = await (await connection.execute("SELECT %s::integer AS n", (number,))).fetchone()
        assert row is not None
        return int(row["n"])

    assert await asyncio.gather(*map(asked, range(300))) == list(range(300))
    assert postgres.execute(database_url, OURS) == [(pools.SIZE,)]


async def test_sessions_end_with_the_pool(database_url: str) -> None:
    async with pools.opened(database_url, ("public",), size=3) as pool:
        await at_once(pool, 3)

    async def have_ended() -> bool:  # the server notices a moment later
        return postgres.execute(database_url, OURS) == [(0,)]

    await remote.until(have_ended)


async def test_the_next_call_works_after_every_session_was_ended(pool: pools.Pool, database_url: str) -> None:
    for _ in range(3):
        await at_once(pool, pools.SIZE)
        assert postgres.execute(database_url, END) == [(True,)] * pools.SIZE
        async with asyncio.timeout(5):
            await pool.ping()
    await at_once(pool, pools.SIZE)


async def test_a_session_that_is_ended_in_a_call_fails_that_call_alone(pool: pools.Pool, database_url: str) -> None:
    async def cut() -> None:
        async with pool.session() as connection:
            postgres.execute(database_url, END)
            await connection.execute("SELECT 1")

    with pytest.raises(errors.StoreError, match=r"database test_\w+ at .* failed: terminating connection") as caught:
        await cut()
    assert caught.value.hint == "check that PostgreSQL is running there, then try again"
    await pool.ping()


async def test_what_a_call_did_in_a_transaction_that_fails_is_undone(pool: pools.Pool, database_url: str) -> None:
    postgres.execute(database_url, "CREATE TABLE kept (n integer)")

    async def failing() -> None:
        async with pool.transaction() as connection:
            await connection.execute("INSERT INTO kept VALUES (1)")
            await connection.execute("SELECT 1 / 0")

    with pytest.raises(errors.StoreError, match="division by zero"):
        await failing()
    async with pool.transaction() as connection:
        await connection.execute("INSERT INTO kept VALUES (2)")
    async with pool.session() as connection:
        await connection.execute("INSERT INTO kept VALUES (3)")  # no transaction goes on
    assert postgres.execute(database_url, "SELECT n FROM kept ORDER BY n") == [(2,), (3,)]


async def test_a_database_that_is_away_is_an_error_in_time_and_once_it_is_back_the_next_call_works(
    database_server: str, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with postgres.role(database_url, "LOGIN PASSWORD 'hunter2/@:%'") as role:
        postgres.execute(database_url, sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(role)))
        url = postgres.altered(database_url, user=role, password=SECRET)
        async with pools.opened(url, ("public",), size=3, give_up=4) as pool:
            await at_once(pool, 3)
            with away(database_server, database_url):
                async with asyncio.timeout(8):
                    ended = await asyncio.gather(*(pool.ping() for _ in range(5)), return_exceptions=True)
                assert {type(each) for each in ended} == {errors.StoreError}
                assert str(ended[0]) == f"{database.place(url)} did not provide a session within 4 s"
                assert isinstance(ended[0], errors.StoreError)
                assert ended[0].hint == "check that PostgreSQL is running there, then try again"
                assert ended[0].__cause__ is None
            await pool.ping()
            await at_once(pool, 3)
    assert [each for each in (SECRET, "hunter2", "%40") if each in caplog.text] == []


async def test_a_pool_whose_sessions_are_all_in_use_says_so_in_time(database_url: str) -> None:
    async with pools.opened(database_url, ("public",), size=1, give_up=0.3) as pool:
        async with pool.session():
            with pytest.raises(errors.StoreError, match=r"did not provide a session within 0\.3 s"):
                await pool.ping()
        await pool.ping()


async def test_a_database_that_is_silent_is_an_error_in_time_and_costs_the_pool_no_session(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.5)
    async with relay.running(database_url) as wire, pools.opened(wire.url, ("public",), size=2) as pool:
        await at_once(pool, 2)
        wire.hold()
        async with asyncio.timeout(15):
            ended = await asyncio.gather(*(pool.ping() for _ in range(4)), return_exceptions=True)
        assert [str(each).endswith(" did not respond within 0.5 s") for each in ended] == [True] * 4
        wire.flow()
        monkeypatch.undo()
        await at_once(pool, 2)


async def asking_a_silent_database(pool: pools.Pool, wire: relay.Relay) -> None:
    async with pool.transaction() as connection:
        wire.hold()
        await connection.execute("SELECT 1")


async def test_a_query_of_a_database_that_goes_silent_is_an_error_in_time(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver would wait 10 seconds more for the server to end the query."""
    monkeypatch.setattr(database, "PATIENCE", 0.5)
    async with relay.running(database_url) as wire, pools.opened(wire.url, ("public",), size=2) as pool:
        async with asyncio.timeout(8):
            with pytest.raises(errors.StoreError, match=r"did not respond within 0\.5 s"):
                await asking_a_silent_database(pool, wire)
        wire.flow()
        monkeypatch.undo()
        await at_once(pool, 2)


async def test_who_gives_up_while_waiting_or_asking_costs_the_pool_no_session(pool: pools.Pool) -> None:
    async def hurried(seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), pool.session() as connection:
                await connection.execute("SELECT pg_sleep(0.005)")

    await asyncio.gather(*(hurried(number / 2000) for number in range(100)))
    await at_once(pool, pools.SIZE)


async def test_one_caller_leaves_sessions_for_the_others(database_url: str) -> None:
    async with pools.opened(database_url, ("public",), size=4, give_up=0.5) as pool:
        async with pool.session(caller="alice"), pool.session(caller="alice"):
            with pytest.raises(errors.BusyError, match="other requests from this caller"):
                async with pool.session(caller="alice"):
                    pass
            async with pool.session(caller="bob"), pool.session(caller="bob"):
                pass
        async with pool.session(caller="alice"):
            pass


async def test_a_row_that_another_session_locks_takes_one_session_and_not_for_long(database_url: str) -> None:
    postgres.execute(database_url, "CREATE TABLE kept (n integer)")
    postgres.execute(database_url, "INSERT INTO kept VALUES (1)")

    async def write(pool: pools.Pool) -> None:
        async with pool.session(row="kept 1") as connection:
            await connection.execute("UPDATE kept SET n = n + 1")

    async with pools.opened(database_url, ("public",), size=2) as pool:
        with psycopg.connect(database_url) as other:
            other.execute("SELECT FROM kept FOR UPDATE")
            writes = [asyncio.create_task(write(pool)) for _ in range(5)]
            ended, _ = await asyncio.wait(writes, return_when=asyncio.FIRST_COMPLETED)
            await pool.ping()
        (first,) = ended
        assert isinstance(first.exception(), errors.BusyError)
        assert str(first.exception()).endswith("failed: canceling statement due to lock timeout")
        await asyncio.gather(*(each for each in writes if each not in ended))
    assert postgres.execute(database_url, "SELECT n FROM kept") == [(5,)]


async def test_sessions_keep_the_search_path_after_a_rollback_and_after_a_pooler_reset_them(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "_ASK_AFTER", 0.0)
    shown = "SELECT current_setting('search_path') AS path, current_setting('lock_timeout') AS wait"
    path = ("Ours", 'a "b" %s')
    async with pools.opened(database_url, path, size=1) as pool:
        for change in ("SET LOCAL search_path TO public", "SET search_path TO public", "SELECT 1 / 0"):
            with contextlib.suppress(errors.StoreError):
                async with pool.transaction() as connection:
                    await connection.execute(change)
                    raise errors.StoreError("rolled back")
            async with pool.session() as connection:
                row = await (await connection.execute(shown)).fetchone()
                assert row == {"path": '"Ours", "a ""b"" %s"', "wait": "2s"}
        async with pool.session() as connection:
            await connection.execute("DISCARD ALL")
        async with pool.session() as connection:
            assert await (await connection.execute(shown)).fetchone() == row
