"""What one caller, one row or one slow client may use up of the service, so that the others are answered."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from concurrent import futures

import psycopg
import pytest

from tests.support import postgres, program, proxy, service
from tools import devserver

ALL_SESSIONS = 12  # requests at once, which is more than the service has sessions with the database


@pytest.fixture(scope="module")
def served(shared_program: program.Program, database_server: str) -> Iterator[service.Service]:
    shared_program.declare("governance: {schedules: []}\n")
    with service.shared(shared_program, database_server, "--rate-limit", "200/minute") as found:
        yield found


@contextlib.contextmanager
def locked(served: service.Service, schedule_id: str) -> Iterator[None]:
    """Lock a schedule's row in a transaction of another session."""
    with psycopg.connect(served.database_url, options=postgres.PATH) as other:
        other.execute("SELECT FROM schedules WHERE id = %s FOR UPDATE", (schedule_id,))
        yield


def test_a_locked_row_fails_its_own_requests_and_no_others(served: service.Service) -> None:
    with served.user() as user, served.user() as other, futures.ThreadPoolExecutor(ALL_SESSIONS) as pool:
        schedule = user.post(service.SCHEDULES, json=service.wanted()).json()
        with locked(served, schedule["id"]):

            def change(number: int) -> int:
                headers = {"If-Match": "*"}
                body = {"input": {"number": number}}
                return user.patch(f"{service.SCHEDULES}/{schedule['id']}", json=body, headers=headers).status_code

            changes = [pool.submit(change, number) for number in range(ALL_SESSIONS)]
            while not futures.wait(changes, timeout=0.2, return_when=futures.FIRST_COMPLETED).done:
                assert user.get(service.SCHEDULES).status_code == 200
                assert other.get(service.SCHEDULES).status_code == 200
            answers = [each.result() for each in changes]
            assert set(answers) == {503}
        assert change(ALL_SESSIONS) == 200


def test_a_request_for_a_locked_row_is_told_to_try_again(served: service.Service) -> None:
    with served.user() as user:
        schedule = user.post(service.SCHEDULES, json=service.wanted()).json()
        with locked(served, schedule["id"]):
            answer = user.post(f"{service.SCHEDULES}/{schedule['id']}/pause")
        problem = service.problem(answer, 503)
        assert problem["type"] == "/problems/busy"
        assert answer.headers["Retry-After"] == "5"
        assert user.post(f"{service.SCHEDULES}/{schedule['id']}/pause").json()["enabled"] is False


def test_by_default_a_schedule_fires_once_a_minute_at_most(served: service.Service) -> None:
    with served.user() as user:
        assert user.post(service.SCHEDULES, json=service.wanted(cron="* * * * *")).status_code == 201
        assert user.post(service.SCHEDULES, json=service.wanted(cron="* * * * * * *")).status_code == 422


def test_however_many_ask_whether_it_is_ready_the_parts_are_asked_once_at_a_time(
    dev_server: devserver.DevServer, reconciler: program.Program, database_url: str
) -> None:
    checks: list[str] = []
    with proxy.running(dev_server.address) as before_server:
        before_server.restart(lambda _, name: checks.append(name))
        run = dataclasses.replace(reconciler, address=before_server.address)
        with (
            service.running(run, database_url, "--repair-every", "0s") as served,
            served.client() as client,
            futures.ThreadPoolExecutor(ALL_SESSIONS) as pool,
        ):
            asked = 30 * ALL_SESSIONS
            statuses = set(pool.map(lambda _: client.get("/readyz").status_code, range(asked)))
    assert statuses <= {200, 503}  # on a busy machine the parts may not answer in time
    assert 1 <= checks.count("DescribeSchedule") < asked / 3


def test_a_caller_has_a_quota_of_schedules_and_a_shortest_interval(
    reconciler: program.Program, database_url: str
) -> None:
    given = ("--repair-every", "0s", "--max-schedules", "2", "--min-interval", "1h")
    with service.running(reconciler, database_url, *given) as served, served.user() as user, served.user() as other:
        often = user.post(service.SCHEDULES, json=service.wanted(cron="0,30 * * * *"))
        assert service.problem(often, 422)["errors"] == [
            {
                "pointer": "#/cron",
                "detail": "fires twice within 30m; the minimum interval is 1h",
                "hint": "choose times that are farther apart",
            }
        ]
        first = user.post(service.SCHEDULES, json=service.wanted(cron="0 * * * *"))
        assert (first.status_code, user.post(service.SCHEDULES, json=service.wanted()).status_code) == (201, 201)
        problem = service.problem(user.post(service.SCHEDULES, json=service.wanted()), 403)
        assert (problem["type"], problem["hint"]) == ("/problems/quota", "delete one that you do not need")
        where, any_revision = first.headers["Location"], {"If-Match": "*"}
        often = user.patch(where, json={"cron": "@every 59m"}, headers=any_revision)
        assert service.problem(often, 422)["errors"][0]["pointer"] == "#/cron"
        postgres.execute(database_url, "UPDATE schedules SET cron = '* * * * *' WHERE cron = '0 * * * *'")
        kept = user.patch(where, json={"input": {"a": 1}}, headers=any_revision)  # declared before the limit was
        assert kept.status_code == 200
        assert other.post(service.SCHEDULES, json=service.wanted()).status_code == 201
        assert user.delete(where).status_code == 204
        assert user.post(service.SCHEDULES, json=service.wanted()).status_code == 201


def test_unknown_callers_are_limited_before_their_tokens_are_looked_up_and_known_ones_are_not(
    served: service.Service,
) -> None:
    """The last test here: it uses up what this address may try. A look-up would be a 503 meanwhile."""
    with served.user() as user, served.client("unknown") as unknown, served.client("another") as another:
        assert user.get(service.SCHEDULES).status_code == 200
        while (answer := unknown.get(service.SCHEDULES)).status_code == 401:
            pass
        service.problem(answer, 429)
        with psycopg.connect(served.database_url, options=postgres.PATH) as session:
            session.execute("LOCK TABLE execution_grants IN ACCESS EXCLUSIVE MODE")
            service.problem(another.get(service.SCHEDULES), 429)
            service.problem(user.get(service.SCHEDULES), 503)
        assert user.get(service.SCHEDULES).status_code == 200
