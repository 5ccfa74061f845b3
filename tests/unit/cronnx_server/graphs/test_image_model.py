from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

from cronnx_server.graphs.image_model import image_model, read_spec
from cronnx_server.model_spec import ModelSpec, NetworkInput, Recipe, Task

LABELS = ["tench", "goldfish", "shark", "ray", "cock", "hen", "ostrich"]
PUBLISHED = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
UNCHANGED = {"mean": (0.0, 0.0, 0.0), "std": (1 / 255, 1 / 255, 1 / 255)}


def flat_network(*, size: int, classes: int | None = None) -> ModelProto:
    """A network whose logits are its first inputs, channel after channel.

    Its names are those of the normaliser and of the head, which merging has to keep apart.
    """
    classes = 3 * size * size if classes is None else classes
    constants = {"mean": np.array([0]), "top_k": np.array([classes]), "scale": np.array([1]), "one": np.array([1])}
    nodes = [
        helper.make_node("Flatten", ["pixels"], ["class_id"], name="softmax"),
        helper.make_node("Slice", ["class_id", "mean", "top_k", "one", "scale"], ["score"], name="top_k_classes"),
    ]
    image = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, size, size])
    scores = helper.make_tensor_value_info("score", TensorProto.FLOAT, ["batch", classes])
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "normaliser", [image], [scores], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def classifier_graph(
    network: ModelProto,
    *,
    size: int,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    labels: list[str],
    served_by: str,
) -> ModelProto:
    spec = ModelSpec(
        task=Task.CLASSIFICATION,
        output_format="scores",
        outputs=("score",),
        labels=tuple(labels),
        recipe=Recipe(height=size, width=size),
        input=NetworkInput(name="pixels", mean=mean, std=std),
        activation="softmax",
    )
    return image_model(network, spec, served_by=served_by)


def session(model: ModelProto) -> onnxruntime.InferenceSession:
    checker.check_model(model, full_check=True)
    return onnxruntime.InferenceSession(model.SerializeToString())


def toy_session() -> onnxruntime.InferenceSession:
    """A classifier whose logits are the first seven red values of a picture of 3x3."""
    network = flat_network(size=3, classes=len(LABELS))
    return session(classifier_graph(network, size=3, labels=LABELS, served_by="toy/1@0123abcd", **UNCHANGED))


def pictures(*logits: list[int]) -> npt.NDArray[np.uint8]:
    pixels = np.zeros((len(logits), 9, 3), np.uint8)
    pixels[:, : len(LABELS), 0] = logits
    return pixels.reshape(-1, 3, 3, 3)


def answers(*logits: list[int]) -> dict[str, npt.NDArray[Any]]:
    toy = toy_session()
    names = [output.name for output in toy.get_outputs()]
    return dict(zip(names, toy.run(names, {"pixels": pictures(*logits)}), strict=True))


def normalised_bytes(mean: tuple[float, ...], std: tuple[float, ...]) -> npt.NDArray[Any]:
    """The normalised value of each byte in each channel: [3, 256]."""
    labels = [str(number) for number in range(3 * 256)]
    model = classifier_graph(
        flat_network(size=16), size=16, mean=mean, std=std, labels=labels, served_by="toy/1@0123abcd"
    )
    every_byte = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 16, 16, 3)
    (logits,) = session(model).run(["logits"], {"pixels": every_byte})
    return np.asarray(logits).reshape(3, 256)


def test_every_byte_is_normalised_by_its_channel_exactly() -> None:
    mean, std = PUBLISHED["mean"], PUBLISHED["std"]
    pixels = np.arange(256, dtype=np.float32)
    for channel, found in enumerate(normalised_bytes(mean, std)):
        expected = (pixels - np.float32(255 * mean[channel])) * np.float32(1 / (255 * std[channel]))
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_allclose(found, (pixels / 255.0 - mean[channel]) / std[channel], rtol=0, atol=1e-6)


def test_mean_127_and_std_128_are_met_to_the_last_bit() -> None:
    found = normalised_bytes((127 / 255,) * 3, (128 / 255,) * 3)
    np.testing.assert_array_equal(found, [(np.arange(256) - 127) / 128] * 3)


def test_the_classifier_takes_bytes_and_gives_what_the_ensembles_need() -> None:
    toy = toy_session()
    tensors = [*toy.get_inputs(), *toy.get_outputs()]
    assert [(tensor.name, tensor.type, tensor.shape) for tensor in tensors] == [
        ("pixels", "tensor(uint8)", ["batch", 3, 3, 3]),
        ("label", "tensor(string)", ["batch", 5]),
        ("class_id", "tensor(int64)", ["batch", 5]),
        ("score", "tensor(float)", ["batch", 5]),
        ("served_by", "tensor(string)", ["batch", 1]),
        ("logits", "tensor(float)", ["batch", 7]),
    ]


def test_the_top_five_come_best_first_with_their_labels() -> None:
    answer = answers([3, 9, 1, 7, 2, 8, 0])
    assert answer["class_id"].tolist() == [[1, 5, 3, 0, 4]]
    assert answer["label"].tolist() == [["goldfish", "hen", "ray", "tench", "cock"]]


def test_the_scores_are_the_softmax_over_all_classes() -> None:
    logits = np.array([3, 9, 1, 7, 2, 8, 0])
    softmax = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(answers(logits.tolist())["score"], [np.sort(softmax)[:-6:-1]], rtol=1e-5)


def test_scores_of_large_logits_do_not_overflow() -> None:
    np.testing.assert_array_equal(answers([255, 0, 0, 0, 0, 0, 0])["score"], [[1, 0, 0, 0, 0]])


def test_of_equal_scores_the_lower_class_comes_first() -> None:
    assert answers([0, 4, 0, 4, 0, 4, 0])["class_id"].tolist() == [[1, 3, 5, 0, 2]]


def test_the_logits_are_the_networks() -> None:
    assert answers([3, 9, 1, 7, 2, 8, 0])["logits"].tolist() == [[3, 9, 1, 7, 2, 8, 0]]


@pytest.mark.parametrize("batch", [1, 3])
def test_each_picture_of_a_batch_has_its_own_answer(batch: int) -> None:
    rows = [np.roll([9, 8, 7, 6, 5, 0, 0], shift).tolist() for shift in range(batch)]
    answer = answers(*rows)
    assert {name: array.shape[0] for name, array in answer.items()} == dict.fromkeys(answer, batch)
    assert answer["class_id"].tolist() == [[(place + shift) % 7 for place in range(5)] for shift in range(batch)]
    assert answer["label"].tolist() == [[LABELS[class_id] for class_id in row] for row in answer["class_id"]]
    assert answer["served_by"].tolist() == [["toy/1@0123abcd"]] * batch


def test_of_fewer_classes_than_five_all_are_ranked() -> None:
    model = classifier_graph(
        flat_network(size=3, classes=2), size=3, labels=LABELS[:2], served_by="toy/1@0123abcd", **UNCHANGED
    )
    label, class_id = session(model).run(["label", "class_id"], {"pixels": pictures([3, 9, 0, 0, 0, 0, 0])})
    assert class_id.tolist() == [[1, 0]]
    assert label.tolist() == [["goldfish", "tench"]]


def test_a_network_of_newer_versions_keeps_them() -> None:
    network = flat_network(size=3, classes=7)
    network.ir_version, network.opset_import[0].version = 10, 21
    model = classifier_graph(network, size=3, labels=LABELS, served_by="toy/1@0123abcd", **UNCHANGED)
    assert model.ir_version == 10
    assert {opset.domain: opset.version for opset in model.opset_import} == {"": 21, "ai.onnx.ml": 2}
    assert session(model).run(["class_id"], {"pixels": pictures([3, 9, 1, 7, 2, 8, 0])})[0].tolist() == [
        [1, 5, 3, 0, 4]
    ]


def test_the_model_is_written_in_versions_that_triton_24_10_reads() -> None:
    model = classifier_graph(
        flat_network(size=3, classes=7), size=3, labels=LABELS, served_by="toy/1@0123abcd", **UNCHANGED
    )
    assert model.ir_version == 8
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17), ("ai.onnx.ml", 2)]


def test_a_graph_is_named_by_the_weights_that_it_is_of() -> None:
    # Otherwise TensorRT serves one version by the engine of another: their graphs differ in their weights alone.
    network = flat_network(size=3, classes=len(LABELS))
    versions = ("toy/1@0123abcd", "toy/2@4567cdef")
    made = [classifier_graph(network, size=3, labels=LABELS, served_by=version, **UNCHANGED) for version in versions]
    assert [model.graph.name for model in made] == ["toy_1_0123abcd", "toy_2_4567cdef"]


def test_pixels_become_planes_and_then_numbers() -> None:
    # The TensorRT profiles refer to these tensors by name: tests/contract/test_profiles.py.
    model = classifier_graph(flat_network(size=3, classes=7), size=3, labels=LABELS, served_by="toy/1@0", **UNCHANGED)
    first, second = model.graph.node[:2]
    assert [*first.input, *first.output, *second.output] == ["pixels", "planes", "planes_fp32"]
    assert [first.op_type, second.op_type] == ["Transpose", "Cast"]


def test_the_model_carries_its_specification() -> None:
    model = classifier_graph(flat_network(size=3, classes=7), size=3, labels=LABELS, served_by="toy/1@0", **UNCHANGED)
    spec = read_spec(model)
    assert spec is not None
    assert (spec.labels, spec.recipe.width) == (tuple(LABELS), 3)
