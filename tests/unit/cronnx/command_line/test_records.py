from __future__ import annotations

import csv
import json
import os

import pytest

from cronnx.command_line._records import Csv, JsonLines, RecordFormat, record
from tests.unit.cronnx.command_line.fake_server import answer

ODD_NAMES = [
    "plain.jpg",
    'quo"te.jpg',
    '"',
    '""\n"',
    "new\nline.jpg",
    "carriage\rreturn\r\n.jpg",
    "comma, semi; tab\t.jpg",
    "naïve 猫.jpg",
    "",
    os.fsdecode(b"\xff\xfe.jpg"),
]
FORMATS = [(JsonLines(), 3), (Csv("classification", 1), 1), (Csv("classification", 3), 3)]


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize(("record_format", "top_k"), FORMATS)
def test_a_path_is_read_back_as_it_was_written(record_format: RecordFormat, top_k: int, name: str) -> None:
    encoded = record_format.encode(record(name, "net/2", answer(name, top_k)))
    assert record_format.path_and_model(encoded) == (name, "net/2")


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize(("record_format", "top_k"), FORMATS)
def test_a_record_is_complete_at_its_end_and_nowhere_before(record_format: RecordFormat, top_k: int, name: str) -> None:
    encoded = record_format.encode(record(name, "net", answer(name, top_k)))
    assert [end for end in range(len(encoded) + 1) if record_format.is_complete(encoded[:end])] == [len(encoded)]


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize(("record_format", "top_k"), FORMATS)
def test_a_record_cut_anywhere_is_recognised_as_a_beginning(record_format: RecordFormat, top_k: int, name: str) -> None:
    encoded = record_format.encode(record(name, "net", answer(name, top_k)))
    assert [end for end in range(1, len(encoded)) if not record_format.is_beginning(encoded[:end])] == []


@pytest.mark.parametrize("torn", [b"shopping", b'{"a": 1}', b'"a"b","net"', b'"a\n","b"\n"c"', b"path,mod"])
@pytest.mark.parametrize("record_format", [each for each, _ in FORMATS])
def test_other_bytes_are_not_the_beginning_of_a_record(record_format: RecordFormat, torn: bytes) -> None:
    assert not record_format.is_beginning(torn)


def test_json_has_the_answer_and_what_was_asked() -> None:
    written = json.loads(JsonLines().encode(record("cat.jpg", "net", answer("cat.jpg", 2))))
    assert list(written) == ["path", "model", "label", "class_id", "score", "served_by", "top", "independent"]
    assert (written["label"], written["score"], len(written["top"])) == ("cat", 0.5, 2)


def test_csv_has_columns_for_every_rank_and_is_read_by_pythons_reader() -> None:
    columns = Csv("classification", 2)
    lines = columns.header + columns.encode(record('ca"t\n.jpg', "net", answer("cat.jpg", 2)))
    (row,) = csv.DictReader(lines.decode().splitlines(keepends=True))
    assert row == {
        "path": 'ca"t\n.jpg',
        "model": "net",
        "label": "cat",
        "class_id": "0",
        "score": "0.5",
        "served_by": "net/1@abcd1234",
        "label_2": "cat1",
        "class_id_2": "1",
        "score_2": "0.25",
    }


@pytest.mark.parametrize(
    "line",
    [b"\n", b"{}\n", b"[1]\n", b'{"path": 1, "model": "net"}\n', b"\xff\n", b"path\n", b'"a"b","net"\n', b"\0\n"],
)
@pytest.mark.parametrize("record_format", [each for each, _ in FORMATS])
def test_bytes_that_are_not_a_record_are_refused(record_format: RecordFormat, line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json, csv and UTF-8 raise different ones
        record_format.path_and_model(line)
