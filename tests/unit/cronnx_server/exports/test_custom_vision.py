from __future__ import annotations

import json
from pathlib import Path

import pytest

from cronnx_server.errors import ModelFileError
from tests.unit.cronnx_server.exports.exported import facts_of

MANIFEST = {"DomainType": "Classification", "Platform": "ONNX", "LabelFileName": "labels.txt"}
METADATA = {"Image.BitmapPixelFormat": "Bgr8", "Image.NominalPixelRange": "NominalRange_0_255"}


def test_a_classifier_is_stretched_with_the_values_of_its_metadata(tmp_path: Path) -> None:
    files = {"cvexport.manifest": json.dumps(MANIFEST), "labels.txt": "cat\r\ndog\r\n"}
    facts = facts_of(tmp_path, files, metadata=METADATA)
    assert (facts["task"], facts["labels"], facts["resize"]) == ("classification", ["cat", "dog"], "exact")
    assert (facts["channel_order"], facts["scale"]) == ("BGR", 1.0)


def test_another_domain_is_refused(tmp_path: Path) -> None:
    manifest = json.dumps({**MANIFEST, "DomainType": "Speech"})
    with pytest.raises(ModelFileError, match=r"cvexport\.manifest: DomainType: expected Classification or"):
        facts_of(tmp_path, {"cvexport.manifest": manifest})


def test_labels_of_another_folder_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    manifest = json.dumps({**MANIFEST, "LabelFileName": "../secret.txt"})
    assert "labels" not in facts_of(tmp_path / "net", {"cvexport.manifest": manifest})
