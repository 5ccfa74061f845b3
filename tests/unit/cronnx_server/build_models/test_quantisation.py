from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, checker, numpy_helper
from PIL import Image

from cronnx_server.build_models.quantisation import calibration_batches, quantise
from cronnx_server.paths import PICTURES
from tests.unit.cronnx_server.build_models.small_classifier import logits, session, small_classifier

SIZE = 32
PUBLISHED = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def pixels(*, seed: int) -> npt.NDArray[np.uint8]:
    """Coarse noise: smooth in places, like photographs."""
    rng = np.random.default_rng(seed=seed)
    coarse = rng.integers(0, 256, (8, SIZE // 4, SIZE // 4, 3), np.uint8)
    return coarse.repeat(4, axis=1).repeat(4, axis=2)


CALIBRATION = [{"pixels": pixels(seed=seed)} for seed in (1, 2, 3)]


@pytest.fixture(scope="module")
def model() -> ModelProto:
    return small_classifier(size=SIZE)


@pytest.fixture(scope="module")
def int8(model: ModelProto) -> ModelProto:
    return quantise(model, calibration=CALIBRATION)


def squares_of(path: Path, *, size: int) -> npt.NDArray[np.uint8]:
    (batch,) = calibration_batches([path], size=size)
    return batch["pixels"]


def optimised_operators(model: ModelProto, folder: Path) -> list[str]:
    """The operators that ONNX Runtime runs after its default optimisation."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 3  # ONNX Runtime warns that the file is for this machine only
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
    assert quantise(model, calibration=CALIBRATION).SerializeToString() == int8.SerializeToString()


@pytest.mark.usefixtures("int8", "symmetric")
def test_the_model_given_is_not_changed(model: ModelProto) -> None:
    assert model.SerializeToString(deterministic=True) == small_classifier(size=SIZE).SerializeToString(
        deterministic=True
    )


def test_no_layer_is_left_in_floating_point(int8: ModelProto, tmp_path: Path) -> None:
    operators = optimised_operators(int8, tmp_path)
    assert not {"Conv", "Clip", "Add", "Gemm", "QuantizeLinear", "DequantizeLinear"} & set(operators)
    assert operators.count("QLinearConv") == sum(node.op_type == "Conv" for node in int8.graph.node)


def test_a_model_of_another_normalisation_is_quantised_behind_it(tmp_path: Path) -> None:
    int8 = quantise(small_classifier(size=SIZE, **PUBLISHED), calibration=CALIBRATION)
    operators = optimised_operators(int8, tmp_path)
    assert "Conv" not in operators
    assert operators.count("QuantizeLinear") == 1


@pytest.fixture(scope="module")
def symmetric(model: ModelProto) -> ModelProto:
    return quantise(model, calibration=CALIBRATION, symmetric=True)


def test_for_tensorrt_all_is_symmetric_and_signed_and_biases_are_in_floating_point(symmetric: ModelProto) -> None:
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in symmetric.graph.initializer}
    quantising = [node for node in symmetric.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    zero_points = [constants[node.input[2]] for node in quantising]
    assert {zero_point.dtype for zero_point in zero_points} == {np.dtype(np.int8)}
    assert not any(zero_point.any() for zero_point in zero_points)
    layers = [node for node in symmetric.graph.node if node.op_type in ("Conv", "Gemm")]
    assert {constants[node.input[2]].dtype for node in layers} == {np.dtype(np.float32)}


def test_for_tensorrt_the_inputs_of_layers_are_quantised_alone(symmetric: ModelProto) -> None:
    made = {name: node.op_type for node in symmetric.graph.node for name in node.output}
    for node in symmetric.graph.node:
        of_layer = [made.get(name) for name in node.input[:2]] == ["DequantizeLinear"] * 2
        assert of_layer is (node.op_type in ("Conv", "Gemm"))


def test_for_tensorrt_the_logits_are_close_to_those_in_fp32(model: ModelProto, symmetric: ModelProto) -> None:
    checker.check_model(symmetric, full_check=True)
    expected, found = (logits(version, pixels(seed=4)) for version in (model, symmetric))
    assert 0 < np.square(found - expected).mean() / np.square(expected - expected.mean()).mean() < 0.1


def test_without_pictures_there_is_nothing_to_calibrate_by(model: ModelProto) -> None:
    with pytest.raises(ValueError, match="No data"):
        quantise(model, calibration=[])


@pytest.mark.parametrize(("width", "height", "squares"), [(90, 60, 6), (60, 90, 6), (60, 60, 5)])
def test_a_picture_gives_its_large_and_small_squares_and_their_mirror_images(
    width: int, height: int, squares: int, tmp_path: Path
) -> None:
    path = tmp_path / "noise.png"
    noise = np.random.default_rng(seed=5).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(noise).save(path)
    found = squares_of(path, size=36)
    assert found.shape == (2 * squares, 36, 36, 3)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[squares:], found[:squares, :, ::-1])
    assert len({square.tobytes() for square in found}) == 2 * squares


def test_the_corners_are_the_pictures_own(tmp_path: Path) -> None:
    path = tmp_path / "corners.png"
    Image.fromarray(np.arange(4, dtype=np.uint8).reshape(2, 2).repeat(50, 0).repeat(50, 1)).save(path)
    found = squares_of(path, size=20)
    assert [int(square[10, 10, 0]) for square in found[1:5]] == [0, 2, 1, 3]


def test_every_picture_of_the_project_has_its_calibration_batches() -> None:
    found = list(calibration_batches(sorted(PICTURES.glob("*.jpg")), size=224))
    assert [batch["pixels"].shape[1:] for batch in found] == [(224, 224, 3)] * 3
