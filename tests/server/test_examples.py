"""The programs of `examples/` against the server of `scripts/serve`; test_answers.py evaluates a detector."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from cronnx_server.paths import PICTURES
from tests import examples
from tests.server.conftest import Served

NO_PHOTO = b"no photo"
RUNNING = re.compile(r"Uvicorn running on (http://[\d.:]+)")


def test_a_folder_becomes_a_parquet_file(served: Served, tmp_path: Path, pictures: dict[str, Path]) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "coffee.jpg").symlink_to(pictures["coffee"])
    (tmp_path / "photos" / "torn.jpg").write_bytes(NO_PHOTO)
    output = tmp_path / "answers.parquet"
    ended = examples.run("folder_to_parquet", tmp_path / "photos", output, "--url", served.addresses.grpc)
    assert ended.stdout == f"{output}: 2 photos, 1 failed\n", ended.stderr
    rows = {Path(row["path"]).name: row for row in pq.read_table(output).to_pylist()}
    assert rows["coffee.jpg"]["label"] == "espresso"
    assert rows["coffee.jpg"]["error"] is None
    assert rows["torn.jpg"]["label"] is None
    assert rows["torn.jpg"]["error"]


@pytest.fixture
def web_handler(served: Served) -> Iterator[str]:
    """The address of the web service."""
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(examples.FOLDER), "web_handler:app", "--port=0"]
    environment = {**os.environ, "CRONNX_URL": served.addresses.grpc}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = next(found[1] for line in process.stderr if (found := RUNNING.search(line)))
        yield f"{address}/classify"
        process.terminate()
        process.communicate(timeout=30)


def test_the_web_handler_answers_and_refuses(web_handler: str, pictures: dict[str, Path]) -> None:
    answer = json.load(urllib.request.urlopen(web_handler, data=pictures["coffee"].read_bytes()))
    assert answer["label"] == "espresso"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(web_handler, data=NO_PHOTO)
    assert refused.value.code == 400
    assert "error" in json.load(refused.value)


def test_a_worker_of_the_ray_job_classifies_a_batch(served: Served, pictures: dict[str, Path]) -> None:
    classifier = examples.imported("million_photos").Classifier(
        [served.addresses.grpc, served.addresses.http], "efficientnet_lite0"
    )
    photos = np.array([pictures["coffee"].read_bytes(), NO_PHOTO], object)
    rows = classifier({"bytes": photos, "path": np.array(["coffee.jpg", "torn.jpg"], object)})
    assert {name: len(column) for name, column in rows.items()} == dict.fromkeys(
        ("path", "label", "score", "served_by", "error"), 2
    )
    assert rows["label"].tolist() == ["espresso", ""]
    assert rows["score"][0] > 0.9
    assert math.isnan(rows["score"][1])
    assert [bool(error) for error in rows["error"]] == [False, True]


def test_two_versions_are_compared(served: Served, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("file,class_id\ncoffee.jpg,967\n")
    limits = ("--max-accuracy-loss", 1, "--max-slowdown", 1000)
    ended = examples.run("compare_versions", PICTURES, "--url", served.addresses.grpc, "--labels", labels, *limits)
    assert ended.returncode == 0, ended.stderr
    figures = dict(line.split(maxsplit=1) for line in ended.stdout.splitlines())
    assert figures["photos"] == f"{len([*PICTURES.glob('*.jpg')])}, of which 1 have a known class"
    assert figures["verdict"] == "promote"
