"""A refusal names the input that is wrong, not its value: a credential may be in the wrong place."""

from __future__ import annotations

import pytest

from tests.support import program

TOKEN = f"sk-{program.SECRET}2.in-the-wrong-place"
SPEC = """\
governance:
  schedules:
    - {charter: COMMUNITY, cron: "0 * * * *", entrypoint: COMMUNITY}
"""
WRONG = {
    "a header with a colon": (["plan", "--grpc-meta", f"Authorization: Bearer {TOKEN}=="], 64, "'--grpc-meta'"),
    "a codec header with a colon": (["plan", "--codec-header", f"Authorization: Bearer {TOKEN}="], 64, "'--codec-head"),
    "a token before the address": (["plan", "--address", f"{TOKEN}@127.0.0.1:1"], 64, "heck --address"),
    "a URL as the address": (["plan", "--address", f"https://127.0.0.1?token={TOKEN}"], 64, "heck --address"),
    "a query in the address": (["plan", "--address", f"127.0.0.1:1?token={TOKEN}"], 64, "heck --address"),
    "a codec's port": (["plan", "--codec-endpoint", f"http://127.0.0.1:{TOKEN}/"], 64, "--codec-endpoint"),
    "a slash in a password": (["plan", "--codec-endpoint", f"http://u:{TOKEN}/x@127.0.0.1:1"], 64, "--codec-endpoint"),
    "a service's password": (["sync", "--via-service", f"http://u:{TOKEN}@127.0.0.1:1"], 1, "http://127.0.0.1:1 "),
    "a service's user": (["sync", "--via-service", f"http://{TOKEN}@127.0.0.1:1/x"], 1, "http://127.0.0.1:1/x "),
    "a service's query": (["sync", "--via-service", f"http://127.0.0.1:1/?token={TOKEN}"], 1, "http://127.0.0.1:1/ "),
    "a service that is malformed": (["sync", "--via-service", f"http://u:{TOKEN}/@127.0.0.1"], 64, "--via-service"),
    "an executor": (["worker", "--executor-url", f"http://u:{TOKEN}/x@127.0.0.1:1/"], 64, "--executor-url"),
}


@pytest.mark.parametrize(("arguments", "code", "named"), WRONG.values(), ids=WRONG.keys())
def test_a_refusal_names_the_input_and_not_its_value(
    reconciler: program.Program, database_url: str, arguments: list[str], code: int, named: str
) -> None:
    reconciler.declare(SPEC)
    done = reconciler.run(*arguments, INTERNAL_OPS_TOKEN=TOKEN, DATABASE_URL=database_url)
    shown = done.stdout + done.stderr
    assert (done.returncode, named in done.stderr, TOKEN in shown, "Traceback" in shown) == (code, True, False, False)


def test_a_name_in_the_metadata_of_a_profile_is_not_quoted(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    profile = reconciler.folder / "profile.toml"
    profile.write_text(f'[profile.default.grpc_meta]\n"authorization: {TOKEN}" = "x"\n')
    done = reconciler.run("plan", "--config-file", str(profile))
    assert (done.returncode, "grpc_meta" in done.stderr, TOKEN in done.stderr) == (64, True, False)
