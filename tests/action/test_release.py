"""The release's own script: which release takes the tag of its major version."""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest
import yaml

from tests.support import action

COMMIT = "1" * 40


@pytest.fixture
def script() -> str:
    described = yaml.safe_load((action.ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    [script] = [
        step["run"] for step in described["jobs"]["release"]["steps"] if "the major version" in step.get("name", "")
    ]
    return str(script)


@pytest.mark.parametrize(
    ("tag", "others", "moves"),
    [
        ("v1.2.0", ("v1.1.0", "v1.1.9"), True),
        ("v1.10.0", ("v1.9.0",), True),  # by version, not by letters
        ("v1.1.1", ("v1.1.0", "v1.2.0"), False),
        ("v1.2.0", ("v1.3.0-rc.1",), True),  # one that was never released by this workflow
        ("v1.0.0", (), True),
    ],
)
def test_the_newest_release_has_the_tag_of_its_major_version(
    tag: str, others: tuple[str, ...], moves: bool, script: str, tmp_path: pathlib.Path
) -> None:
    refs = "".join(f"refs/tags/{each}\n" for each in sorted((tag, *others)))
    (tmp_path / "refs").write_text(refs, encoding="utf-8")
    (tmp_path / "gh").write_text(
        "#!/usr/bin/env bash\n"
        'case "$*" in\n'
        f"  *matching-refs/tags/v1.*) cat '{tmp_path}/refs' ;;\n"
        f"  *PATCH*) echo \"$*\" >>'{tmp_path}/calls' ;;\n"
        "esac\n",
        encoding="utf-8",
    )
    (tmp_path / "gh").chmod(0o755)
    done = subprocess.run(
        ["bash", "-e", "-c", script],  # as a runner does without `shell`
        env={
            "PATH": os.pathsep.join((str(tmp_path), os.environ["PATH"])),
            "GITHUB_REF": f"refs/tags/{tag}",
            "GITHUB_REF_NAME": tag,
            "GITHUB_REPOSITORY": "owner/reconciler",
            "GITHUB_SHA": COMMIT,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    moved = f"api --method PATCH repos/owner/reconciler/git/refs/tags/v1 -f sha={COMMIT} -F force=true\n"
    calls = tmp_path / "calls"
    assert (calls.read_text(encoding="utf-8") if calls.exists() else "") == (moved if moves else ""), done.stdout
    assert ("v1 stays where it is" in done.stdout) is not moves
