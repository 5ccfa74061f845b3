"""Models as exporters write them are answered as by the exporters' own code, without an option."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cronnx_server.add_model.options import Options
from cronnx_server.add_model.served_model import read_model
from cronnx_server.exports.source import read_source
from cronnx_server.paths import PICTURES
from tests.exported_models import ABSENT, PHOTOGRAPHS, ExportedModel, exported_models
from tests.unit.cronnx_server.add_model.in_process import answer

UNLABELLED = ("torchvision_mobilenet_v3_small", "uint8_nhwc", "fp16_keep_io", "keras_rescaling")
"""Nothing in the files of these or beside them says the labels."""
UNTOLD: dict[str, dict[str, Any]] = {"keras_rescaling": {"resample": "nearest"}}
"""What else nothing says."""

MODELS = exported_models()

pytestmark = pytest.mark.skipif(not MODELS, reason=ABSENT)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_an_exported_model_is_answered_as_by_its_exporter(model: ExportedModel, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(model.labels))
    options = Options(
        source=model.folder,
        name="mine",
        labels=str(labels) if model.name in UNLABELLED else None,
        facts=tuple(UNTOLD.get(model.name, {}).items()),
    )
    served = read_model(read_source(options.source), options.stated())
    assert served.spec.task.value == model.task
    assert served.network.batchable, served.network.reason
    content = served.content(name="mine", version=1)
    differences = {
        photograph: found
        for photograph in PHOTOGRAPHS
        if (found := model.differences(photograph, answer(content, served.spec, PICTURES / photograph)))
    }
    assert not differences
