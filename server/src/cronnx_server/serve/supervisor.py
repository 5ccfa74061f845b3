"""A server that is started again when it dies, as a container's restart policy would."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

from cronnx_server import progress
from cronnx_server.errors import SetupError
from cronnx_server.serve.addresses import Addresses
from cronnx_server.serve.process import POLL_S, ServerProcess
from cronnx_server.serve.restarts import WINDOW_S, Restarts

WATCH_S = 0.5
# Once it has served: one model that cannot be loaded any more is not to end the others.
LENIENT = ("--exit-on-error=false",)


class Supervisor:
    """Starts a server and starts it again, until it is told to stop, or the server ends in good order or too often."""

    def __init__(
        self,
        start: Callable[[Sequence[str]], ServerProcess],
        addresses: Addresses,
        *,
        watch: Callable[[ServerProcess], None],
        on_end: Callable[[], None],
        restarts: Restarts | None = None,
    ) -> None:
        """Make one; nothing is started yet.

        Args:
            start: starts a server, with flags besides its own.
            addresses: where it listens.
            watch: looks after a server that runs, again and again; it may mend it, or end it.
            on_end: cleans up after a server.
            restarts: how often, and after what pauses.
        """
        self._start, self._watch, self._on_end = start, watch, on_end
        self._addresses = addresses
        self._restarts = restarts or Restarts()
        self._server: ServerProcess | None = None
        self._is_stopped = False

    def run(self, report: Callable[[], None]) -> int:
        """The exit status of the last server.

        Args:
            report: called when the first server is ready.

        Raises:
            SetupError: the first ended before it was ready, or one after another.
        """
        with self._started() as server:
            # From the start: a process that dies before it was looked at has no name.
            if server.wait_until_ready(self._addresses, meanwhile=lambda: self._watch(server)):
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
            if self._is_stopped:  # between the last server and this one
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
            raise SetupError(
                f"tritonserver ended with status {status} after {self._restarts.most} restarts within {WINDOW_S:g} s: "
                "it is not started again; its log above says why"
            )
        progress.step(f"tritonserver ended with status {status}; starting it again in {pause_s:g} s")
        until_s = time.monotonic() + pause_s
        while not self._is_stopped and time.monotonic() < until_s:
            time.sleep(POLL_S)
