"""`scripts/document`: write the generated documents."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cronnx_lab.document.documents import DOCS, DOCUMENTS, models
from cronnx_server import environment
from cronnx_server.errors import CommandError
from cronnx_server.files import write_whole
from cronnx_server.paths import ROOT

PAGE_PICTURE = DOCS / "pictures" / "playground.webp"


def main() -> int:
    """Write the documents and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/document",
        description="Write docs/openapi.json and docs/configuration.md from the configurations of the models and the "
        "options of the scripts, and docs/reference.md from the docstrings of the client. The tests fail if a document "
        "is out of date.",
    )
    parser.add_argument(
        "--playground",
        metavar="URL",
        help="instead, take the README's picture of the playground at URL, which shows the project's models",
    )
    arguments = parser.parse_args()
    try:
        if arguments.playground:
            _write(PAGE_PICTURE, _page_picture(arguments.playground))
            return 0
        for path, made in DOCUMENTS.items():
            _write(path, made(models()).encode())
    except CommandError as error:
        print(f"document: {error}", file=sys.stderr)
        return 1
    return 0


def _page_picture(url: str) -> bytes:
    environment.add("test")
    # Imported here because what drives the browser is installed with the test tools.
    from cronnx_lab.document import page_picture

    return page_picture.take(url)


def _write(path: Path, content: bytes) -> None:
    write_whole(path, content)
    print(path.relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(main())
