"""The page of `dupfind review`, in a real browser: by keys, by touch, in two tabs, and read aloud."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize
from review_helpers import Client, first_photo, made_pixels, make_library, served

from dupfind import Library
from dupfind.records import Relation

GROUPS = 40
PATIENCE_S = 90  # a machine that is busy with other things starts a browser slowly
SMALL: ViewportSize = {"width": 390, "height": 844}
HOSTILE = {
    2: "<img src=x onerror=window.owned=1>.jpg",
    4: "a'\"><script>window.owned=2<!--.jpg",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    return make_library(folder, GROUPS, pictures=8, names=HOSTILE)


@pytest.fixture(scope="module")
def entered(root: Path, browser: Browser) -> Iterator[tuple[Client, BrowserContext]]:
    with served(root) as client:
        context = browser.new_context(viewport={"width": 1280, "height": 820})
        context.set_default_timeout(PATIENCE_S * 1000)
        context.new_page().goto(client.address)
        cookie = context.cookies()[0]
        client.cookie = f"{cookie['name']}={cookie['value']}"
        yield client, context
        context.close()


@pytest.fixture
def client(entered: tuple[Client, BrowserContext], root: Path) -> Iterator[Client]:
    yield entered[0]
    while Library(root).undo_decision():
        pass
    (root / "review.json").unlink(missing_ok=True)


@pytest.fixture
def page(client: Client, entered: tuple[Client, BrowserContext]) -> Iterator[Page]:
    """The list of groups; any error of a script or a refused request fails the test."""
    client.post("/api/preferences", {"view": "list", "filters": {"state": "open"}, "keys": {}})
    made = opened(entered[1], client)
    yield made
    made.close()
    assert made.troubles == []  # type: ignore[attr-defined]


def opened(context: BrowserContext, client: Client, path: str = "/") -> Page:
    page = context.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    troubles: list[str] = []
    page.troubles = troubles  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "console",
        lambda message: None if is_expected(message.text) else troubles.append(message.text),
    )
    page.on("dialog", lambda dialog: troubles.append(dialog.message))
    page.goto(f"http://127.0.0.1:{client.port}{path}")
    page.wait_for_selector(".card")
    return page


def is_expected(message: str) -> bool:
    """Photos without a file have no picture (404), and what has changed is refused (409)."""
    return message.startswith("Failed to load resource") and ("404" in message or "409" in message)


def until(page: Page, expression: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until something is so. (Playwright's own way needs eval, which the policy forbids.)"""
    deadline = time.monotonic() + patience_s
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(20)


def shown(page: Page) -> int:
    """Return the id of the group that is looked at."""
    page.wait_for_selector("#group-view:not([hidden])")
    return int(page.evaluate("location.hash.slice(7)"))


def press(page: Page, key: str, group: int) -> None:
    """Press a key that leads to another group."""
    page.keyboard.press(key)
    until(page, f"location.hash === '#group-{group}'")


def state_of(client: Client, group: int) -> str:
    state: str = client.get(f"/api/groups/{group}")["state"]
    return state


def loaded(page: Page) -> None:
    until(
        page,
        "[...document.querySelectorAll('.scene img')].every(i => i.src.includes('/full') && i.complete)",
    )


def stage_pixels(page: Page) -> NDArray[np.uint8]:
    """Return what the stage shows, (height, width, 3)."""
    shot = page.locator("#stage").screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))


def test_one_key_a_group_decides_and_leads_on(page: Page, client: Client) -> None:
    page.locator("[data-do=begin]").click()
    assert shown(page) == 1
    press(page, "Enter", 2)
    press(page, "k", 3)
    press(page, "2", 4)
    press(page, "l", 5)
    assert [state_of(client, group) for group in (1, 2, 3)] == ["decided"] * 3
    assert state_of(client, 4) == "later"
    kept = [
        one["photo"] for one in client.get("/api/groups/3")["members"] if one["verdict"] == "keep"
    ]
    assert kept == [first_photo(2) + 1]
    assert (
        page.locator("#progress-words").inner_text().startswith("3 of 40 groups decided · 1 later")
    )
    press(page, "u", 4)
    press(page, "u", 3)
    assert state_of(client, 3) == "open"


def test_marks_are_set_and_saved_by_keys(page: Page, client: Client) -> None:
    page.locator(".card").nth(2).locator(".buttons button").first.click()
    assert shown(page) == 3
    assert page.locator(".strip .goes").count() == 1  # as advice says
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    assert page.locator(".actions [data-do=marks]").inner_text().startswith("Save: 2 go")
    press(page, "Enter", 4)
    verdicts = [one["verdict"] for one in client.get("/api/groups/3")["members"]]
    assert verdicts == ["keep", "remove", "remove", "keep"]


def test_after_one_photo_was_told_apart_the_others_are_still_to_be_decided(
    page: Page, client: Client
) -> None:
    page.locator(".card").nth(2).locator(".buttons button").first.click()
    assert shown(page) == 3
    page.keyboard.press("ArrowRight")
    page.keyboard.press("n")
    until(page, "document.querySelectorAll('.strip li').length === 3")
    assert shown(page) == 3
    apart = first_photo(2) + 2
    members = client.get("/api/groups/3")["members"]
    assert apart not in [member["photo"] for member in members]
    press(page, "k", 4)
    assert state_of(client, 3) == "decided"
    page.locator("[data-do=list]").click()
    page.locator('.card[data-group="1"] .buttons button').first.click()
    assert shown(page) == 1  # two photos: nothing is left to decide
    press(page, "n", 2)


def test_keys_rest_while_somebody_types(page: Page, client: Client) -> None:
    page.keyboard.press("/")
    page.keyboard.type("kanu 00004")
    assert page.locator("[name=text]").input_value() == "kanu 00004"
    page.wait_for_selector("#empty:not([hidden])")
    page.locator("[name=text]").fill("photo-00004")
    until(page, "document.querySelectorAll('.card').length === 1")
    assert page.locator("#total").inner_text() == "1 group"
    assert client.get("/api/groups?state=open")["total"] == GROUPS


def test_a_key_is_changed_and_one_that_is_taken_is_refused(page: Page, client: Client) -> None:
    page.keyboard.press("?")
    change = page.get_by_label("Change the key for: Keep all")
    change.click()
    page.keyboard.press("n")
    assert "N is taken by: Not duplicates" in page.locator(".refused").inner_text()
    page.get_by_label("Change the key for: Keep all").click()
    with page.expect_response("**/api/preferences"):
        page.keyboard.press("h")
    page.keyboard.press("Escape")
    page.reload()
    page.locator("[data-do=begin]").click()
    assert shown(page) == 1
    page.keyboard.press("k")
    press(page, "h", 2)
    assert state_of(client, 1) == "decided"


def test_a_copy_lies_on_the_kept_photo_as_it_was_found(page: Page) -> None:
    page.locator(".card").nth(2).locator(".buttons button").first.click()
    for place, relation in ((3, Relation.CROPPED), (4, Relation.MIRRORED)):
        page.locator(f".strip li:nth-child({place}) .frame").click()
        loaded(page)
        page.keyboard.press("o")
        page.wait_for_timeout(150)
        assert np.percentile(stage_pixels(page), 95) < 90, relation  # nothing is left but noise
        page.keyboard.press("t")
        page.wait_for_timeout(150)
        assert np.percentile(stage_pixels(page), 95) > 150, relation
        page.keyboard.press("t")
        page.keyboard.press("s")
    page.locator(".strip li:nth-child(3) .frame").click()
    assert page.locator("#layer-a polygon").get_attribute("points") == "60,40 180,40 180,120 60,120"
    assert page.locator("#layer-b polygon").get_attribute("points") == ""


def test_both_pictures_zoom_and_move_in_step(page: Page) -> None:
    page.locator(".card").first.locator(".buttons button").first.click()
    loaded(page)
    fit = page.locator("#layer-a .scene").get_attribute("style")
    page.keyboard.press("z")
    assert page.locator("#zoom-words").inner_text() == "100%"
    page.locator("#stage").focus()
    page.keyboard.press("ArrowRight")
    page.mouse.move(300, 400)
    page.mouse.wheel(0, -300)
    until(page, "document.getElementById('zoom-words').textContent !== '100%'")
    styles = [page.locator(f"#layer-{name} .scene").get_attribute("style") for name in "ab"]
    assert styles[0] == styles[1] != fit
    assert shown(page) == 1  # arrows moved the picture, not the group


def test_flick_and_slider_show_one_over_the_other(page: Page) -> None:
    page.locator(".card").first.locator(".buttons button").first.click()
    loaded(page)
    page.keyboard.press("f")
    assert page.locator("#layer-b").evaluate("e => e.style.visibility") == ""
    page.keyboard.press("f")
    assert page.locator("#layer-b").evaluate("e => e.style.visibility") == "hidden"
    page.keyboard.press("v")
    clip = "getComputedStyle(document.getElementById('layer-b')).clipPath"
    page.locator("#slide input").focus()
    page.keyboard.press("Home")
    assert page.evaluate(clip) == "inset(0px 0px 0px 0%)"
    stage = page.locator("#stage").bounding_box()
    assert stage is not None
    page.mouse.move(stage["x"] + 5, stage["y"] + 100)
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] / 4, stage["y"] + 100)
    page.mouse.up()
    cut = float(str(page.evaluate(clip)).removesuffix("%)").split()[-1])
    assert 20 < cut < 30


def test_words_and_only_the_facts_that_differ_are_said(page: Page) -> None:
    page.locator(".card").nth(1).locator(".buttons button").first.click()
    assert shown(page) == 2
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('#facts').textContent.includes('120 × 80')")
    said = page.locator("#words").inner_text()
    assert "Cropped: shows 25% of the picture" in said
    assert "A picture that is not the same: shows 25% of the kept one" in said
    labels = page.locator("#facts tbody th").all_inner_texts()
    assert "Size" in labels
    assert "Format" not in labels
    page.keyboard.press("m")
    assert "Format" in page.locator("#facts tbody th").all_inner_texts()


def test_what_was_removed_before_and_is_back_is_said(
    root: Path, client: Client, entered: tuple[Client, BrowserContext]
) -> None:
    change = "UPDATE group_members SET removed_at = ? WHERE photo_id = ?"
    with Library(root).store(write=True) as store, store.db.atomic():
        store.db.execute(change, ["2026-05-03T10:00:00+00:00", first_photo(0) + 1])
    page = opened(entered[1], client)
    back = page.locator('.card[data-group="1"] .badge.back').all_text_contents()
    assert back == ["you removed this on 3 May 2026"]
    page.locator(".card").first.locator(".buttons button").first.click()
    page.wait_for_selector("#facts tr.differs")
    assert ".jpg on 3 May 2026, and it is there again." in page.locator("#words").inner_text()
    page.close()
    with Library(root).store(write=True) as store, store.db.atomic():
        store.db.execute(change, [None, first_photo(0) + 1])


def test_two_tabs_do_not_decide_over_each_other(
    page: Page, client: Client, entered: tuple[Client, BrowserContext]
) -> None:
    other = opened(entered[1], client)
    page.locator("[data-do=begin]").click()
    other.locator("[data-do=begin]").click()
    assert shown(page) == shown(other) == 1
    press(page, "k", 2)
    until(other, "document.querySelector('#group-title .state').textContent === 'Decided'")
    other.close()
    # What no tab was told: the group on the page is an old one, so nothing is recorded.
    now = client.get("/api/groups/2")
    client.post("/api/decide", {"group": 2, "stamp": now["stamp"], "action": "later"})
    page.keyboard.press("k")
    until(page, "document.querySelector('#group-title .state').textContent === 'Later'")
    assert "changed meanwhile" in page.locator("#trouble").inner_text()
    assert state_of(client, 2) == "later"


def test_a_rule_is_looked_at_first_and_undone_at_once(page: Page, client: Client) -> None:
    page.keyboard.press("b")
    page.get_by_text("Look at it first").click()
    page.wait_for_selector(".samples li")
    assert page.locator(".counts").inner_text().startswith("40 groups: 40 photos to remove")
    assert client.get("/api/groups?state=decided")["total"] == 0
    page.get_by_role("button", name="Decide 40 groups").click()
    page.wait_for_selector("#empty:not([hidden])")
    assert client.get("/api/groups?state=decided")["total"] == GROUPS
    page.keyboard.press("p")
    page.wait_for_selector(".scroll")
    # The files are not those that the library knows: an apply would leave them alone.
    assert page.locator(".counts").inner_text() == "Nothing would go."
    assert page.locator("#dialog h3").inner_text() == "Left alone: 40"
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    page.wait_for_selector(".card")
    assert client.get("/api/groups?state=decided")["total"] == 0


def test_one_goes_on_where_one_left_off(page: Page, client: Client, root: Path) -> None:
    page.select_option("[name=order]", "doubt")
    page.wait_for_timeout(100)
    page.locator("[data-do=begin]").click()
    first = shown(page)
    deadline = time.monotonic() + PATIENCE_S
    while json.loads((root / "review.json").read_text("utf-8")).get("group") != first:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    page.goto(f"http://127.0.0.1:{client.port}/")
    assert shown(page) == first
    page.keyboard.press("Escape")
    page.wait_for_selector("#list-view:not([hidden])")
    assert page.locator("[name=order]").input_value() == "doubt"


def test_pairs_of_folders_stand_together_and_one_is_chosen(page: Page) -> None:
    page.select_option("[name=order]", "folders")
    page.wait_for_selector(".pair")
    assert page.locator(".pair").first.inner_text().startswith("album ↔ backup 0\n8 groups · ")
    page.get_by_label("Only the groups of album and backup 1").click()
    until(page, "document.getElementById('total').textContent === '8 groups'")
    # Not the inner texts: cards that are out of sight are not laid out, and have none.
    folders = page.locator(".photo:last-child .folder").all_text_contents()
    assert set(folders) == {"backup 1"}
    page.locator("#more-filters").click()
    page.get_by_role("button", name="Clear filters").click()
    until(page, "document.getElementById('total').textContent === '40 groups'")


def test_the_list_grows_as_one_scrolls(page: Page) -> None:
    assert page.locator(".card").count() == 24
    page.mouse.wheel(0, 100_000)
    until(page, f"document.querySelectorAll('.card').length === {GROUPS}")
    ids = page.locator(".card").evaluate_all("all => all.map((card) => Number(card.dataset.group))")
    assert ids == list(range(1, GROUPS + 1))


def test_no_name_becomes_markup(page: Page) -> None:
    names = page.locator(".named").all_text_contents()
    assert {HOSTILE[2], HOSTILE[4]} <= set(names)
    page.locator(".card").nth(1).locator(".buttons button").first.click()
    page.wait_for_selector("#facts tr.differs")
    assert page.evaluate("window.owned") is None
    assert page.locator("img[src=x], [onerror]").count() == 0


def test_the_policy_stops_a_script_that_got_in(
    client: Client, entered: tuple[Client, BrowserContext]
) -> None:
    page = opened(entered[1], client)
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.owned = 1';"
        " document.body.append(s); document.body.insertAdjacentHTML('beforeend',"
        ' \'<img src=x onerror="window.owned = 2"><img src="https://example.org/a.png">\'); }'
    )
    page.wait_for_timeout(100)
    assert page.evaluate("window.owned") is None
    assert "Content Security Policy" in " ".join(page.troubles)  # type: ignore[attr-defined]
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(
    client: Client, entered: tuple[Client, BrowserContext], browser: Browser, scheme: Any
) -> None:
    state = entered[1].storage_state()
    context = browser.new_context(viewport=SMALL, color_scheme=scheme, storage_state=state)
    page = opened(context, client)
    page.locator("#more-filters").click()
    looks = {"list": found_by_axe(page)}
    page.keyboard.press("?")
    looks["keys"] = found_by_axe(page)
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.get_by_text("Look at it first").click()
    page.wait_for_selector(".samples li")
    looks["rules"] = found_by_axe(page)
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    page.wait_for_selector(".scroll")
    looks["what would go"] = found_by_axe(page)
    page.keyboard.press("Escape")
    page.locator(".card").nth(2).locator(".buttons button").first.click()
    page.wait_for_selector("#facts tr.differs")
    looks["group on a phone"] = found_by_axe(page)
    page.set_viewport_size({"width": 1280, "height": 820})
    looks["group"] = found_by_axe(page)
    context.close()
    assert not any(looks.values()), looks


def found_by_axe(page: Page) -> list[str]:
    violations = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html'][:160]}" for one in violations for node in one["nodes"]]


def test_a_phone_scrolls_down_only_and_decides_by_touch(
    client: Client, entered: tuple[Client, BrowserContext], browser: Browser
) -> None:
    state = entered[1].storage_state()
    context = browser.new_context(viewport=SMALL, has_touch=True, storage_state=state)
    page = opened(context, client)
    width = "document.documentElement.scrollWidth"
    assert page.evaluate(width) <= SMALL["width"]
    page.locator(".card").nth(1).locator(".buttons button").first.tap()
    assert shown(page) == 2
    assert page.evaluate("scrollY") == 0
    page.wait_for_selector("#facts tr.differs")
    assert page.evaluate(width) <= SMALL["width"]
    fit = page.locator("#layer-a .scene").get_attribute("style")
    pinch_out(page)
    styles = [page.locator(f"#layer-{name} .scene").get_attribute("style") for name in "ab"]
    assert styles[0] == styles[1] != fit
    page.evaluate("scrollTo(0, 1000)")
    keep_all(page)
    assert page.evaluate("scrollY") == 0
    assert state_of(client, 2) == "decided"
    context.close()


def keep_all(page: Page) -> None:
    """Tap, and once more where nothing came of it: after two fingers a busy browser may drop a tap."""
    button, decided = page.locator("[data-do=keep-all]"), "location.hash === '#group-3'"
    button.tap()
    try:
        until(page, decided, PATIENCE_S / 3)
    except AssertionError:
        button.tap()
        until(page, decided)


def pinch_out(page: Page) -> None:
    """Put two fingers on the upper picture and draw them apart."""
    box = page.locator("#layer-a").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)
    for kind, apart in (("touchStart", 20), ("touchMove", 40), ("touchMove", 80)):
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    until(page, "document.getElementById('zoom-words').textContent !== 'Fit'")


def test_a_screen_reader_is_told_photos_and_decisions(page: Page) -> None:
    page.get_by_role("button", name="Keep all of group 2", exact=True).click()
    until(page, "document.getElementById('live').textContent === 'All kept, group 2'")
    photo = page.get_by_role("button", name="photo 1 of 3, photo-00001-0.jpg, 240 × 160, keep")
    assert photo.count() == 1
    first = page.locator('.card[data-group="3"] .frame').first
    assert first.get_attribute("aria-label") == (
        "photo 1 of 4, photo-00002-0.jpg, 240 × 160, kept by advice"
    )
    copies = page.locator('.card[data-group="3"] .frame').evaluate_all(
        "all => all.slice(1, 3).map((frame) => frame.ariaLabel.split(', ').slice(3).join(', '))"
    )
    assert copies == ["re-encoded, can go", "cropped, wants a look"]
    page.locator('.card[data-group="3"]').get_by_role("button", name="Compare").click()
    until(page, "document.getElementById('live').textContent === 'Group 3, 4 photos, undecided'")
    assert page.evaluate("document.activeElement.id") == "group-title"


def test_everything_is_done_without_a_mouse(page: Page, client: Client) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator(".card").first.locator(".buttons button").nth(2).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector('.card[data-group="1"].decided')
    assert state_of(client, 1) == "decided"
    # The card stays where it was, and so does the focus.
    assert page.evaluate("document.activeElement.closest('.card').dataset.group") == "1"


def test_why_a_chosen_picture_cannot_be_looked_for_is_said(
    client: Client, entered: tuple[Client, BrowserContext]
) -> None:
    page = opened(entered[1], client)
    stream = io.BytesIO()
    Image.fromarray(made_pixels(1)).save(stream, "PNG")
    page.set_input_files(
        "#picture-file",
        {"name": "../../x.png", "mimeType": "image/png", "buffer": stream.getvalue()},
    )
    # This library describes no photo: what the server says of it is shown.
    page.wait_for_selector("#dialog .warning")
    assert "dupfind index" in page.locator("#dialog .warning").inner_text()
    page.close()
