from __future__ import annotations

import json
from pathlib import Path

import pytest

from cronnx_server.add_model.labels import labels
from cronnx_server.errors import SetupError


def test_none_are_numbers() -> None:
    assert labels(None, classes=3) == ["class 0", "class 1", "class 2"]


def test_imagenets_are_by_its_name_and_only_for_its_thousand_classes() -> None:
    assert labels("imagenet", classes=1000)[967] == "espresso"
    with pytest.raises(SetupError, match="imagenet has 1000 labels, the network has 1001 classes"):
        labels("imagenet", classes=1001)


@pytest.mark.parametrize("text", ["cat\ndog", "cat\ndog\n", "cat\r\ndog\r\n", "\ufeffcat\n  dog \n"])
def test_a_text_file_has_one_a_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.txt").write_bytes(text.encode())
    assert labels(str(tmp_path / "labels.txt"), classes=2) == ["cat", "dog"]


def test_a_json_file_has_a_list(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(json.dumps(["chat, minou", "chien\u00e9"]))
    assert labels(str(tmp_path / "labels.json"), classes=2) == ["chat, minou", "chien\u00e9"]


FAULTS = {
    "too many": ("labels.txt", b"cat\ndog\nmouse", r"labels\.txt has 3 labels, the network has 2 classes"),
    "a blank line": ("labels.txt", b"cat\n\n", r"label 2 is '', expected text"),
    "an object": ("labels.json", b'{"0": "cat"}', r"holds a JSON dict, expected a list"),
    "numbers": ("labels.json", b"[1, 2]", r"label 1 is 1, expected text"),
    "no JSON": ("labels.json", b"cat", r"is not the text expected"),
    "no UTF-8": ("labels.txt", b"cat\n\xff\xfe", r"is not the text expected"),
}


@pytest.mark.parametrize(("name", "content", "reason"), FAULTS.values(), ids=FAULTS)
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SetupError, match=reason):
        labels(str(tmp_path / name), classes=2)
