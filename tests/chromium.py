"""Tabs of an installed Chromium for the tests of a page."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from cronnx_lab import chromium
from cronnx_lab.errors import MeasurementError
from tests.server.polling import TIMEOUT_S

# Chromium writes a line for each answer of 4xx or 5xx, which a page may well get.
_OF_AN_ANSWER = "Failed to load resource"
_LOCAL = ("blob:", "data:")
_TIMEOUT_MS = TIMEOUT_S * 1000

expect.set_options(timeout=_TIMEOUT_MS)


@contextlib.contextmanager
def running() -> Iterator[Browser]:
    """Start the browser for the duration of the block; the test fails if none is installed."""
    with contextlib.ExitStack() as stack:
        try:
            browser = stack.enter_context(chromium.running())
        except MeasurementError as error:
            pytest.fail(str(error), pytrace=False)
        yield browser


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
        context.on("request", lambda request: on_request(request.url))
        yield page
    assert problems == []
