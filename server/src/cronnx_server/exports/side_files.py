"""Text, JSON and YAML files beside a model; every value is checked, and errors name the file and the key."""

from __future__ import annotations

import json
import math
import reprlib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from cronnx_server.errors import ModelFileError

MAX_BYTES = 16 * 1024 * 1024
MAX_SHOWN = 80

T = TypeVar("T")

# YAML may repeat a part without end, so that all of it must not be printed.
_SHOWN = reprlib.Repr()
_SHOWN.maxlevel, _SHOWN.maxstring, _SHOWN.maxother = 2, MAX_SHOWN, MAX_SHOWN


def read_text(path: Path) -> str:
    """Read a file of UTF-8 text, or of UTF-16 with a byte order mark, as PowerShell writes it.

    Raises:
        ModelFileError: The file cannot be read, is no such text, or has more than `MAX_BYTES` bytes.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ModelFileError(f"{path.name}: expected a text file of up to {MAX_BYTES} bytes, got a larger one")
        text = content.decode("utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelFileError(
            f"{path.name}: expected UTF-8 text, got byte {error.object[error.start]:#x}; save the file as UTF-8"
        ) from error
    if "\0" in text:
        raise ModelFileError(f"{path.name}: expected UTF-8 text, got zero bytes; save the file as UTF-8")
    return text


def parse_json(text: str, name: str) -> Any:  # noqa: ANN401 - JSON
    """Parse JSON.

    Args:
        text: The JSON.
        name: The file's name, for the error.

    Raises:
        ModelFileError: The text is not JSON, or is nested too deep.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise ModelFileError(f"{name}: expected JSON, got {shown(text)}: {error}") from error
    except RecursionError as error:
        raise ModelFileError(f"{name}: expected JSON of a few levels, got a deeper one") from error


def parse_yaml(text: str, name: str) -> Any:  # noqa: ANN401 - YAML
    """Parse YAML of plain values; tags that make Python's objects are refused.

    Args:
        text: The YAML.
        name: The file's name, for the error.

    Raises:
        ModelFileError: The text is not YAML, or is nested too deep.
    """
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ModelFileError(f"{name}: expected YAML, got {shown(text)}: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise ModelFileError(f"{name}: expected YAML of a few levels, got a deeper one") from error


def shown(value: object) -> str:
    """A value as an error shows it: short, in one line."""
    return _SHOWN.repr(value)


class Entries(Mapping[str, Any]):
    """The entries of an object in a side file; an entry of null is left out.

    Attributes:
        source: Where they are from: the file, and the keys that lead to them.
    """

    def __init__(self, values: object, source: str) -> None:
        """Wrap an object.

        Raises:
            ModelFileError: `values` is no object.
        """
        if not isinstance(values, Mapping):
            raise ModelFileError(f"{source}: expected an object, got {shown(values)}")
        self.source = source
        self._values = {str(key): value for key, value in values.items() if value is not None}

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - JSON
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def where(self, key: str) -> str:
        """Where an entry is, as a fact and an error name it."""
        return f"{self.source}: {key}" if ": " not in self.source else f"{self.source}.{key}"

    def error(self, key: str, expected: str) -> ModelFileError:
        """The error for an entry that is not as expected."""
        return ModelFileError(f"{self.where(key)}: expected {expected}, got {shown(self._values.get(key))}")

    def text(self, key: str) -> str | None:
        """A text, or None if it is left out."""
        return self._checked(key, str, "text")

    def flag(self, key: str) -> bool | None:
        """True or false, or None if it is left out."""
        return self._checked(key, bool, "true or false")

    def number(self, key: str) -> float | None:
        """A finite number, or None if it is left out."""
        value = self._values.get(key)
        if value is None:
            return None
        if not is_number(value):
            raise self.error(key, "a number")
        return float(value)

    def count(self, key: str) -> int | None:
        """A whole number from 0, or None if it is left out."""
        value = self.number(key)
        if value is None:
            return None
        if value < 0 or value != int(value):
            raise self.error(key, "a whole number from 0")
        return int(value)

    def numbers(self, key: str, length: int) -> tuple[float, ...] | None:
        """A list of numbers, or None if it is left out; one number stands for a list of equal ones."""
        value = self._values.get(key)
        if value is None:
            return None
        if is_number(value):
            return (float(value),) * length
        if not isinstance(value, list | tuple) or len(value) != length or not all(map(is_number, value)):
            raise self.error(key, f"{length} numbers")
        return tuple(map(float, value))

    def entries(self, key: str) -> Entries | None:
        """An object, or None if it is left out."""
        return Entries(self._values[key], self.where(key)) if key in self._values else None

    def sides(self, key: str) -> tuple[int, int] | None:
        """A height and a width, or None if it is left out; one number stands for both."""
        sides = self.numbers(key, 2)
        if sides is None:
            return None
        if min(sides) < 1:
            raise self.error(key, "a height and a width")
        return int(sides[0]), int(sides[1])

    def items_of(self, key: str) -> list[Entries]:
        """A list of objects; empty if it is left out."""
        values = self._checked(key, list, "a list") or []
        return [Entries(value, f"{self.where(key)}[{number}]") for number, value in enumerate(values)]

    def _checked(self, key: str, kind: type[T], expected: str) -> T | None:
        value = self._values.get(key)
        if value is not None and not isinstance(value, kind):
            raise self.error(key, expected)
        return value


def is_number(value: object) -> bool:
    """Whether a JSON value is a finite number."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False
