"""Open a page of ours in a real browser and note whatever goes wrong in it."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Request

PHONE = {"width": 390, "height": 844}


def opened(browser: Browser, file: Path, **options: Any) -> Page:
    """Open a file; any error of a script, message or request to elsewhere fails the test."""
    page = browser.new_page(**options)
    page.set_default_timeout(10_000)
    troubles: list[str] = []
    page.troubles = troubles  # type: ignore[attr-defined]

    def note_message(message: ConsoleMessage) -> None:
        # Chromium's advice to tests that read the canvas themselves.
        if "willReadFrequently" not in message.text:
            troubles.append(message.text)

    def note_request(request: Request) -> None:
        if not request.url.startswith(("file:", "data:")):
            troubles.append(request.url[:80])

    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", note_message)
    page.on("dialog", lambda dialog: troubles.append(dialog.message))
    page.on("request", note_request)
    page.goto(file.as_uri())
    return page
