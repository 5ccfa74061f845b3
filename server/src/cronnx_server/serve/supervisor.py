"""A server that is restarted when it crashes, as by a container's restart policy."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from cronnx_server import progress
from cronnx_server.errors import StartError
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.process import POLL_S, ServerProcess

MOST_RESTARTS, PERIOD_S = 5, 300.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
WATCH_S = 0.5
# For restarts only: a model that no longer loads must not stop the others.
LENIENT = ("--exit-on-error=false",)


class RestartPolicy:
    """How often, and after which pause, to restart: at once, then after pauses that double.

    At most `most` restarts are allowed within `PERIOD_S`.
    """

    def __init__(self, *, most: int = MOST_RESTARTS, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with no restarts counted; `clock` gives the time in seconds."""
        self.most = most
        self._clock = clock
        self._restarts_s: deque[float] = deque()

    def next_pause_s(self) -> float | None:
        """Count a restart and return the seconds to wait before it; None if there were too many."""
        now_s = self._clock()
        while self._restarts_s and self._restarts_s[0] <= now_s - PERIOD_S:
            self._restarts_s.popleft()
        done = len(self._restarts_s)
        if done == self.most:
            return None
        self._restarts_s.append(now_s)
        return min(FIRST_PAUSE_S * 2.0 ** (done - 1), LONGEST_PAUSE_S) if done else 0.0


class Supervisor:
    """Starts a server and restarts it, until it is stopped, exits with status 0 or crashes too often."""

    def __init__(
        self,
        start: Callable[[Sequence[str]], ServerProcess],
        addresses: Addresses,
        *,
        watch: Callable[[ServerProcess], None],
        on_end: Callable[[], None],
        restarts: RestartPolicy | None = None,
    ) -> None:
        """Prepare; `run` starts the server.

        Args:
            start: Starts a server with the flags it is given, besides its own.
            addresses: Where the server listens.
            watch: Checks a running server every `WATCH_S` seconds; it may repair or kill it.
            on_end: Cleans up after a server.
            restarts: How often, and after which pauses, to restart.
        """
        self._start, self._watch, self._on_end = start, watch, on_end
        self._addresses = addresses
        self._restarts = restarts or RestartPolicy()
        self._server: ServerProcess | None = None
        self._is_stopped = False

    def run(self, report: Callable[[], None]) -> int:
        """Run servers one after another, and return the exit status of the last.

        Args:
            report: Called when the first server is ready.

        Raises:
            StartError: The first server ended before it was ready, or servers crashed too often.
        """
        with self._started() as server:
            # The watch begins with the start: it cannot name a process that died before it looked.
            if server.wait_until_ready(self._addresses, on_poll=lambda: self._watch(server)):
                report()
            status = self._watched(server)
        while status and not self._is_stopped:
            self._pause(status)
            if self._is_stopped:
                return 0
            with self._started(*LENIENT) as server:
                status = self._watched(server)
        return status

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
        while not server.ends_within(WATCH_S):
            if not self._is_stopped:
                self._watch(server)
        return server.wait()

    def _pause(self, status: int) -> None:
        pause_s = self._restarts.next_pause_s()
        if pause_s is None:
            raise StartError(
                f"tritonserver ended with status {status} after {self._restarts.most} restarts within {PERIOD_S:g} s; "
                "its log above says why"
            )
        progress.step(f"tritonserver ended with status {status}; restarting it in {pause_s:g} s")
        until_s = time.monotonic() + pause_s
        while not self._is_stopped and time.monotonic() < until_s:
            time.sleep(POLL_S)
