"""How often, and after what pause, a server that died is started again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

MOST, WINDOW_S = 5, 300.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0


class Restarts:
    """As a container's restart policy: at once, then after pauses that double, and so many in a window of time.

    A server that lives for longer than the window has all of them again.
    """

    def __init__(self, *, most: int = MOST, clock: Callable[[], float] = time.monotonic) -> None:
        """Make one; where its seconds come from can be replaced."""
        self.most = most
        self._clock = clock
        self._at_s: deque[float] = deque()

    def next_pause_s(self) -> float | None:
        """Seconds to wait before the next start, which counts from now; None where there have been too many."""
        now_s = self._clock()
        while self._at_s and self._at_s[0] <= now_s - WINDOW_S:
            self._at_s.popleft()
        done = len(self._at_s)
        if done == self.most:
            return None
        self._at_s.append(now_s)
        return min(FIRST_PAUSE_S * 2.0 ** (done - 1), LONGEST_PAUSE_S) if done else 0.0
