from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from onnx import helper

from cronnx_server.doctor import repositories
from cronnx_server.doctor.machine import Machine
from cronnx_server.doctor.repositories import Repositories

NET = """
backend: "onnxruntime"
max_batch_size: 8
dynamic_batching { }
instance_group [ { count: 1 } ]
input [ { name: "pixels" data_type: TYPE_UINT8 dims: [ 4, 4, 3 ] } ]
output [ { name: "score" data_type: TYPE_FP32 dims: [ 5 ] }, { name: "logits" data_type: TYPE_FP32 dims: [ -1 ] } ]
model_warmup [
  {
    name: "one"
    batch_size: 1
    inputs { key: "pixels" value { data_type: TYPE_UINT8 dims: [ 4, 4, 3 ] random_data: true } }
  }
]
"""
PREPROCESS = """
backend: "preprocess"
max_batch_size: 16
dynamic_batching { }
instance_group [ { count: 1 } ]
input [ { name: "image" data_type: TYPE_STRING dims: [ 1 ] } ]
output [ { name: "pixels" data_type: TYPE_UINT8 dims: [ 4, 4, 3 ] } ]
model_warmup [
  {
    name: "one"
    batch_size: 1
    inputs { key: "image" value { data_type: TYPE_STRING dims: [ 1 ] input_data_file: "photo" } }
  }
]
"""
ENSEMBLE = """
platform: "ensemble"
max_batch_size: 8
input [ { name: "image" data_type: TYPE_STRING dims: [ 1 ] } ]
output [ { name: "score" data_type: TYPE_FP32 dims: [ 5 ] } ]
ensemble_scheduling {
  step [
    {
      model_name: "preprocess"
      model_version: -1
      input_map { key: "image" value: "image" }
      output_map { key: "pixels" value: "pixels" }
    },
    {
      model_name: "net"
      model_version: 1
      input_map { key: "pixels" value: "pixels" }
      output_map { key: "score" value: "score" }
    }
  ]
}
"""
GRAPH = helper.make_model(
    helper.make_graph([helper.make_node("Identity", ["a"], ["b"])], "net", [], [])
).SerializeToString()
PHOTO = b"\x02\x00\x00\x00ab"


class OnDisk:
    """A repository without faults, until a test breaks it. The ensemble `classify` runs `preprocess` and `net`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.net = self.add("net", NET, {"1/model.onnx": GRAPH})
        self.preprocess = self.add("preprocess", PREPROCESS, {"1/.gitkeep": b"", "warmup/photo": PHOTO})
        self.classify = self.add("classify", ENSEMBLE, {"1/.gitkeep": b""})

    def add(self, name: str, config: str | None = None, files: Mapping[str, bytes] | None = None) -> Path:
        """Add or change a model, and return its folder."""
        for path, content in {**({"config.pbtxt": config.encode()} if config else {}), **(files or {})}.items():
            (self.root / name / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name / path).write_bytes(content)
        return self.root / name

    def change(self, name: str, old: str, new: str) -> Path:
        """Replace a text once in a model's configuration, and return its path."""
        path = self.root / name / "config.pbtxt"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))
        return path

    def read(self, profile: str | None = None) -> Repositories:
        return repositories.read([self.root], profile=profile)


@pytest.fixture
def disk(tmp_path: Path) -> OnDisk:
    return OnDisk(tmp_path / "models")


@pytest.fixture
def laptop() -> Machine:
    return Machine(
        cores=2,
        core_limit=2,
        gpus=0,
        shared_memory_free_bytes=64 * 2**20,
        python_based={"python": True, "preprocess": True, "onnxruntime": True},
    )
