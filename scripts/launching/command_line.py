"""`scripts/launch`: become the server."""

from __future__ import annotations

import os
import sys

from launching.command import command
from launching.key import KeyFileError


def main() -> int:
    """Does not return where the program could be started; the exit status where not."""
    if len(sys.argv) < 2:
        print("launch: a program and its flags are expected, as in the Dockerfile's ENTRYPOINT", file=sys.stderr)
        return 2
    try:
        program, environ = command(sys.argv[1:], os.environ)
        os.execvpe(program[0], program, environ)  # noqa: S606 - what the image's author wrote
    except KeyFileError as error:
        print(f"launch: {error}", file=sys.stderr)
    except OSError as error:
        print(f"launch: cannot start {program[0]}: {error.strerror}", file=sys.stderr)
    return 1
