"""A `tritonserver` in the foreground: started, watched, ended with every stub it has."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import Thread
from types import FrameType
from typing import IO

from cronnx_server.errors import SetupError
from cronnx_server.paths import ROOT
from cronnx_server.serve.addresses import Addresses

POLL_S = 0.1
# Kills a process group when its standard input ends, as it does with the process that holds the other end.
_GUARD = ("sh", "-c", 'read -r _; kill -s KILL -- "-$1"', "sh")
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy lies between this machine and itself


class ServerProcess:
    """A server and its stubs, in a session of their own, so that a signal reaches them through this object only.

    They end with the process that has started them, whatever ends that.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        rewrite_log: Callable[[Iterable[str]], Iterable[str]] | None = None,
    ) -> None:
        """Start it, with its log on standard error.

        Args:
            command: the program and its flags.
            environment: its environment variables.
            rewrite_log: makes other lines of its log's; as they are where None.

        Raises:
            SetupError: the program cannot be started.
        """
        try:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=ROOT,  # the configurations name the folder of TensorRT's engines from here: docs/profiles.md
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if rewrite_log else sys.stderr,
                stderr=subprocess.STDOUT if rewrite_log else None,
                start_new_session=True,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            raise SetupError(f"cannot start {command[0]}: {error.strerror}") from error
        # Not the kernel's parent-death signal: a stub whose server was killed notices, and may hang all the same.
        self._guard = subprocess.Popen([*_GUARD, str(self.pid)], stdin=subprocess.PIPE, start_new_session=True)
        self._log: Thread | None = None
        if rewrite_log and self._process.stdout:
            self._log = Thread(target=_write, args=(self._process.stdout, rewrite_log), daemon=True)
            self._log.start()
        self._asked_to_stop = False

    @property
    def pid(self) -> int:
        """The server's process; its stubs are its children."""
        return self._process.pid

    def wait_until_ready(self, addresses: Addresses, *, meanwhile: Callable[[], None] = lambda: None) -> bool:
        """Return True when every model asked for is ready, False if the server was stopped before.

        Args:
            addresses: where it listens.
            meanwhile: called again and again.

        Raises:
            SetupError: the server ended by itself before.
        """
        while not is_ready(addresses):
            meanwhile()
            try:
                status = self._process.wait(POLL_S)
            except subprocess.TimeoutExpired:
                continue
            if self._asked_to_stop:
                return False
            raise SetupError(f"tritonserver ended with status {status} before it was ready; its log above says why")
        return True

    def wait(self) -> int:
        """Return the server's exit status when it ends."""
        return self._process.wait()

    def ends_within(self, seconds: float) -> bool:
        """Wait for so long at most; whether it has ended."""
        return self._process.poll() is not None or bool(self._ready(seconds))

    def answers_within(self, seconds: float, connection: socket.socket) -> bool:
        """Wait for so long at most, and no longer than it lives; whether there is something to read.

        A connection to a server that was killed does not close while a stub lives, which has inherited it, and stubs
        live until the server is collected.
        """
        return self._process.poll() is None and connection.fileno() in self._ready(seconds, connection)

    def _ready(self, seconds: float, *connections: socket.socket) -> list[int]:
        """The descriptors that can be read first: of connections, or of the end."""
        ended = os.pidfd_open(self._process.pid)
        try:
            return select.select([ended, *(each.fileno() for each in connections)], [], [], seconds)[0]
        finally:
            os.close(ended)

    def stop(self) -> None:
        """Ask the server to finish what it has and end; asked again, end it and its stubs at once."""
        with contextlib.suppress(ProcessLookupError):
            if self._asked_to_stop:
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.terminate()
        self._asked_to_stop = True

    def kill(self) -> None:
        """End the server at once; its stubs notice."""
        self._process.kill()

    def end(self) -> None:
        """End what is left of the server and its stubs."""
        if self._process.poll() is None:
            self.stop()
            self._process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with self._guard:
            self._guard.kill()
        if self._log:
            self._log.join()  # nobody is left to write to it


def _write(log: IO[str], rewrite: Callable[[Iterable[str]], Iterable[str]]) -> None:
    with log:
        for line in rewrite(log):
            print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def stopping_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM call `stop` while this lasts."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_ready(addresses: Addresses) -> bool:
    """Whether a server says there that it is ready."""
    try:
        with DIRECTLY.open(f"{addresses.http}/v2/health/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
