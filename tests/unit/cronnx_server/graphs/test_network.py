from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper

from cronnx_server.errors import ModelFileError
from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.graphs.extra_inputs import Fill
from cronnx_server.graphs.network import Network, prepare
from tests.unit.cronnx_server.graphs.exported_graphs import classifier, exported, weights

SHAPE = (3, 16, 16)
IMAGES = np.random.default_rng(4).normal(size=(3, *SHAPE)).astype(np.float32)


def prepared(model: ModelProto, *outputs: str, fills: dict[str, Fill] | None = None) -> Network:
    network = prepare(model, image_input="image", image_shape=SHAPE, outputs=outputs or ["scores"], fills=fills)
    onnx.checker.check_model(network.model, full_check=True)
    return network


def run(model: ModelProto, images: np.ndarray = IMAGES) -> list[np.ndarray]:
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"image": images})


def dims(model: ModelProto) -> list[list[str | int]]:
    tensors = [*model.graph.input, *model.graph.output]
    return [[dim.dim_param or dim.dim_value for dim in each.type.tensor_type.shape.dim] for each in tensors]


SCORES = {"scores": ["N", 5]}


@pytest.mark.parametrize("image", [["batch_size", "num_channels", "height", "width"], ["s99", "3", "unk__1", 16]])
def test_shapes_named_by_roles_or_numbers_are_the_images(image: list[str | int]) -> None:
    assert dims(prepared(exported(classifier, image=image, outputs=SCORES)).model) == [
        ["batch", 3, 16, 16],
        ["batch", 5],
    ]


def test_the_exported_graph_is_left_as_it_was() -> None:
    model = exported(classifier, image=["N", *SHAPE], outputs=SCORES)
    copy = ModelProto()
    copy.CopyFrom(model)
    prepared(model)
    assert model == copy


def test_an_unsorted_graph_is_sorted() -> None:
    model = exported(classifier, image=["N", *SHAPE], outputs=SCORES)
    expected = run(model)
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    np.testing.assert_allclose(run(prepared(model).model)[0], expected[0])


def test_a_graph_that_reads_what_nothing_makes_is_refused() -> None:
    model = exported(lambda b: classifier(b, source="lost"), image=["N", *SHAPE], outputs=SCORES)
    with pytest.raises(ModelFileError, match="'lost' is not; export the model again"):
        prepared(model)


@pytest.mark.parametrize("opset", [15, 18])
def test_local_functions_are_inlined(opset: int) -> None:
    nodes, opsets = [helper.make_node("Relu", ["x"], ["y"])], [helper.make_opsetid("", opset)]
    function = helper.make_function("pkg.mine", "my_relu", ["x"], ["y"], nodes, opsets)

    def build(b: GraphBuilder) -> None:
        classifier(b, source=b.op("my_relu", "image", domain="pkg.mine"))

    model = exported(
        build, image=["N", *SHAPE], outputs=SCORES, opset=opset, imports={"pkg.mine": 1}, functions=[function]
    )
    network = prepared(model)
    assert not network.model.functions
    assert [entry.domain for entry in network.model.opset_import] == [""]
    np.testing.assert_allclose(run(network.model)[0], run(model)[0], rtol=1e-5)


def test_constants_listed_as_inputs_are_none() -> None:
    model = exported(classifier, image=["N", *SHAPE], outputs=SCORES, opset=8, ir_version=3)
    for constant in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(constant.name, TensorProto.FLOAT, constant.dims))
    network = prepared(model)
    assert [tensor.name for tensor in network.model.graph.input] == ["image"]
    assert network.notes == ("The opset is raised from 8 to 17.",)


@pytest.mark.parametrize(("opset", "ir_version", "expected"), [(17, 10, 8), (20, 11, 9), (23, 11, 10), (11, 6, 8)])
def test_versions_that_every_triton_reads(opset: int, ir_version: int, expected: int) -> None:
    network = prepared(exported(classifier, image=["N", *SHAPE], outputs=SCORES, opset=opset, ir_version=ir_version))
    assert network.model.ir_version == expected
    assert network.model.opset_import[0].version == min(max(opset, 17), 21)


def test_an_operator_of_a_newer_opset_stays_and_is_reported() -> None:
    def build(b: GraphBuilder) -> None:
        classifier(b, source=b.op("RMSNormalization", "image", b.constant(np.ones(16))))

    network = prepared(exported(build, image=["N", *SHAPE], outputs=SCORES, opset=23, ir_version=11))
    assert network.model.opset_import[0].version == 23
    assert "The opset stays 23, which releases of Triton before 26.07 may not read." in network.notes


def test_operators_of_other_libraries_are_refused_by_name() -> None:
    def build(b: GraphBuilder) -> None:
        classifier(b, source=b.op("NMSRotated", "image", domain="mmdeploy"))

    model = exported(build, image=["N", *SHAPE], outputs=SCORES, imports={"mmdeploy": 1})
    with pytest.raises(ModelFileError, match="got others \\(mmdeploy::NMSRotated\\)"):
        prepared(model)


def test_operators_of_other_libraries_behind_the_outputs_do_no_harm() -> None:
    def build(b: GraphBuilder) -> None:
        classifier(b)
        b.op("TRTBatchedNMS", "scores", domain="mmdeploy", to="boxes")

    model = exported(build, image=["N", *SHAPE], outputs={**SCORES, "boxes": ["N", 4]}, imports={"mmdeploy": 1})
    assert prepared(model).notes == ("The output 'boxes' is left out.",)


def test_operators_of_onnx_runtime_stay() -> None:
    def build(b: GraphBuilder) -> None:
        classifier(b, source=b.op("Gelu", "image", domain="com.microsoft"))

    prepared(exported(build, image=["N", *SHAPE], outputs=SCORES, imports={"com.microsoft": 1}))


def echoed(*names: str) -> Callable[[GraphBuilder], None]:
    """A classifier that gives its further inputs as outputs."""

    def build(b: GraphBuilder) -> None:
        classifier(b)
        for name in names:
            nodes = helper.make_node("Cast", [name], [f"{name}/fp32"], name=f"{name}/fp32", to=TensorProto.FLOAT)
            b.nodes.append(nodes)
            b.op("Identity", f"{name}/fp32", to=f"{name}:0")

    return build


@pytest.mark.parametrize(
    ("name", "dtype", "shape", "expected"),
    [
        ("pixel_mask", TensorProto.INT64, ["N", "h", "w"], np.ones((3, 16, 16))),
        ("pixel_mask", TensorProto.BOOL, ["N", 8, 8], np.ones((3, 8, 8))),
        ("orig_target_sizes", TensorProto.INT64, ["N", 2], np.full((3, 2), 16)),
        ("image_shape", TensorProto.FLOAT, ["N", 2], np.full((3, 2), 16)),
        ("scale_factor", TensorProto.FLOAT, ["N", 2], np.ones((3, 2))),
    ],
)
def test_inputs_beside_the_image_are_filled(
    name: str, dtype: int, shape: list[str | int], expected: np.ndarray
) -> None:
    model = exported(
        echoed(name),
        image=["N", *SHAPE],
        outputs={**SCORES, f"{name}:0": shape},
        extra={name: (dtype, shape)},
    )
    network = prepared(model, "scores", f"{name}:0")
    assert network.batchable, network.reason
    np.testing.assert_array_equal(run(network.model)[1], expected)


def test_height_and_width_are_in_their_order() -> None:
    model = exported(
        echoed("size"),
        image=["N", 3, 8, 24],
        outputs={**SCORES, "size:0": ["N", 2]},
        extra={"size": (TensorProto.INT64, ["N", 2])},
    )
    for fill, expected in ((Fill.HEIGHT_WIDTH, [8, 24]), (Fill.WIDTH_HEIGHT, [24, 8])):
        network = prepare(
            model, image_input="image", image_shape=(3, 8, 24), outputs=["scores", "size:0"], fills={"size": fill}
        )
        assert run(network.model, np.zeros((1, 3, 8, 24), np.float32))[1].tolist() == [expected]


def test_an_unknown_input_is_refused_by_name() -> None:
    model = exported(
        echoed("prompt"),
        image=["N", *SHAPE],
        outputs={**SCORES, "prompt:0": ["N"]},
        extra={"prompt": (TensorProto.INT64, ["N"])},
    )
    with pytest.raises(ModelFileError, match="got others that the outputs need \\(prompt\\)"):
        prepared(model, "scores", "prompt:0")


def test_inputs_of_outputs_that_are_left_out_go_with_them() -> None:
    """As the text of a CLIP model whose image embedding is the answer."""
    model = exported(
        echoed("input_ids"),
        image=["N", *SHAPE],
        outputs={**SCORES, "input_ids:0": ["N", 7]},
        extra={"input_ids": (TensorProto.INT64, ["N", 7])},
    )
    assert [tensor.name for tensor in prepared(model).model.graph.input] == ["image"]


def test_half_precision_stays_inside() -> None:
    def build(b: GraphBuilder) -> None:
        features = b.op("Flatten", b.op("GlobalAveragePool", "image"))
        b.op("MatMul", features, b.constant(weights(3, 5), np.float16), to="scores")

    half = TensorProto.FLOAT16
    network = prepared(exported(build, image=["N", *SHAPE], outputs=SCORES, dtype=half, output_dtype=half))
    (scores,) = run(network.model, IMAGES.astype(np.float16))
    assert scores.dtype == np.float32
    assert network.notes == ("The output 'scores' is FP32 instead of FLOAT16.",)


def test_images_of_double_precision_are_fp32() -> None:
    def build(b: GraphBuilder) -> None:
        features = b.op("ReduceMean", "image", axes=[2, 3], keepdims=0)
        b.op("MatMul", features, b.constant(weights(3, 5), np.float64), to="scores")

    double = TensorProto.DOUBLE
    network = prepared(exported(build, image=["N", *SHAPE], outputs=SCORES, dtype=double, output_dtype=double))
    assert run(network.model)[0].dtype == np.float32


def test_scores_behind_a_list_of_classes_are_a_tensor() -> None:
    """As Custom Vision and scikit-learn write them."""

    def build(b: GraphBuilder) -> None:
        classifier(b, to="tensor")
        b.op("ZipMap", "tensor", domain="ai.onnx.ml", classlabels_strings=list("abcde"), to="loss")

    model = exported(build, image=["N", *SHAPE], outputs={"loss": ["N"]}, imports={"ai.onnx.ml": 1})
    kind = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    model.graph.output[0].type.CopyFrom(helper.make_sequence_type_proto(kind))
    network = prepared(model, "loss")
    assert run(network.model)[0].shape == (3, 5)
    assert dims(network.model)[1] == ["batch", 5]


def test_a_sequence_is_refused() -> None:
    model = exported(
        lambda b: b.op("SplitToSequence", "image", axis=1, to="parts"), image=["N", *SHAPE], outputs={"parts": []}
    )
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    model.graph.output[0].type.CopyFrom(kind)
    with pytest.raises(ModelFileError, match="expected a tensor as output 'parts', got a sequence"):
        prepared(model, "parts")


def test_names_that_the_graph_does_not_have_are_refused() -> None:
    model = exported(classifier, image=["N", *SHAPE], outputs=SCORES)
    with pytest.raises(ModelFileError, match=r"expected an output of the graph \(scores\), got 'logits'"):
        prepared(model, "logits")


def test_images_of_another_shape_are_refused() -> None:
    model = exported(classifier, image=["N", 3, 32, 32], outputs=SCORES)
    with pytest.raises(ModelFileError, match="expected images of the graph's shape"):
        prepared(model)
