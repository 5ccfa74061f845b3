"""The photos that the page offers."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from cronnx import InvalidInput

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_MOST = 100
_CREDIT = re.compile(r"^\| `(?P<file>[^`]+)` \| (?P<content>.+) \| (?P<author>.+) \| (?P<licence>.+) \|$", re.MULTILINE)


class Pictures:
    """The photos of a folder and its subfolders."""

    def __init__(self, folder: Path | None) -> None:
        """Find the photos.

        Args:
            folder: The folder; None for no photos. A table in its `README.md` with the columns file, content, author
                and licence says whose they are.

        Raises:
            InvalidInput: It is no folder.
        """
        if folder is not None and not folder.is_dir():
            raise InvalidInput(f"--pictures: expected a folder, got {folder}")
        found = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in _SUFFIXES) if folder else ()
        self._files = {str(path.relative_to(folder or "")): path for path in islice(found, _MOST)}
        self._credits = _credits(folder) if folder else {}

    async def list(self, _: Request) -> Response:
        """List the photos."""
        return JSONResponse([{"name": name, "credit": self._credits.get(name, "")} for name in self._files])

    async def picture(self, request: Request) -> Response:
        """Answer with a photo."""
        name = request.path_params["name"]
        if name not in self._files or not self._files[name].is_file():
            raise HTTPException(404, f"picture: expected one that /pictures lists, got {name!r}")
        return FileResponse(self._files[name])


def _credits(folder: Path) -> dict[str, str]:
    readme = folder / "README.md"
    rows = _CREDIT.finditer(readme.read_text(errors="replace")) if readme.is_file() else ()
    return {row["file"]: f"{row['content']}: {row['author']}, {row['licence']}" for row in rows}
