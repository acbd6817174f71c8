"""Users' schedules over HTTP, on one service for all tests here; each test has callers of its own."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import http.client
import json
import pathlib
import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import hypothesis
import pytest
import temporalio.client
import temporalio.common
import temporalio.service
from hypothesis import strategies as st

from reconciler import settings
from reconciler.platform import repair, users
from reconciler.platform.postgres import tables
from reconciler.schedule import governed, model, observed
from tests.support import postgres, program, remote, service

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs/service.md"
OF_ONE_SCHEDULE = ("id", "temporal_schedule_id", "db_schedule_id", "next_run_at", "created_at", "updated_at")
SCHEDULED = temporalio.common.SearchAttributeKey.for_datetime("TemporalScheduledStartTime")


@pytest.fixture(scope="module")
def served(shared_program: program.Program, database_server: str) -> Iterator[service.Service]:
    with service.shared(shared_program, database_server) as found:
        yield found


@pytest.fixture
def user(served: service.Service) -> Iterator[httpx.Client]:
    with served.user() as client:
        yield client


def created(user: httpx.Client, **changes: Any) -> dict[str, Any]:
    """Make a schedule and return it."""
    answer = user.post(service.SCHEDULES, json=service.wanted(**changes))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def path(schedule: dict[str, Any], more: str = "") -> str:
    """Return where a schedule is."""
    return f"{service.SCHEDULES}/{schedule['id']}{more}"


def live(served: service.Service, schedule: dict[str, Any]) -> observed.Live | None:
    """Return what Temporal has of a schedule."""

    async def described() -> observed.Live | None:
        server = await remote.connected(served.run.address, served.run.namespace)
        return await server.schedules.describe(schedule["id"])

    return asyncio.run(described())


def there(served: service.Service, schedule: dict[str, Any]) -> model.Schedule:
    """Return a schedule that Temporal has."""
    found = live(served, schedule)
    assert found is not None
    return found.schedule


async def pause_by_hand(served: service.Service, schedule: dict[str, Any], note: str) -> None:
    """Pause a schedule in Temporal itself."""
    raw = await remote.raw(served.run.address, served.run.namespace)
    proto = (await raw.describe(schedule["id"])).schedule
    proto.state.paused, proto.state.notes = True, note
    await raw.update(schedule["id"], proto)


async def fired(served: service.Service, schedule: dict[str, Any]) -> int:
    """Wait until a schedule has fired, and return how often."""
    raw = await remote.raw(served.run.address, served.run.namespace)

    async def has_fired() -> bool:
        return (await raw.describe(schedule["id"])).info.action_count > 0

    await remote.until(has_fired)
    return (await raw.describe(schedule["id"])).info.action_count


async def run_times(served: service.Service, schedule: dict[str, Any]) -> list[datetime.datetime]:
    """Return for when a schedule's recent runs are, as each of them is told, and with it its record."""
    server = await remote.connected(served.run.address, served.run.namespace)
    client = await temporalio.client.Client.connect(served.run.address, namespace=served.run.namespace)
    found = await server.schedules.describe(schedule["id"])
    assert found is not None
    reported = [await client.get_workflow_handle(each.workflow_id).describe() for each in found.history.recent]
    return [each.typed_search_attributes[SCHEDULED] for each in reported]


async def end_runs(served: service.Service, schedule: dict[str, Any]) -> None:
    """End what a schedule has under way, as no worker does here, and wait until the schedule knows."""
    server = await remote.connected(served.run.address, served.run.namespace)
    client = await temporalio.client.Client.connect(served.run.address, namespace=served.run.namespace)

    async def none_goes_on() -> bool:
        found = await server.schedules.describe(schedule["id"])
        assert found is not None
        for each in found.history.running:
            with contextlib.suppress(temporalio.service.RPCError):  # it has ended by now
                await client.get_workflow_handle(each).terminate()
        return not found.history.running

    await remote.until(none_goes_on)


def test_the_documented_request_creates_the_documented_schedule(user: httpx.Client) -> None:
    page = DOCUMENT.read_text(encoding="utf-8")
    [body] = re.findall(r"^```http\nPOST /api/v1/schedules\n.*?^(\{.*?\})\n```$", page, re.DOTALL | re.MULTILINE)
    [shown] = re.findall(r"^```json\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    documented = json.loads(shown)
    answer = user.post(service.SCHEDULES, json=json.loads(body))
    assert answer.status_code == 201, answer.text
    schedule = answer.json()
    assert {**schedule, **{name: documented[name] for name in OF_ONE_SCHEDULE}} == documented
    assert {name for name in OF_ONE_SCHEDULE if not schedule[name]} == set()


def test_a_schedule_has_a_row_first_and_its_uuid_is_its_id_in_temporal(
    served: service.Service, user: httpx.Client
) -> None:
    answer = user.post(service.SCHEDULES, json=service.wanted())
    made = answer.json()
    assert answer.headers["Location"] == path(made)
    assert answer.headers["ETag"] == '"1"'
    assert made["temporal_schedule_id"] == made["db_schedule_id"] == made["id"]
    assert (made["synced"], made["revision"], made["enabled"]) == (True, 1, True)
    now = datetime.datetime.now(datetime.UTC)
    first = datetime.datetime(now.year + 1, 1, 1, 2, tzinfo=datetime.UTC)
    assert datetime.datetime.fromisoformat(made["next_run_at"]) == first
    found = there(served, made)
    assert found.action.workflow == governed.WORKFLOW
    assert found.action.arguments == (
        {
            "temporalScheduleId": made["id"],
            "dbScheduleId": made["id"],
            "charter": None,
            "entrypoint": "REPORT",
            "input": {"to": "me"},
        },
    )
    assert user.get(path(made)).json() == made


def test_a_change_a_pause_a_resume_and_a_deletion_reach_temporal(served: service.Service, user: httpx.Client) -> None:
    made = created(user)
    changed = user.patch(path(made), json={"cron": "30 4 * * *"}, headers={"If-Match": '"1"'}).json()
    assert (changed["cron"], changed["revision"], changed["synced"]) == ("30 4 * * *", 2, True)
    found = there(served, made)
    assert found.timing.calendars[0].minute == (30,)
    paused = user.post(path(made, "/pause")).json()
    assert (paused["enabled"], paused["next_run_at"], paused["synced"]) == (False, None, True)
    found = there(served, made)
    assert found.paused
    assert user.post(path(made, "/pause")).json()["revision"] == paused["revision"]  # it is paused already
    resumed = user.post(path(made, "/resume")).json()
    assert (resumed["enabled"], resumed["next_run_at"] is None) == (True, False)
    found = there(served, made)
    assert not found.paused
    assert user.delete(path(made)).status_code == 204
    assert live(served, made) is None
    service.problem(user.get(path(made)), 404)
    service.problem(user.delete(path(made)), 404)
    assert postgres.execute(
        served.database_url, "SELECT deleted_at IS NOT NULL FROM schedules WHERE id = %s", uuid.UUID(made["id"])
    ) == [(True,)]


def test_a_pause_by_hand_outlasts_a_change_and_not_the_owners_resume(
    served: service.Service, user: httpx.Client
) -> None:
    made = created(user)
    asyncio.run(pause_by_hand(served, made, "the disk is full"))
    changed = user.patch(path(made), json={"cron": "30 4 * * *"}, headers={"If-Match": '"1"'}).json()
    assert changed["synced"]
    found = there(served, made)
    assert (found.paused, found.note) == (True, "the disk is full")
    assert user.post(path(made, "/resume")).json()["synced"]
    found = there(served, made)
    assert not found.paused


def test_another_users_schedule_is_one_that_does_not_exist(served: service.Service, user: httpx.Client) -> None:
    made = created(user)
    no_one = {"id": str(uuid.uuid4())}
    with served.user() as other:
        for schedule in (made, no_one):
            answers = [
                other.get(path(schedule)),
                other.patch(path(schedule), json={"cron": "0 1 * * *"}, headers={"If-Match": '"1"'}),
                other.delete(path(schedule)),
                other.post(path(schedule, "/pause")),
                other.post(path(schedule, "/resume")),
                other.post(path(schedule, "/run")),
                other.get(path(schedule, "/runs")),
            ]
            for answer in answers:
                body = service.problem(answer, 404)
                assert body["detail"] == f"schedule {schedule['id']} does not exist"
        assert other.get(service.SCHEDULES).json() == {"items": [], "next": None}
    assert user.get(path(made)).json()["revision"] == 1


def test_a_grant_reaches_as_far_as_its_scopes(served: service.Service) -> None:
    subject = f"user-{uuid.uuid4()}"
    with served.user("REPORT", subject=subject) as user, served.user("OTHER", subject=subject) as narrow:
        body = service.problem(user.post(service.SCHEDULES, json=service.wanted(workflow="OTHER")), 403)
        assert body["detail"] == 'this grant does not cover the workflow "OTHER"'
        made = created(user)
        service.problem(user.patch(path(made), json={"workflow": "OTHER"}, headers={"If-Match": '"1"'}), 403)
        missing = {"detail": f"schedule {made['id']} does not exist"}  # it is the same subject's, by another grant
        for action in ("/run", "/pause", "/resume"):
            assert missing.items() <= service.problem(narrow.post(path(made, action)), 404).items()
        for answer in (narrow.get(path(made)), narrow.get(path(made, "/runs")), narrow.delete(path(made))):
            assert missing.items() <= service.problem(answer, 404).items()
        for wanted in ({"input": {"to": "them"}}, {"workflow": "OTHER"}, {"enabled": False}, {"cron": "0 1 * * *"}):
            service.problem(narrow.patch(path(made), json=wanted, headers={"If-Match": '"1"'}), 404)
        other = created(narrow, workflow="OTHER")
        listed = {each.get(service.SCHEDULES).json()["items"][0]["id"] for each in (user, narrow)}
        assert listed == {made["id"], other["id"]}
        assert [len(each.get(service.SCHEDULES).json()["items"]) for each in (user, narrow)] == [1, 1]
        assert user.get(path(made)).json()["revision"] == 1


def test_a_replay_shows_no_schedule_that_the_grant_no_longer_covers(served: service.Service) -> None:
    subject = f"user-{uuid.uuid4()}"
    with served.user("REPORT", subject=subject) as user, served.user("*", subject=subject) as wide:
        key = {"Idempotency-Key": str(uuid.uuid4())}
        made = user.post(service.SCHEDULES, json=service.wanted(), headers=key).json()
        wide.patch(path(made), json={"workflow": "OTHER"}, headers={"If-Match": '"1"'}).raise_for_status()
        assert user.post(service.SCHEDULES, json=service.wanted(), headers=key).json() == made
        forget = "UPDATE schedules SET create_response = NULL WHERE id = %s"  # as if the service had ended before it
        postgres.execute(served.database_url, forget, made["id"])
        service.problem(user.post(service.SCHEDULES, json=service.wanted(), headers=key), 403)
        wide.delete(path(made)).raise_for_status()
        postgres.execute(served.database_url, "UPDATE schedules SET workflow = 'REPORT' WHERE id = %s", made["id"])
        service.problem(user.post(service.SCHEDULES, json=service.wanted(), headers=key), 410)


def test_a_grant_that_expired_or_was_revoked_is_an_unknown_token(served: service.Service) -> None:
    grant, token = served.granted(expires_in=datetime.timedelta(hours=1))
    with served.client(token) as user, served.client("rcn_nobodys") as unknown:
        assert user.get(service.SCHEDULES).status_code == 200
        update = "UPDATE execution_grants SET revoked_at = clock_timestamp() WHERE id = %s"
        postgres.execute(served.database_url, update, grant.id)
        wrong = service.problem(unknown.get(service.SCHEDULES), 401)
        assert service.problem(user.get(service.SCHEDULES), 401) == wrong
        back = "UPDATE execution_grants SET revoked_at = NULL, created_at = now() - interval '2 h', "
        past = "expires_at = now() - interval '1 h' WHERE id = %s"
        postgres.execute(served.database_url, back + past, grant.id)
        answer = user.get(service.SCHEDULES)
        assert service.problem(answer, 401) == wrong
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"cron": "61 * * * *"}, ["#/cron"]),
        ({"timezone": "Nowhere/Town"}, ["#/timezone"]),
        ({"cron": "not", "timezone": "Nowhere/Town"}, ["#/cron", "#/timezone"]),
        ({"input": {"a": "\x00"}}, ["#/input"]),
        ({"workflow": ""}, ["#/workflow"]),
        ({"crom": "x"}, ["#/crom"]),
        ({"a/b~c": "x"}, ["#/a~1b~0c"]),
        ({"enabled": "yes"}, ["#/enabled"]),
        ({"input": [1]}, ["#/input"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_cannot_be_a_schedule_is_told_by_its_keys(
    user: httpx.Client, changes: dict[str, Any], pointers: list[str]
) -> None:
    body = service.problem(user.post(service.SCHEDULES, json=service.wanted(**changes)), 422)
    assert sorted({each["pointer"] for each in body["errors"]}) == pointers
    assert all(each["detail"] for each in body["errors"])
    assert user.get(service.SCHEDULES).json()["items"] == []


def test_text_that_utf_8_does_not_have_is_refused_and_told_of(served: service.Service) -> None:
    json = {"Content-Type": "application/json"}
    key = r'{"cron": "0 3 * * *", "workflow": "REPORT", "\ud800": 1}'
    workflow = r'{"cron": "0 3 * * *", "workflow": "\ud800"}'
    with served.user("REPORT") as user, served.user() as anything:
        service.problem(user.post(service.SCHEDULES, content=key, headers=json), 422)
        assert r"\ud800" in service.problem(user.post(service.SCHEDULES, content=workflow, headers=json), 403)["detail"]
        body = service.problem(anything.post(service.SCHEDULES, content=workflow, headers=json), 422)
        assert [each["pointer"] for each in body["errors"]] == ["#/workflow"]


async def differing(served: service.Service, ids: set[str]) -> list[str]:
    """Return which of these schedules a repair would write."""
    server = await remote.connected(served.run.address, served.run.namespace)
    async with tables.opened(settings.Database(url=served.database_url), size=1) as store:
        target = server.target(users.PREFIXES, await store.schedules.owner(), of_users=True)
        found = await repair.repair(store.schedules, server.schedules, target, keep_manual_pauses=True)
    return [change.id for change in found.plan.steps if change.id in ids] + sorted(ids & found.unread.keys())


def posted(user: httpx.Client, value: str) -> httpx.Response:
    """Ask for a schedule whose input holds a value, in the JSON text given."""
    body = f'{{"cron": "0 9 1 1 *", "workflow": "daily", "input": {{"a": {value}}}}}'
    return user.post(service.SCHEDULES, content=body, headers={"Content-Type": "application/json"})


def synced_input(user: httpx.Client, value: str) -> str:
    """Make a schedule whose input holds a value, and return its id once Temporal has it."""
    answer = posted(user, value)
    assert answer.status_code == 201, (value[:80], answer.text[:300])
    assert answer.json()["synced"]
    id_: str = answer.json()["id"]
    return id_


NUMBERS = [
    *("1.0", "0.0", "-0.0", "1e2", "100e-2", "1e17", "1e18", "9007199254740993.0", "1152921504606847232.0", "9.3e18"),
    *("1e20", "100000000000000000000", "1e300", "1.7976931348623157e308", "5e-324", "0.1", "-1.5e-7"),
    *("9223372036854775807", "-9223372036854775808", "18446744073709551616"),
]


async def test_a_number_is_in_sync_however_it_is_written(served: service.Service, user: httpx.Client) -> None:
    values = [*NUMBERS, f"[{', '.join(NUMBERS)}]", "1" + "0" * 400, "[" * 119 + "]" * 119]
    ids = {await asyncio.to_thread(synced_input, user, value) for value in values}
    assert await differing(served, ids) == []


SLOW = [hypothesis.HealthCheck.too_slow]
PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
SPELLED = st.one_of(  # numbers as they come, not yet in canonical form
    st.integers(), st.integers().map(float), st.floats(allow_nan=False, allow_infinity=False)
)
INPUTS = st.recursive(
    SPELLED | st.none() | st.booleans() | PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
    max_leaves=6,
)


async def test_any_input_is_in_sync(served: service.Service, user: httpx.Client) -> None:
    ids = set()

    @hypothesis.settings(deadline=None, derandomize=True, database=None, max_examples=40, suppress_health_check=SLOW)
    @hypothesis.given(st.lists(INPUTS, max_size=5))
    def run(value: list[Any]) -> None:
        ids.add(synced_input(user, json.dumps(value)))

    await asyncio.to_thread(run)
    assert await differing(served, ids) == []


@pytest.mark.parametrize(
    "value", ["1e400", "NaN", "-Infinity", r'"\ud800"', "1" * 5_000, "[" * 120 + "]" * 120, "[" * 5_000 + "]" * 5_000],
    ids=["too large", "NaN", "infinity", "surrogate", "digits", "nested", "deeply nested"],
)  # fmt: skip
def test_an_input_that_cannot_be_kept_is_refused(user: httpx.Client, value: str) -> None:
    answer = posted(user, value)
    assert answer.status_code in (400, 422), answer.text
    service.problem(answer, answer.status_code)
    assert user.get(service.SCHEDULES).json()["items"] == []


def test_a_patch_is_checked_as_a_whole(user: httpx.Client) -> None:
    made = created(user)
    for wanted, pointer in (({"cron": "x"}, "#/cron"), ({"timezone": None}, "#"), ({"owner": "me"}, "#/owner")):
        body = service.problem(user.patch(path(made), json=wanted, headers={"If-Match": '"1"'}), 422)
        assert [each["pointer"] for each in body["errors"]] == [pointer]
    assert user.get(path(made)).json()["revision"] == 1


def test_pages_hold_everything_once_the_newest_first(user: httpx.Client) -> None:
    made = [created(user, enabled=number % 2 == 0)["id"] for number in range(5)]
    seen, cursor = [], None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = user.get(service.SCHEDULES, params=query).json()
        seen += [each["id"] for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == made[::-1]
    enabled = user.get(service.SCHEDULES, params={"enabled": True}).json()["items"]
    assert [each["id"] for each in enabled] == made[::-2]
    for query in ({"cursor": "?"}, {"limit": 0}, {"limit": 201}):
        assert service.problem(user.get(service.SCHEDULES, params=query), 422)["errors"][0]["parameter"] == next(
            iter(query)
        )


def test_a_key_makes_one_schedule_and_is_no_other_requests(served: service.Service, user: httpx.Client) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = user.post(service.SCHEDULES, json=service.wanted(), headers=key)
    again = user.post(service.SCHEDULES, json=service.wanted(), headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    body = service.problem(user.post(service.SCHEDULES, json=service.wanted(cron="1 1 * * *"), headers=key), 422)
    assert body["type"] == "/problems/idempotency-key-reused"
    with served.user() as other:  # keys are each caller's own
        assert other.post(service.SCHEDULES, json=service.wanted(), headers=key).json()["id"] != first.json()["id"]
    changed = user.patch(path(first.json()), json={"cron": "0 1 1 1 *"}, headers={"If-Match": '"1"'})
    assert changed.headers["ETag"] == '"2"'
    replayed = user.post(service.SCHEDULES, json=service.wanted(), headers=key)
    assert (replayed.status_code, replayed.json()) == (201, first.json())
    assert [each.headers["ETag"] for each in (first, replayed)] == ['"1"', '"1"']
    assert replayed.headers["Location"] == first.headers["Location"]
    user.delete(path(first.json()))
    replayed = user.post(service.SCHEDULES, json=service.wanted(), headers=key)
    assert (replayed.status_code, replayed.json()) == (201, first.json())
    service.problem(user.post(service.SCHEDULES, json=service.wanted(), headers={"Idempotency-Key": "k" * 256}), 422)


def test_conditions_are_kept(user: httpx.Client) -> None:
    made = created(user)
    where, wanted = path(made), {"cron": "30 4 * * *"}
    same = user.get(where, headers={"If-None-Match": '"1"'})  # what Temporal has of it may be other all the same
    assert (same.status_code, same.headers["ETag"]) == (200, '"1"')
    service.problem(user.patch(where, json=wanted), 428)
    assert service.problem(user.patch(where, json=wanted, headers={"If-Match": '"7"'}), 412)["revision"] == 1
    service.problem(user.patch(where, json=wanted, headers={"If-Match": 'W/"1"'}), 412)
    assert user.patch(where, json=wanted, headers={"If-Match": '"0", "1"'}).headers["ETag"] == '"2"'
    assert user.patch(where, json=wanted, headers={"If-Match": "*"}).headers["ETag"] == '"3"'
    service.problem(user.delete(where, headers={"If-Match": '"2"'}), 412)
    service.problem(user.post(where + "/pause", headers={"If-Match": '"2"'}), 412)
    assert user.delete(where, headers={"If-Match": '"3"'}).status_code == 204


async def test_of_ten_changes_to_one_revision_one_wins(served: service.Service) -> None:
    token = await asyncio.to_thread(served.token)
    async with httpx.AsyncClient(base_url=served.url, headers=service.bearer(token), timeout=service.TIMEOUT) as user:
        made = (await user.post(service.SCHEDULES, json=service.wanted())).json()

        async def change(minute: int) -> httpx.Response:
            wanted = {"cron": f"{minute} 4 * * *"}
            return await user.patch(path(made), json=wanted, headers={"If-Match": '"1"'})

        answers = await asyncio.gather(*map(change, range(10)))
        won = [answer.json() for answer in answers if answer.status_code == 200]
        assert [answer.status_code for answer in answers].count(412) == 9
        assert (await user.get(path(made))).json()["cron"] == won[0]["cron"]
    found = await asyncio.to_thread(there, served, made)
    assert found.timing.calendars[0].minute == (int(won[0]["cron"].split()[0]),)


async def test_where_no_revision_is_named_everybody_wins(served: service.Service) -> None:
    token = await asyncio.to_thread(served.token)
    async with httpx.AsyncClient(base_url=served.url, headers=service.bearer(token), timeout=service.TIMEOUT) as user:
        made = (await user.post(service.SCHEDULES, json=service.wanted())).json()
        anything = {"If-Match": "*"}
        answers = await asyncio.gather(
            *(user.patch(path(made), json={"input": {"n": n}}, headers=anything) for n in range(6)),
            *(user.post(path(made, each)) for each in ("/pause", "/resume") * 3),
        )
        assert {answer.status_code for answer in answers} == {200}
        assert (await user.get(path(made))).json()["revision"] >= 7


def test_what_cannot_be_read_any_more_can_be_paused_and_deleted(served: service.Service, user: httpx.Client) -> None:
    made = created(user)
    broken = "UPDATE schedules SET timezone = 'Atlantis/Old' WHERE id = %s"
    postgres.execute(served.database_url, broken, uuid.UUID(made["id"]))
    service.problem(user.patch(path(made), json={"cron": "0 1 * * *"}, headers={"If-Match": "*"}), 422)
    paused = user.post(path(made, "/pause"))
    assert (paused.status_code, paused.json()["enabled"], paused.json()["synced"]) == (200, False, True)
    assert there(served, made).paused
    service.problem(user.post(path(made, "/resume")), 422)
    assert user.delete(path(made)).status_code == 204


def test_run_now_fires_once_for_a_key(served: service.Service, user: httpx.Client) -> None:
    made = created(user, enabled=False)
    key = {"Idempotency-Key": "now"}
    first = user.post(path(made, "/run"), headers=key)
    again = user.post(path(made, "/run"), headers=key)
    assert (first.status_code, again.status_code, again.json()) == (202, 202, first.json())
    assert first.json()["scheduled_for"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert asyncio.run(fired(served, made)) == 1
    name = f"%:{made['id']}:now"
    rows = postgres.execute(
        served.database_url, "SELECT status, workflow FROM execution_requests WHERE idempotency_key LIKE %s", name
    )
    assert rows == [("done", "REPORT")]


def test_a_run_that_does_not_come_is_told_so_and_the_next_has_a_second_of_its_own(
    served: service.Service, user: httpx.Client
) -> None:
    made = created(user)

    def asked(key: str) -> httpx.Response:
        return user.post(path(made, "/run"), headers={"Idempotency-Key": key})

    first = asked("first").json()["scheduled_for"]
    skipped = asked("second")
    assert (service.problem(skipped, 409)["type"], skipped.headers.get("Idempotency-Replayed")) == (
        "/problems/skipped",
        None,
    )
    again = asked("second")
    assert (service.problem(again, 409), again.headers["Idempotency-Replayed"]) == (skipped.json(), "true")
    asyncio.run(end_runs(served, made))
    third = asked("third").json()["scheduled_for"]
    asyncio.run(end_runs(served, made))
    fourth = asked("fourth").json()["scheduled_for"]
    assert first < third < fourth
    assert asked("first").json()["scheduled_for"] == first
    assert asyncio.run(run_times(served, made)) == list(map(datetime.datetime.fromisoformat, (first, third, fourth)))


def test_a_run_that_came_before_the_service_was_killed_is_the_one_that_was_asked_for(
    served: service.Service, user: httpx.Client
) -> None:
    made = created(user)
    key = {"Idempotency-Key": "now"}
    first = user.post(path(made, "/run"), headers=key).json()
    undone = """
        UPDATE execution_requests SET status = 'pending', response = '{}', ended_at = NULL WHERE idempotency_key LIKE %s
    """
    postgres.execute(served.database_url, undone, f"%:{made['id']}:now")
    assert user.post(path(made, "/run"), headers=key).json() == first
    assert asyncio.run(fired(served, made)) == 1


async def test_of_many_runs_asked_for_at_once_none_is_lost(served: service.Service) -> None:
    """Of two patches at once Temporal loses one; a second run is skipped while the first goes on, and counted so."""
    token = await asyncio.to_thread(served.token)
    async with httpx.AsyncClient(base_url=served.url, headers=service.bearer(token), timeout=service.TIMEOUT) as user:
        made = (await user.post(service.SCHEDULES, json=service.wanted())).json()
        answers = await asyncio.gather(*(user.post(path(made, "/run")) for _ in range(40)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 39
    raw = await remote.raw(served.run.address, served.run.namespace)

    async def all_count() -> bool:
        info = (await raw.describe(made["id"])).info
        return info.action_count + info.overlap_skipped == len(answers)

    await remote.until(all_count)


async def test_a_run_that_is_asked_for_many_times_at_once_under_one_key_is_one(served: service.Service) -> None:
    token = await asyncio.to_thread(served.token)
    async with httpx.AsyncClient(base_url=served.url, headers=service.bearer(token), timeout=service.TIMEOUT) as user:
        made = (await user.post(service.SCHEDULES, json=service.wanted())).json()
        key = {"Idempotency-Key": "now"}
        answers = await asyncio.gather(*(user.post(path(made, "/run"), headers=key) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["run_id"] for answer in answers}) == 1
    info = (await (await remote.raw(served.run.address, served.run.namespace)).describe(made["id"])).info
    assert info.action_count + info.overlap_skipped == 1


def test_the_runs_of_a_schedule_are_its_owners_to_see(served: service.Service, user: httpx.Client) -> None:
    made = created(user)
    for hour, (status, error) in enumerate((("done", ""), ("failed", "no paper"), ("running", ""))):
        postgres.execute(
            served.database_url,
            "INSERT INTO schedule_runs VALUES (%s, %s, %s, %s, %s, 1, %s)",
            uuid.UUID(made["id"]),
            at := datetime.datetime(2026, 1, 1, hour, tzinfo=datetime.UTC),
            at,
            None if status == "running" else at,
            status,
            error,
        )
    first = user.get(path(made, "/runs"), params={"limit": 2}).json()
    assert [(each["status"], each["error"]) for each in first["items"]] == [("running", None), ("failed", "no paper")]
    rest = user.get(path(made, "/runs"), params={"limit": 2, "cursor": first["next"]}).json()
    assert [each["scheduled_for"] for each in rest["items"]] == ["2026-01-01T00:00:00Z"]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ('{"cron": "@daily", "cron": "@hourly"}', 'key "cron" appears twice in one object in the body'),
        ('{"input": {"a": 1, "b": 2, "a": 1}}', 'key "a" appears twice in one object in the body'),
        ('{"input": {"a": ' + "9" * 5000 + "}}", "a number in the body has too many digits"),
        ("{", "the body is not valid JSON"),
    ],
)
def test_a_body_that_two_readers_would_understand_differently_is_refused(
    served: service.Service, body: str, detail: str
) -> None:
    with served.user() as user:
        headers = {"Content-Type": "application/json"}
        answer = user.post(service.SCHEDULES, content=body, headers=headers)
        assert service.problem(answer, 400)["detail"] == detail


def test_a_request_in_absolute_form_is_the_one_in_origin_form(served: service.Service) -> None:
    address = served.url.removeprefix("http://")
    host, _, port = address.partition(":")
    for target, status in ((f"{served.url}/healthz", 200), (f"{served.url}/nowhere", 404), ("ftp://a/healthz", 404)):
        with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=service.TIMEOUT)) as connection:
            connection.request("GET", target)
            assert connection.getresponse().status == status
