"""How long texts and names may be, and which odd values it takes: what the server says, and so the spec."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler import errors, reconciling
from reconciler.spec import loading
from tests.support import remote, servers
from tools import devserver

SPEC = """\
governance:
  schedules:
    - charter: ALPHA
      cron: "@daily"
      entrypoint: ALPHA
"""


@pytest.fixture(scope="module")
def server() -> Iterator[devserver.DevServer]:
    with servers.running() as running:
        yield running


@pytest.mark.parametrize(
    "said",
    [
        f"static_summary: {'😀' * 1000}",
        f"static_details: {'😀' * 10_000}",
        f"note: {'😀' * 10_000}",
        f"workflow_id: {'w' * 979}",
        f"workflow: {'w' * 1000}",
        f"task_queue: {'w' * 1000}",
        "remaining_actions: 0",
        "retry_policy: {}",
    ],
    ids=lambda said: said.partition(":")[0],
)
async def test_what_a_spec_may_say_the_server_takes_and_gives_back(server: devserver.DevServer, said: str) -> None:
    key = said.partition(":")[0].replace("_", "-")
    declaration = loading.parse(f"{SPEC}      {said}\n".replace("ALPHA", f"A/{key}/X"), "spec.yaml")
    temporal = await remote.connected(server.address)
    target = temporal.target(f"governance:a/{key}/")
    planned = await reconciling.plan(declaration, temporal.schedules, target)
    outcomes = (await reconciling.apply(planned, temporal.schedules, lambda _: None)).outcomes
    assert [(each.status.value, each.detail) for each in outcomes] == [("done", "")]
    assert (await reconciling.plan(declaration, temporal.schedules, target)).steps == ()


@pytest.mark.parametrize(("field", "limit"), [("workflow_id", 979), ("workflow", 1000), ("task_queue", 1000)])
async def test_a_byte_more_is_refused_by_the_server_and_by_the_spec(
    server: devserver.DevServer, field: str, limit: int
) -> None:
    raw = await remote.raw(server.address)
    proto = remote.proto_of(remote.schedule(field))
    start = proto.action.start_workflow
    match field:
        case "workflow_id":
            start.workflow_id = "w" * (limit + 1)
        case "workflow":
            start.workflow_type.name = "w" * (limit + 1)
        case _:
            start.task_queue.name = "w" * (limit + 1)
    with pytest.raises(Exception, match="length exceeds limit"):
        await raw.create(f"governance:{field}", proto)
    with pytest.raises(errors.InvalidSpecError):
        loading.parse(f"{SPEC}      {field}: {'w' * (limit + 1)}\n", "spec.yaml")
