"""`/opt/cronnx/launch` of the images: runs `tritonserver` as process 1 of a container.

It passes the key to the server, raises limits, and ends a server that has lost a Python process (stub): no version of
Triton starts one again, and a container engine restarts what has exited, but not what is unhealthy.

With a profile, NVIDIA's `tritonserver` starts in the folder of the engines that fit its release and the GPU, and they
are kept if it becomes ready. The standard library suffices: NVIDIA's image has nothing else.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cronnx_server import engines
from cronnx_server.errors import KeyFileError
from cronnx_server.key import read_key, restricted_api_flags
from cronnx_server.limits import raise_limits
from cronnx_server.serve import stub
from cronnx_server.serve.process_table import NAME_LENGTH, Children, exit_status
from cronnx_server.triton_http import TritonHttp

NVIDIA_ENTRYPOINT = Path("/opt/nvidia/nvidia_entrypoint.sh")
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LOOK_S = 1.0
LOOKS_UNTIL_CERTAIN = 3  # Triton collects the stubs that it ends itself within a second
LOOKS_UNTIL_KILLED = 6  # a server that has lost a stub may wait half a minute for it
PROFILE = "--model-config-name"
ENGINES = ".triton/tensorrt"
"""The folder of the engines of every release and GPU, relative to the image's working folder; a volume."""

EPILOG = """\
The key is read from the file that $CRONNX_KEY_FILE names, or from $CRONNX_KEY; without a key, nothing is restricted.
SIGTERM, SIGINT and SIGHUP are passed to the program.
Exit status: the program's own; 128 + N if signal N ended it; 1 if it cannot be started, the key cannot be used, or the
server was ended because a Python process of it had died; 2 usage.
"""


def main() -> int:
    """Run the program that the arguments name, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="launch",
        usage="%(prog)s PROGRAM [FLAG ...]",
        description="Run tritonserver in a container, through NVIDIA's entrypoint if the image has it. If there is a "
        "key, the server requires it for changing models, shared memory, traces or logs. If a Python process of the "
        "server dies, the server is ended, so that the container is restarted.",
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
        on_ready = None
        if any(flag.startswith(PROFILE) for flag in program):
            on_ready = _change_to_engines(Path.cwd() / ENGINES, release=os.environ.get(engines.RELEASE, ""))
        return run(arguments, on_ready=on_ready)
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


def run(
    arguments: Sequence[str],
    *,
    look_s: float = LOOK_S,
    on_ready: Callable[[], None] | None = None,
    url: str = "http://127.0.0.1:8000",
) -> int:
    """Run a server until it ends or has lost a stub, and return the exit status.

    Args:
        arguments: The program and its flags.
        look_s: How often to look for dead stubs, in seconds.
        on_ready: Called once, when the server is ready; None for nothing.
        url: The HTTP port of the server; the image's health check asks there too.

    Raises:
        OSError: The program cannot be started.
    """
    awaited = {signal.SIGCHLD, *ENDING}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)  # before the start, so that none is missed
    server = os.posix_spawnp(arguments[0], [*arguments], os.environ, setsigmask=())
    watch = _Watch(server)
    is_stopped = False
    while True:
        received = signal.sigtimedwait(awaited, look_s)
        if received is None:
            if not is_stopped:
                watch.look()
                if on_ready and _is_ready(url, timeout_s=look_s):
                    on_ready()
                    on_ready = None
        elif received.si_signo != signal.SIGCHLD:
            is_stopped = True
            os.kill(server, received.si_signo)
        elif (status := _collected(server)) is not None:
            return 1 if watch.looks_since_end else status


def _is_ready(url: str, *, timeout_s: float) -> bool:
    with TritonHttp(url, timeout_s=timeout_s) as triton:
        return triton.is_server_ready()


class _Watch:
    """Ends a server that has lost a stub.

    Attributes:
        looks_since_end: How often it has looked since it asked the server to end; 0 if it has not.
    """

    def __init__(self, server: int) -> None:
        self._server = server
        self._children = Children(server)
        self._looks: dict[int, int] = {}  # how often in a row each dead stub was seen
        self.looks_since_end = 0

    def look(self) -> None:
        """Look once."""
        if self.looks_since_end:
            self.looks_since_end += 1
            if self.looks_since_end == LOOKS_UNTIL_KILLED:
                os.kill(self._server, signal.SIGKILL)
            return
        self._looks = {pid: self._looks.get(pid, 0) + 1 for pid in self._dead_stubs()}
        if LOOKS_UNTIL_CERTAIN in self._looks.values():
            print("launch: a Python process of the server has died; ending the server", file=sys.stderr)
            os.kill(self._server, signal.SIGTERM)
            self.looks_since_end = 1

    def _dead_stubs(self) -> set[int]:
        """The stubs that have ended without the server's doing: it collects those that it ends."""
        name = stub.NAME[:NAME_LENGTH]
        return {pid for pid, each in self._children.look().items() if each.is_dead and each.name == name}


def _collected(server: int) -> int | None:
    """Collect what has ended, as process 1 must, and return the server's exit status if it is among that."""
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == server:
            return exit_status(os.waitstatus_to_exitcode(status))
        if not pid:
            return None


def _change_to_engines(root: Path, *, release: str) -> Callable[[], None] | None:
    """Change to the folder of TensorRT's engines if there is a GPU; a folder that cannot be made is only a warning.

    Returns:
        What to call when the server is ready, so that the engines are kept; None without engines.
    """
    gpus = engines.gpu_names() if release else []
    if not gpus:
        return None
    try:
        folder = engines.prepare(root, release=release, gpus=gpus)
        os.chdir(folder)
    except OSError as error:
        print(f"launch: cannot keep TensorRT's engines in {root}: {error.strerror}", file=sys.stderr)
        return None
    return lambda: engines.prove(folder)


if __name__ == "__main__":
    sys.exit(main())
