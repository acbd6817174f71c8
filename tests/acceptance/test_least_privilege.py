"""What runs in production, as a database role that has exactly the rights which docs/operations.md grants."""

from __future__ import annotations

import asyncio
import pathlib
import re
import subprocess
from collections.abc import Iterator

import pytest

from reconciler import settings, wiring
from tests.support import postgres, program, remote, service, worker_process

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "operations.md"
ROLE = "reconciler_app"
PASSWORD = "hunter2"  # noqa: S105  # of a role that lives for a test
SPEC = """\
governance:
  schedules:
    - {charter: ALPHA, cron: "0 9 1 1 *", entrypoint: ALPHA}
"""


def granted() -> str:
    """Return the documented statements."""
    found = re.search(r"^```sql\n(GRANT .*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.fixture
def limited_url(database_url: str) -> Iterator[str]:
    asyncio.run(wiring.migrate(settings.Database(url=database_url)))
    with postgres.role(database_url, "LOGIN PASSWORD 'hunter2'") as role:
        postgres.execute(database_url, granted().replace(ROLE, role))
        yield postgres.altered(database_url, user=role, password=PASSWORD)


def test_the_documented_rights_are_enough_for_everything_that_runs_in_production(
    reconciler: program.Program, database_url: str, limited_url: str
) -> None:
    reconciler.declare(SPEC)

    def done(*arguments: str) -> subprocess.CompletedProcess[str]:
        ended = reconciler.run(*arguments, DATABASE_URL=limited_url)
        assert ended.returncode == 0, ended.stderr
        return ended

    async def run_is_done() -> bool:
        return postgres.execute(database_url, "SELECT status FROM schedule_runs") == [("done",)]

    done("apply", "--yes")
    with (
        service.running(reconciler, limited_url) as served,
        worker_process.started(reconciler, limited_url) as worker,
    ):
        worker.until(200)
        owned = service.Service(served.process, served.url, reconciler, database_url)
        with owned.user() as user, served.ops() as ops:
            assert ops.post(service.SYNC).status_code == 200
            made = user.post(service.SCHEDULES, json=service.wanted()).json()
            assert made["synced"]
            at = f"{service.SCHEDULES}/{made['id']}"
            assert user.post(f"{at}/run").status_code < 300
            asyncio.run(remote.until(run_is_done))
            assert user.get(f"{at}/runs").status_code == 200
            assert user.post(f"{at}/pause").json()["enabled"] is False
            assert user.delete(at).status_code == 204
    done("repair", "--yes")
    done("history")
    done("lock", "show")
    done("db", "status")
    done("db", "migrate")  # nothing is missing


def test_the_documented_rights_change_neither_grants_nor_tables(
    reconciler: program.Program, database_url: str, limited_url: str
) -> None:
    refused = reconciler.run("grant", "create", "alice", "--scope", "*", DATABASE_URL=limited_url)
    assert (refused.returncode, "permission denied for table execution_grants" in refused.stderr) == (1, True)
    assert "connect as the tables' owner" in refused.stderr
    tables = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'reconciler'::regnamespace"
    allowed = "SELECT has_table_privilege(current_user, %s, 'DELETE, TRUNCATE, TRIGGER, REFERENCES')"
    names = [name for (name,) in postgres.execute(database_url, tables)]
    assert len(names) == 9
    assert [name for name in names if postgres.execute(limited_url, allowed, name) != [(False,)]] == ["readings"]
    altered = "SELECT has_table_privilege(current_user, 'readings', 'TRUNCATE, TRIGGER, REFERENCES')"
    assert postgres.execute(limited_url, altered) == [(False,)]  # only its rows are deleted, once they no longer hold
    assert [name for name in names if not re.search(rf"\b{name}\b", granted())] == []  # a new table needs a decision
