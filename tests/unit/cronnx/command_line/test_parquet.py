from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from cronnx.command_line._parquet import ParquetFile
from cronnx.command_line._records import record
from cronnx.command_line._result_files import OutputError
from tests.unit.cronnx.command_line.fake_server import answer

NAMES = ["cat.jpg", 'two\nlines".jpg', "dog.jpg"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.parquet"


@pytest.fixture
def journal(path: Path) -> Path:
    return path.with_name("results.parquet.partial.jsonl")


def run(path: Path, names: list[str] = NAMES, *, complete: bool = True) -> list[str]:
    with ParquetFile(str(path), "classification") as results:
        new = [name for name in names if results.claim(name, "net")]
        for name in new:
            results.add(record(name, "net", answer("cat.jpg", 2)))
        if complete:
            results.finish()
    return new


def rows(path: Path) -> list[dict[str, Any]]:
    return list(pyarrow.parquet.read_table(path).to_pylist())


def test_a_complete_run_leaves_the_parquet_file_alone(path: Path) -> None:
    run(path)
    assert rows(path) == [record(name, "net", answer("cat.jpg", 2)) for name in NAMES]
    assert list(path.parent.iterdir()) == [path]


def test_a_run_that_ends_before_leaves_the_journal_alone_and_the_next_goes_on(path: Path, journal: Path) -> None:
    run(path, NAMES[:2], complete=False)
    assert list(path.parent.iterdir()) == [journal]
    assert run(path) == NAMES[2:]
    assert [row["path"] for row in rows(path)] == NAMES


def test_a_later_run_adds_what_is_new(path: Path) -> None:
    run(path, NAMES[:2])
    assert run(path) == NAMES[2:]
    assert [row["path"] for row in rows(path)] == NAMES


def test_a_run_with_nothing_new_leaves_the_file_untouched(path: Path) -> None:
    run(path)
    before = path.stat()
    assert run(path) == []
    after = path.stat()  # reading may change the time of access
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert list(path.parent.iterdir()) == [path]


def test_a_run_killed_between_the_file_and_the_journals_end_adds_nothing_twice(path: Path, journal: Path) -> None:
    run(path, NAMES[:2], complete=False)
    left = journal.read_bytes()
    run(path)
    journal.write_bytes(left)
    assert run(path) == []
    assert [row["path"] for row in rows(path)] == NAMES


def test_a_run_killed_while_it_wrote_the_file_is_completed(path: Path) -> None:
    run(path, NAMES[:2], complete=False)
    path.with_name("results.parquet.partial").write_bytes(b"PAR1 torn")
    run(path)
    assert [row["path"] for row in rows(path)] == NAMES
    assert list(path.parent.iterdir()) == [path]


def test_two_runs_at_once_are_refused(path: Path) -> None:
    with ParquetFile(str(path), "classification"), pytest.raises(OutputError, match="another run is writing"):
        ParquetFile(str(path), "classification")


def test_a_name_that_is_not_utf8_is_escaped_and_recognised(path: Path) -> None:
    name = os.fsdecode(b"\xff.jpg")
    run(path, [name])
    assert [row["path"] for row in rows(path)] == [r"\udcff.jpg"]
    assert run(path, [name]) == []


@pytest.mark.parametrize("content", [b"", b"PAR1", b"shopping list"])
def test_a_file_of_something_else_is_refused_and_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(OutputError, match=r"results\.parquet: cannot be read as Parquet"):
        ParquetFile(str(path), "classification")
    assert path.read_bytes() == content


def test_a_table_of_something_else_is_refused(path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), path)
    with pytest.raises(OutputError, match="expected the columns of this command and the model's task"):
        ParquetFile(str(path), "classification")


def test_many_rows_come_in_order(path: Path) -> None:
    names = [f"{number}.jpg" for number in range(25_000)]
    run(path, names)
    assert run(path, [*names, "last.jpg"]) == ["last.jpg"]
    assert [row["path"] for row in rows(path)] == [*names, "last.jpg"]


def test_the_journal_is_json_lines(path: Path, journal: Path) -> None:
    run(path, ["cat.jpg"], complete=False)
    assert json.loads(journal.read_text())["path"] == "cat.jpg"
