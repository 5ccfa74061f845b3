"""The playground's page in a real browser, before a real server."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Locator, Page, expect

from cronnx_server.key import restricted_api_flags
from cronnx_server.paths import PICTURES
from tests import chromium
from tests.server import red_rectangle
from tests.server.polling import until
from tests.server.red_rectangle import CLASS_MAP, DEPTH, DETECTOR, EMBEDDING, LABEL, Box, photo
from tests.server.triton import Triton, started

MARKUP = '<img src="x" onerror="document.body.remove()">'
MARKUP_NAME = "<img src=x onerror=document.body.remove()>"  # is not loaded: only the key shows it
KEY = "correct-horse"
BOX: Box = (120, 100, 520, 280)
SIZE, UPRIGHT_SIZE = (640, 400), (400, 640)
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 320, "height": 640}
RED = (255, 0, 0)
NEAR = 3  # pixels of the screen: half of an outline, and rounding
DROP = """files => {
    const carried = new DataTransfer();
    for (const { name, content } of files) {
        carried.items.add(new File([Uint8Array.from(content)], name));
    }
    for (const type of ["dragenter", "dragover", "drop"]) {
        document.body.dispatchEvent(new DragEvent(type, { dataTransfer: carried, bubbles: true, cancelable: true }));
    }
}"""

Pixels = npt.NDArray[np.int64]


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triton]:
    repository = tmp_path_factory.mktemp("repository")
    red_rectangle.write(repository, odd_label=MARKUP, odd_name=MARKUP_NAME)
    loaded = [f"--load-model={name}" for name in red_rectangle.ENSEMBLES]
    with started([repository], "--model-control-mode=explicit", *loaded, *restricted_api_flags(KEY)) as triton:
        yield triton


@pytest.fixture(scope="module")
def origin(triton: Triton) -> Iterator[str]:
    command = ["-m", "cronnx", "playground", "--url", triton.addresses.http, "--port=0", "--pictures", str(PICTURES)]
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.running() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, origin: str) -> Iterator[Page]:
    with chromium.tab(browser, origin, viewport=DESKTOP) as page:
        open_page(page, origin)
        yield page


def open_page(page: Page, origin: str, *, model: str = DETECTOR, **choice: str) -> None:
    fields = "&".join(f"{name}={value}" for name, value in {"model": model, **choice}.items())
    page.goto(f"{origin}/#{fields}")
    expect(model_select(page)).to_have_value(model)


def model_select(page: Page) -> Locator:
    return page.get_by_label("Model", exact=True)


def enter_key(page: Page, key: str) -> None:
    page.get_by_label("only with its key").fill(key)
    page.get_by_role("button", name="Use key").click()


def upload(page: Page, *files: FilePayload) -> None:
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Choose photos").click()
    chosen.value.set_files(list(files))


def drop(page: Page, *files: FilePayload) -> None:
    page.evaluate(DROP, [{"name": each["name"], "content": list(each["buffer"])} for each in files])


def file(name: str = "photo.png", content: bytes | None = None) -> FilePayload:
    return {"name": name, "mimeType": "", "buffer": photo(BOX) if content is None else content}


def photo_list(page: Page) -> Locator:
    return page.get_by_role("list", name="Photos and answers").get_by_role("listitem")


def answers(page: Page) -> Locator:
    """The panels, one for each model."""
    return page.get_by_role("region", name="Answer").get_by_role("article").filter(has=page.get_by_role("img"))


def picture(page: Page) -> Locator:
    """The photo of the only panel with its answer, as soon as the photo is decoded."""
    expect(answers(page).locator(".stage img")).to_be_visible()
    return answers(page).get_by_role("img")


def pixels_of(image: Locator) -> Pixels:
    with Image.open(io.BytesIO(image.screenshot())) as picture:
        return np.asarray(picture.convert("RGB"), np.int64)


def placed(box: Box, size: tuple[int, int], pixels: Pixels) -> list[float]:
    """Where a box of a photo lies in pixels that show all of the photo, centred."""
    height, width = pixels.shape[:2]
    scale = min(width / size[0], height / size[1])
    left, top = (width - size[0] * scale) / 2, (height - size[1] * scale) / 2
    return [value * scale + start for value, start in zip(box, (left, top) * 2, strict=True)]


def bounds(mask: npt.NDArray[np.bool_]) -> list[float]:
    """The box around all pixels that are true."""
    rows, columns = np.nonzero(mask)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def alike(pixels: Pixels, color: Sequence[int] | Pixels, distance: int = 40) -> npt.NDArray[np.bool_]:
    return np.abs(pixels - np.asarray(color)).max(axis=2) < distance


@pytest.mark.parametrize(("size", "orientation"), [(SIZE, 1), (UPRIGHT_SIZE, 6)], ids=["as it is", "turned by Exif"])
def test_a_box_is_drawn_around_its_object(page: Page, size: tuple[int, int], orientation: int) -> None:
    box = BOX if size == SIZE else (40, 200, 360, 500)
    upload(page, file(content=photo(box, size=size, orientation=orientation)))
    answer = answers(page)
    expect(answer.get_by_role("row").filter(has_text=LABEL)).to_contain_text("90.0 %")
    pixels = pixels_of(picture(page))
    expected = placed(box, size, pixels)
    assert bounds(alike(pixels, RED)) == pytest.approx(expected, abs=NEAR)
    blue = (pixels[..., 2] > 150) & (pixels[..., 0] < 100)
    (left, _, right, bottom), (_, top, _, _) = bounds(blue), bounds(blue[:, int(expected[0] + expected[2]) // 2 :])
    assert [left, top, right, bottom] == pytest.approx(expected, abs=NEAR)  # the label is above the left half


@pytest.mark.parametrize("model", [CLASS_MAP, DEPTH])
def test_a_map_covers_what_it_is_about(page: Page, model: str) -> None:
    model_select(page).select_option(model)
    upload(page, file())
    expect(answers(page).get_by_role("heading", name="Time by step")).to_be_visible()
    until(lambda: not alike(pixels_of(picture(page)), RED).any(), what="the map is drawn, and covers the rectangle")
    pixels = pixels_of(picture(page))
    expected = placed(BOX, SIZE, pixels)
    middle = pixels[int(expected[1] + expected[3]) // 2, int(expected[0] + expected[2]) // 2]
    assert bounds(alike(pixels, middle)) == pytest.approx(expected, abs=NEAR)


def test_two_photos_embeddings_are_compared(page: Page) -> None:
    model_select(page).select_option(EMBEDDING)
    upload(page, file("a.png"), file("b.png"), file("grey.png", photo((0, 0, 2, 2))))
    similarities = answers(page).get_by_role("table", name="Cosine similarity to the other photos")
    expect(similarities.get_by_role("row", name="b.png")).to_contain_text("1.000")
    share = (BOX[2] - BOX[0]) * (BOX[3] - BOX[1]) / (320 * 320 * 4)
    cosine = (1 - share) / np.hypot(share, 1 - share)
    expect(similarities.get_by_role("row", name="grey.png")).to_contain_text(f"{cosine:.3f}")


def test_two_versions_are_shown_side_by_side(page: Page) -> None:
    upload(page, file())
    page.get_by_label("Compare with another").check()
    expect(page.get_by_label("Model B")).to_have_value(DETECTOR)
    difference = page.get_by_role("article").filter(has_text="What differs")
    expect(difference).to_contain_text("1 object in both, 0 only in A, 0 only in B")
    expect(difference).to_contain_text("for this one call")
    expect(difference.get_by_role("table", name="Objects of both")).to_contain_text("\N{MINUS SIGN}30.0 %")
    first, second = answers(page).all()
    expect(first).to_contain_text("red_rectangle_onnx/1@")
    expect(second).to_contain_text("red_rectangle_onnx/2@")
    for answer in (first, second):
        expect(answer.get_by_role("table", name="Time by step")).to_contain_text("preprocess_320_letterbox")
    boxes = answers(page).evaluate_all("nodes => nodes.map(node => node.getBoundingClientRect().toJSON())")
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    page.get_by_label("Compare with another").uncheck()
    expect(page.get_by_label("Version", exact=True)).to_have_value("")


def test_a_version_that_somebody_chose_outlives_a_comparison(page: Page) -> None:
    page.get_by_label("Version", exact=True).select_option("2")
    page.get_by_label("Compare with another").check()
    expect(page.get_by_label("Version B")).to_have_value("1")
    page.get_by_label("Compare with another").uncheck()
    expect(page.get_by_label("Version", exact=True)).to_have_value("2")


def test_the_key_shows_what_is_not_loaded_until_it_is_forgotten(page: Page) -> None:
    listed = page.get_by_role("table", name="Models of the server")
    expect(listed).to_contain_text(DETECTOR)
    enter_key(page, "wrong")
    expect(page.get_by_role("alert").filter(has_text="refuses this key")).to_be_visible()
    expect(listed).not_to_contain_text(MARKUP_NAME)
    enter_key(page, KEY)
    expect(listed).to_contain_text(MARKUP_NAME)
    expect(page.get_by_label("only with its key")).to_be_hidden()
    page.get_by_role("button", name="Forget the key").click()
    expect(listed).not_to_contain_text(MARKUP_NAME)


def test_the_viewer_takes_the_key_and_makes_a_call(browser: Browser, origin: str) -> None:
    with chromium.tab(browser, origin, viewport=DESKTOP) as page:
        page.goto(f"{origin}/viewer/")
        page.get_by_role("button", name="Authorize").click()
        page.get_by_label("Value:").fill(KEY)
        page.get_by_role("button", name="Apply credentials").click()
        page.get_by_role("button", name="Close").last.click()
        expect(executed(page, "health-isServerReady").locator(".response-col_status").last).to_contain_text("200")


def test_the_viewer_proposes_bodies_that_the_model_answers(browser: Browser, origin: str) -> None:
    with chromium.tab(browser, origin, viewport=DESKTOP) as page:
        page.goto(f"{origin}/viewer/")
        for call in ("generate", "infer"):
            answer = executed(page, f"ask-{call}_{DETECTOR}")
            expect(answer.locator(".response-col_status").last).to_contain_text("200")
            expect(answer.locator(".response-col_description").last).to_contain_text(f'"{LABEL}"')


def executed(page: Page, operation: str) -> Locator:
    """Execute an operation of the viewer as it stands, and return what the server answered."""
    block = page.locator(f"#operations-{operation}")
    block.get_by_role("button").first.click()
    block.get_by_role("button", name="Execute").click()
    return block.locator(".live-responses-table")


def test_an_unreadable_file_gets_the_reason(page: Page) -> None:
    upload(page, file("notes.png", b"no picture at all"), file("good.png"))
    expect(photo_list(page).filter(has_text="good.png")).to_contain_text(LABEL)
    expect(answers(page)).to_contain_text("expected a JPEG, PNG")
    expect(photo_list(page).filter(has_text="notes.png")).to_contain_text("expected a JPEG, PNG")


def test_twenty_photos_dropped_at_once_are_all_answered(page: Page) -> None:
    drop(page, *(file(f"{number}.png", photo((0, 0, 40 + number * 10, 100))) for number in range(20)))
    expect(photo_list(page)).to_have_count(20)
    expect(photo_list(page).filter(has_text=f"1 object: {LABEL}")).to_have_count(20)
    photo_list(page).nth(19).get_by_role("button").click()
    expect(answers(page).get_by_role("img")).to_have_accessible_name(f"19.png with the answer of {DETECTOR}")
    expect(answers(page).get_by_role("table").first).to_contain_text("230")


def test_markup_in_names_is_shown_as_text(page: Page) -> None:
    enter_key(page, KEY)
    expect(page.get_by_role("table", name="Models of the server")).to_contain_text(MARKUP_NAME)
    page.get_by_label("Version", exact=True).select_option("2")
    drop(page, file(f"{MARKUP}.png"))
    expect(photo_list(page)).to_contain_text(f"{MARKUP}.png")
    expect(photo_list(page)).to_contain_text(f"1 object: {MARKUP}")
    expect(answers(page).get_by_role("table").first).to_contain_text(MARKUP)
    page.get_by_label("Compare with another").check()
    expect(page.get_by_role("article").filter(has_text="What differs")).to_contain_text(MARKUP)
    error = {"error": {"type": "InferenceFailed", "message": MARKUP}}
    page.route("**/api/infer*", lambda route: route.fulfill(status=500, json=error))
    page.get_by_role("button", name="Ask again").first.click()
    expect(answers(page).last).to_contain_text(f"InferenceFailed{MARKUP}")
    assert page.locator("img[src=x], [onerror]").count() == 0


def test_the_page_is_usable_with_the_keyboard_alone(page: Page) -> None:
    def tab_to(target: Locator) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if target.evaluate("node => node === document.activeElement"):
                assert target.evaluate("node => node.matches(':focus-visible')")
                assert target.evaluate("node => getComputedStyle(node).outlineStyle") != "none"
                return
        pytest.fail(f"Tab does not lead to {target}")

    tab_to(model_select(page))
    page.keyboard.press("ArrowDown")
    expect(model_select(page)).to_have_value(DEPTH)
    page.keyboard.press("ArrowUp")
    expect(model_select(page)).to_have_value(DETECTOR)
    tab_to(page.get_by_label("Compare with another"))
    page.keyboard.press("Space")
    expect(page.get_by_label("Model B")).to_be_visible()
    page.keyboard.press("Space")
    with page.expect_file_chooser() as chosen:
        tab_to(page.get_by_role("button", name="Choose photos"))
        page.keyboard.press("Enter")
    chosen.value.set_files([file("one.png"), file("two.png")])
    expect(photo_list(page).filter(has_text=LABEL)).to_have_count(2)
    tab_to(photo_list(page).last.get_by_role("button"))
    page.keyboard.press("Enter")
    expect(answers(page).get_by_role("img")).to_have_accessible_name(f"two.png with the answer of {DETECTOR}")
    tab_to(page.get_by_role("tab", name="curl"))
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="Command line")).to_be_focused()
    expect(page.get_by_role("tabpanel", name="Command line")).to_contain_text("cronnx predict photo.jpg")


def test_a_version_without_a_call_in_curl_does_not_change_the_tab_for_the_next_one(page: Page) -> None:
    curl, version = page.get_by_role("tab", name="curl"), page.get_by_label("Version", exact=True)
    version.select_option("1")
    expect(curl).to_be_hidden()
    expect(page.get_by_role("tab", name="Python")).to_have_attribute("aria-selected", "true")
    version.select_option("")
    expect(curl).to_have_attribute("aria-selected", "true")


def test_the_shown_call_gives_the_same_answer(page: Page, tmp_path: Path) -> None:
    upload(page, file())
    (tmp_path / "photo.jpg").write_bytes(photo(BOX))
    call = page.get_by_role("tabpanel", name="curl").locator("code").inner_text()
    ended = subprocess.run(["bash", "-euc", call], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert re.search(r'"box":\[120.0,100.0,520.0,280.0\]', ended.stdout), ended


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_everybody_can_read_the_page(browser: Browser, origin: str, colors: str, viewport: dict[str, int]) -> None:
    with chromium.tab(browser, origin, viewport=viewport, color_scheme=colors) as page:
        open_page(page, origin, version="1", **{"with": DETECTOR, "with_version": "2"})
        upload(page, file(), file("a_long_file_name_" * 8 + ".png", b"no picture"))
        expect(photo_list(page).first.get_by_text(LABEL)).to_be_visible()
        expect(page.get_by_role("article").filter(has_text="What differs")).to_contain_text("1 object in both")
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_the_page_goes_on_when_the_server_is_back(page: Page, triton: Triton) -> None:
    upload(page, file("before.png"))
    expect(photo_list(page)).to_contain_text(LABEL)
    triton.kill()
    expect(page.get_by_role("alert").filter(has_text="does not answer")).to_be_visible()
    upload(page, file("meanwhile.png"))
    expect(photo_list(page).last).to_contain_text("waiting")
    triton.start()
    triton.wait_until_ready()
    expect(photo_list(page).last).to_contain_text(LABEL)
    expect(page.get_by_role("alert").filter(has_text="does not answer")).to_be_hidden()
