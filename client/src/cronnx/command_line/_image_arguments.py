"""The images that a command's arguments name: files, folders, patterns, addresses and standard input."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from typing import BinaryIO

from cronnx._image_paths import image_paths
from cronnx.command_line._report import print_error

STANDARD_INPUT = "-"

_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


def images(
    arguments: Iterable[str], *, report: Callable[[str], None], standard_input: int = 0
) -> Iterator[str | bytes]:
    """Yield the images one by one, as they are found: paths, addresses, or the content of standard input.

    Args:
        arguments: What `image_paths` takes, or `-` for an image on standard input, or for one path or address a line.
        report: See `image_paths`.
        standard_input: The file descriptor to read `-` from.
    """
    for argument in arguments:
        if argument == STANDARD_INPUT:
            yield from _standard_input(standard_input, report)
        else:
            yield from image_paths([argument], report=report, note=print_error)


def name(image: str | bytes) -> str:
    """Return the name of an image: its path, or a name for the content of standard input."""
    return image if isinstance(image, str) else f"stdin-{sha256(image).hexdigest()[:8]}"


def _standard_input(standard_input: int, report: Callable[[str], None]) -> Iterator[str | bytes]:
    # Not sys.stdin: a thread that waits for a line would hold a lock that the interpreter needs at exit.
    try:
        with open(standard_input, "rb", closefd=False) as file:
            if _is_image(file.peek()):
                yield file.read()
            else:
                yield from _lines(file)
    except OSError as error:
        report(f"standard input: {error.strerror}")


def _is_image(beginning: bytes) -> bool:
    """Return whether standard input has no paths: they have no null byte, and every image has one near its start."""
    return b"\0" in beginning or beginning.startswith(_SIGNATURES)


def _lines(file: BinaryIO) -> Iterator[str]:
    for line in file:
        if path := os.fsdecode(line.rstrip(b"\r\n")):  # Windows ends a line with both
            yield path
