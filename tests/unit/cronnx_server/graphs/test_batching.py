from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto

from cronnx_server.graphs.builder import GraphBuilder
from cronnx_server.graphs.network import Network, prepare
from tests.unit.cronnx_server.graphs.exported_graphs import class_token, exported, reshapes, weights

SHAPE = (3, 16, 16)


def prepared(model: ModelProto, shape: Sequence[int | None] = SHAPE) -> Network:
    return prepare(model, image_input="image", image_shape=shape, outputs=[out.name for out in model.graph.output])


def run(model: ModelProto, images: np.ndarray) -> list[np.ndarray]:
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"image": images})


def check(model: ModelProto, *, batch: int) -> Network:
    """The network answers five images at once as the export answers each."""
    network = prepared(model)
    assert network.batchable, network.reason
    images = np.random.default_rng(2).normal(size=(5, *SHAPE)).astype(np.float32)
    together = run(network.model, images)
    for index, image in enumerate(images):
        alone = run(model, np.repeat(image[None], batch, axis=0))
        for found, expected in zip(together, alone, strict=True):
            np.testing.assert_allclose(found[index], expected[0], rtol=1e-4, atol=1e-4)
    return network


every_batch = pytest.mark.parametrize("batch", [1, 2, 8])


@every_batch
@pytest.mark.parametrize("allowzero", [0, 1])
def test_reshapes_to_the_exported_batch(batch: int, allowzero: int) -> None:
    model = exported(
        lambda b: reshapes(b, batch, allowzero=allowzero), image=[batch, *SHAPE], outputs={"scores": [batch, 8, 20]}
    )
    network = check(model, batch=batch)
    assert network.notes == (f"The exported batch of {batch} is made variable (3 Reshape).",)


@every_batch
def test_class_tokens_position_embeddings_and_attention_beside_the_batch(batch: int) -> None:
    check(exported(lambda b: class_token(b, batch), image=[batch, *SHAPE], outputs={"scores": [batch, 5]}), batch=batch)


def test_a_batch_that_is_declared_variable_but_held_by_constants() -> None:
    check(exported(reshapes, image=["N", *SHAPE], outputs={"scores": ["N", 8, 20]}), batch=1)


def resized(b: GraphBuilder, batch: int) -> None:
    sizes = b.ints(batch, 3, 8, 12)
    b.op("Resize", "image", "", "", sizes, mode="linear", to="scores")


def sliced(b: GraphBuilder, batch: int) -> None:
    part = b.op("Slice", "image", b.ints(0, 0), b.ints(batch, 2), b.ints(0, 1))
    b.op("Squeeze", b.op("GlobalAveragePool", part), b.ints(2, 3), to="scores")


def recurrent(b: GraphBuilder, batch: int) -> None:
    rows = b.op("Reshape", b.op("Transpose", "image", perm=[2, 0, 1, 3]), b.ints(16, batch, 48))
    state = b.constant(np.zeros((1, batch, 4)))
    _, last = b.ops("GRU", rows, b.constant(weights(1, 12, 48)), b.constant(weights(1, 12, 4)), "", "", state,
                    outputs=2, hidden_size=4)  # fmt: skip
    b.op("Squeeze", last, b.ints(0), to="scores")


def gathered(b: GraphBuilder, batch: int) -> None:
    best = b.op("ArgMax", "image", axis=1, keepdims=1)
    b.op("GatherElements", b.constant(np.repeat(weights(1, 3, 16, 16), batch, axis=0)), best, axis=1, to="scores")


def windows(b: GraphBuilder, batch: int) -> None:
    """As Swin: windows beside the batch, and back."""
    parts = b.op("Reshape", "image", b.ints(batch, 3, 2, 8, 2, 8))
    rows = b.op("Reshape", b.op("Transpose", parts, perm=[0, 2, 4, 3, 5, 1]), b.ints(batch * 4, 64, 3))
    heads = b.op("Reshape", b.op("MatMul", rows, b.op("Transpose", rows, perm=[0, 2, 1])), b.ints(batch, 4, 1, 64, 64))
    masked = b.op("Add", heads, b.constant(weights(1, 4, 1, 64, 64)))
    b.op("ReduceMean", b.op("Reshape", masked, b.ints(-1, 1, 64, 64)), axes=[1], keepdims=0, to="inner")
    b.op("ReduceMean", b.op("Reshape", "inner", b.ints(batch, 4, 64, 64)), axes=[1, 2], keepdims=0, to="scores")


@every_batch
@pytest.mark.parametrize(
    ("build", "rest"),
    [
        (resized, [3, 8, 12]),
        (sliced, [2]),
        (recurrent, [4]),
        (gathered, [1, 16, 16]),
        (windows, [64]),
    ],
)
def test_other_constants(build: Callable[[GraphBuilder, int], None], rest: list[int], batch: int) -> None:
    check(exported(lambda b: build(b, batch), image=[batch, *SHAPE], outputs={"scores": [batch, *rest]}), batch=batch)


def test_a_squeeze_of_everything_keeps_the_batch() -> None:
    def build(b: GraphBuilder) -> None:
        b.op("Squeeze", b.op("GlobalAveragePool", "image"), to="scores")

    network = prepared(exported(build, image=[1, *SHAPE], outputs={"scores": [3]}))
    assert network.batchable, network.reason
    assert run(network.model, np.zeros((4, *SHAPE), np.float32))[0].shape == (4, 3)


def test_sides_that_follow_the_image_stay_variable() -> None:
    def build(b: GraphBuilder) -> None:
        features = b.op("Conv", "image", b.constant(weights(8, 3, 4, 4)), strides=[4, 4])
        b.op("Reshape", features, b.ints(1, 8, -1), to="scores")

    network = prepared(exported(build, image=[1, 3, "h", "w"], outputs={"scores": [1, 8, "n"]}), (3, None, None))
    assert network.batchable, network.reason
    for height, width in ((16, 16), (8, 24)):
        (found,) = run(network.model, np.zeros((3, 3, height, width), np.float32))
        assert found.shape == (3, 8, height * width // 16)


def detector_without_a_batch(b: GraphBuilder) -> None:
    rows = b.op("Transpose", b.op("Squeeze", b.op("ReduceMean", "image", axes=[2], keepdims=0), b.ints(0)), perm=[1, 0])
    b.op("Concat", rows, rows, axis=1, to="boxes")


def test_a_network_without_a_batch_dimension_is_served_one_by_one() -> None:
    network = prepared(exported(detector_without_a_batch, image=[1, *SHAPE], outputs={"boxes": [16, 6]}))
    assert not network.batchable
    assert network.reason.startswith("The graph answers one image at a time, because its node 'Squeeze_1'")
    (found,) = run(network.model, np.zeros((1, *SHAPE), np.float32))
    assert found.shape == (1, 16, 6)


def test_a_network_that_mixes_the_images_of_its_batch_gets_one_in_all_places() -> None:
    def build(b: GraphBuilder) -> None:
        rows = b.op("Reshape", "image", b.ints(2, 768))
        b.op("Sub", rows, b.op("ReduceMean", rows, axes=[0], keepdims=1), to="scores")

    model = exported(build, image=[2, *SHAPE], outputs={"scores": [2, 768]})
    network = prepared(model)
    assert not network.batchable
    assert "(ReduceMean) does not keep the images of a batch apart" in network.reason
    (found,) = run(network.model, np.ones((1, *SHAPE), np.float32))
    assert found.shape == (1, 768)


def test_answers_of_the_image_are_as_many_as_it_has() -> None:
    def build(b: GraphBuilder) -> None:
        b.op("Transpose", b.op("NonZero", b.op("Greater", "image", b.constant(2.0))), perm=[1, 0], to="rows")

    model = exported(build, image=[1, *SHAPE], outputs={"rows": ["n", 4]}, output_dtype=7)
    network = prepared(model)
    assert "gives as many rows as the image has answers" in network.reason
    assert run(network.model, np.ones((1, *SHAPE), np.float32))[0].shape == (1, 0, 4)
