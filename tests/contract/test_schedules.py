"""What the adapter promises of `ports.Schedules`, on the real server and on the fake: so the fake cannot drift."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Iterator

import pytest
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2

from reconciler import errors
from reconciler.schedule import model, observed
from reconciler.temporal import schedules as adapter
from reconciler.timing import cron as grammar
from reconciler.timing import timings
from tests.support import fake_temporal, remote

ID = "governance:alpha"


@dataclasses.dataclass(frozen=True, slots=True)
class Backend:
    """Where the contract is tried."""

    address: str
    namespace: str


@pytest.fixture(params=["temporal", "fake", "fake that refuses stale tokens"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    if request.param == "temporal":
        yield Backend(request.getfixturevalue("dev_server").address, request.getfixturevalue("namespace"))
        return
    with fake_temporal.running(refuses_stale_tokens=request.param != "fake") as served:
        yield Backend(served.address, fake_temporal.NAMESPACE)


@pytest.fixture
async def live(backend: Backend) -> adapter.Schedules:
    return (await remote.connected(backend.address, backend.namespace)).schedules


@pytest.fixture
async def raw(backend: Backend) -> remote.Raw:
    return await remote.raw(backend.address, backend.namespace)


async def found(live: adapter.Schedules, schedule_id: str = ID) -> observed.Live:
    described = await live.describe(schedule_id)
    assert described is not None
    return described


async def test_what_does_not_exist_is_described_as_nothing(live: adapter.Schedules) -> None:
    assert await live.describe(ID) is None
    assert await live.describe_all([ID, "governance:beta"]) == {}


async def test_a_created_schedule_reads_back_as_it_was_declared(live: adapter.Schedules) -> None:
    wanted = remote.schedule(
        cron="*/7 9-17 1,15 JAN-JUN MON-FRI 2030-2040/2",
        timezone="Europe/Berlin",
        input={"model": "small", "nested": {"list": [1, 2.5, True, None, "ü"]}},
        policies=model.Policies(
            overlap=model.Overlap.BUFFER_ALL, catchup_window=datetime.timedelta(minutes=5), pause_on_failure=True
        ),
        paused=True,
        note="by the contract",
    )
    await live.create(wanted)
    read = (await found(live)).schedule
    assert read == wanted


async def test_the_cron_text_survives_as_the_calendars_comment(live: adapter.Schedules) -> None:
    await live.create(remote.schedule(cron="*/20 * * * *"))
    assert [each.comment for each in (await found(live)).schedule.timing.calendars] == ["*/20 * * * *"]


@pytest.mark.parametrize("cron", ["*/7 9-17 1,15 JAN-JUN MON-FRI 2030-2040/2", "@every 6h/15m"])
async def test_the_listing_shows_times_pause_note_and_workflow_as_they_are_described(
    live: adapter.Schedules, cron: str
) -> None:
    times = grammar.parse(cron).times
    timing = timings.Timing(
        calendars=(times,) if isinstance(times, timings.Calendar) else (),
        intervals=(times,) if isinstance(times, timings.Interval) else (),
        timezone="Europe/Berlin",
    )
    wanted = dataclasses.replace(remote.schedule(), timing=timing, paused=True, note="as it was written")
    await live.create(wanted)
    await live.create(remote.schedule("unwanted"))
    expected = observed.Listed(workflow=wanted.action.workflow, timing=timing, paused=True, note="as it was written")

    async def is_listed() -> bool:
        return await live.listed(ID.__eq__) == {ID: expected}

    await remote.until(is_listed)


async def test_an_id_that_is_taken_is_a_conflict(live: adapter.Schedules) -> None:
    await live.create(remote.schedule())
    with pytest.raises(errors.ConflictError):
        await live.create(remote.schedule(cron="5 * * * *"))
    assert (await found(live)).schedule == remote.schedule()


async def test_a_create_that_is_sent_twice_is_done_once(raw: remote.Raw, live: adapter.Schedules) -> None:
    proto = remote.proto_of(remote.schedule())
    await raw.create(ID, proto, request_id="the same")
    await raw.create(ID, proto, request_id="the same")
    assert (await found(live)).schedule == remote.schedule()


async def test_an_update_changes_everything_in_one_write(live: adapter.Schedules) -> None:
    await live.create(remote.schedule(paused=True, note="before"))
    before = await found(live)
    wanted = remote.schedule(cron="5 * * * *", task_queue="other", input={"n": 1}, note="after")
    await live.update(before, wanted)
    after = await found(live)
    assert after.schedule == wanted
    assert after.token != before.token


async def test_an_update_under_a_stale_token_changes_nothing(raw: remote.Raw, live: adapter.Schedules) -> None:
    """V1 drops it in silence, V2 says so: neither may write."""
    await live.create(remote.schedule())
    stale = await found(live)
    somebody_elses = remote.schedule(cron="10 * * * *")
    await raw.update(ID, remote.proto_of(somebody_elses))
    assert (await found(live)).schedule == somebody_elses  # of two that V1 meets at once it loses the first
    with contextlib.suppress(errors.ConflictError):
        await live.update(stale, remote.schedule(cron="20 * * * *"))
    assert (await found(live)).schedule == somebody_elses


async def test_a_schedule_is_current_until_it_is_changed(raw: remote.Raw, live: adapter.Schedules) -> None:
    await live.create(remote.schedule())
    described = await found(live)
    assert await live.is_current(described)
    await raw.update(ID, remote.proto_of(remote.schedule(cron="10 * * * *")))
    assert not await live.is_current(described)


async def test_a_schedule_is_not_current_once_it_is_deleted_or_recreated(
    raw: remote.Raw, live: adapter.Schedules
) -> None:
    await live.create(remote.schedule())
    described = await found(live)
    await raw.delete(ID)
    assert not await live.is_current(described)
    await raw.create(ID, remote.proto_of(remote.schedule()))
    assert not await live.is_current(described)


async def test_an_update_of_what_is_gone_is_a_conflict(raw: remote.Raw, live: adapter.Schedules) -> None:
    await live.create(remote.schedule())
    before = await found(live)
    await raw.delete(ID)
    with pytest.raises(errors.ConflictError, match="no longer exists"):
        await live.update(before, remote.schedule(cron="20 * * * *"))


async def test_a_field_that_the_model_does_not_know_survives_an_update(
    raw: remote.Raw, live: adapter.Schedules
) -> None:
    proto = remote.proto_of(remote.schedule())
    proto.action.start_workflow.header.fields["trace"].data = b'"on"'
    proto.action.start_workflow.memo.fields["reconciler.later"].data = b'"platform"'
    await raw.create(ID, proto)
    await live.update(await found(live), remote.schedule(cron="20 * * * *"))
    after = (await raw.describe(ID)).schedule
    assert after.action.start_workflow.header.fields["trace"].data == b'"on"'
    assert after.action.start_workflow.memo.fields["reconciler.later"].data == b'"platform"'
    assert (await found(live)).schedule == remote.schedule(cron="20 * * * *")


async def test_the_listing_names_every_schedule_on_all_of_its_pages(
    live: adapter.Schedules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "PAGE_SIZE", 2)
    names = ["alpha", "beta", "gamma", "delta"]
    for name in names:
        await live.create(remote.schedule(name))
    wanted = frozenset(f"governance:{name}" for name in names)
    await remote.until(lambda: _lists(live, wanted))


async def _lists(live: adapter.Schedules, wanted: frozenset[str]) -> bool:
    return await live.ids() == wanted


def as_the_older_sync_made_it() -> schedule_pb2.Schedule:
    """Return cron text, another argument shape, and no word on overlap and catch-up."""
    proto = remote.proto_of(remote.schedule())
    proto.spec.Clear()
    proto.spec.cron_string.append("0 * * * *")
    proto.policies.Clear()
    del proto.action.start_workflow.input.payloads[:]
    proto.action.start_workflow.input.payloads.add(metadata={"encoding": b"json/plain"}, data=b'{"entrypoint":"A"}')
    return proto


async def test_cron_text_reads_back_as_the_calendar_that_it_means(raw: remote.Raw, live: adapter.Schedules) -> None:
    await raw.create(ID, as_the_older_sync_made_it())
    assert (await found(live)).schedule.timing == remote.schedule(cron="0 * * * *").timing


async def test_what_is_unset_reads_back_as_the_servers_default(raw: remote.Raw, live: adapter.Schedules) -> None:
    await raw.create(ID, as_the_older_sync_made_it())
    policies = (await found(live)).schedule.policies
    assert policies == model.Policies(overlap=model.Overlap.SKIP, catchup_window=datetime.timedelta(days=365))


@pytest.mark.parametrize("seconds", [0, 5, 10])
async def test_every_catchup_window_up_to_ten_seconds_is_one_value(
    raw: remote.Raw, live: adapter.Schedules, seconds: int
) -> None:
    proto = remote.proto_of(remote.schedule())
    proto.policies.catchup_window.FromTimedelta(datetime.timedelta(seconds=seconds))
    await raw.create(ID, proto)
    assert (await found(live)).schedule.policies == model.Policies(catchup_window=model.LEAST_CATCHUP)


async def test_a_schedule_that_the_server_refuses_is_an_error_that_says_why(live: adapter.Schedules) -> None:
    with pytest.raises(errors.ServerError, match="INVALID_ARGUMENT"):
        await live.create(remote.schedule(workflow=""))
    assert await live.describe(ID) is None


async def test_a_namespace_that_does_not_exist_is_named(backend: Backend) -> None:
    server = await remote.connected(backend.address, "nowhere")
    for call in (server.schedules.describe(ID), server.schedules.ids()):
        with pytest.raises(errors.ServerError, match="namespace 'nowhere' does not exist") as caught:
            await call
        assert "--namespace" in caught.value.hint


async def test_the_owners_mark_is_written_changed_and_read_back(live: adapter.Schedules) -> None:
    await live.create(remote.schedule(owner="acme/app"))
    assert (await found(live)).schedule.owner == "acme/app"
    await live.update(await found(live), remote.schedule(owner="acme/other"))
    assert (await found(live)).schedule == remote.schedule(owner="acme/other")
    await live.update(await found(live), remote.schedule())
    assert (await found(live)).schedule.owner is None


async def test_only_what_has_the_owners_mark_is_read_and_ghosts_are_not(live: adapter.Schedules) -> None:
    owners = {"ours": "acme/app", "governance:ours": "acme/app", "theirs": "acme/site", "unmarked": None}
    for id_, owner in owners.items():
        await live.create(dataclasses.replace(remote.schedule(owner=owner), id=id_))
    marked = await live.describe_marked([*owners, "missing"], "acme/app")
    assert {id_: each.schedule.owner for id_, each in marked.items()} == {
        "ours": "acme/app",
        "governance:ours": "acme/app",
    }
    assert marked == await live.describe_all(["ours", "governance:ours"])


async def test_the_memo_of_the_schedule_itself_is_created_and_changes_only_where_it_is_not_fixed(
    live: adapter.Schedules,
) -> None:
    await live.create(dataclasses.replace(remote.schedule(), memo={"team": "a", "old": [1]}))
    before = await found(live)
    assert before.schedule.memo == {"team": "a", "old": [1]}
    await live.update(before, dataclasses.replace(before.schedule, memo={"team": "b"}))
    after = await found(live)
    assert after.token != before.token
    assert after.schedule.memo == ({"team": "a", "old": [1]} if before.memo_is_fixed else {"team": "b"})
    assert after.schedule.action.memo == before.schedule.action.memo


async def test_a_schedule_without_a_memo_and_attributes_of_its_own_has_empty_ones(live: adapter.Schedules) -> None:
    await live.create(remote.schedule())
    created = (await found(live)).schedule
    assert (created.memo, created.search_attributes) == ({}, {})
