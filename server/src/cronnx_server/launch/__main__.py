"""`/opt/cronnx/launch` of the images: become the server."""

from __future__ import annotations

import argparse
import os
import sys

from cronnx_server.errors import KeyFileError
from cronnx_server.launch.command import command


def main() -> int:
    """Does not return where the program could be started; the exit status where not."""
    parser = argparse.ArgumentParser(
        prog="launch",
        usage="%(prog)s PROGRAM [FLAG ...]",
        description="Become a server: behind the image's own entrypoint where there is one, with the restrictions that "
        "the key in $CRONNX_KEY_FILE or $CRONNX_KEY makes, if there is one.",
    )
    parser.add_argument("program", nargs=argparse.REMAINDER, metavar="PROGRAM [FLAG ...]", help="what to become")
    wanted = parser.parse_args().program
    if not wanted:
        print("launch: a program and its flags are expected, as in the Dockerfile's ENTRYPOINT", file=sys.stderr)
        return 2
    try:
        program, environ = command(wanted, os.environ)
        os.execvpe(program[0], program, environ)  # noqa: S606 - what the image's author wrote
    except KeyFileError as error:
        print(f"launch: {error}", file=sys.stderr)
    except OSError as error:
        print(f"launch: cannot start {program[0]}: {error.strerror}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
