"""The answer of each task as a real server sends it: to the client, and to the commands of docs/api.md."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cronnx import Client, Detections
from cronnx_server.paths import ROOT
from cronnx_server.serve.addresses import Addresses
from tests import examples
from tests.server import fixed_answers
from tests.server.triton import running
from tests.unit.cronnx.test_image_model import ANSWERS
from tests.unit.cronnx.typed_answers import answers_of, photo

PHOTO = photo()
TASKS = [task for task in ANSWERS if task not in ("classification", "multi_label")]
PAGE = (ROOT / "docs" / "api.md").read_text()


def tensors(task: str) -> dict[str, Any]:
    return answers_of(task)([PHOTO])


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    repository = tmp_path_factory.mktemp("repository")
    for task in TASKS:
        fixed_answers.write(repository, task, tensors(task), task=task)
    nothing = {"num_detections": np.zeros((1, 1), np.int32), "mask": np.zeros((1, 0), np.int16)}
    fixed_answers.write(repository, "blank", tensors("instance_segmentation") | nothing, task="instance_segmentation")
    fixed_answers.write(repository, "yolo11n", tensors("detection"), task="detection")
    geometry = {"geometry": np.array([[600, 400, 8 / 600, 8 / 600, 0, 4 / 3]], np.float32)}
    class_map = tensors("semantic_segmentation") | geometry
    fixed_answers.write(repository, "segformer", class_map, task="semantic_segmentation")
    with running([repository]) as addresses:
        yield addresses


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize("task", TASKS)
def test_the_client_reads_what_a_server_sends(addresses: Addresses, task: str, protocol: str) -> None:
    with Client(getattr(addresses, protocol)) as client:
        answer = client.predict(PHOTO, model_name=task)
        assert type(answer) is ANSWERS[task]
        assert answer.served_by == "net_onnx/1@abcd1234"
        if isinstance(answer, Detections) and task == "instance_segmentation":
            assert [each.mask.sum() for each in answer if each.mask is not None] == [100, 100]


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_server_may_send_no_values_of_masks(addresses: Addresses, protocol: str) -> None:
    with Client(getattr(addresses, protocol)) as client:
        assert len(client.detect(PHOTO, model_name="blank")) == 0


@pytest.mark.parametrize(
    ("model_name", "expected"),
    [
        (
            "yolo11n",
            [
                {"label": "dog", "score": 0.75, "box": [4, 2, 24, 12]},
                {"label": "person", "score": 0.5, "box": [0, 0, 10, 10]},
            ],
        ),
        ("segformer", ["sky"]),
    ],
)
def test_a_command_of_the_page_cuts_an_answer(
    addresses: Addresses, tmp_path: Path, model_name: str, expected: list[Any]
) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    (command,) = re.findall(rf"^```bash\n((?:(?!```).)*models/{model_name}/.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    asked = command.replace("localhost:8000", f"localhost:{addresses.http_port}")
    ended = subprocess.run(["bash", "-euc", asked], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert [json.loads(line) if line.startswith("{") else line for line in lines] == expected


def test_the_example_evaluates_a_detector(addresses: Addresses, tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(PHOTO)
    # The dog's box is exact. The person's overlaps by 0.82, enough for 7 of COCO's 10 thresholds.
    boxes = {"dog": [4, 2, 20, 10], "person": [0, 0, 10, 8.2]}
    annotated = [
        {"id": id_, "image_id": 1, "category_id": 10 * id_, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
        for id_, box in enumerate(boxes.values(), start=1)
    ]
    categories = [{"id": 10 * id_, "name": name} for id_, name in enumerate(boxes, start=1)]
    truth = {"images": [{"id": 1, "file_name": "1.png"}], "annotations": annotated, "categories": categories}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    ended = examples.run("evaluate_coco", tmp_path / "truth.json", tmp_path, "--url", addresses.grpc)
    assert ended.returncode == 0, ended.stderr
    precision, *_ = re.findall(r"Average Precision .* = (\S+)$", ended.stdout, re.MULTILINE)
    assert precision == "0.850"
