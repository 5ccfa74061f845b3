"""The configs of the preprocess models, read as Triton reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from cronnx_preprocess.options import Options
from cronnx_preprocess.tensors import Layout
from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2

MODELS = Path(__file__).parents[3] / "model_repository"


@pytest.mark.parametrize("size", [224, 240, 260])
def test_a_preprocess_model_loads_and_feeds_a_model_of_its_size(size: int) -> None:
    folder = MODELS / f"preprocess_{size}"
    config = text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())
    assert (config.name, config.backend, config.max_batch_size) == (folder.name, "preprocess", 32)
    assert (folder / "1" / ".gitkeep").exists()
    assert config.HasField("dynamic_batching")
    assert not config.instance_group
    options = Options.from_model_config(json_format.MessageToDict(config, preserving_proto_field_name=True))
    assert (options.tensors.size, options.tensors.layout) == ((size, size), Layout.UINT8_NHWC)
    assert options.crop == 0.875
