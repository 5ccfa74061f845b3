"""The playground of `cronnx` beside the server: a process of its own, on loopback, which the server does not need."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator

from cronnx_server import progress
from cronnx_server.answers import PICTURE
from cronnx_server.key import KEY, KEY_FILE
from cronnx_server.serve.log_events import json_lines
from cronnx_server.serve.options import Options
from cronnx_server.serve.process import ServerProcess

SHORTEST_LIFE_S = 10.0


@contextlib.contextmanager
def running(options: Options) -> Iterator[Kept]:
    """Run a playground inside the `with` block, if the options have one."""
    kept = Kept(lambda: _started(options))
    try:
        yield kept
    finally:
        kept.end()


class Kept:
    """A process that is restarted when it dies, unless it dies right after its start."""

    def __init__(
        self, start: Callable[[], ServerProcess | None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start the process.

        Args:
            start: Starts it; None if there is none.
            clock: Returns the time, in seconds.
        """
        self._start, self._clock = start, clock
        self._process = start()
        self._started_at = clock()
        self._is_stopped = False

    def check(self) -> None:
        """Restart the process if it has died."""
        if self._process is None or self._is_stopped or not self._process.ends_within(0):
            return
        status = self._process.wait()
        self.end()
        if self._clock() - self._started_at < SHORTEST_LIFE_S:
            progress.step(f"The playground ended with status {status} right after its start; its log above says why")
            return
        progress.step(f"The playground ended with status {status}; restarting it")
        self._process = self._start()
        self._started_at = self._clock()

    def stop(self) -> None:
        """Ask the process to end, and restart it no more: Triton waits for its connections when it stops."""
        self._is_stopped = True
        if self._process:
            self._process.stop()

    def end(self) -> None:
        """End the process."""
        if self._process:
            self._process.end()
        self._process = None


def _started(options: Options) -> ServerProcess | None:
    if options.playground_port is None:
        return None
    command = [sys.executable, "-I", "-m", "cronnx", "playground", "--url", options.addresses.http]
    command += ["--port", str(options.playground_port), "--pictures", str(PICTURE.parent)]
    # It has no use for the key: its users give theirs.
    variables = {name: value for name, value in os.environ.items() if name not in (KEY, KEY_FILE)}

    def shown(lines: Iterable[str]) -> Iterable[str]:
        others = (line for line in lines if line != options.playground_url)  # the start's report has the address
        return json_lines(others) if options.json_log else others

    return ServerProcess(command, variables, rewrite_log=shown)
