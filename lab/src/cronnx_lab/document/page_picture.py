"""The picture of the playground's page that the README shows."""

from __future__ import annotations

import io

from PIL import Image
from playwright.sync_api import Error, expect

from cronnx_lab import chromium
from cronnx_lab.errors import MeasurementError

WIDTH, HEIGHT = 1280, 1290
QUALITY = 80
TIMEOUT_MS = 60_000
SHOWN = "model=efficientnet_lite0&version=1&with=efficientnet_lite0&with_version=2&picture=coffee.jpg"
"""What the page shows, as its address has it: the two versions of a model about one photo."""


def take(url: str) -> bytes:
    """Return a picture of the page, a WebP file.

    Args:
        url: The address of a playground of the project's own models.

    Raises:
        MeasurementError: There is no browser, or the page does not show both answers.
    """
    with chromium.running() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        try:
            page.goto(f"{url.rstrip('/')}/#{SHOWN}")
            answers = page.get_by_role("table", name="Time by step")
            expect(answers).to_have_count(2, timeout=TIMEOUT_MS)
            # The first call of a version is slower than all others.
            page.get_by_role("button", name="Ask again").first.click()
            expect(answers).to_have_count(2, timeout=TIMEOUT_MS)
            picture = page.screenshot()
        except (Error, AssertionError) as error:
            raise MeasurementError(f"expected a playground with two answers at {url}, got: {error}") from error
    file = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").save(file, "WEBP", quality=QUALITY, method=6)
    return file.getvalue()
