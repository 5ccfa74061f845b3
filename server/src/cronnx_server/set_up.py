"""`scripts/set_up`: its command line."""

from __future__ import annotations

import argparse
import sys

from cronnx_server import environment
from cronnx_server.errors import CommandError
from cronnx_server.paths import REQUIREMENTS

EXTRAS = ("lab", "test")


def main() -> int:
    """Create or repair the environment, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/set_up",
        description="Create .venv with the packages that scripts/serve needs, as a layer of an image.",
        epilog="Every other script does this when it starts. Exit status: 0 complete, 1 it cannot be created, 2 usage.",
    )
    parser.add_argument(
        "extras",
        nargs="*",
        metavar="EXTRA",
        help=f"also the packages of {REQUIREMENTS.name}/EXTRA.txt: {' or '.join(EXTRAS)}",
    )
    extras = parser.parse_args().extras
    for extra in extras:
        if extra not in EXTRAS:
            parser.error(f"expected one of {', '.join(EXTRAS)}, got '{extra}'")
    try:
        environment.add(environment.SERVER, *extras)
    except CommandError as error:
        print(f"set_up: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
