"""A server that is restarted when it crashes, as by a container's restart policy."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Sequence

from cronnx_server import progress
from cronnx_server.errors import StartError
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.process import POLL_S, ServerProcess, is_ready
from cronnx_server.serve.process_table import exit_status

MOST_FAILED_STARTS = 5
FIRST_PAUSE_S = 0.5
# Once a server has been up: a model that no longer loads must not stop the others.
LENIENT = ("--exit-on-error=false",)

LIKELY_CAUSES: dict[int, str] = {
    signal.SIGSEGV: "a request with JSON nested millions deep, with a form-encoded body over 128 MB, or with a range "
    "outside a shared-memory region",
    signal.SIGBUS: "a shared-memory region that was cut after it was registered",
    signal.SIGFPE: "a request with the parameter 'classification' for an output of strings",
    signal.SIGABRT: "a request with a shape that no memory holds",
    signal.SIGKILL: "the kernel, out of memory (see dmesg), or somebody's kill -9",
}


def pause_s(failed_starts: int) -> float:
    """The seconds to wait before a restart.

    A server that was up restarts at once: its start takes seconds. One that fails to start restarts after pauses that
    double.

    Args:
        failed_starts: How many servers in a row ended before they were up.
    """
    return FIRST_PAUSE_S * 2.0 ** (failed_starts - 1) if failed_starts else 0.0


class Supervisor:
    """Starts a server and restarts it, until it is stopped, exits with status 0 or cannot start."""

    def __init__(
        self,
        start: Callable[[Sequence[str]], ServerProcess],
        addresses: Addresses,
        *,
        watch: Callable[[ServerProcess], float],
        on_end: Callable[[], None],
        stop_timeout_s: float,
        most_failed_starts: int = MOST_FAILED_STARTS,
    ) -> None:
        """Prepare; `run` starts the server.

        Args:
            start: Starts a server with the flags it is given, besides its own.
            addresses: Where the server listens.
            watch: Checks a running server at its start, after each load of a model and when as many seconds have
                passed as it returned; it may repair or kill the server.
            on_end: Cleans up after a server.
            stop_timeout_s: How long a server that was asked to stop may take; then it is ended at once.
            most_failed_starts: How many servers in a row may end before they are up.
        """
        self._start, self._watch, self._on_end = start, watch, on_end
        self._addresses, self._stop_timeout_s = addresses, stop_timeout_s
        self._most_failed_starts = most_failed_starts
        self._server: ServerProcess | None = None
        self._is_stopped = False
        self._report: Callable[[], None] | None = None
        self._explained: set[int] = set()

    def run(self, report: Callable[[], None]) -> int:
        """Run servers one after another, and return the exit status of the last.

        Args:
            report: Called once, when a server is ready.

        Raises:
            StartError: The first server refused to start, or too many in a row ended before they were up.
        """
        self._report = report
        failed_starts = 0
        flags: tuple[str, ...] = ()
        while True:
            with self._started(*flags) as server:
                status = self._watched(server)
            if self._is_stopped or not status:
                return exit_status(status)
            failed_starts = 0 if server.was_up else failed_starts + 1
            flags = LENIENT if server.was_up else flags
            refused = status > 0 and not flags
            if refused or failed_starts == self._most_failed_starts:
                raise StartError(f"tritonserver ended {_how(status)} before it was ready; its log above says why")
            self._pause(status, pause_s(failed_starts), is_known=server.was_killed)
            if self._is_stopped:
                return 0

    def stop(self) -> None:
        """Stop the server, as `ServerProcess.stop` does, and start no other."""
        self._is_stopped = True
        if self._server:
            self._server.stop()

    @contextlib.contextmanager
    def _started(self, *flags: str) -> Iterator[ServerProcess]:
        self._server = server = self._start(flags)
        try:
            if self._is_stopped:  # `stop` came between two servers
                server.stop()
            yield server
        finally:
            server.end()
            self._on_end()

    def _watched(self, server: ServerProcess) -> int:
        # The watch cannot name a process that died before it looked, so it looks at the start and after each load.
        next_watch_s = time.monotonic()
        while True:
            rest_s = max(0.0, next_watch_s - time.monotonic())
            has_loaded = server.loads_within(POLL_S if self._report else rest_s)
            if self._is_stopped:
                return self._stopped(server)
            if server.ends_within(0):
                return server.wait()
            if has_loaded or time.monotonic() >= next_watch_s:
                next_watch_s = self._watch(server) + time.monotonic()
            if (self._report or not server.was_up) and is_ready(self._addresses):
                server.was_up = True
                if self._report:
                    self._report()
                self._report = None

    def _stopped(self, server: ServerProcess) -> int:
        if not server.ends_within(self._stop_timeout_s):
            progress.step(f"tritonserver has not ended after {self._stop_timeout_s:g} s; ending it at once")
            server.kill()
        return server.wait()

    def _pause(self, status: int, seconds: float, *, is_known: bool) -> None:
        when = f"in {seconds:g} s" if seconds else "at once"
        progress.step(f"tritonserver ended {_how(status)}; restarting it {when}")
        if -status in LIKELY_CAUSES and status not in self._explained and not is_known:
            self._explained.add(status)
            progress.step(f"The likely cause is {LIKELY_CAUSES[-status]} (docs/serve.md#restarts)")
        until_s = time.monotonic() + seconds
        while not self._is_stopped and time.monotonic() < until_s:
            time.sleep(POLL_S)


def _how(status: int) -> str:
    return f"with status {status}" if status > 0 else f"by {signal.Signals(-status).name}"
