"""`scripts/set_up`: create `.venv`, and no more."""

from __future__ import annotations

import argparse
import sys

from cronnx_server import environment
from cronnx_server.errors import CommandError
from cronnx_server.paths import REQUIREMENTS

EXTRAS = ("lab", "test")


def main() -> int:
    """Create or repair the environment; the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/set_up",
        description="Create .venv with what scripts/serve installs: for the layers of an image.",
        epilog="Every other script does this when it starts. Exit status: 0 it is complete, 1 it cannot be created, "
        "2 usage.",
    )
    parser.add_argument(
        "extras", nargs="*", metavar="EXTRA", help=f"also what {REQUIREMENTS.name}/EXTRA.txt lists: {', '.join(EXTRAS)}"
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
