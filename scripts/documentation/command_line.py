"""`scripts/document`: parse, and write what is made of the source."""

from __future__ import annotations

import argparse
import sys

from local_server import environment
from local_server.errors import SetupError
from local_server.paths import ROOT


def main() -> int:
    """Write the documents; the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/document",
        description="Write docs/openapi.json and docs/configuration.md, which are made of the models' configurations "
        "and the scripts' options. The tests fail where these are older than the source.",
    )
    parser.parse_args()
    try:
        environment.enter("serve")
        from documentation.documents import DOCUMENTS  # needs the environment
        from model_builds.build import write_whole

        for path, made in DOCUMENTS.items():
            write_whole(path, made().encode())
            print(path.relative_to(ROOT))
    except SetupError as error:
        print(f"document: {error}", file=sys.stderr)
        return 1
    return 0
