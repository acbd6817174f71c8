from __future__ import annotations

import os
import pathlib

import pytest

from reconciler import errors
from reconciler.runtime import files


def refusal(path: pathlib.Path) -> str:
    with pytest.raises(errors.OutputError) as caught:
        files.save(path, "text")
    return caught.value.message


@pytest.mark.parametrize("before", [None, "something longer that stood there"])
def test_a_file_is_written_whole(tmp_path: pathlib.Path, before: str | None) -> None:
    path = tmp_path / "plan.json"
    if before is not None:
        path.write_text(before, encoding="utf-8")
    files.save(path, "ü ▶\n")
    assert path.read_bytes() == "ü ▶\n".encode()
    assert [each.name for each in tmp_path.iterdir()] == ["plan.json"]


def test_a_file_that_cannot_be_written_whole_leaves_the_old_one_and_nothing_beside_it(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plan.json"
    path.write_text("old", encoding="utf-8")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert refusal(path) == f"{path}: cannot be written: No space left on device"
    assert path.read_text(encoding="utf-8") == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["plan.json"]


def test_a_new_file_is_as_readable_as_the_umask_allows(tmp_path: pathlib.Path) -> None:
    before = os.umask(0o027)
    try:
        files.save(tmp_path / "plan.json", "text")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert (tmp_path / "plan.json").stat().st_mode & 0o777 == 0o640


def test_a_full_device_is_an_error_that_names_it() -> None:
    assert refusal(pathlib.Path("/dev/full")) == "/dev/full: cannot be written: No space left on device"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        files.save(path, "through the pipe\n")
        assert os.read(reader, 100) == b"through the pipe\n"
    finally:
        os.close(reader)
    assert path.is_fifo()


def test_a_folder_or_an_absent_folder_cannot_be_written(tmp_path: pathlib.Path) -> None:
    absent = tmp_path / "absent" / "plan.json"
    assert refusal(tmp_path) == f"{tmp_path}: cannot be written: Is a directory"
    assert refusal(absent) == f"{absent}: cannot be written: No such file or directory"


def test_a_link_stays_and_its_target_is_written(tmp_path: pathlib.Path) -> None:
    link, target = tmp_path / "link", tmp_path / "target"
    target.write_text("old", encoding="utf-8")
    link.symlink_to(target)
    files.save(link, "new")
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8") == "new"


def test_a_file_that_stood_there_keeps_its_mode(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o600)
    files.save(path, "new")
    assert (path.read_text(encoding="utf-8"), path.stat().st_mode & 0o777) == ("new", 0o600)


def test_the_longest_name_that_a_file_may_have_can_be_saved(tmp_path: pathlib.Path) -> None:
    path = tmp_path / ("p" * 255)
    files.save(path, "text")
    assert files.read(path) == "text"


def test_a_file_that_is_too_large_is_refused(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LIMIT", 1024**2)
    path = tmp_path / "large.json"
    path.write_bytes(b" " * 1024**2)
    assert len(files.read(path)) == 1024**2
    path.write_bytes(b" " * (1024**2 + 1))
    for way in (files.read, files.sha256):
        with pytest.raises(errors.DocumentError) as caught:
            way(path)
        assert (caught.value.message, caught.value.exit_code) == (f"{path}: is over 1 MiB", errors.ExitCode.STALE)


def test_a_device_is_refused_and_the_null_device_is_an_empty_file() -> None:
    with pytest.raises(errors.UsageError) as caught:
        files.read(pathlib.Path("/dev/zero"))
    assert caught.value.message == "/dev/zero: cannot be read: it is a character device, not a regular file"
    assert files.read(pathlib.Path(os.devnull)) == ""


def test_a_pipe_that_no_program_reads_is_an_error_and_no_wait(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == f"{tmp_path / 'pipe'}: cannot be written: no program is reading from it"


def test_what_to_do_is_what_the_caller_knows(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.OutputError) as caught:
        files.save(tmp_path / "absent" / "plan.json", "text", hint="make it writable")
    assert caught.value.hint == "make it writable"


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755])
def test_a_file_that_is_there_keeps_its_mode(tmp_path: pathlib.Path, mode: int) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text("old", encoding="utf-8")
    path.chmod(mode)
    files.save(path, "new")
    assert (path.read_text(encoding="utf-8"), path.stat().st_mode & 0o777) == ("new", mode)


def test_a_read_only_file_is_left_as_it_is(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o444)
    assert refusal(path) == f"{path}: cannot be written: it is read-only"
    assert (path.read_text(encoding="utf-8"), path.stat().st_mode & 0o777) == ("old", 0o444)


def test_line_endings_are_written_as_they_are(tmp_path: pathlib.Path) -> None:
    files.save(tmp_path / "spec.yaml", "\ufeffa: 1\r\nb: 2\n")
    assert (tmp_path / "spec.yaml").read_bytes() == b"\xef\xbb\xbfa: 1\r\nb: 2\n"
