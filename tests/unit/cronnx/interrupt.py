"""Ctrl-C while the main thread waits."""

from __future__ import annotations

import signal
import sys
import threading
import time


def interrupt_the_main_thread_when_it_waits() -> None:
    main = threading.main_thread().ident or 0
    while sys._current_frames()[main].f_code.co_name != "wait":  # in the standard library's threading.Condition
        time.sleep(0)
    signal.pthread_kill(main, signal.SIGINT)
