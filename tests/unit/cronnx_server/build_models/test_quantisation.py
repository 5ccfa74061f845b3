from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, checker

from cronnx_server.build_models.quantisation import quantised
from tests.unit.cronnx_server.build_models.small_classifier import logits, session, small_classifier

SIZE = 32
PUBLISHED = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def pixels(*, seed: int) -> npt.NDArray[np.uint8]:
    """Blurred noise: like pictures, smooth here and there."""
    rng = np.random.default_rng(seed=seed)
    coarse = rng.integers(0, 256, (8, SIZE // 4, SIZE // 4, 3), np.uint8)
    return coarse.repeat(4, axis=1).repeat(4, axis=2)


CALIBRATION = [pixels(seed=seed) for seed in (1, 2, 3)]


@pytest.fixture(scope="module")
def model() -> ModelProto:
    return small_classifier(size=SIZE)


@pytest.fixture(scope="module")
def int8(model: ModelProto) -> ModelProto:
    return quantised(model, calibration=CALIBRATION)


def optimised_operators(model: ModelProto, folder: Path) -> list[str]:
    """The operators that ONNX Runtime runs, by default, in this model's place."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 3  # it warns that the file is for this machine only
    onnxruntime.InferenceSession(model.SerializeToString(), options)
    return [node.op_type for node in onnx.load(folder / "optimised.onnx").graph.node]


def test_inputs_and_outputs_are_kept_by_name_type_and_shape(model: ModelProto, int8: ModelProto) -> None:
    assert list(int8.graph.input) == list(model.graph.input)
    assert list(int8.graph.output) == list(model.graph.output)


def test_the_graph_keeps_its_name(model: ModelProto, int8: ModelProto) -> None:
    assert int8.graph.name == model.graph.name != ""


def test_the_model_is_valid_and_of_the_versions_it_was_in(model: ModelProto, int8: ModelProto) -> None:
    checker.check_model(int8, full_check=True)
    assert int8.ir_version == model.ir_version
    assert list(int8.opset_import) == list(model.opset_import)


def test_the_logits_are_close_to_those_in_fp32(model: ModelProto, int8: ModelProto) -> None:
    expected, found = (logits(version, pixels(seed=4)) for version in (model, int8))
    noise = np.square(found - expected).mean() / np.square(expected - expected.mean()).mean()
    assert 0 < noise < 0.1


def test_the_answers_name_their_origin(int8: ModelProto) -> None:
    (served_by,) = session(int8).run(["served_by"], {"pixels": pixels(seed=4)})
    assert served_by.tolist() == [["small/2@0123abcd"]] * 8


def test_the_same_arguments_give_the_same_bytes(model: ModelProto, int8: ModelProto) -> None:
    assert quantised(model, calibration=CALIBRATION).SerializeToString() == int8.SerializeToString()


def test_the_model_given_is_not_changed() -> None:
    model = small_classifier(size=SIZE)
    before = model.SerializeToString(deterministic=True)
    quantised(model, calibration=CALIBRATION)
    assert model.SerializeToString(deterministic=True) == before


def test_no_layer_is_left_in_floating_point(int8: ModelProto, tmp_path: Path) -> None:
    operators = optimised_operators(int8, tmp_path)
    assert not {"Conv", "Clip", "Add", "Gemm", "QuantizeLinear", "DequantizeLinear"} & set(operators)
    assert operators.count("QLinearConv") == sum(node.op_type == "Conv" for node in int8.graph.node)


def test_a_model_of_another_normalisation_is_quantised_behind_it(tmp_path: Path) -> None:
    int8 = quantised(small_classifier(size=SIZE, **PUBLISHED), calibration=CALIBRATION)
    operators = optimised_operators(int8, tmp_path)
    assert "Conv" not in operators
    assert operators.count("QuantizeLinear") == 1


def test_without_pictures_there_is_nothing_to_calibrate_by(model: ModelProto) -> None:
    with pytest.raises(ValueError, match="No data"):
        quantised(model, calibration=[])
