# ruff: noqa: PTH112, PTH118, PTH207 - an argument may be any text: os.path keeps its spelling, and does not raise
"""The images that a command's path arguments name."""

from __future__ import annotations

import glob
import heapq
import os
from collections.abc import Callable, Iterable, Iterator

IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""The suffixes of the images in a folder. A file named on the command line may have any suffix."""

NAMES_AT_ONCE = 100_000
"""How many names of a folder are in memory at a time."""


def image_paths(arguments: Iterable[str], *, report: Callable[[str], None], standard_input: int = 0) -> Iterator[str]:
    """Yield the paths of the images one by one, as they are found.

    Args:
        arguments: Files; folders, with everything below them in the order of the names and without links to folders;
            patterns, if no file has that name; or `-` for one path a line on standard input.
        report: Is called with the error for each folder that cannot be read and each argument that names no image.
        standard_input: The file descriptor to read lines from.
    """
    for argument in arguments:
        if argument == "-":
            yield from _lines(standard_input, report)
        elif os.path.isdir(argument):
            yield from _or_report(_below(argument, report), f"{argument}: no image in this folder", report)
        elif glob.has_magic(argument) and not os.path.lexists(argument):
            yield from _or_report(_matching(argument, report), f"{argument}: no image matches", report)
        else:
            yield argument


def _or_report(paths: Iterator[str], error: str, report: Callable[[str], None]) -> Iterator[str]:
    found = False
    for path in paths:
        found = True
        yield path
    if not found:
        report(error)


def _lines(standard_input: int, report: Callable[[str], None]) -> Iterator[str]:
    # Not sys.stdin: a thread that waits for a line would hold a lock that the interpreter needs at exit.
    try:
        with open(standard_input, "rb", closefd=False) as lines:
            for line in lines:
                if path := os.fsdecode(line.rstrip(b"\n")):
                    yield path
    except OSError as error:
        report(f"standard input: {error.strerror}")


def _matching(pattern: str, report: Callable[[str], None]) -> Iterator[str]:
    for path in sorted(glob.iglob(pattern, recursive=True)):
        if not os.path.isdir(path):
            yield path
        elif "**" not in pattern:  # such a pattern matches the files below a folder itself
            yield from _below(path, report)


def _below(folder: str, report: Callable[[str], None]) -> Iterator[str]:
    for name, is_folder in _sorted_entries(folder, report):
        path = os.path.join(folder, name)
        if is_folder:
            yield from _below(path, report)
        else:
            yield path


def _sorted_entries(folder: str, report: Callable[[str], None]) -> Iterator[tuple[str, bool]]:
    """Yield the names of images and folders in order. To save memory, a large folder is read several times."""
    last = ""
    while True:
        try:
            with os.scandir(folder) as entries:
                later = (_name_and_type(entry) for entry in entries if entry.name > last and _is_wanted(entry))
                batch = heapq.nsmallest(NAMES_AT_ONCE, later)
        except OSError as error:
            report(f"{folder}: cannot read this folder: {error.strerror}")
            return
        yield from batch
        if len(batch) < NAMES_AT_ONCE:
            return
        last = batch[-1][0]


def _name_and_type(entry: os.DirEntry[str]) -> tuple[str, bool]:
    return entry.name, entry.is_dir(follow_symlinks=False)


def _is_wanted(entry: os.DirEntry[str]) -> bool:
    if entry.name.lower().endswith(IMAGE_SUFFIXES):
        return entry.is_file() or entry.is_dir(follow_symlinks=False)
    return entry.is_dir(follow_symlinks=False)
