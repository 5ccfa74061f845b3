"""The photos that the page offers."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


class Pictures:
    """The photos of a folder, without its subfolders."""

    def __init__(self, folder: Path | None) -> None:
        """Offer the photos of a folder; None for no photos."""
        self._folder = folder

    async def list(self, _: Request) -> Response:
        """List the photos."""
        return JSONResponse([{"name": name, "credit": ""} for name in sorted(self._files())])

    async def picture(self, request: Request) -> Response:
        """Answer with a photo."""
        name = request.path_params["name"]
        file = self._files().get(name)
        if file is None:
            raise HTTPException(404, f"picture: expected one of /pictures, got {name!r}")
        return FileResponse(file)

    def _files(self) -> dict[str, Path]:
        if self._folder is None or not self._folder.is_dir():
            return {}
        return {path.name: path for path in self._folder.iterdir() if path.suffix.lower() in _SUFFIXES}
