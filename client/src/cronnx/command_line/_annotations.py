"""Pictures with the answers drawn on them, in a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cronnx import CronnxError, Embedding, InvalidInput
from cronnx._tasks import Answer
from cronnx.command_line._result_files import OutputError

_COMMENT = "drawn by cronnx predict"
_PNG = ".png"


class AnnotatedPictures:
    """Writes a picture for each answer. A picture appears complete or not at all, and replaces only an earlier one."""

    def __init__(self, folder: str) -> None:
        """Make the folder.

        Raises:
            OutputError: The folder cannot be made.
        """
        self._folder = Path(folder)
        self._written: set[str] = set()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be used as a folder of pictures: {error.strerror}") from error

    def add(self, name: str, image: str | bytes, answer: Answer) -> None:
        """Draw an answer on its image and write the picture.

        It has the image's name, without folders. A JPEG stays a JPEG, and any other image becomes a PNG. A name that
        this run has already written gets a number.

        Raises:
            CronnxError: The answer cannot be drawn, or the picture cannot be written.
        """
        if isinstance(answer, Embedding):
            raise InvalidInput("an embedding cannot be drawn: leave --annotate out")
        picture = answer.draw(image)
        target = self._target(name)
        if target.exists() and not _is_ours(target):
            raise InvalidInput(f"{target} exists and is not a picture of this command: give --annotate another folder")
        aside = target.with_name(f".{target.stem}.partial{target.suffix}")
        try:
            picture.save(aside, quality=92, **_marked(target.suffix))
            aside.replace(target)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise CronnxError(f"{target}: cannot be written: {error.strerror or error}") from error

    def _target(self, path: str) -> Path:
        stem, suffix = os.path.splitext(os.path.basename(path))  # noqa: PTH119, PTH122 - any text may be a path
        suffix = suffix if suffix.lower() in (".jpg", ".jpeg") else _PNG
        name, number = f"{stem}{suffix}", 1
        while name in self._written:
            number += 1
            name = f"{stem}-{number}{suffix}"
        self._written.add(name)
        return self._folder / name


def _marked(suffix: str) -> dict[str, Any]:
    """Return what makes Pillow write the comment by which a later run knows the picture."""
    if suffix.lower() != _PNG:
        return {"comment": _COMMENT}
    info = PngInfo()
    info.add_text("comment", _COMMENT)
    return {"pnginfo": info}


def _is_ours(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            return image.info.get("comment") in (_COMMENT, _COMMENT.encode())
    except Exception:  # noqa: BLE001 - Pillow's decoders raise errors of many types
        return False
