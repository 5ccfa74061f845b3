# ruff: noqa: PTH112, PTH118, PTH207 - an argument may be any text: os.path keeps its spelling, and does not raise
"""The images that paths, folders, patterns and standard input name."""

from __future__ import annotations

import glob
import heapq
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from cronnx._inputs import is_address

IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""The suffixes of the images in a folder. A file that is named may have any suffix."""

NAMES_AT_ONCE = 100_000
"""How many names of a folder are in memory at a time."""

_LINK = "link to a folder"
_MOST_TYPES_SHOWN = 4


def ignore(_: str) -> None:
    """Take a note and do nothing."""


def image_paths(
    arguments: Iterable[str], *, report: Callable[[str], None], note: Callable[[str], None] = ignore
) -> Iterator[str]:
    """Yield the paths of the images one by one, as they are found.

    Args:
        arguments: Files and http(s) addresses; folders, with everything below them in the order of the names and
            without links to folders; or patterns, if no file has that name.
        report: Is called with the error for each folder that cannot be read and each argument that names no image.
        note: Is called after each folder and pattern with what was skipped there.
    """
    for argument in arguments:
        if is_address(argument):
            yield argument
        elif os.path.isdir(argument):
            yield from _Found(argument, "no image in this folder", report, note).all_of(_below)
        elif glob.has_magic(argument) and not os.path.lexists(argument):
            yield from _Found(argument, "no image matches", report, note).all_of(_matching)
        else:
            yield argument


class _Found:
    """The images that one folder or pattern names.

    Attributes:
        skipped: The number of skipped files by their suffix, and of links to folders.
        report: See `image_paths`.
    """

    def __init__(self, argument: str, if_none: str, report: Callable[[str], None], note: Callable[[str], None]) -> None:
        self._argument = argument
        self._if_none = if_none
        self._note = note
        self.report = report
        self.skipped = Counter[str]()

    def all_of(self, find: Callable[[str, _Found], Iterator[str]]) -> Iterator[str]:
        """Yield the images, then say what was skipped, or that there are none."""
        found = False
        for path in find(self._argument, self):
            found = True
            yield path
        skipped = f"skipped {self._skipped()}" if self.skipped else ""
        if not found:
            self.report(f"{self._argument}: {self._if_none}{skipped and f'; {skipped}'}")
        elif skipped:
            self._note(f"{self._argument}: {skipped}")

    def _skipped(self) -> str:
        links = self.skipped[_LINK]
        types = Counter({suffix: count for suffix, count in self.skipped.items() if suffix != _LINK})
        parts = []
        if files := types.total():
            shown = [suffix or "no suffix" for suffix, _ in types.most_common(_MOST_TYPES_SHOWN)]
            more = ["..."] if len(types) > _MOST_TYPES_SHOWN else []
            parts.append(f"{files} other {'file' if files == 1 else 'files'} ({', '.join(shown + more)})")
        if links:
            parts.append(f"{links} {_LINK if links == 1 else 'links to folders'}")
        return " and ".join(parts)


def _matching(pattern: str, found: _Found) -> Iterator[str]:
    for path in sorted(glob.iglob(pattern, recursive=True)):
        if not os.path.isdir(path):
            yield path
        elif "**" not in pattern:  # such a pattern matches the files below a folder itself
            yield from _below(path, found)


def _below(folder: str, found: _Found) -> Iterator[str]:
    for name, is_folder in _sorted_entries(folder, found):
        path = os.path.join(folder, name)
        if is_folder:
            yield from _below(path, found)
        else:
            yield path


def _sorted_entries(folder: str, found: _Found) -> Iterator[tuple[str, bool]]:
    """Yield the names of images and folders in order. To save memory, a large folder is read several times."""
    last = ""
    while True:
        skipped = Counter[str]()  # of this reading: each one sees them all
        try:
            with os.scandir(folder) as entries:
                later = (_name_and_type(each) for each in entries if _is_wanted(each, skipped) and each.name > last)
                batch = heapq.nsmallest(NAMES_AT_ONCE, later)
        except OSError as error:
            found.report(f"{folder}: cannot read this folder: {error.strerror}")
            return
        yield from batch
        if len(batch) < NAMES_AT_ONCE:
            found.skipped += skipped
            return
        last = batch[-1][0]


def _name_and_type(entry: os.DirEntry[str]) -> tuple[str, bool]:
    return entry.name, entry.is_dir(follow_symlinks=False)


def _is_wanted(entry: os.DirEntry[str], skipped: Counter[str]) -> bool:
    if entry.is_dir(follow_symlinks=False):
        return True
    is_link_to_folder = entry.is_symlink() and entry.is_dir()
    if not is_link_to_folder and entry.name.lower().endswith(IMAGE_SUFFIXES) and entry.is_file():
        return True
    skipped[_LINK if is_link_to_folder else os.path.splitext(entry.name)[1].lower()] += 1  # noqa: PTH122 - as above
    return False
