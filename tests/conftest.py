"""What every test can rely on."""

from __future__ import annotations

import signal

# A shell starts what it runs in the background with Ctrl-C ignored, and a child of the tests would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
