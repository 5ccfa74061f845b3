from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len

from cronnx import ConnectionFailed, DeadlineExceeded, InvalidInput
from cronnx.command_line._answer_lines import AnswerLines
from cronnx.command_line._records import JsonLines, Record, record
from cronnx.command_line._result_files import ResultFile
from tests.unit.cronnx import typed_answers
from tests.unit.cronnx.command_line.fake_server import SERVED_BY, FakeServer, answer

Output = pytest.CaptureFixture[str]
Command = Callable[[list[str]], int]

pytestmark = pytest.mark.usefixtures("folder")


def test_images_make_an_aligned_table_in_the_order_given(cronnx: Command, capsys: Output) -> None:
    assert cronnx(["predict", "goldfish.jpg", "cat.jpg"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"goldfish.jpg  goldfish                           50.0%  {SERVED_BY}",
        f"cat.jpg       cat                                50.0%  {SERVED_BY}",
    ]


def test_json_is_one_object_a_line_with_all_classes(cronnx: Command, capsys: Output) -> None:
    assert cronnx(["predict", "cat.jpg", "goldfish.jpg", "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert list(first) == ["path", "model", "label", "class_id", "score", "served_by", "top", "independent"]
    assert (first["path"], first["label"], len(first["top"]), second["label"]) == ("cat.jpg", "cat", 5, "goldfish")


def test_an_image_on_standard_input_is_named_by_its_content(
    cronnx: Command, capsys: Output, server: FakeServer, folder: Path
) -> None:
    content = typed_answers.photo()
    (folder / "cat.jpg").write_bytes(content)
    standard_input = os.dup(0)
    try:
        for repetition in range(2):
            with (folder / "cat.jpg").open("rb") as file:
                os.dup2(file.fileno(), 0)
                assert cronnx(["predict", "-", "--output", "results.jsonl", "--annotate", "drawn"]) == 0
            assert f"{1 - repetition} added, {repetition} already there" in capsys.readouterr().err
    finally:
        os.dup2(standard_input, 0)
        os.close(standard_input)
    (record,) = map(json.loads, (folder / "results.jsonl").read_text().splitlines())
    assert server.asked == [content]
    assert record["path"].startswith("stdin-")
    assert (folder / "drawn" / f"{record['path']}.png").exists()


def test_the_server_is_asked_as_the_options_say(cronnx: Command, server: FakeServer) -> None:
    cronnx(["predict", "a.jpg", "--model", "net", "--model-version", "2", "--concurrency", "4"])
    expected = {"model_name": "net", "model_version": "2", "concurrency": 4}
    assert server.options == {**expected, "ordered": True}


def test_a_failed_image_is_reported_in_one_line_and_the_others_continue(
    cronnx: Command, capsys: Output, server: FakeServer
) -> None:
    server.failures = {
        "a\n.jpg": InvalidInput("in ensemble 'net':\n truncated", server_message="in ensemble 'net':\n truncated"),
        "b.jpg": DeadlineExceeded("no answer"),
    }
    assert cronnx(["predict", "a\n.jpg", "b.jpg", "cat.jpg"]) == 1
    output = capsys.readouterr()
    assert output.out.startswith("cat.jpg ")
    assert output.err.splitlines() == ["cronnx: a\\n.jpg: in ensemble 'net': truncated", "cronnx: b.jpg: no answer"]


def test_an_empty_folder_is_a_failure(cronnx: Command, capsys: Output, folder: Path) -> None:
    (folder / "empty").mkdir()
    assert cronnx(["predict", "empty"]) == 1
    assert capsys.readouterr().err == "cronnx: empty: no image in this folder\n"


def test_a_server_that_cannot_be_reached_ends_the_command_at_once(
    cronnx: Command, capsys: Output, server: FakeServer
) -> None:
    server.is_up = False
    assert cronnx(["predict", *map(str, range(100))]) == 3
    assert capsys.readouterr().err == "cronnx: nobody there\n"
    assert len(server.asked) == 1


def test_a_server_that_goes_away_costs_the_images_it_did_not_answer(cronnx: Command, server: FakeServer) -> None:
    server.failures = {"b": ConnectionFailed("gone"), "c": ConnectionFailed("gone")}
    assert cronnx(["predict", "a", "b", "c", "d"]) == 1
    assert server.asked == ["a", "b", "c", "d"]


def test_a_refusal_proves_a_reachable_server_but_a_missing_file_does_not(cronnx: Command, server: FakeServer) -> None:
    server.failures = {"missing": InvalidInput("cannot read"), "b": ConnectionFailed("gone")}
    assert cronnx(["predict", "missing", "b"]) == 3
    server.failures["missing"] = InvalidInput("cannot decode", server_message="cannot decode")
    assert cronnx(["predict", "missing", "b"]) == 1


def test_a_file_of_json_lines_gets_every_answer_once(
    cronnx: Command, capsys: Output, server: FakeServer, folder: Path
) -> None:
    server.failures = {"b.jpg": DeadlineExceeded("no answer")}
    command = ["predict", "a.jpg", "b.jpg", "a.jpg", "--output", "results.jsonl"]
    assert cronnx(command) == 1
    assert capsys.readouterr().err.splitlines() == [
        "cronnx: b.jpg: no answer",
        "cronnx: results.jsonl: 1 added, 1 already there, 1 failed",
    ]
    server.failures.clear()
    assert cronnx(command) == 0
    output = capsys.readouterr()
    assert output.err == "cronnx: results.jsonl: 1 added, 2 already there, 0 failed\n"
    assert output.out == ""
    lines = (folder / "results.jsonl").read_text().splitlines()
    assert [json.loads(line)["path"] for line in lines] == ["a.jpg", "b.jpg"]
    assert server.asked == ["a.jpg", "b.jpg", "b.jpg"]


def test_answers_for_a_file_come_as_they_are_completed(cronnx: Command, server: FakeServer) -> None:
    cronnx(["predict", "a.jpg", "--output", "results.jsonl"])
    assert server.options["ordered"] is False


def test_a_csv_has_the_best_class_or_as_many_as_asked_for(cronnx: Command, folder: Path) -> None:
    assert cronnx(["predict", "a.jpg", "--output", "one.csv"]) == 0
    assert cronnx(["predict", "a.jpg", "--output", "two.csv", "--top-k", "2"]) == 0
    (one,), (two,) = (csv.DictReader((folder / name).open()) for name in ("one.csv", "two.csv"))
    assert (one["label"], "label_2" in one) == ("a", False)
    assert (two["label"], two["label_2"]) == ("a", "a1")


def test_odd_names_are_in_the_file_as_they_are_in_the_folder(cronnx: Command, server: FakeServer, folder: Path) -> None:
    names = [b"plain.jpg", b'quo"te.jpg', b"new\nline.jpg", b"\xff.jpg", b"a,b.jpg", "猫.jpg".encode()]
    (folder / "in").mkdir()
    for name in names:
        Path(os.fsdecode(b"in/" + name)).touch()
    for output in ("results.jsonl", "results.csv", "results.parquet"):
        server.asked.clear()
        assert cronnx(["predict", "in", "--output", output]) == 0
        assert sorted(map(os.fsencode, server.asked)) == sorted(b"in/" + name for name in names)
        assert cronnx(["predict", "in", "--output", output]) == 0
        assert len(server.asked) == len(names)


def test_an_answer_of_another_version_is_another_record(cronnx: Command, folder: Path) -> None:
    for version in ("", "2", "2"):
        cronnx(["predict", "a.jpg", "--model", "net", "--model-version", version, "--output", "results.jsonl"])
    lines = (folder / "results.jsonl").read_text().splitlines()
    assert [json.loads(line)["model"] for line in lines] == ["net", "net/2"]


@pytest.mark.parametrize("name", ["results.txt", "results", "nowhere/results.csv"])
def test_an_unusable_output_is_reported_before_any_request(
    cronnx: Command, capsys: Output, server: FakeServer, name: str
) -> None:
    assert cronnx(["predict", "a.jpg", "--output", name]) == 2
    assert capsys.readouterr().err.startswith(f"cronnx: {name}: ")
    assert server.asked == []


def test_a_file_that_another_run_writes_is_refused(cronnx: Command, capsys: Output, server: FakeServer) -> None:
    with ResultFile("results.jsonl", JsonLines()):
        assert cronnx(["predict", "a.jpg", "--output", "results.jsonl"]) == 2
    assert "another run is writing this file" in capsys.readouterr().err
    assert server.asked == []


def of(path: str, top_k: int = 1) -> Record:
    return record(path, "net", answer(path, top_k))


def test_without_a_terminal_nothing_is_cut() -> None:
    path, label = "in/" + "x" * 300 + ".jpg", "x" * 300
    assert AnswerLines(None)(of(path)) == f"{path}  {label}   50.0%  net/1@abcd1234"


def test_the_paths_column_is_as_wide_as_the_longest_so_far() -> None:
    lines = AnswerLines(None)
    assert [lines(of(path)).index("goldfish", 12) for path in ("in/goldfish.jpg", "goldfish.jpg")] == [17, 17]


@pytest.mark.parametrize("width", [80, 81, 120, 200])
def test_on_a_terminal_columns_stay_aligned_and_within_its_width(width: int) -> None:
    lines = AnswerLines(width)
    shown = [lines(of(path, 3)).splitlines() for path in ("a.jpg", "in/" + "long" * 50 + ".jpg", "猫" * 60 + ".jpg")]
    assert all(cell_len(line) <= width for lines in shown for line in lines)
    assert len({cell_len(line.split("%")[0]) for lines in shown for line in lines}) == 1


def test_further_classes_are_indented_below() -> None:
    first, second, third = AnswerLines(None)(of("cat.jpg", 3)).splitlines()
    assert first.startswith("cat.jpg  cat ")
    assert second.startswith("         cat1 ")
    assert third.endswith(" 12.5%")


def test_a_name_with_a_line_end_stays_on_one_line() -> None:
    assert AnswerLines(None)(of("a\nb.jpg")).startswith(r"a\nb.jpg  a\nb ")
