"""`scripts/set_up`: parse, then make `.venv`."""

from __future__ import annotations

import argparse
import sys

from local_server import environment
from local_server.errors import SetupError
from local_server.paths import REQUIREMENTS

EXTRAS = ("bench", "load", "test")


def main() -> int:
    """Make or mend the environment; the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/set_up",
        description="Make .venv with what scripts/serve installs: for an image's layers.",
        epilog="Every other script does this when it starts. Exit status: 0 it is whole, 1 it cannot be made, 2 usage.",
    )
    parser.add_argument(
        "extras", nargs="*", metavar="EXTRA", help=f"also what {REQUIREMENTS.name}/EXTRA.txt lists: {', '.join(EXTRAS)}"
    )
    extras = parser.parse_args().extras
    for extra in extras:
        if extra not in EXTRAS:
            parser.error(f"'{extra}' came, one of {', '.join(EXTRAS)} is expected")
    try:
        environment.enter("serve", *extras)
    except SetupError as error:
        print(f"set_up: {error}", file=sys.stderr)
        return 1
    return 0
