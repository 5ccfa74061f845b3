from __future__ import annotations

import json
from pathlib import Path

import pytest

from cronnx_server.build_models.labels import imagenet, read_labels
from cronnx_server.errors import ModelFileError


def test_imagenets_classes_are_in_the_order_that_networks_are_trained_with() -> None:
    labels = imagenet()
    assert len(labels) == 1000
    assert [labels[class_id] for class_id in (0, 281, 967, 999)] == [
        "tench, Tinca tinca",
        "tabby, tabby cat",
        "espresso",
        "toilet tissue, toilet paper, bathroom tissue",
    ]


def test_without_a_source_labels_are_numbers() -> None:
    assert read_labels(None, classes=3) == ["class 0", "class 1", "class 2"]


def test_a_known_set_has_its_name_and_is_only_for_as_many_classes() -> None:
    assert read_labels("imagenet", classes=1000)[967] == "espresso"
    with pytest.raises(ModelFileError, match=r"imagenet: expected 1001 labels, .*, got 1000"):
        read_labels("imagenet", classes=1001)


@pytest.mark.parametrize("text", ["cat\ndog", "cat\ndog\n", "cat\r\ndog\r\n", "\ufeffcat\n  dog \n"])
def test_a_text_file_has_one_label_per_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.txt").write_bytes(text.encode())
    assert read_labels(str(tmp_path / "labels.txt"), classes=2) == ["cat", "dog"]


def test_a_json_file_has_a_list(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(json.dumps(["chat, minou", "chien\u00e9"]))
    assert read_labels(str(tmp_path / "labels.json"), classes=2) == ["chat, minou", "chien\u00e9"]


FAULTS = {
    "too many": ("labels.txt", b"cat\ndog\nmouse", r"labels\.txt: expected 2 labels, .*, got 3"),
    "a blank line": ("labels.txt", b"cat\n\n", r"expected text as label 2, got ''"),
    "an object": ("labels.json", b'{"0": "cat"}', r"expected a JSON list of labels, got a dict"),
    "numbers": ("labels.json", b"[1, 2]", r"expected text as label 1, got 1"),
    "no JSON": ("labels.json", b"cat", r"expected UTF-8 text .* or JSON"),
    "no UTF-8": ("labels.txt", b"cat\n\xff\xfe", r"expected UTF-8 text .* or JSON"),
}


@pytest.mark.parametrize(("name", "content", "reason"), FAULTS.values(), ids=FAULTS)
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelFileError, match=reason):
        read_labels(str(tmp_path / name), classes=2)
