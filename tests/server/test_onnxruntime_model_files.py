"""Model files that the onnxruntime backend serves: versions, other names and formats, external data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import tritonclient.grpc
from onnx import TensorProto, external_data_helper, helper

from tests.server.nvidia_client import Array, Infer, grpc_client, inferring
from tests.server.repositories import ONE_INSTANCE, put_onnx
from tests.server.triton import running
from tests.unit.cronnx_onnxruntime import graphs

LARGE_ROWS, LARGE_COLUMNS = 2**16, 2**13  # 2 GiB in FP32, more than one protobuf message can hold


@dataclass(frozen=True)
class Server:
    infer: Infer
    reasons: dict[str, str]


def times(factor: float) -> bytes:
    """Return a graph that multiplies `x` by a factor."""
    return graphs.model(
        [helper.make_node("Mul", ["x", "factor"], ["y"])],
        [graphs.tensor("x", ["batch", 3])],
        [graphs.tensor("y", ["batch", 3])],
        initializers={"factor": np.full(1, factor, np.float32)},
    )


def write_ort_format(model: bytes, path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path)
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(model, options)


def with_external_data(model: bytes, folder: Path) -> None:
    loaded = onnx.load_from_string(model)
    onnx.save_model(loaded, folder / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)


def write_large(folder: Path) -> None:
    """Write a graph that picks a row of a matrix over 2 GB, which is a sparse file of zeros and a last element 7."""
    weights = onnx.TensorProto(
        name="matrix", data_type=TensorProto.FLOAT, dims=[LARGE_ROWS, LARGE_COLUMNS], raw_data=b""
    )
    size = 4 * LARGE_ROWS * LARGE_COLUMNS
    external_data_helper.set_external_data(weights, location="weights.bin", offset=0, length=size)
    weights.ClearField("raw_data")
    graph = helper.make_graph(
        [helper.make_node("Gather", ["matrix", "index"], ["row"])],
        "graph",
        [graphs.tensor("index", [1], TensorProto.INT64)],
        [graphs.tensor("row", [1, LARGE_COLUMNS])],
        [weights],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    with (folder / "weights.bin").open("wb") as file:
        file.truncate(size)
        file.seek(size - 4)
        file.write(np.float32(7).tobytes())


def fill(repository: Path) -> None:
    put_onnx(repository, "versions", times(1), "version_policy: { all { } }" + ONE_INSTANCE)
    put_onnx(repository, "versions", times(3), "", version=3)
    folder = put_onnx(repository, "renamed", b"not this one", 'default_model_filename: "other.onnx"' + ONE_INSTANCE)
    (folder / "other.onnx").write_bytes(times(2))
    folder = put_onnx(repository, "ort_format", b"not this one", 'default_model_filename: "model.ort"' + ONE_INSTANCE)
    write_ort_format(times(4), folder / "model.ort")
    with_external_data(times(5), put_onnx(repository, "external", b"", ONE_INSTANCE))
    folder = put_onnx(repository, "external_lost", b"", ONE_INSTANCE)
    with_external_data(times(5), folder)
    (folder / "weights.bin").unlink()
    write_large(put_onnx(repository, "large", b"", ONE_INSTANCE))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    repository = tmp_path_factory.mktemp("repository")
    fill(repository)
    flags = ("--exit-on-error=false", "--strict-readiness=false")
    with running([repository], *flags) as addresses, grpc_client(addresses) as client:
        models = client.get_model_repository_index(as_json=True)["models"]
        yield Server(inferring(tritonclient.grpc, client), {each["name"]: each.get("reason", "") for each in models})
    for weights in repository.rglob("weights.bin"):
        weights.unlink()


ONES: Array = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(("version", "factor"), [("1", 1), ("3", 3), ("", 3)])
def test_each_version_is_a_graph_of_its_own_and_the_latest_is_meant_where_none_is_named(
    server: Server, version: str, factor: int
) -> None:
    assert (server.infer("versions", {"x": ONES}, version=version)["y"] == factor).all()


@pytest.mark.parametrize(("name", "factor"), [("renamed", 2), ("ort_format", 4), ("external", 5)])
def test_a_model_of_another_name_format_or_with_external_data_is_completed_and_served(
    server: Server, name: str, factor: int
) -> None:
    assert (server.infer(name, {"x": ONES})["y"] == factor).all()


def test_a_model_over_2_gb_is_served(server: Server) -> None:
    row = server.infer("large", {"index": np.array([LARGE_ROWS - 1])})["row"]
    assert row.shape == (1, LARGE_COLUMNS)
    assert row[0, -2:].tolist() == [0, 7]


def test_a_model_without_its_external_data_is_refused_by_the_files_name(server: Server) -> None:
    reason, _, _ = server.reasons["external_lost"].partition("\n\nAt:\n")
    assert "model 'external_lost': ONNX Runtime cannot load model.onnx: " in reason
    assert "weights.bin" in reason
    assert "\n" not in reason
