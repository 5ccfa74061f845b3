"""An installed Chromium, driven by Playwright, which reaches nothing beyond this machine."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

from playwright.sync_api import Browser, sync_playwright

from cronnx_lab.errors import MeasurementError

# The first has no window, and starts in a fraction of the others' time.
NAMES = ("chromium-headless-shell", "chromium", "google-chrome")
_NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


@contextlib.contextmanager
def running() -> Iterator[Browser]:
    """Start the browser for the duration of the block.

    Raises:
        MeasurementError: It is not installed.
    """
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        raise MeasurementError(
            f"expected one of {', '.join(NAMES)} on PATH, got none; on Debian: apt-get install {NAMES[0]}"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[_NO_NETWORK])
        try:
            yield browser
        finally:
            browser.close()
