"""Take the pictures of `dupfind review` that the docs show, in a real browser: review*.webp.

    dupfind demo --folder DEMO
    python docs/make_screens.py DEMO/library

Needs chromium. What they show is the album of the demo; nothing is decided.
"""

import argparse
import io
import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from review_helpers import served

HERE = Path(__file__).parent
DESK, PHONE = (1280, 800), (390, 800)
GAP_PX = 12
PATIENCE_MS = 60_000
QUALITY = 82
DRAWN = "[...document.querySelectorAll('.scene img')].every((one) => one.complete && one.src.includes('/full'))"


class Camera:
    """Takes pictures of the page in one scheme of colours and one size."""

    def __init__(self, browser: Browser, state: Any, address: str) -> None:
        self.browser, self.state, self.address = browser, state, address

    def page(self, size: tuple[int, int], scheme: Any) -> Page:
        """Return the page with the list of groups."""
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            storage_state=self.state,
            has_touch=size is PHONE,
        )
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(self.address)
        page.wait_for_timeout(1500)
        if page.locator("#group-view").is_visible():  # where it was left last
            page.keyboard.press("Escape")
            page.wait_for_timeout(500)
        return page

    def list(self, size: tuple[int, int], scheme: str) -> Image.Image:
        """Return the list of groups."""
        page = self.page(size, scheme)
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        page.wait_for_timeout(1000)
        return shot(page)

    def group(self, size: tuple[int, int], scheme: str, copy: str, key: str = "") -> Image.Image:
        """Return one copy laid on its kept photo; ``key`` chooses another way to look."""
        page = self.page(size, scheme)
        page.locator(f'.card .frame[title*="{copy}"]').first.click()
        page.wait_for_selector("#facts tr.differs")
        while not page.evaluate(DRAWN):
            page.wait_for_timeout(50)
        if key:
            page.keyboard.press(key)
        page.wait_for_timeout(500)
        return shot(page)


def main() -> None:
    """Serve the library and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", type=Path, help="The library of the demo.")
    options = parser.parse_args()
    with served(options.library) as client, sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        context = browser.new_context()
        context.new_page().goto(client.address)
        camera = Camera(browser, context.storage_state(), f"http://127.0.0.1:{client.port}/")
        take(camera)
        browser.close()


def take(camera: Camera) -> None:
    """Take all pictures."""
    save("review-list", camera.list(DESK, "light"))
    save("review", camera.group(DESK, "light", "coffee-crop-50"))
    save("review-dark", camera.group(DESK, "dark", "rocket-tilt-cropped", "v"))
    phone = [
        picture
        for scheme in ("light", "dark")
        for picture in (
            camera.list(PHONE, scheme),
            camera.group(PHONE, scheme, "coffee-crop-50"),
        )
    ]
    save("review-phone", beside(phone))


def shot(page: Page) -> Image.Image:
    """Return what the page shows, and leave it."""
    data = page.screenshot()
    page.context.close()
    return Image.open(io.BytesIO(data)).convert("RGB")


def beside(pictures: list[Image.Image]) -> Image.Image:
    """Return pictures side by side on white."""
    width = sum(picture.width + GAP_PX for picture in pictures) - GAP_PX
    whole = Image.new("RGB", (width, pictures[0].height), "white")
    left = 0
    for picture in pictures:
        whole.paste(picture, (left, 0))
        left += picture.width + GAP_PX
    return whole


def save(name: str, picture: Image.Image) -> None:
    """Write a picture into the docs."""
    picture.save(HERE / f"{name}.webp", quality=QUALITY, method=6)


if __name__ == "__main__":
    main()
