"""A `tritonserver` in the foreground: started, watched, and ended with all its stubs."""

from __future__ import annotations

import contextlib
import math
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import IO, cast

from cronnx_server import progress
from cronnx_server.errors import StartError
from cronnx_server.paths import ROOT
from cronnx_server.serve.addresses import Addresses
from cronnx_server.triton_http import TritonHttp

POLL_S = 0.1
READY_TIMEOUT_S = 1.0
_LISTENS = re.compile(r'"Started \w+Service at ')
_LOADED = re.compile(r'"successfully loaded ')
# Kills a process group as soon as its standard input closes, which happens when the parent process ends.
_GUARD = ("sh", "-c", 'read -r _; kill -s KILL -- "-$1"', "sh")


class ServerProcess:
    """A server and its stubs in a session of their own, so that signals reach them only through this object.

    They end with the process that started them, however that ends.

    Attributes:
        was_up: Whether the server has said in its log that it listens, or its owner has seen it ready. After `end` the
            whole log is read, so that it is known of a server that crashed as soon as it was up.
        loaded_at_s: When its log last said that a model was loaded, on the monotonic clock.
        is_stopping: Whether it was asked to stop.
        was_killed: Whether its owner ended it at once.
    """

    was_up = False
    loaded_at_s = -math.inf
    is_stopping = False
    was_killed = False

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        rewrite_log: Callable[[Iterable[str]], Iterable[str]] = iter,
        folder: Path = ROOT,
    ) -> None:
        """Start the server, with its log on standard error.

        Args:
            command: The program and its flags.
            environment: The environment variables of the server.
            rewrite_log: Turns the lines of the log, without line ends, into those to print.
            folder: The working folder of the server; configurations may name files relative to it.

        Raises:
            StartError: The program cannot be started.
        """
        try:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            raise StartError(f"cannot start {command[0]}: {error.strerror}") from error
        # Not the kernel's parent-death signal: a stub notices when its server is killed, but may hang all the same.
        self._guard = subprocess.Popen([*_GUARD, str(self.pid)], stdin=subprocess.PIPE, start_new_session=True)
        # Files, because a second `end` may close them again.
        self._ended = os.fdopen(os.pidfd_open(self.pid), "rb", buffering=0)
        self._loaded = os.fdopen(os.eventfd(0), "rb", buffering=0)
        self._log = Thread(target=self._print_log, args=(rewrite_log,), daemon=True)
        self._log.start()

    @property
    def pid(self) -> int:
        """The process ID of the server; its stubs are its children."""
        return self._process.pid

    def wait_until_ready(self, addresses: Addresses) -> None:
        """Wait until the server at these addresses and its models are ready.

        Raises:
            StartError: The server ended before it was ready.
        """
        while not is_ready(addresses):
            if self.ends_within(POLL_S):
                raise StartError(f"tritonserver ended with status {self.wait()} before it was ready; see its log above")

    def wait(self) -> int:
        """Wait until the server ends, and return its exit status."""
        return self._process.wait()

    def ends_within(self, timeout_s: float) -> bool:
        """Wait at most `timeout_s` seconds; whether the server has ended."""
        return self._process.poll() is not None or bool(self._first_events(timeout_s))

    def loads_within(self, timeout_s: float) -> bool:
        """Wait until a model is loaded or the server ends, at most `timeout_s` seconds.

        Returns:
            Whether its log has said since the last call that a model was loaded.
        """
        counter = self._loaded.fileno()
        return counter in self._first_events(timeout_s, counter) and os.eventfd_read(counter) > 0

    def answers_within(self, timeout_s: float, descriptor: int) -> bool:
        """Wait until the server ends, at most `timeout_s` seconds; whether `descriptor` can be read first.

        A connection to a server that was killed stays open as long as a stub that inherited it lives, and stubs live
        until the server is reaped.
        """
        return self._process.poll() is None and descriptor in self._first_events(timeout_s, descriptor)

    def _first_events(self, timeout_s: float, *descriptors: int) -> list[int]:
        """Wait for the end of the server or for input, and return the descriptors that are ready."""
        return select.select([self._ended.fileno(), *descriptors], [], [], timeout_s)[0]

    def stop(self) -> None:
        """Ask the server to finish its requests and end; a second call ends it and its stubs at once."""
        with contextlib.suppress(ProcessLookupError):
            if self.is_stopping:
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.terminate()
        self.is_stopping = True

    def kill(self) -> None:
        """End the server at once; its stubs notice."""
        self.was_killed = self.was_killed or self._process.poll() is None
        self._process.kill()

    def end(self) -> None:
        """End the server if it still runs, and every stub that is left."""
        if self._process.poll() is None:
            self.stop()
            self._process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with self._guard:
            self._guard.kill()
        self._log.join()  # no process is left that writes to it
        self._ended.close()
        self._loaded.close()

    def _print_log(self, rewrite: Callable[[Iterable[str]], Iterable[str]]) -> None:
        for line in rewrite(self._lines()):
            with contextlib.suppress(OSError):  # nobody reads it any more; the server must not wait for a reader
                progress.line(line)

    def _lines(self) -> Iterator[str]:
        with cast(IO[str], self._process.stdout) as log:
            for line in log:
                self.was_up = self.was_up or bool(_LISTENS.search(line))
                if _LOADED.search(line):
                    self.loaded_at_s = time.monotonic()
                    os.eventfd_write(self._loaded.fileno(), 1)
                yield line.rstrip("\r\n")


@contextlib.contextmanager
def stopping_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on Ctrl-C, SIGTERM and SIGHUP inside the `with` block."""

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
    """Whether the server at these addresses is ready."""
    with TritonHttp(addresses.http, timeout_s=READY_TIMEOUT_S) as triton:
        return triton.is_server_ready()
