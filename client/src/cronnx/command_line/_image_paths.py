# ruff: noqa: PTH112, PTH118, PTH207 - an argument may be any text: os.path says no where pathlib raises, and keeps its spelling
"""The images that the arguments of a command mean."""

from __future__ import annotations

import glob
import heapq
import os
from collections.abc import Callable, Iterable, Iterator

IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""Which files of a folder are images; a file that is named itself may have any suffix."""

NAMES_AT_ONCE = 100_000


def image_paths(arguments: Iterable[str], *, complain: Callable[[str], None], standard_input: int = 0) -> Iterator[str]:
    """Give the paths of the images one by one, as they are found.

    Args:
        arguments: Files, folders (with all below them, in the order of their names, links to folders left out),
            patterns (where no file has that name), or `-` for one path a line of standard input.
        complain: Told of a folder that cannot be read, and of what turns out to mean no image.
        standard_input: The file descriptor to read lines from.
    """
    for argument in arguments:
        if argument == "-":
            yield from _lines(standard_input, complain)
        elif os.path.isdir(argument):
            yield from _or_complaint(_below(argument, complain), f"{argument}: no image in this folder", complain)
        elif glob.has_magic(argument) and not os.path.lexists(argument):
            found = _matching(argument, complain)
            yield from _or_complaint(found, f"{argument}: no image matches", complain)
        else:
            yield argument


def _or_complaint(paths: Iterator[str], complaint: str, complain: Callable[[str], None]) -> Iterator[str]:
    found = False
    for path in paths:
        found = True
        yield path
    if not found:
        complain(complaint)


def _lines(standard_input: int, complain: Callable[[str], None]) -> Iterator[str]:
    # Not sys.stdin: who waits for a line in another thread would hold the lock that the interpreter wants at its exit.
    try:
        with open(standard_input, "rb", closefd=False) as lines:
            for line in lines:
                if path := os.fsdecode(line.rstrip(b"\n")):
                    yield path
    except OSError as error:
        complain(f"standard input: {error.strerror}")


def _matching(pattern: str, complain: Callable[[str], None]) -> Iterator[str]:
    for path in sorted(glob.iglob(pattern, recursive=True)):
        if not os.path.isdir(path):
            yield path
        elif "**" not in pattern:  # which finds what is below a folder by itself
            yield from _below(path, complain)


def _below(folder: str, complain: Callable[[str], None]) -> Iterator[str]:
    for name, is_folder in _sorted_entries(folder, complain):
        path = os.path.join(folder, name)
        if is_folder:
            yield from _below(path, complain)
        else:
            yield path


def _sorted_entries(folder: str, complain: Callable[[str], None]) -> Iterator[tuple[str, bool]]:
    """Names of images and folders, in order, few at once: the folder is read again for the next ones."""
    last = ""
    while True:
        try:
            with os.scandir(folder) as entries:
                later = (_named(entry) for entry in entries if entry.name > last and _counts(entry))
                batch = heapq.nsmallest(NAMES_AT_ONCE, later)
        except OSError as error:
            complain(f"{folder}: cannot read this folder: {error.strerror}")
            return
        yield from batch
        if len(batch) < NAMES_AT_ONCE:
            return
        last = batch[-1][0]


def _named(entry: os.DirEntry[str]) -> tuple[str, bool]:
    return entry.name, entry.is_dir(follow_symlinks=False)


def _counts(entry: os.DirEntry[str]) -> bool:
    if entry.name.lower().endswith(IMAGE_SUFFIXES):
        return entry.is_file() or entry.is_dir(follow_symlinks=False)
    return entry.is_dir(follow_symlinks=False)
