"""What `cronnx predict` prints and writes for models of each task."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

from cronnx import InvalidInput
from cronnx._answers import ImageTensors
from cronnx._tasks import PREDICT, Answer
from cronnx.command_line._coco import coco_results
from cronnx.command_line._records import Csv, record
from tests.unit.cronnx.command_line.fake_server import FakeServer
from tests.unit.cronnx.typed_answers import answers_of, photo

Output = pytest.CaptureFixture[str]
Command = Callable[[list[str]], int]

OBJECTS = ["detection", "pose", "oriented_boxes", "instance_segmentation"]
TASKS = ["classification", *OBJECTS, "semantic_segmentation", "embedding", "depth"]


def answer_of(task: str) -> Answer:
    tensors = {name: array[0] for name, array in answers_of(task)([photo()]).items()}
    return PREDICT.formats[task].read(ImageTensors(photo(), tensors, "net/1@abcd1234", "net"))


def serve(server: FakeServer, task: str) -> None:
    server.task = task
    server.answer = lambda _image: answer_of(task)


@pytest.fixture
def images(folder: Path) -> Path:
    for name in ("000000000139.png", "cat.jpg"):
        Image.new("RGB", (40, 20), (90, 120, 150)).save(folder / name)
    return folder


@pytest.mark.parametrize(
    ("task", "lines"),
    [
        ("detection", [["dog", "4", "2", "24", "12", "75.0%"], ["person", "0", "0", "10", "10", "50.0%"]]),
        ("semantic_segmentation", [["background", "50.0%"], ["sky", "50.0%"]]),
        ("embedding", [["2", "numbers:", "0.600,", "0.800"]]),
        ("depth", [["depth", "0", "to", "63"]]),
    ],
)
@pytest.mark.usefixtures("images")
def test_a_table_has_a_line_for_each_object_or_class(
    cronnx: Command, server: FakeServer, capsys: Output, task: str, lines: list[list[str]]
) -> None:
    serve(server, task)
    assert cronnx(["predict", "cat.jpg"]) == 0
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert words[0][0] == "cat.jpg"
    assert words[0][-1] == "net/1@abcd1234"
    assert [words[0][1:-1], *words[1:]] == lines


def test_an_image_without_objects_says_so(cronnx: Command, server: FakeServer, capsys: Output, images: Path) -> None:
    empty = dataclasses.replace(answer_of("detection"), detections=())  # type: ignore[call-arg, arg-type, type-var]
    server.task, server.answer = "detection", lambda _image: empty
    for _ in range(2):
        assert cronnx(["predict", "cat.jpg", "--output", "results.csv"]) == 0
    assert len(server.asked) == 1
    assert cronnx(["predict", "cat.jpg"]) == 0
    assert capsys.readouterr().out.startswith("cat.jpg  nothing found ")
    (row,) = csv.DictReader((images / "results.csv").open())
    assert (row["number"], row["count"], row["label"]) == ("0", "0", "")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_file_of_any_task_is_written_and_resumed(cronnx: Command, server: FakeServer, task: str, suffix: str) -> None:
    serve(server, task)
    for _ in range(2):
        assert cronnx(["predict", "cat.jpg", "000000000139.png", "--output", f"results.{suffix}"]) == 0
    assert len(server.asked) == 2


@pytest.mark.parametrize("task", TASKS)
def test_parquet_has_what_json_has(cronnx: Command, server: FakeServer, images: Path, task: str) -> None:
    serve(server, task)
    assert cronnx(["predict", "cat.jpg", "--output", "results.parquet"]) == 0
    (row,) = pyarrow.parquet.read_table(images / "results.parquet").to_pylist()
    expected = json.loads(json.dumps(record("cat.jpg", "efficientnet_lite0", answer_of(task))))
    assert without_none(row) == expected


def without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_none(each) for key, each in value.items() if each is not None}
    return [without_none(each) for each in value] if isinstance(value, list) else value


@pytest.mark.usefixtures("images")
def test_csv_has_a_row_for_each_object(cronnx: Command, server: FakeServer, capsys: Output) -> None:
    serve(server, "instance_segmentation")
    assert cronnx(["predict", "cat.jpg", "--format", "csv"]) == 0
    first, second = csv.DictReader(capsys.readouterr().out.splitlines())
    assert (first["path"], first["number"], first["count"], second["number"]) == ("cat.jpg", "1", "2", "2")
    assert [first[name] for name in ("label", "score", "x1", "y1", "x2", "y2")] == [
        "dog",
        "0.75",
        "4.0",
        "2.0",
        "24.0",
        "12.0",
    ]
    assert json.loads(first["segmentation"])["size"] == [20, 40]


@pytest.mark.parametrize("task", ["detection", "instance_segmentation", "semantic_segmentation"])
def test_a_csv_record_of_several_rows_is_one_record(task: str) -> None:
    columns = Csv(task)
    encoded = columns.encode(record('odd"\n.jpg', "net", answer_of(task)))
    assert columns.path_and_model(encoded) == ('odd"\n.jpg', "net")
    ends = [end for end in range(len(encoded) + 1) if columns.is_complete(encoded[:end])]
    assert ends == [0, len(encoded)] or ends == [len(encoded)]
    assert [end for end in range(1, len(encoded)) if not columns.is_beginning(encoded[:end])] == []


def test_coco_results_are_those_of_cocos_tools(
    cronnx: Command, server: FakeServer, capsys: Output, images: Path
) -> None:
    serve(server, "detection")
    arguments = ["predict", "000000000139.png", "cat.jpg", "--format", "coco"]
    assert cronnx(arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [each["image_id"] for each in printed] == [139, 139, "cat", "cat"]
    assert printed[0] == {
        "image_id": 139,
        "category_id": 16,
        "bbox": [4.0, 2.0, 20.0, 10.0],
        "score": 0.75,
        "category_name": "dog",
        "file_name": "000000000139.png",
    }
    assert cronnx([*arguments[:3], "--output", "results.json"]) == 0
    assert json.loads((images / "results.json").read_text()) == printed
    assert not list(images.glob("*.partial*"))


def test_coco_results_have_the_masks_and_the_keypoints() -> None:
    masked, _ = coco_results(record("1.jpg", "net", answer_of("instance_segmentation")))
    assert masked["segmentation"]["size"] == [20, 40]
    posed, _ = coco_results(record("1.jpg", "net", answer_of("pose")))
    assert posed["keypoints"] == [5.0, 6.0, 1.0] * 17


def test_coco_results_of_nothing_are_an_empty_array(cronnx: Command, server: FakeServer, capsys: Output) -> None:
    serve(server, "detection")
    server.failures = {"cat.jpg": InvalidInput("no", server_message="no")}
    assert cronnx(["predict", "cat.jpg", "--format", "coco"]) == 1
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--format", "coco"], "expected a model that finds objects, got efficientnet_lite0 for classification"),
        (["--format", "parquet"], "expected --output FILE with it"),
        (["--format", "table", "--output", "a.csv"], "expected no --output with it"),
        (["--output", "old.json"], "expected a model that finds objects"),
    ],
)
@pytest.mark.usefixtures("images")
def test_a_format_that_does_not_fit_is_refused(
    cronnx: Command, server: FakeServer, capsys: Output, arguments: list[str], complaint: str
) -> None:
    assert cronnx(["predict", "cat.jpg", *arguments]) == 2
    assert complaint in capsys.readouterr().err
    assert server.asked == []


def test_coco_results_never_replace_a_file(cronnx: Command, server: FakeServer, images: Path) -> None:
    serve(server, "detection")
    (images / "old.json").write_text("mine")
    assert cronnx(["predict", "cat.jpg", "--output", "old.json"]) == 2
    assert (images / "old.json").read_text() == "mine"


@pytest.mark.parametrize("task", [task for task in TASKS if task != "embedding"])
def test_annotated_pictures_have_the_images_size(cronnx: Command, server: FakeServer, images: Path, task: str) -> None:
    serve(server, task)
    for _ in range(2):  # a later run replaces the pictures of an earlier one
        assert cronnx(["predict", "cat.jpg", "000000000139.png", "--annotate", "seen"]) == 0
    assert sorted(path.name for path in (images / "seen").iterdir()) == ["000000000139.png", "cat.jpg"]
    for path in (images / "seen").iterdir():
        with Image.open(path) as picture:
            assert picture.size == (40, 20)
            assert len(np.unique(np.asarray(picture))) > 3


def test_an_image_is_never_overwritten(cronnx: Command, server: FakeServer, capsys: Output, images: Path) -> None:
    serve(server, "detection")
    before = (images / "cat.jpg").read_bytes()
    assert cronnx(["predict", "cat.jpg", "--annotate", "."]) == 1
    assert (images / "cat.jpg").read_bytes() == before
    assert "cat.jpg exists and is not a picture of this command" in capsys.readouterr().err


def test_pictures_of_the_same_name_are_numbered(cronnx: Command, server: FakeServer, images: Path) -> None:
    serve(server, "detection")
    (images / "other").mkdir()
    Image.new("RGB", (40, 20)).save(images / "other/cat.jpg")
    assert cronnx(["predict", "cat.jpg", "other/cat.jpg", "--annotate", "seen"]) == 0
    assert sorted(path.name for path in (images / "seen").iterdir()) == ["cat-2.jpg", "cat.jpg"]


@pytest.mark.usefixtures("images")
def test_an_embedding_cannot_be_drawn(cronnx: Command, server: FakeServer, capsys: Output) -> None:
    serve(server, "embedding")
    assert cronnx(["predict", "cat.jpg", "--annotate", "seen"]) == 1
    assert "cat.jpg: an embedding cannot be drawn" in capsys.readouterr().err
