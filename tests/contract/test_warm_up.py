"""Each step is warmed up with one picture and with a batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from google.protobuf.json_format import MessageToDict

from cronnx_preprocess import Images, Options, Preprocessor
from tests.contract import configs

every_step = pytest.mark.parametrize("path", [*configs.PREPROCESS_MODELS, *configs.ONNX_MODELS], ids=configs.name)


@every_step
def test_a_step_is_warmed_up_alone_and_in_a_batch(path: Path) -> None:
    config = configs.read(path)
    of_network = config.max_batch_size if "configs" in path.parts else 2
    batch = 4 if path in configs.PREPROCESS_MODELS else of_network
    assert sorted(sample.batch_size for sample in config.model_warmup) == [1, batch]
    assert {sample.count for sample in config.model_warmup} == {0}, "every load and reload waits for all samples"


@pytest.mark.parametrize("path", configs.PREPROCESS_MODELS, ids=configs.name)
def test_a_preprocess_model_is_warmed_up_with_a_photograph(path: Path) -> None:
    config = configs.read(path)
    (name,) = {sample.inputs["image"].input_data_file for sample in config.model_warmup}
    photograph = (configs.folder(path) / "warmup" / name).read_bytes()[4:]
    options = Options.from_model_config(MessageToDict(config, preserving_proto_field_name=True))
    (images,) = Preprocessor(options).preprocess([np.array([[photograph]], dtype=object)])
    assert isinstance(images, Images), images
    assert len(np.unique(images.pixels)) > 100
