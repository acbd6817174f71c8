"""The table of fields: one row for each thing that a charter can express.

To add a plain field: add it to `model.Schedule` (or to its timing, action, or policies), and add a row here. The spec
and its JSON Schema, plans, import, snapshots, saved plans and their schema, conversion to and from the server, and the
reference in the documentation read this table. A row's place in the table is its place in plans.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.schedule import (
    arguments,
    attributes,
    declarations,
    encodings,
    governed,
    kinds,
    model,
    ownership,
    paths,
    places,
    records,
    redaction,
    retries,
    rows,
)
from reconciler.timing import durations, zones

_ZERO = datetime.timedelta(0)


def _refuse_entrypoint(name: str) -> None:
    if name in {".", ".."}:  # as a path segment of the executor's URL, it would refer to another path
        raise ValueError(f"{name!r} is not a valid entrypoint; choose another name")


def _refuse_task_queue(name: str) -> None:
    if name.startswith("/_sys/") or name == "temporal-sys-per-ns-tq":
        raise ValueError(f"{name!r} is reserved for Temporal's own work; choose another name")


def _paths(example: str) -> kinds.Texts:
    """Return the kind for a list of paths as plans write them."""
    item = {"type": "string", "minLength": 1, "maxLength": 1000, "examples": [example]}
    return kinds.Texts(item, {"maxItems": 100}, ordered=True, refuse=paths.parse)


TABLE: tuple[rows.Row, ...] = (
    rows.Crons(
        key="cron",
        description="When to fire, in Temporal's cron grammar. Five fields: minute, hour, day of month, month, day of "
        "week; day of month and day of week must both match. A list fires at the times of all its entries.",
        examples=("0 * * * *", "*/15 9-17 * * MON-FRI", "@every 6h", ["0 9 * * MON", "0 17 * * FRI"]),
    ),
    rows.Times(
        key="calendars",
        at=places.at(lambda schedule: schedule.timing.calendars),
        kind=records.Calendars(),
        crons="cron",
        proto="spec.structured_calendar",
        description="When to fire, as calendars; if combined with cron, at the times of both.",
        examples=([{"hour": "9-17", "day_of_week": "mon-fri"}],),
    ),
    rows.Times(
        key="intervals",
        at=places.at(lambda schedule: schedule.timing.intervals),
        kind=records.Intervals(),
        proto="spec.interval",
        description="When to fire, as intervals counted from the beginning of 1970 (UTC).",
        examples=([{"every": "6h", "offset": "15m"}],),
    ),
    rows.Field(
        key="exclude",
        at=places.at(lambda schedule: schedule.timing.exclude),
        kind=records.Calendars(excludes=True),
        default=(),
        silent=(),
        proto="spec.exclude_structured_calendar",
        description="Times at which the schedule does not fire, as calendars.",
        examples=([{"month": 12, "day_of_month": "24-26"}],),
    ),
    rows.Field(
        key="timezone",
        at=places.at(lambda schedule: schedule.timing.timezone),
        kind=kinds.Text(refuse=zones.check),
        default="UTC",
        description="The IANA time zone of cron, calendars, and exclude. Daylight saving time applies: the schedule "
        "does not fire at a skipped local time, and fires twice at a repeated one.",
        examples=("Europe/Berlin", "UTC"),
        stored_description="The IANA time zone.",
    ),
    rows.Field(
        key="start_at",
        at=places.at(lambda schedule: schedule.timing.start_at),
        kind=kinds.Moment(),
        default=None,
        proto="spec.start_time",
        description="Nothing fires before this time (RFC 3339, with a UTC offset).",
        examples=("2027-01-01T00:00:00Z", "2027-01-01T09:00:00+01:00"),
    ),
    rows.Field(
        key="end_at",
        at=places.at(lambda schedule: schedule.timing.end_at),
        kind=kinds.Moment(),
        default=None,
        proto="spec.end_time",
        description="Nothing fires after this time (RFC 3339, with a UTC offset).",
        examples=("2027-12-31T23:59:59Z",),
    ),
    rows.Field(
        key="jitter",
        at=places.at(lambda schedule: schedule.timing.jitter),
        kind=kinds.Duration(),
        default=_ZERO,
        silent=_ZERO,
        proto="spec.jitter",
        description="Each firing is delayed by a random duration up to this value.",
        examples=("30s",),
    ),
    rows.Field(
        key="overlap",
        at=places.at(lambda schedule: schedule.policies.overlap),
        kind=kinds.Overlap(),
        default=model.Overlap.SKIP,
        proto="policies.overlap_policy",
        description="What happens when a run is due while the previous one is still running.",
        examples=("BufferOne",),
    ),
    rows.Field(
        key="catchup_window",
        at=places.at(lambda schedule: schedule.policies.catchup_window),
        kind=kinds.Duration(least=model.LEAST_CATCHUP, unset=model.UNSET_CATCHUP),
        default=model.LEAST_CATCHUP,
        proto="policies.catchup_window",
        description="How late a missed firing may still start after the server was down. Temporal's minimum is 10s, "
        "which effectively means no backfill.",
        examples=("1h", "10s"),
    ),
    rows.Field(
        key="pause_on_failure",
        at=places.at(lambda schedule: schedule.policies.pause_on_failure),
        kind=kinds.FLAG,
        default=False,
        silent=False,
        proto="policies.pause_on_failure",
        description="Pause the schedule when a run fails.",
        examples=(True,),
    ),
    rows.Field(
        key="keep_original_workflow_id",
        at=places.at(lambda schedule: schedule.policies.keep_original_workflow_id),
        kind=kinds.FLAG,
        default=False,
        silent=False,
        proto="policies.keep_original_workflow_id",
        description="Ask the server to start each run with exactly this workflow ID, without appending the time. "
        "Servers up to 1.31 store this setting but ignore it.",
        examples=(True,),
    ),
    rows.Field(
        key="workflow",
        at=places.at(lambda schedule: schedule.action.workflow),
        kind=kinds.Text(longest=1000, name=True),
        default=governed.WORKFLOW,
        proto="action.start_workflow.workflow_type.name",
        description="The workflow type to start.",
        examples=("NightlyReport",),
    ),
    rows.Field(
        key="task_queue",
        at=places.at(lambda schedule: schedule.action.task_queue),
        kind=kinds.Text(longest=1000, name=True, refuse=_refuse_task_queue),
        default=governed.TASK_QUEUE,
        proto="action.start_workflow.task_queue.name",
        description="The task queue whose workers run the workflow.",
        examples=("reports",),
    ),
    rows.Field(
        key="workflow_id",
        at=places.at(lambda schedule: schedule.action.workflow_id),
        kind=kinds.Text(longest=979, name=True),  # the server appends the time of the run
        default="",
        follows=("id",),
        proto="action.start_workflow.workflow_id",
        description="The beginning of each run's workflow ID; Temporal appends the time. By default, the schedule's "
        "ID.",
        examples=("governance:community",),
    ),
    rows.Field(
        key="execution_timeout",
        at=places.at(lambda schedule: schedule.action.execution_timeout),
        kind=kinds.Duration(longest=model.LONGEST_TIMEOUT),
        default=_ZERO,
        silent=_ZERO,
        proto="action.start_workflow.workflow_execution_timeout",
        description="How long a run may last, including all retries and continuations; at most 36500d.",
        examples=("1h",),
    ),
    rows.Field(
        key="run_timeout",
        at=places.at(lambda schedule: schedule.action.run_timeout),
        kind=kinds.Duration(longest=model.LONGEST_TIMEOUT),
        default=_ZERO,
        silent=_ZERO,
        proto="action.start_workflow.workflow_run_timeout",
        description="How long a single run may last; at most 36500d.",
        examples=("10m",),
    ),
    rows.Field(
        key="task_timeout",
        at=places.at(lambda schedule: schedule.action.task_timeout),
        kind=kinds.Duration(longest=model.LONGEST_TIMEOUT, most=model.LONGEST_TASK),
        default=_ZERO,
        silent=_ZERO,
        proto="action.start_workflow.workflow_task_timeout",
        description="How long a worker may take for one workflow task; the server allows at most 120s.",
        examples=("10s",),
    ),
    rows.Field(
        key="retry_policy",
        at=places.at(lambda schedule: schedule.action.retry_policy),
        kind=records.Optional(
            records.Record(
                model.RetryPolicy,
                (
                    records.Part(
                        "initial_interval",
                        kinds.Duration(longest=model.LONGEST_TIMEOUT),
                        _ZERO,
                        "The wait before the first retry; the server's default is 1s.",
                        "10s",
                    ),
                    records.Part(
                        "backoff_coefficient",
                        kinds.Number(1),
                        0.0,
                        "The factor by which the wait grows after each retry.",
                        2,
                    ),
                    records.Part(
                        "maximum_interval",
                        kinds.Duration(longest=model.LONGEST_TIMEOUT),
                        _ZERO,
                        "The longest wait; must be at least the initial interval. The server's default is 100 times "
                        "the initial interval.",
                        "10m",
                    ),
                    records.Part(
                        "maximum_attempts",
                        kinds.Whole(1, 2**31 - 1),
                        0,
                        "The total number of attempts.",
                        5,
                        stored="The total number of attempts; 0 means unlimited.",
                    ),
                    records.Part(
                        "non_retryable_errors",
                        kinds.Texts({"type": "string", "minLength": 1}, {"minItems": 1}),
                        (),
                        "Types of application failures that are not retried; timeouts have the form "
                        "'TemporalTimeout:StartToClose'.",
                        ["InvalidInput"],
                        proto="non_retryable_error_types",
                    ),
                ),
                rule=retries.check,
            )
        ),
        default=None,
        proto="action.start_workflow.retry_policy",
        description="How a failed run is retried.",
        examples=({"initial_interval": "10s", "maximum_attempts": 5},),
    ),
    rows.Field(
        key="memo",
        at=places.at(lambda schedule: schedule.action.memo),
        kind=kinds.Named(kinds.PAYLOAD, reserved=ownership.MEMO_PREFIX),
        default={},
        silent={},
        proto="action.start_workflow.memo.fields",
        description="The memo of each run; any JSON values. Names that begin with 'reconciler.' are reserved.",
        examples=({"team": "platform"},),
    ),
    rows.Field(
        key="search_attributes",
        at=places.at(lambda schedule: schedule.action.search_attributes),
        kind=kinds.Named(records.Attribute(), records.Attribute().declared(), rule=attributes.check_sizes),
        default={},
        silent={},
        proto="action.start_workflow.search_attributes.indexed_fields",
        description="The search attributes of each run. Strings become Keyword, integers Int, other numbers Double, "
        "and lists KeywordList; specify any other type explicitly. The attribute must be defined on the server.",
        examples=({"Team": "platform", "Since": {"type": "Datetime", "value": "2027-01-01T00:00:00Z"}},),
    ),
    rows.Field(
        key="schedule_memo",
        at=places.at(lambda schedule: schedule.memo),
        kind=records.Optional(kinds.Named(kinds.PAYLOAD, reserved=ownership.MEMO_PREFIX)),
        default=None,
        silent={},
        own="action.start_workflow.memo.fields",
        description="The memo of the schedule itself, in addition to the memo of its runs; any JSON values. If "
        "omitted, it is left unchanged; {} removes it. On the V1 schedule backend, it takes effect only when the "
        "schedule is created.",
        examples=({"team": "platform"},),
        stored_description="The memo of the schedule itself. Since 1.4.",
    ),
    rows.Field(
        key="schedule_search_attributes",
        at=places.at(lambda schedule: schedule.search_attributes),
        kind=records.Optional(
            kinds.Named(
                records.Attribute(),
                records.Attribute().declared(),
                rule=attributes.check_own_sizes,
                reserved=ownership.SERVER_ATTRIBUTES,
                whose="the server",
            )
        ),
        default=None,
        silent={},
        own="action.start_workflow.search_attributes.indexed_fields",
        description="The search attributes of the schedule itself, by which lists of schedules can be filtered; "
        "values are written as in search_attributes. If omitted, they are left unchanged; {} removes them.",
        examples=({"Team": "platform"},),
        stored_description="The search attributes of the schedule itself. Since 1.4.",
    ),
    rows.Field(
        key="priority",
        at=places.at(lambda schedule: schedule.action.priority),
        kind=records.Record(
            model.Priority,
            (
                records.Part(
                    "key",
                    kinds.Whole(1, 5),
                    0,
                    "1 is the most urgent; the server's default is 3.",
                    1,
                    stored="1 goes first; 0 is the server's default.",
                    proto="priority_key",
                ),
                records.Part(
                    "fairness_key",
                    kinds.Text(longest=64),
                    "",
                    "Runs with different keys take turns; at most 64 bytes.",
                    "tenant-a",
                ),
                records.Part(
                    "fairness_weight",
                    kinds.Number(0.001, 1000, single=True),
                    0.0,
                    "How many turns this key gets relative to others.",
                    2,
                    stored="The weight of that key; 0 is the server's default.",
                ),
            ),
        ),
        default=model.Priority(),
        silent=model.Priority(),
        proto="action.start_workflow.priority",
        description="Which runs go first on a task queue.",
        examples=({"key": 1},),
    ),
    rows.Field(
        key="versioning_override",
        at=places.at(lambda schedule: schedule.action.versioning_override),
        kind=records.Versioning(),
        default=None,
        proto="action.start_workflow.versioning_override",
        description="The worker deployment version that each run uses, overriding the workflow's own versioning "
        "behavior: either a pinned version or, with auto_upgrade, always the current one.",
        examples=({"deployment": "reports", "build_id": "1.4.0"}, "auto_upgrade"),
    ),
    rows.Field(
        key="static_summary",
        at=places.at(lambda schedule: schedule.action.summary),
        kind=kinds.PAYLOAD,
        default=None,
        proto="action.start_workflow.user_metadata.summary",
        description="A one-line summary of each run for Temporal's UI, in Markdown.",
        examples=("Nightly review",),
    ),
    rows.Field(
        key="static_details",
        at=places.at(lambda schedule: schedule.action.details),
        kind=kinds.PAYLOAD,
        default=None,
        proto="action.start_workflow.user_metadata.details",
        description="Details of each run for Temporal's UI, in Markdown.",
        examples=("Owned by the **platform** team.",),
    ),
    arguments.Named(
        key="entrypoint",
        roots=("charter", "entrypoint"),
        refuse=_refuse_entrypoint,
        description="The name of what the workflow runs; a single word. Required unless `args` is set.",
        schema={
            "type": "string",
            "minLength": 1,
            "maxLength": 200,
            "pattern": r"^\S+(?!\n)$",
            "patternErrorMessage": "must be one word, without spaces",
            "examples": ["COMMUNITY"],
        },
    ),
    arguments.Named(
        key="input",
        roots=("input", *governed.IDENTITIES),
        is_inherited=True,
        description="What the workflow receives as 'input'; any JSON object. Do not include secrets: the server stores "
        "it in plain text.",
        schema={"type": "object", "default": {}, "examples": [{"model": "small"}]},
    ),
    arguments.Arguments(
        key="args",
        description="The arguments that the workflow is called with, in order, instead of the object with entrypoint "
        "and input. Any JSON values; null is passed as binary/null. An object with an `encoding` key represents a "
        "payload in that encoding: json/protobuf with `message_type` and `data`, binary/protobuf with `message_type` "
        "and `base64`, binary/plain with `base64`, or json/plain with `data` for an object that itself has an "
        "`encoding` key.",
        examples=(["daily", {"limit": 100}], [{"encoding": "json/protobuf", "message_type": "acme.Order", "data": {}}]),
    ),
    rows.Field(
        key="paused",
        at=places.at(lambda schedule: schedule.paused),
        kind=kinds.FLAG,
        default=False,
        proto="state.paused",
        description="Keep the schedule paused.",
        examples=(True,),
        stored_description="Whether it is paused.",
    ),
    rows.Countdown(
        key="remaining_actions",
        description="How many times to fire in total. The server counts down from this number, so a lower count there "
        "is not reported as a difference. With 0, the schedule never fires. Temporal deletes it a week after its last "
        "run, and the next apply creates it again with the full count unless the charter is removed first.",
        examples=(10,),
    ),
    rows.Field(
        key="note",
        at=places.at(lambda schedule: schedule.note),
        kind=records.Optional(kinds.Text(longest=500_000)),  # V1 sends it three times in one message of at most 4 MiB
        default=None,
        proto="state.notes",
        description="The note shown with the schedule's state. If omitted, it records who paused the schedule and why.",
        examples=("owned by the platform team",),
    ),
)
"""All rows, in the order in which plans show them."""

IDENTITY = rows.Identity(
    key="id",
    description="The schedule's ID. By default, the prefix followed by the charter's name in lower case.",
    examples=("nightly-report",),
)
"""The row for the schedule's id."""

FORMER = rows.Identity(
    key="was",
    is_own=False,
    description="The charter's name before it was renamed, or the schedule's ID if the charter declared one.",
    examples=("COMMUNITY",),
)
"""The row for the schedule that a charter replaces."""

UNSHOWN: tuple[rows.Row, ...] = (
    rows.Field(
        key="not_secret",
        at=places.at(lambda schedule: schedule.not_secret),
        kind=_paths("input.scopeKey"),
        default=(),
        stored_description="The paths of values that the repo-spec declares not to be secret, so they are shown. "
        "Since 1.2.",
        description="Paths of values that plans and snapshots show even though they look like secrets, each written as "
        "in a plan; values below a path are shown too.",
        examples=(["input.scopeKey", "memo.owner"],),
    ),
    rows.Field(
        key="ignore",
        at=places.at(lambda schedule: schedule.ignore),
        kind=_paths("args[0].executionGrantId"),
        default=(),
        stored_description="The paths of values that other programs manage and that an update preserves. Since 1.3.",
        description="Paths of values that another program manages, each written as in a plan. An update keeps the live "
        "value. A new schedule gets the spec's value, and so does an entry that is missing from the live list. A path "
        "must match a value in the spec.",
        examples=(["args[0].executionGrantId", "memo.owner"],),
    ),
    rows.Field(
        key="manual_pauses",
        at=places.at(lambda schedule: schedule.manual_pauses),
        kind=kinds.Choice(("resume", "keep")),
        default="resume",
        stored_description="What happens to a manual pause. Since 1.3.",
        description="Whether a schedule that was paused manually, or by the server after a failed run, is resumed or "
        "kept paused. Without this key, the section's own `manual_pauses` applies.",
        examples=("keep",),
    ),
)
"""Rows for keys that configure this tool and are not part of the schedule on the server."""

ORDER: tuple[str, ...] = (*(name for row in TABLE for name in row.roots), "owner")
"""The names that plans use for a schedule's fields."""

ROWS: tuple[rows.Row, ...] = (IDENTITY, *TABLE, *UNSHOWN, FORMER)
"""The rows for all keys that a charter can have."""

FIRINGS = tuple(row.key for row in TABLE if isinstance(row, rows.Crons | rows.Times))
"""The keys that define when a schedule fires; a charter that has one of them inherits none of them."""

ARGUMENTS = next(row.key for row in TABLE if isinstance(row, arguments.Arguments))
"""The key for the list of arguments."""

BUILT_IN = tuple(row.key for row in TABLE if isinstance(row, arguments.Named))
"""The keys of the built-in argument object, which is passed if `args` is not set."""

TIMES: Mapping[str, rows.Timed] = {row.key: row for row in TABLE if rows.is_timed(row)}
"""The rows whose values are sets of times, by key; a plan shows each as a whole."""


def read(keys: Mapping[str, Any], schedule_id: str) -> model.Schedule:
    """Return the schedule that a charter's keys, including inherited ones, declare; they must have passed the rules."""
    draft = places.Draft(schedule_id, _defaults())
    for row in ROWS:
        if row.key in keys or row.key in _FOLLOWING:
            row.read(keys, draft)
    return draft.build()


def replaced(keys: Mapping[str, Any]) -> Mapping[str, declarations.Replaced]:
    """Return the durations, by key, instead of which Temporal uses its own limit."""
    found = {}
    for key, kind in _LIMITED.items():
        if key in keys:
            declared = durations.parse(keys[key])
            limit = kind.limit(declared)
            if limit is not None:
                found[key] = declarations.Replaced(declared=declared, limit=limit)
    return found


_LIMITED = {
    row.key: row.kind
    for row in TABLE
    if isinstance(row, rows.Field) and isinstance(row.kind, kinds.Duration) and (row.kind.least or row.kind.most)
}


@functools.cache
def _defaults() -> places.Defaults:
    """Return the values of a charter without keys, except those that are derived from others."""
    draft = places.Draft("")
    for row in ROWS:
        if row.key not in _FOLLOWING:
            row.read({}, draft)
    return draft.as_defaults()


_FOLLOWING = {row.key for row in ROWS if isinstance(row, rows.Field) and row.follows}


def words(
    schedule: model.Schedule, like: model.Schedule | None = None, table: Iterable[rows.Row] | None = None
) -> rows.Words:
    """Return the schedule's fields that are not empty, as they are written in a spec, in the table's order.

    Calendars appear under `cron` or `calendars`, and arguments under `input` or `args`, whichever `like` (by
    default, the schedule itself) uses.
    """
    shown: rows.Words = {}
    for row in TABLE if table is None else table:
        shown |= row.words(schedule, like or schedule)
    return shown if schedule.owner is None else {**shown, "owner": schedule.owner}


def keys(schedule: model.Schedule, like: model.Schedule | None = None) -> rows.Words:
    """Return the keys with which a charter declares the schedule, with its arguments as one list.

    Arguments that no spec can express are null in that list.
    """
    declared = words(schedule, like)
    if not governed.is_built_in(schedule.action.arguments):
        declared = {key: value for key, value in declared.items() if not key.startswith("args[")}
        declared[ARGUMENTS] = encodings.listed(schedule.action.arguments)
    return declared


def redacted(
    schedule: model.Schedule, *, coded: bool = False, table: Iterable[rows.Row] | None = None
) -> model.Schedule:
    """Return the schedule with every secret in the rows' fields, except the id and owner, replaced by a digest.

    Values at its `not_secret` paths are kept. If a codec encoded its payloads (`coded`), each argument, memo entry,
    summary, and details value is replaced as a whole.
    """
    exempt = frozenset(map(arguments.place, map(paths.parse, schedule.not_secret)))
    within = redaction.Redaction(exempt=exempt, salt=schedule.salt, coded=coded)
    values: dict[places.Path, Any] = {}
    for row in TABLE if table is None else table:
        values |= row.redact(schedule, within)
    return places.replaced(schedule, values)


def note(schedule: model.Schedule) -> str | None:
    """Return a schedule's note, redacted unless it is declared not to be secret."""
    return redacted(schedule).note
