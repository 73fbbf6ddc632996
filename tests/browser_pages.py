"""Open a page of ours in a real browser and note whatever goes wrong in it."""

from pathlib import Path

from playwright.sync_api import Browser, Page

PHONE = {"width": 390, "height": 844}


def opened(browser: Browser, file: Path, **options: object) -> Page:
    """Open a file; any error of a script, message or request to elsewhere fails the test."""
    page = browser.new_page(**options)  # type: ignore[arg-type]
    page.set_default_timeout(10_000)
    page.troubles = []  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.troubles.append(str(error)))  # type: ignore[attr-defined]
    page.on("console", lambda message: _note(page, message.text))
    page.on("dialog", lambda dialog: page.troubles.append(dialog.message))  # type: ignore[attr-defined]
    page.on(
        "request",
        lambda request: (
            page.troubles.append(request.url[:80])  # type: ignore[attr-defined]
            if not request.url.startswith(("file:", "data:"))
            else None
        ),
    )
    page.goto(file.as_uri())
    return page


def _note(page: Page, text: str) -> None:
    # Chromium's advice to tests that read the canvas themselves.
    if "willReadFrequently" not in text:
        page.troubles.append(text)  # type: ignore[attr-defined]
