"""The same schedules give the same bytes in every process: the order of a protobuf map differs from one to the next."""

from __future__ import annotations

from tests.support import program, remote

NAMES = [f"field-{number:02}" for number in range(12)]


async def test_what_is_printed_of_many_memo_fields_is_the_same_in_every_process(reconciler: program.Program) -> None:
    raw = await remote.raw(reconciler.address, reconciler.namespace)
    schedule = remote.schedule()
    proto = remote.proto_of(schedule)
    for name in reversed(NAMES):
        proto.action.start_workflow.memo.fields[name].CopyFrom(proto.action.start_workflow.input.payloads[0])
    await raw.create(schedule.id, proto)
    written = set()
    for seed in range(1, 6):
        reconciler.declare("governance: {schedules: []}\n")
        reconciler.run("import", PYTHONHASHSEED=str(seed))
        written.add((reconciler.folder / ".cogni" / "repo-spec.yaml").read_text())
    [text] = written
    assert NAMES[0] in text
