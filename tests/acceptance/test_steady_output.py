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
    for command in (("import",), ("plan", "--format", "json"), ("plan", "--format", "markdown")):
        if command[0] == "plan":
            reconciler.declare("governance:\n  schedules: [{charter: ALPHA, cron: '5 * * * *', entrypoint: ALPHA}]\n")
        printed = {reconciler.run(*command, PYTHONHASHSEED=str(seed)).stdout for seed in range(1, 6)}
        assert len(printed) == 1, command
        assert NAMES[0] in printed.pop(), command
