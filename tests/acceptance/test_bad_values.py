"""Values that cannot be written down or shown: refused where they come in, harmless where others made them."""

from __future__ import annotations

import os

import pytest

from tests.support import fake_temporal, program, remote

ODD = os.fsdecode(b"\xff")
SPEC = """\
governance:
  schedules:
    - {charter: ALPHA, cron: "0 * * * *", entrypoint: ALPHA}
"""


@pytest.fixture
def declared(fake: fake_temporal.FakeTemporal, reconciler: program.Program) -> program.Program:
    """The program on the fake, with its spec."""
    found = program.Program(folder=reconciler.folder, address=fake.address)
    found.declare(SPEC)
    return found


@pytest.mark.parametrize(
    "line",
    [
        ["apply", "--yes", "--owner", ODD],
        ["apply", "--yes", "--lock", "temporal", "--prefix", ODD],
        ["apply", "--yes", "--spec", f"{ODD}.yaml"],
        ["plan", "--namespace", ODD],
        ["plan", "--environment", ODD],
        ["plan", "--grpc-meta", f"a={ODD}"],
        ["plan", "--tls-ca-data", ODD],
        ["lock", "show", "--lock", "temporal", "--prefix", ODD],
        ["history", "--database-url", ODD],
        ["import", "--id", ODD],
        ["plan", "--owner", "a\nb"],
        ["plan", "--prefix", "a\x1b[31m"],
        ["prune", "--prefix", "a\u202eb"],
    ],
)
def test_an_option_that_cannot_be_written_down_or_shown_is_refused(declared: program.Program, line: list[str]) -> None:
    done = declared.run(*line)
    assert (done.returncode, "Traceback" in done.stderr) == (64, False)
    assert "it is not UTF-8 text." in done.stderr or "it contains a control character." in done.stderr
    assert all(each.isprintable() for each in done.stderr.splitlines())


@pytest.mark.parametrize("name", ["GOVERNANCE_OWNER", "GITHUB_REPOSITORY", "TEMPORAL_NAMESPACE", "DATABASE_URL"])
def test_so_is_a_variable(declared: program.Program, name: str) -> None:
    done = declared.run("apply", "--yes", **{name: ODD})
    assert (done.returncode, "Traceback" in done.stderr) == (64, False)


@pytest.mark.parametrize("owner", ["\x1b[31mred\n+ forged", "o" * 5000])
async def test_what_a_foreign_owner_wrote_is_shown_and_not_obeyed(declared: program.Program, owner: str) -> None:
    raw = await remote.raw(declared.address)
    await raw.create("governance:alpha", remote.proto_of(remote.schedule("alpha", owner=owner)))
    done = declared.run("apply", "--yes")
    assert done.returncode == 4
    for text in (done.stderr, done.stdout):
        assert all(each.isprintable() for each in text.splitlines())
        assert not any(each.startswith("+ forged") or len(each) > 1000 for each in text.splitlines())
