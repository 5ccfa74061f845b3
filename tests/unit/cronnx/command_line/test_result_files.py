from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cronnx.command_line._locked_files import open_locked
from cronnx.command_line._records import Csv, JsonLines, RecordFormat, record
from cronnx.command_line._result_files import OutputError, ResultFile
from tests.unit.cronnx.command_line.fake_server import answer

NAMES = ["cat.jpg", 'two\nlines".jpg', os.fsdecode(b"\xff.jpg")]
FORMATS = [JsonLines(), Csv("classification", 2)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results"


def run(path: Path, record_format: RecordFormat, names: list[str] = NAMES) -> list[str]:
    """Add the missing answers, and return the names that were missing."""
    with ResultFile(str(path), record_format) as results:
        new = [name for name in names if results.claim(name, "net")]
        for name in new:
            results.add(record(name, "net", answer(name, 2)))
    return new


@pytest.mark.parametrize("record_format", FORMATS)
def test_existing_records_are_not_requested_again(path: Path, record_format: RecordFormat) -> None:
    assert run(path, record_format, NAMES[:2]) == NAMES[:2]
    assert run(path, record_format) == NAMES[2:]
    assert run(path, record_format) == []


@pytest.mark.parametrize("record_format", FORMATS)
def test_a_file_cut_anywhere_is_completed_to_what_it_was(path: Path, record_format: RecordFormat) -> None:
    run(path, record_format)
    whole = path.read_bytes()
    for end in range(len(whole) + 1):
        path.write_bytes(whole[:end])
        run(path, record_format)
        assert path.read_bytes() == whole, end


def test_zeros_after_a_power_failure_are_removed(path: Path) -> None:
    run(path, JsonLines())
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(5000))
    run(path, JsonLines())
    assert path.read_bytes() == whole


def test_a_path_is_claimed_once_in_a_run(path: Path) -> None:
    with ResultFile(str(path), JsonLines()) as results:
        assert [results.claim("a.jpg", "net") for _ in range(3)] == [True, False, False]


def test_another_model_is_another_record(path: Path) -> None:
    run(path, JsonLines(), ["a.jpg"])
    with ResultFile(str(path), JsonLines()) as results:
        assert results.claim("a.jpg", "net/2")


def test_a_record_is_in_the_file_as_soon_as_it_is_added(path: Path) -> None:
    with ResultFile(str(path), JsonLines()) as results:
        results.add(record("a.jpg", "net", answer("a.jpg", 1)))
        assert path.read_bytes().count(b"\n") == 1


def test_the_file_is_synced_every_second_and_at_the_end(path: Path) -> None:
    now, synced = [0.0], list[float]()
    with ResultFile(str(path), JsonLines(), clock=lambda: now[0], sync=lambda _: synced.append(now[0])) as results:
        for now[0] in (0.5, 0.9, 1.0, 1.5, 2.5):
            results.add(record("a.jpg", "net", answer("a.jpg", 1)))
    assert synced == [1.0, 2.5, 2.5]


def test_two_runs_at_once_are_refused(path: Path) -> None:
    with (
        ResultFile(str(path), JsonLines()),
        pytest.raises(OutputError, match="another run is writing this file"),
    ):
        ResultFile(str(path), JsonLines())
    run(path, JsonLines())


@pytest.mark.parametrize(
    "content",
    [b"shopping list\n", b'{"a": 1}\n', b'{"a": 1}', b"[]", b'{"path": "a"}\n', b"path,label\n", b"\xff\xd8\xff"],
)
@pytest.mark.parametrize("record_format", FORMATS)
def test_a_file_of_something_else_is_refused_and_left_as_it_is(
    path: Path, record_format: RecordFormat, content: bytes
) -> None:
    path.write_bytes(content)
    with pytest.raises(OutputError, match="give the same options as before, or another name"):
        ResultFile(str(path), record_format)
    assert path.read_bytes() == content


def test_a_damaged_record_is_reported_with_its_number(path: Path) -> None:
    run(path, JsonLines())
    first, second, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[:10] + third)
    with pytest.raises(OutputError, match="record 2: "):
        ResultFile(str(path), JsonLines())


@pytest.mark.parametrize("record_format", FORMATS)
def test_records_after_a_damaged_one_are_not_dropped(path: Path, record_format: RecordFormat) -> None:
    """An unclosed quote joins all later records to one."""
    run(path, record_format, [f"{number}.jpg" for number in range(1000)])
    damaged = path.read_bytes().replace(b"500.jpg", b'500"jpg')
    path.write_bytes(damaged)
    with pytest.raises(OutputError, match=r"record 501: |byte \d+ is not the beginning of a record"):
        ResultFile(str(path), record_format)
    assert path.read_bytes() == damaged


def test_other_columns_are_refused(path: Path) -> None:
    run(path, Csv("classification", 2))
    with pytest.raises(OutputError, match="other columns"):
        ResultFile(str(path), Csv("classification", 1))


def test_a_file_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"nowhere/results: cannot be written: No such file or directory"):
        ResultFile(str(tmp_path / "nowhere" / "results"), JsonLines())


def test_a_disk_that_is_full_is_an_error_that_names_the_file(path: Path) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    results = ResultFile(str(path), JsonLines(), sync=full)
    with pytest.raises(OutputError, match=r"results: cannot be written: No space left on device"):
        results.close()


def test_only_one_process_can_lock_the_file(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    mine = open_locked(path)
    with pytest.raises(BlockingIOError):
        open_locked(path)
    os.close(mine)
    os.close(open_locked(path))


def test_a_removed_file_is_created_again(tmp_path: Path) -> None:
    """A lock on a removed file would not protect the new file of that name."""
    path = tmp_path / "file"
    mine = open_locked(str(path))
    path.unlink()
    other = open_locked(str(path))
    assert os.path.samestat(os.fstat(other), path.stat())
    os.close(mine)
    os.close(other)


def test_a_killed_process_unlocks_the_file(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    code = (
        "import sys; from cronnx.command_line._locked_files import open_locked;"
        " open_locked(sys.argv[1]); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"\n"
        with pytest.raises(BlockingIOError):
            open_locked(path)
        other.kill()
        other.wait()
        os.close(open_locked(path))
