"""`scripts/document`: write the generated documents."""

from __future__ import annotations

import argparse
import sys

from cronnx_lab.document.documents import DOCUMENTS, models
from cronnx_server.errors import CommandError
from cronnx_server.files import write_whole
from cronnx_server.paths import ROOT


def main() -> int:
    """Write the documents and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/document",
        description="Write docs/openapi.json and docs/configuration.md from the configurations of the models and the "
        "options of the scripts, and docs/reference.md from the docstrings of the client. The tests fail if a document "
        "is out of date.",
    )
    parser.parse_args()
    try:
        for path, made in DOCUMENTS.items():
            write_whole(path, made(models()).encode())
            print(path.relative_to(ROOT))
    except CommandError as error:
        print(f"document: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
