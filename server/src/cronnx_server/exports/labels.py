"""Labels of a model's classes: a known set, or a file in one of the forms that exporters write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cronnx_server.errors import ModelFileError
from cronnx_server.exports.facts import Facts
from cronnx_server.exports.label_sets import LABEL_SETS
from cronnx_server.exports.side_files import parse_json, read_text, shown
from cronnx_server.exports.source import Source

LABEL_FILES = (
    "labels.txt",
    "labels.json",
    "class_indices.json",
    "id2label.json",
    "classes.txt",
    "class_names.txt",
    "classes.json",
)
METADATA = "character"
"""The metadata with one label a line: RapidAI/RapidLayout."""
SYNSET = re.compile(r"n\d{8}\s+(?=\S)")  # WordNet's number of a class, which ImageNet's lists have before the name


def read(source: Source, facts: Facts) -> bool:
    """Add the labels of a file beside the model, or of the metadata that RapidAI's exports carry.

    Returns:
        Whether there are such labels.

    Raises:
        ModelFileError: The file is damaged, or its form is unknown.
    """
    names = [*filter(source.has, LABEL_FILES), *source.side_files("*.names")]
    if "labels" in facts or not (names or source.metadata.get(METADATA)):
        return False
    if not names:
        facts.add("labels", named(source.metadata[METADATA].splitlines(), METADATA), f"metadata: {METADATA}")
        return True
    facts.add("labels", parse_labels(source.text(names[0]) or "", names[0]), names[0])
    return True


def read_labels(option: str) -> list[str]:
    """Read the labels that a user names.

    Args:
        option: A file, or the name of a set in `LABEL_SETS`.

    Raises:
        ModelFileError: The labels cannot be read.
    """
    path = Path(option)
    return LABEL_SETS[option]() if option in LABEL_SETS else parse_labels(read_text(path), str(path))


def parse_labels(text: str, name: str) -> list[str]:
    """One label for each class, in the order of the network's outputs.

    A text file has one label a line, with or without its number or its ImageNet number before it. A JSON file has a
    list, an object of numbers to labels, or an object of labels to numbers.

    Args:
        text: The content of a file.
        name: The file's name; one that ends in `.json` has JSON.

    Raises:
        ModelFileError: The content has another form, or labels are missing.
    """
    if not name.endswith(".json"):
        return named(_without_numbers(text.rstrip().splitlines()), name)
    content = parse_json(text, name)
    if isinstance(content, Mapping) and isinstance(content.get("id2label"), Mapping):
        content = content["id2label"]
    if isinstance(content, Mapping):
        return _of_object(content, name)
    if not isinstance(content, list):
        raise ModelFileError(f"{name}: expected a JSON list of labels, got {shown(content)}")
    return named(content, name)


def named(labels: Iterable[object], name: str) -> list[str]:
    """Labels, each checked to be text.

    Raises:
        ModelFileError: There is no label, or one is no text or blank.
    """
    found = []
    for number, label in enumerate(labels, start=1):
        if not isinstance(label, str) or not label.strip():
            raise ModelFileError(f"{name}: expected text as label {number}, got {shown(label)}")
        found.append(label.strip())
    if not found:
        raise ModelFileError(f"{name}: expected labels, got none")
    return found


def numbered(content: Mapping[Any, object], name: str) -> list[str]:
    """Labels of an object of numbers to labels.

    Raises:
        ModelFileError: The numbers are not 0, 1, 2 and so on, or a label is no text.
    """
    labels = {_number(key): _label(value) for key, value in content.items()}
    if missing := [number for number in range(len(content)) if number not in labels]:
        raise ModelFileError(
            f"{name}: expected labels for 0 to {len(content) - 1}, got none for {missing[0]}; pass --labels"
        )
    return named((labels[number] for number in range(len(content))), name)


def _of_object(content: Mapping[str, object], name: str) -> list[str]:
    """Labels of an object of numbers to labels, or of labels to numbers as in Keras's `class_indices`."""
    if all(isinstance(value, int) for value in content.values()):
        return _of_indices(content, name)
    are_numbers = [
        all(_number(entry) is not None for entry in entries) for entries in (content.keys(), content.values())
    ]
    if all(are_numbers) and [*content] != [*content.values()]:
        raise ModelFileError(f"{name}: expected numbers and labels, got numbers only: {shown(dict(content))}")
    if are_numbers[1] and not are_numbers[0]:
        return _of_indices(content, name)
    if not are_numbers[0]:
        raise ModelFileError(f"{name}: expected numbers with their labels, got {shown(dict(content))}")
    return numbered(content, name)


def _of_indices(content: Mapping[str, object], name: str) -> list[str]:
    labels = {value: label for label, value in content.items()}
    if len(labels) < len(content):
        raise ModelFileError(f"{name}: expected a number of its own for each label, got {shown(dict(content))}")
    return numbered(labels, name)


def _number(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= len(str(2**31)):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _label(value: object) -> object:
    # Keras's list of ImageNet has pairs: WordNet's number and the name.
    return value[-1] if isinstance(value, list) and value else value


def _without_numbers(lines: list[str]) -> list[str]:
    if lines and all(re.match(rf"{number}[:,]?\s+\S", line) for number, line in enumerate(lines)):
        return [re.split(r"[:,]?\s+", line, maxsplit=1)[1] for line in lines]
    if lines and all(map(SYNSET.match, lines)):
        return [SYNSET.sub("", line, count=1) for line in lines]
    return lines
