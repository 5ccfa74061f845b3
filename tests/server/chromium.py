"""Debian's Chromium, driven by Playwright, without a network beyond this machine."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.server.polling import TIMEOUT_S

NAMES = ("chromium", "google-chrome")
_NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
# Chromium writes a line for each answer of 4xx or 5xx, which a page may well get.
_OF_AN_ANSWER = "Failed to load resource"
_LOCAL = ("blob:", "data:")
_TIMEOUT_MS = TIMEOUT_S * 1000

expect.set_options(timeout=_TIMEOUT_MS)


@contextlib.contextmanager
def running() -> Iterator[Browser]:
    """Start the browser for the duration of the block."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.fail(f"expected one of {', '.join(NAMES)} on PATH, got none; apt-get install chromium", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[_NO_NETWORK])
        yield browser
        browser.close()


@contextlib.contextmanager
def tab(browser: Browser, origin: str, **options: Any) -> Iterator[Page]:
    """Open a tab of its own, which must ask nobody but `origin` and have no error in the end.

    Args:
        browser: The browser.
        origin: The page's own address, without a path.
        options: Of Playwright's `Browser.new_context`.
    """
    problems: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_OF_AN_ANSWER):
            problems.append(f"console: {message.text}")

    def on_request(url: str) -> None:
        if not url.startswith((f"{origin}/", *_LOCAL)):
            problems.append(f"a request to {url}")

    with browser.new_context(**options) as context:
        page = context.new_page()
        page.set_default_timeout(_TIMEOUT_MS)
        page.on("console", on_console)
        page.on("pageerror", lambda error: problems.append(f"script: {error}"))
        page.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
        context.on("request", lambda request: on_request(request.url))
        yield page
    assert problems == []
