"""`/opt/cronnx/launch` of the images: becomes `tritonserver`, with the key if there is one and with raised limits.

The standard library suffices: NVIDIA's image has nothing else.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cronnx_server.errors import KeyFileError
from cronnx_server.key import read_key, restricted_api_flags
from cronnx_server.limits import raise_limits

NVIDIA_ENTRYPOINT = Path("/opt/nvidia/nvidia_entrypoint.sh")

EPILOG = """\
The key is read from the file that $CRONNX_KEY_FILE names, or from $CRONNX_KEY; without a key, nothing is restricted.
Exit status: the program's own; 1 if it cannot be started or the key cannot be used; 2 usage.
"""


def main() -> int:
    """Become the program that the arguments name, or return the exit status if that fails."""
    parser = argparse.ArgumentParser(
        prog="launch",
        usage="%(prog)s PROGRAM [FLAG ...]",
        description="Start tritonserver in a container, through NVIDIA's entrypoint if the image has it. If there is a "
        "key, the server requires it for changing models, shared memory, traces or logs.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("program", nargs=argparse.REMAINDER, metavar="PROGRAM [FLAG ...]", help="the program to start")
    program = parser.parse_args().program
    if not program:
        print("launch: expected a program and its flags, got none; see ENTRYPOINT in the Dockerfile", file=sys.stderr)
        return 2
    try:
        arguments = command(program, os.environ)
        raise_limits()
        os.execvp(arguments[0], arguments)  # noqa: S606 - the image's author names the program
    except KeyFileError as error:
        print(f"launch: {error}", file=sys.stderr)
    except OSError as error:
        print(f"launch: cannot start {arguments[0]}: {error.strerror}", file=sys.stderr)
    return 1


def command(program: Sequence[str], environ: Mapping[str, str], *, entrypoint: Path = NVIDIA_ENTRYPOINT) -> list[str]:
    """The command line of a container's server.

    The mode of the key's file is not checked, unlike in `scripts/serve`: Kubernetes and Docker mount secrets with the
    owner and mode they choose, and a container has one user.

    Args:
        program: A program and its flags.
        environ: The environment variables that may name or hold a key.
        entrypoint: The script of NVIDIA's image that fits CUDA to the driver; used if it exists.

    Raises:
        KeyFileError: The key cannot be read or used.
    """
    prefix = [str(entrypoint)] if entrypoint.exists() else []
    return [*prefix, *program, *restricted_api_flags(read_key(environ))]


if __name__ == "__main__":
    sys.exit(main())
