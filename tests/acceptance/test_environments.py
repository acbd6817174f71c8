"""`--environment` given several times: one plan, one confirmation, and one environment after the other."""

from __future__ import annotations

import asyncio
import json

import grpc
import pytest

from reconciler import published
from reconciler.plan import ports
from tests.support import fake_temporal, postgres, program, remote, specs

SPEC = specs.ENVIRONMENTS
BOTH = ("--environment", "staging", "--environment", "production")
ALL = ("--environment", "*")


@pytest.fixture
def declared(reconciler: program.Program) -> program.Program:
    """The program with the spec, nothing of which is applied."""
    reconciler.declare(SPEC)
    return reconciler


async def test_a_plan_of_all_environments_is_applied_to_each_and_the_next_one_is_empty(
    declared: program.Program,
) -> None:
    plan = declared.run("plan", *ALL, "--detailed-exitcode")
    assert plan.returncode == 2
    lines = plan.stdout.splitlines()
    assert [line for line in lines if line.startswith(("Environment", "Plan", "Nothing"))] == [
        "Environment 1 of 3: staging",
        "Plan: 2 to create, 0 to update, 0 to resume, 0 to pause, 0 unchanged.",
        "Environment 2 of 3: preview",
        "Nothing to do: environment 'preview' is disabled in .cogni/repo-spec.yaml.",
        "Environment 3 of 3: production",
        "Plan: 2 to create, 0 to update, 0 to resume, 0 to pause, 0 unchanged.",
        "Plan for 2 environments: 4 to create, 0 to update, 0 to resume, 0 to pause, 0 unchanged.",
    ]
    done = declared.run("apply", *ALL, "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\nApplied: staging, production; disabled: preview.\n")
    server = await remote.connected(declared.address, declared.namespace)
    assert sorted(await server.schedules.ids()) == sorted(
        f"{environment}:{name}" for environment in ("staging", "production") for name in ("community", "ops")
    )
    again = declared.run("plan", *BOTH, "--detailed-exitcode")
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "No changes in 2 environments (4 unchanged).")


def test_the_environments_keep_the_order_in_which_they_are_named(declared: program.Program) -> None:
    names = ("production", "staging", "production")
    options = [option for name in names for option in ("--environment", name)]
    document = json.loads(declared.run("plan", *options, "--format", "json").stdout)
    assert list(published.violations("plans", document)) == []
    assert [each["environment"] for each in document["environments"]] == ["production", "staging"]
    for each in document["environments"]:
        alone = json.loads(declared.run("plan", "--environment", each["environment"], "--format", "json").stdout)
        assert each["plan"]["digest"] == alone["digest"]
        assert list(published.violations("plan", each["plan"])) == []


def test_the_digest_of_all_lets_only_these_plans_through(declared: program.Program) -> None:
    digest = json.loads(declared.run("plan", *BOTH, "--format", "json").stdout)["digest"]
    for options in (("--environment", "production", "--environment", "staging"), ("--environment", "staging")):
        refused = declared.run("apply", *options, "--yes", "--expect-digest", digest)
        assert (refused.returncode, "not the one that was reviewed" in refused.stderr) == (5, True)
    assert declared.run("apply", *BOTH, "--yes", "--expect-digest", digest).returncode == 0


async def test_a_guard_that_refuses_one_environment_keeps_all_from_being_written(
    declared: program.Program, database_url: str
) -> None:
    assert declared.run("apply", *BOTH, "--yes", DATABASE_URL=database_url).returncode == 0
    changed = SPEC.replace("production: {}", "production: {defaults: {paused: true}}").replace("30 *", "45 *")
    declared.declare(changed)
    refused = declared.run("apply", *BOTH, "--yes", "--format", "json", DATABASE_URL=database_url)
    document = json.loads(refused.stdout)
    assert (refused.returncode, document["exit_code"]) == (4, 4)
    assert document["error"]["message"].startswith("environment 'production': ")
    assert [each["progress"] for each in document["environments"]] == ["not_started", "not_started"]
    staging = declared.run("plan", "--environment", "staging", "--detailed-exitcode")
    assert staging.returncode == 2
    rows = postgres.execute(database_url, "SELECT environment, error = '' FROM applies ORDER BY number")
    assert rows == [("staging", True), ("production", True), ("staging", False), ("production", False)]


@pytest.mark.parametrize("form", ["text", "json"])
async def test_the_first_failure_stops_the_environments_after_it(declared: program.Program, form: str) -> None:
    """Another session has the lock of the second of three environments."""
    declared.declare(SPEC + "    europe: {}\n")
    server = await remote.connected(declared.address, declared.namespace)
    lease = await server.lock("production:").acquire(ports.Holder(who="alice@laptop"))
    done = await asyncio.to_thread(declared.run, "apply", *ALL, "--yes", "--format", form)
    assert (done.returncode, "locked by alice@laptop" in done.stderr) == (6, True)
    assert sorted(await server.schedules.ids()) == ["staging:community", "staging:ops"]
    if form == "text":
        end = "Applied: staging; failed: production; not started: europe; disabled: preview."
        assert done.stdout.splitlines()[-1] == end
    else:
        document = json.loads(done.stdout)
        assert list(published.violations("outcomes", document)) == []
        assert [(each["environment"], each["progress"]) for each in document["environments"]] == [
            *(("staging", "applied"), ("preview", "disabled"), ("production", "failed"), ("europe", "not_started"))
        ]
        outcomes = [each["outcome"] for each in document["environments"]]
        assert [outcome["exit_code"] if outcome else None for outcome in outcomes] == [0, None, 6, None]
        assert [list(published.violations("outcome", outcome)) for outcome in outcomes if outcome] == [[], []]
    await lease.release()
    assert (await asyncio.to_thread(declared.run, "apply", *ALL, "--yes")).returncode == 0


def test_a_step_that_fails_stops_the_environments_after_it(
    fake: fake_temporal.FakeTemporal, declared: program.Program
) -> None:
    def refuse() -> None:
        raise fake_temporal.Refusal(grpc.StatusCode.INVALID_ARGUMENT, "not like this")

    fake.before["CreateSchedule"] = [refuse]
    run = program.Program(folder=declared.folder, address=fake.address)
    done = run.run("apply", *ALL, "--yes", "--format", "json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["exit_code"], document["error"]) == (1, 1, None)
    assert [each["progress"] for each in document["environments"]] == ["failed", "disabled", "not_started"]
    failed = document["environments"][0]["outcome"]
    assert (failed["counts"]["done"], failed["counts"]["failed"]) == (1, 1)
    assert all(name.startswith("staging:") for name in fake.schedules)


def test_an_apply_that_is_killed_between_two_environments_converges(declared: program.Program) -> None:
    process = declared.start("apply", *ALL, "--yes", "--lock", "none")
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Applied: 2 created"):
            break
    process.kill()
    program.rest(process)
    assert declared.run("apply", *ALL, "--yes").returncode == 0
    assert declared.run("plan", *ALL, "--detailed-exitcode").returncode == 0


@pytest.mark.parametrize(
    ("spec", "where", "names"),
    [
        (SPEC.replace('"${environment}:"', '"acme:"'), "2:11", "both manage acme:*"),
        (SPEC.replace('"${environment}:"', '"${p}"').replace("  schedules", "  vars: {p: 'a:'}\n  schedules").replace(
            "production: {}", "production: {vars: {p: 'a:b:'}}"), "2:11", "manage a:* and a:b:*, which overlap"),
    ],
)  # fmt: skip
def test_environments_whose_schedules_overlap_are_refused(
    declared: program.Program, spec: str, where: str, names: str
) -> None:
    declared.declare(spec)
    for command in (["plan"], ["apply", "--yes"]):
        refused = declared.run(*command, *ALL)
        assert (refused.returncode, refused.stdout) == (3, "")
        assert refused.stderr.startswith(
            f".cogni/repo-spec.yaml:{where}: environments 'staging' and 'production' {names}"
        )
        assert "declare a separate prefix for each environment" in refused.stderr


def test_an_option_that_gives_all_environments_one_prefix_is_refused(declared: program.Program) -> None:
    refused = declared.run("plan", *ALL, "--prefix", "acme:")
    assert (refused.returncode, "both manage acme:*" in refused.stderr) == (64, True)


def test_a_charter_that_is_planned_alone_is_planned_in_each_environment(declared: program.Program) -> None:
    done = declared.run("plan", *ALL, "--only", "OPS")
    assert [line for line in done.stdout.splitlines() if line.startswith("  +")] == [
        "  + staging:ops  will be created  .cogni/repo-spec.yaml:5:7",
        "  + production:ops  will be created  .cogni/repo-spec.yaml:5:7",
    ]
    unknown = declared.run("plan", *ALL, "--only", "OPPS")
    assert (unknown.returncode, "environment 'staging': .cogni/repo-spec.yaml does not declare charter 'OPPS'"
            in unknown.stderr) == (64, True)  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["plan", *ALL, "--environment", "staging"], "'*' selects all environments, but 'staging' is also specified"),
        (["plan", *BOTH, "--environment", "europe"], "has no environment 'europe'"),
        (["plan", *ALL, "--live", "live.json"], "--live accepts the snapshot of one environment"),
        (["apply", *ALL], "cannot ask for confirmation"),
    ],
)
def test_what_cannot_be_done_in_several_environments_is_a_usage_error(
    declared: program.Program, arguments: list[str], says: str
) -> None:
    done = declared.run(*arguments)
    assert (done.returncode, says in done.stderr) == (64, True)


def test_a_spec_without_environments_has_none_to_select(declared: program.Program) -> None:
    declared.declare(SPEC.partition("  environments")[0].replace("${environment}:", "acme:"))
    done = declared.run("plan", *ALL)
    assert (done.returncode, "declares no environments, so '*' selects none" in done.stderr) == (64, True)


def test_where_all_are_disabled_there_is_nothing_to_do(declared: program.Program) -> None:
    declared.declare(
        SPEC.replace("staging: {", "staging: {enabled: false, ").replace("tion: {", "tion: {enabled: false")
    )
    away = program.Program(folder=declared.folder, address="127.0.0.1:1")
    assert (away.run("plan", *ALL, "--detailed-exitcode").returncode, away.run("apply", *ALL).returncode) == (0, 0)
    assert declared.run("apply", *ALL, GOVERNANCE_SCHEDULES_ENABLED="false").stdout.startswith("Nothing to do: ")


def test_an_environment_variable_selects_all_or_the_one_that_it_names(declared: program.Program) -> None:
    done = declared.run("plan", GOVERNANCE_ENVIRONMENT="*")
    assert "Plan for 2 environments: 4 to create" in done.stdout
    named = declared.run("plan", GOVERNANCE_ENVIRONMENT="staging production")
    assert (named.returncode, "has no environment 'staging production'" in named.stderr) == (64, True)


@pytest.fixture
def saved(declared: program.Program) -> program.Program:
    """The program with the plans of both environments in a file."""
    assert declared.run("plan", *ALL, "--out", "plan.json").returncode == 0
    return declared


def test_saved_plans_are_shown_and_applied_as_they_are_and_once(saved: program.Program) -> None:
    document = json.loads((saved.folder / "plan.json").read_text())
    assert list(published.violations("plans", document)) == []
    shown = saved.run("show", "plan.json")
    assert shown.stdout.splitlines()[-1] == f"Digest of all environments {document['digest']}"
    assert saved.run("apply", "plan.json", "--yes", "--expect-digest", "sha256:" + "0" * 64).returncode == 5
    done = saved.run("apply", "plan.json", "--yes")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0, "Applied: staging, production; disabled: preview."
    )  # fmt: skip
    again = saved.run("apply", "plan.json", "--yes")
    assert (again.returncode, "plan.json was already applied" in again.stderr) == (5, True)


@pytest.mark.parametrize(
    ("edit", "arguments", "says"),
    [
        (SPEC.replace("15 *", "20 *"), (), ".cogni/repo-spec.yaml changed since the plan was made"),
        (SPEC, ("--environment", "staging"), "--environment was passed, but the plans were made for staging, preview"),
        (SPEC, ("--only", "OPS"), "--only OPS was passed"),
    ],
)
def test_saved_plans_are_stale_when_anything_differs(
    saved: program.Program, edit: str, arguments: tuple[str, ...], says: str
) -> None:
    saved.declare(edit)
    done = saved.run("apply", "plan.json", "--yes", *arguments)
    assert (done.returncode, says in done.stderr) == (5, True)


def test_saved_plans_are_stale_when_an_environment_changed_or_was_enabled(saved: program.Program) -> None:
    changing = SPEC.replace("  schedules", "  vars: {on: false}\n  schedules").replace(
        "enabled: false", "enabled: '${on}'"
    )
    saved.declare(changing)
    assert saved.run("plan", "--environment", "preview", *BOTH, "--out", "plan.json").returncode == 0
    enabled = saved.run("apply", "plan.json", "--yes", "--var", "on=true")
    assert (enabled.returncode, "environment 'preview' was disabled when the plans were made" in enabled.stderr) == (
        5,
        True,
    )
    assert saved.run("apply", "--environment", "production", "--yes").returncode == 0
    changed = saved.run("apply", "plan.json", "--yes")
    assert (changed.returncode, "production:community was created " in changed.stderr) == (5, True)
    assert "+ staging:community" not in saved.run("status", "--environment", "staging").stdout


def test_saved_plans_that_were_edited_are_refused(saved: program.Program) -> None:
    path = saved.folder / "plan.json"
    text = path.read_text()
    document = json.loads(text)
    for edited in (
        {**document, "environments": document["environments"][:1]},
        {**document, "format_version": "2.0"},
        {**document, "digest": "sha256:" + "0" * 64},
    ):
        path.write_text(json.dumps(edited))
        done = saved.run("apply", "plan.json", "--yes")
        assert (done.returncode, "checksum does not match" in done.stderr or "in format 2.0" in done.stderr) == (
            5,
            True,
        )


def test_the_plan_of_one_environment_is_not_one_of_several(declared: program.Program) -> None:
    assert declared.run("plan", "--environment", "staging", "--out", "plan.json").returncode == 0
    done = declared.run("apply", "plan.json", *BOTH, "--yes")
    assert (done.returncode, "plan.json is a plan for one environment" in done.stderr) == (64, True)
