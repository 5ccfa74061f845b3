from __future__ import annotations

import hashlib
from pathlib import Path

import onnx
import pytest

from cronnx_server.build_models import gpu_file
from cronnx_server.build_models.build import build
from cronnx_server.build_models.catalogue import GPU_FILE, Model
from cronnx_server.build_models.quantisation import quantise
from cronnx_server.errors import BuildError
from tests.unit.cronnx_server.build_models.small_classifier import small_classifier
from tests.unit.cronnx_server.build_models.test_quantisation import CALIBRATION

SMALL = small_classifier().SerializeToString()
CONTENTS = (SMALL, small_classifier(mean=(0.4,) * 3, std=(0.2,) * 3).SerializeToString())


def model_folder(path: Path, content: bytes = SMALL) -> Path:
    (path / "small_onnx" / "1").mkdir(parents=True)
    (path / "small_onnx" / "1" / "model.onnx").write_bytes(content)
    return path / "small_onnx"


def test_the_file_for_gpus_is_beside_the_one_for_a_cpu(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    path = gpu_file.make(folder, 1, models={})
    assert path == folder / "1" / GPU_FILE
    assert path.stat().st_size < len(SMALL)
    assert (folder / "1" / "model.onnx").read_bytes() == SMALL


def test_its_graph_is_named_after_its_content_so_that_no_other_engine_is_found() -> None:
    graph = onnx.load_from_string(gpu_file.fp16(SMALL)).graph
    assert graph.name.startswith("small_2_0123abcd_fp16_")
    first, second = (onnx.load_from_string(gpu_file.named(content, "fp16")).graph.name for content in CONTENTS)
    assert first != second
    assert first.endswith(hashlib.sha256(CONTENTS[0]).hexdigest()[:8])


def test_a_network_in_fp16_stays_as_it_is() -> None:
    fp16 = gpu_file.fp16(SMALL)
    assert gpu_file.fp16(fp16) == fp16


def test_a_network_in_int8_for_a_cpu_is_refused_with_what_to_do(tmp_path: Path) -> None:
    int8 = quantise(small_classifier(), calibration=CALIBRATION).SerializeToString()
    with pytest.raises(BuildError, match=r"small version 1 cannot be served on a GPU: the network is in INT8 .* --gpu"):
        gpu_file.make(model_folder(tmp_path, int8), 1, models={})
    assert not list(tmp_path.rglob(GPU_FILE))


def test_a_file_that_answers_otherwise_is_refused() -> None:
    with pytest.raises(BuildError, match=r"the answers change too much: share of equal first classes: 0\."):
        gpu_file.check(SMALL, upside_down())


def upside_down() -> bytes:
    """The small classifier with its last layer negated."""
    model = onnx.load_from_string(SMALL)
    (gemm,) = (node for node in model.graph.node if node.op_type == "Gemm")
    gemm.attribute.append(onnx.helper.make_attribute("alpha", -1.0))
    return model.SerializeToString()


def test_a_model_that_does_not_say_what_it_answers_is_refused() -> None:
    model = onnx.load_from_string(SMALL)
    del model.metadata_props[:]
    with pytest.raises(BuildError, match="does not say what it answers"):
        gpu_file.check(model.SerializeToString(), SMALL)


def test_a_build_removes_the_file_that_was_made_of_the_one_before(twins: dict[str, Model], tmp_path: Path) -> None:
    folder = tmp_path / "resnet50_onnx" / "1"
    folder.mkdir(parents=True)
    (folder / GPU_FILE).touch()
    build(twins["resnet50"], repository=tmp_path, weights=tmp_path / "weights")
    assert not (folder / GPU_FILE).exists()
