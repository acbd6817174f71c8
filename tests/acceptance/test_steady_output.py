"""The same schedules give the same bytes in every process: the order of a protobuf map differs from one to the next."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.support import program, remote, servers

NAMES = [f"Field{number:02}" for number in range(10)]  # as many as the server has room for of one type
SPEC = """\
governance:
  schedules:
    - {charter: ALPHA, cron: "5 * * * *", entrypoint: ALPHA, paused: true}
"""
OUTPUTS = (
    ("import", "--spec", "none.yaml"),
    ("plan",),
    ("plan", "--format", "json"),
    ("plan", "--format", "markdown"),
    ("snapshot",),
    ("status", "--format", "json"),
)
EVERYTHING = f"""
import sys
from reconciler.cli import commands, console
for arguments in {OUTPUTS!r}:
    commands.app.main(arguments, obj=console.Console(sys.stdout, sys.stderr), standalone_mode=False)
    print("-" * 8, flush=True)
"""  # in one process, as starting one takes longer than all of its outputs


async def test_what_is_printed_of_maps_is_the_same_in_every_process(reconciler: program.Program) -> None:
    with servers.running(search_attributes=dict.fromkeys(NAMES, "Keyword")) as server:
        raw = await remote.raw(server.address)
        schedule = remote.schedule(paused=True)  # whose next times, which move with the clock, are not shown
        proto = remote.proto_of(schedule)
        start = proto.action.start_workflow
        for number in reversed(range(len(NAMES))):
            start.memo.fields[NAMES[number]].data = json.dumps({"b": number, "a": number}).encode()
            start.memo.fields[NAMES[number]].metadata["encoding"] = b"json/plain"
            start.search_attributes.indexed_fields[NAMES[number]].data = json.dumps(str(number)).encode()
            start.search_attributes.indexed_fields[NAMES[number]].metadata["encoding"] = b"json/plain"
            start.search_attributes.indexed_fields[NAMES[number]].metadata["type"] = b"Keyword"
        await raw.create(schedule.id, proto)
        reconciler.declare(SPEC)
        printed = {_everything(reconciler, server.address, seed) for seed in range(1, 4)}
    assert len(printed) == 1
    *outputs, rest = printed.pop().split("-" * 8 + "\n")
    assert rest == ""
    for arguments, output in zip(OUTPUTS, outputs, strict=True):
        assert output, arguments
        for map_ in ("memo", "search_attributes"):
            names = [output.find(name, output.find(map_)) for name in NAMES]
            assert names == sorted(names), (arguments, map_)
            assert (-1 in names) == (arguments[0] == "status"), (arguments, map_)


def _everything(reconciler: program.Program, address: str, seed: int) -> str:
    """Return what all commands print in one process, without the moment and the key that a snapshot has."""
    environment = reconciler.environment(
        PYTHONHASHSEED=str(seed), TEMPORAL_ADDRESS=address, TEMPORAL_NAMESPACE="default"
    )
    done = subprocess.run(
        [sys.executable, "-c", EVERYTHING],
        cwd=reconciler.folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=program.TIMEOUT,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines(keepends=True)
    return "".join(line for line in lines if '"taken_at"' not in line and '"salt"' not in line)
