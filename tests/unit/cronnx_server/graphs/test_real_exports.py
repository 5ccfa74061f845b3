"""Networks made of what exporters really wrote; skipped where these files are absent."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from cronnx_server.graphs.network import prepare
from cronnx_server.graphs.suppression import cut_before_suppression
from cronnx_server.paths import ROOT

EXPORTS = ROOT.parent / "shared" / "exports"
MODELS = sorted(path.parent.name for path in EXPORTS.glob("*/model.onnx"))

pytestmark = pytest.mark.skipif(not MODELS, reason=f"no exported models in {EXPORTS}")


def network_of(name: str) -> onnx.ModelProto:
    return onnx.load(EXPORTS / name / "model.onnx")


@pytest.mark.parametrize("name", [name for name in MODELS if name != "yolo11n_nms"])
def test_every_export_takes_batches(name: str) -> None:
    model = network_of(name)
    image = model.graph.input[0]
    sides = [dim.dim_value for dim in image.type.tensor_type.shape.dim][1:]
    shape = [sides[0] or 3, *(side or 224 for side in sides[1:])]
    outputs = [tensor.name for tensor in model.graph.output]
    network = prepare(model, image_input=image.name, image_shape=shape, outputs=outputs)
    assert network.batchable, network.reason


@pytest.mark.skipif("yolo11n_nms" not in MODELS, reason="no export with nms=True")
def test_an_export_with_suppression_becomes_the_export_without() -> None:
    shape = (3, 640, 640)
    cut = cut_before_suppression(network_of("yolo11n_nms"), image_input="images", image_shape=shape, classes=80)
    assert cut is not None
    network = prepare(cut.model, image_input="images", image_shape=shape, outputs=["output0"])
    assert network.batchable, network.reason
    images = np.random.default_rng(0).random((1, *shape)).astype(np.float32)
    found, expected = (
        onnxruntime.InferenceSession(each.SerializeToString()).run(None, {"images": images})[0]
        for each in (network.model, network_of("yolo11n"))
    )
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-2)
