"""`/opt/cronnx/launch` of the images: becomes `tritonserver`, with the key if there is one and with raised limits.

With a profile, NVIDIA's `tritonserver` starts in the folder of the engines that fit its release and the GPU. The
standard library suffices: NVIDIA's image has nothing else.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cronnx_server import engines
from cronnx_server.errors import KeyFileError
from cronnx_server.key import read_key, restricted_api_flags
from cronnx_server.limits import raise_limits

NVIDIA_ENTRYPOINT = Path("/opt/nvidia/nvidia_entrypoint.sh")
PROFILE = "--model-config-name"
ENGINES = ".triton/tensorrt"
"""The folder of the engines of every release and GPU, relative to the image's working folder; a volume."""

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
        if any(flag.startswith(PROFILE) for flag in program):
            _change_to_engines(Path.cwd() / ENGINES, release=os.environ.get(engines.RELEASE, ""))
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


def _change_to_engines(root: Path, *, release: str) -> None:
    """Change to the folder of TensorRT's engines if there is a GPU; a folder that cannot be made is only a warning."""
    gpus = engines.gpu_names() if release else []
    if not gpus:
        return
    folder = engines.folder(root, release=release, gpus=gpus)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.chdir(folder)
    except OSError as error:
        print(f"launch: cannot keep TensorRT's engines in {folder}: {error.strerror}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
