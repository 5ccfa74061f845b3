"""`scripts/document`: parse, and write what is made of the source."""

from __future__ import annotations

import argparse
import sys

from cronnx_lab.document.documents import DOCUMENTS, models
from cronnx_server.errors import CommandError
from cronnx_server.files import write_whole
from cronnx_server.paths import ROOT


def main() -> int:
    """Write the documents; the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/document",
        description="Write docs/openapi.json and docs/configuration.md, which are made of the models' configurations "
        "and the scripts' options. The tests fail where these are older than the source.",
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
