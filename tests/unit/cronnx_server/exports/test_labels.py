from __future__ import annotations

import json
from pathlib import Path

import pytest

from cronnx_server.errors import ModelFileError
from cronnx_server.exports.label_sets import imagenet
from cronnx_server.exports.labels import parse_labels, read_labels


def test_imagenets_classes_are_in_the_order_that_networks_are_trained_with() -> None:
    labels = imagenet()
    assert len(labels) == 1000
    assert [labels[class_id] for class_id in (0, 281, 967, 999)] == [
        "tench, Tinca tinca",
        "tabby, tabby cat",
        "espresso",
        "toilet tissue, toilet paper, bathroom tissue",
    ]


def test_a_known_set_has_its_name() -> None:
    assert read_labels("imagenet")[967] == "espresso"


@pytest.mark.parametrize(
    "text", ["cat\ndog", "cat\ndog\n", "cat\r\ndog\r\n", "\ufeffcat\n  dog \n", "cat\ndog\n\n\r\n"]
)
def test_a_text_file_has_one_label_per_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.txt").write_bytes(text.encode())
    assert read_labels(str(tmp_path / "labels.txt")) == ["cat", "dog"]


@pytest.mark.parametrize("text", ["0 cat\n1 hot dog\n", "0: cat\n1: hot dog\n", "n02123045 cat\nn07697537 hot dog"])
def test_numbers_before_the_labels_are_left_out(text: str) -> None:
    assert parse_labels(text, "labels.txt") == ["cat", "hot dog"]


def test_labels_that_begin_with_other_numbers_stay() -> None:
    assert parse_labels("1 euro\n2 euro\n", "labels.txt") == ["1 euro", "2 euro"]


FORMS = {
    "a list": ["chat, minou", "chien\u00e9"],
    "numbers to labels": {"1": "chien\u00e9", "0": "chat, minou"},
    "labels to numbers": {"chien\u00e9": 1, "chat, minou": 0},
    "labels to numbers as text": {"chien\u00e9": "1", "chat, minou": "0"},
    "a configuration": {"id2label": {"0": "chat, minou", "1": "chien\u00e9"}},
    "Keras's ImageNet": {"0": ["n1", "chat, minou"], "1": ["n2", "chien\u00e9"]},
}


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
def test_a_json_file_has_one_of_the_forms_that_exporters_write(tmp_path: Path, content: object) -> None:
    (tmp_path / "labels.json").write_text(json.dumps(content))
    assert read_labels(str(tmp_path / "labels.json")) == ["chat, minou", "chien\u00e9"]


def test_classes_that_are_digits_are_read_by_the_type_of_their_numbers() -> None:
    assert parse_labels('{"7": 0, "3": 1}', "class_indices.json") == ["7", "3"]
    with pytest.raises(ModelFileError, match=r"expected numbers and labels, got numbers only"):
        parse_labels('{"0": "1", "1": "0"}', "labels.json")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_labels_may_be_in_the_encodings_of_windows(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "labels.txt").write_bytes("Möwe\r\ncat\r\n".encode(encoding))
    assert read_labels(str(tmp_path / "labels.txt")) == ["Möwe", "cat"]


FAULTS = {
    "a blank line": ("labels.txt", b"cat\n\ndog", r"expected text as label 2, got ''"),
    "nothing": ("labels.txt", b"\n", r"expected labels, got none"),
    "an empty list": ("labels.json", b"[]", r"expected labels, got none"),
    "a text": ("labels.json", b'"cat"', r"expected a JSON list of labels, got 'cat'"),
    "numbers": ("labels.json", b"[1, 2]", r"expected text as label 1, got 1"),
    "a gap": ("labels.json", b'{"0": "cat", "2": "dog"}', r"expected labels for 0 to 1, got none for 1"),
    "words": ("labels.json", b'{"cat": "dog"}', r"expected numbers with their labels"),
    "twice": ("labels.json", b'{"cat": 0, "dog": 0}', r"expected a number of its own for each label"),
    "no JSON": ("labels.json", b"cat", r"expected JSON, got 'cat'"),
    "deep JSON": ("labels.json", b"[" * 200_000, r"expected JSON"),
    "no UTF-8": ("labels.txt", b"cat\n\xff\xfe", r"expected UTF-8 text, got byte 0xff"),
    "no byte order mark": ("labels.txt", "cat".encode("utf-16-le"), r"expected UTF-8 text, got zero bytes"),
    "no file": ("", b"", r"cannot read .*missing\.txt: No such file"),
}


@pytest.mark.parametrize(("name", "content", "reason"), FAULTS.values(), ids=FAULTS)
def test_labels_that_cannot_be_read_are_refused(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    if name:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelFileError, match=reason):
        read_labels(str(tmp_path / (name or "missing.txt")))
