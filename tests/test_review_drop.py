"""A picture dropped on the page of `dupfind review` with the mouse: where are its copies?"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cluster_helpers import cluster_album
from matching_helpers import edited, photo
from PIL import Image
from playwright.sync_api import Browser, CDPSession, Page
from review_helpers import served

from dupfind import ClusterOptions

PATIENCE_MS = 90_000  # a machine that is busy with other things loads a model slowly
HERE = {"x": 600, "y": 500}


class Mouse(NamedTuple):
    """A page, and a mouse that carries files of the desktop over it, as a file manager would."""

    page: Page
    session: CDPSession

    def carry(self, step: str, *files: Path, text: str = "") -> None:
        """Do one step of a drag: ``dragEnter``, ``dragOver`` or ``drop``."""
        items = [{"mimeType": "text/plain", "data": text}] if text else []
        data = {"items": items, "files": [str(file) for file in files], "dragOperationsMask": 1}
        self.session.send("Input.dispatchDragEvent", {"type": step, **HERE, "data": data})

    def drop(self, *files: Path) -> None:
        """Carry files onto the page and let go."""
        for step in ("dragEnter", "dragOver", "drop"):
            self.carry(step, *files)


@pytest.fixture(scope="module")
def mouse(
    tmp_path_factory: pytest.TempPathFactory, small_model: Path, browser: Browser
) -> Iterator[Mouse]:
    folder = tmp_path_factory.mktemp("drop")
    pictures = {
        "cat": photo("chelsea.png"),
        "cat-grey": edited("chelsea.png", "grey").pixels,
        "cup": photo("coffee.png"),
    }
    library, _ = cluster_album(folder, pictures, small_model, ClusterOptions(keep="name"))
    with served(library.paths.root) as client:
        context = browser.new_context(viewport={"width": 1280, "height": 820})
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(client.address)
        page.wait_for_selector(".card")
        yield Mouse(page, context.new_cdp_session(page))
        context.close()
    assert troubles == []


@pytest.fixture(autouse=True)
def closed(mouse: Mouse) -> Iterator[None]:
    """Each test begins with the list and no dialog."""
    yield
    mouse.page.keyboard.press("Escape")
    if mouse.page.locator("#group-view").is_visible():
        mouse.page.keyboard.press("Escape")
    mouse.page.wait_for_selector("#list-view:not([hidden])")


def test_a_copy_that_is_dropped_leads_to_the_group_of_its_photo(
    mouse: Mouse, tmp_path: Path
) -> None:
    page, file = mouse.page, tmp_path / "from a friend.png"
    Image.fromarray(edited("chelsea.png", "crop_70").pixels).save(file)
    mouse.carry("dragEnter", file)
    page.wait_for_selector("#drop:not([hidden])")
    assert page.locator("#drop").inner_text() == "Drop a picture to find its copies"
    mouse.carry("dragOver", file)
    mouse.carry("drop", file)
    page.wait_for_selector(".matches li")
    assert page.locator("#drop").is_hidden()
    assert page.locator("#dialog .counts").inner_text() == "3 photos nearest to from a friend.png"
    copies = page.locator(".matches li.copy strong").all_inner_texts()
    assert set(copies) == {"cat.jpg", "cat-grey.jpg"}
    assert page.evaluate("document.querySelector('.asked').naturalWidth") > 0
    page.locator(".matches li.copy").first.get_by_role("button", name="Look at group").click()
    page.wait_for_selector("#group-view:not([hidden])")
    assert page.locator("#dialog").is_hidden()


def test_a_picture_that_the_library_holds_is_told_so_and_others_are_in_no_group(
    mouse: Mouse, tmp_path: Path
) -> None:
    file = tmp_path / "mug.png"
    Image.fromarray(photo("coffee.png")).save(file)
    mouse.drop(file)
    mouse.page.wait_for_selector(".matches li.copy")
    best = mouse.page.locator(".matches li").first.inner_text()
    assert "cup.jpg" in best
    assert "in no group" in best


def test_what_is_no_picture_is_said_in_a_line(mouse: Mouse, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no picture")
    mouse.drop(file)
    mouse.page.wait_for_selector("#dialog .warning")
    assert mouse.page.locator("#dialog .warning").inner_text() == (
        "It could not be looked for: cannot read the picture: it does not begin like any photo format"
    )
    assert mouse.page.locator(".asked").is_hidden()


def test_words_that_are_dragged_and_files_that_go_by_ask_nothing(
    mouse: Mouse, tmp_path: Path
) -> None:
    page, file = mouse.page, tmp_path / "a.png"
    Image.fromarray(photo("coffee.png")).save(file)
    for step in ("dragEnter", "dragOver", "drop"):
        mouse.carry(step, text="words")
        assert page.locator("#drop").is_hidden()
    mouse.carry("dragEnter", file)
    page.wait_for_selector("#drop:not([hidden])")
    # The protocol has no word for leaving the page: what the browser would tell it then.
    page.evaluate(
        "() => { const carried = new DataTransfer(); carried.items.add(new File(['a'], 'a.png'));"
        " document.body.dispatchEvent(new DragEvent('dragleave', { bubbles: true, dataTransfer: carried })); }"
    )
    page.wait_for_selector("#drop", state="hidden")
    assert page.locator("#dialog").is_hidden()
