"""The command line of a container's server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cronnx_server.key import read_key, restrictions
from cronnx_server.launch.concealed_arguments import concealing

NVIDIA_ENTRYPOINT = Path("/opt/nvidia/nvidia_entrypoint.sh")


def command(
    arguments: Sequence[str], environ: Mapping[str, str], *, entrypoint: Path = NVIDIA_ENTRYPOINT
) -> tuple[list[str], dict[str, str]]:
    """What to become, and in which environment.

    Args:
        arguments: a program and its flags.
        environ: its environment variables, which may give a key; the server asks for none where they do not.
        entrypoint: what NVIDIA's image starts programs by, to fit its CUDA to the driver; left out where it is absent.

    Raises:
        KeyFileError: there is a key that cannot be read or used.
    """
    key = read_key(environ)
    program, variables = concealing(arguments, environ, restrictions(key)) if key else (list(arguments), dict(environ))
    return [*([str(entrypoint)] if entrypoint.exists() else ()), *program], variables
