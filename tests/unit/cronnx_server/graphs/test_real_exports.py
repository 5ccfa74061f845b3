"""Networks made of what exporters really wrote; skipped where these files are absent."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from cronnx_server.graphs.network import prepare
from cronnx_server.graphs.suppression import cut_before_suppression
from tests.exported_models import ABSENT, EXPORTS


def network_of(name: str) -> onnx.ModelProto:
    return onnx.load(EXPORTS / name / "model.onnx")


@pytest.mark.skipif(not EXPORTS.is_dir(), reason=ABSENT)
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
