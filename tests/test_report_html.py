"""The page, in a real browser: usable on a phone, and no file name gets to run anything."""

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser_pages import PHONE, opened
from PIL import Image
from playwright.sync_api import Browser, Page
from report_samples import HOSTILE_NAMES, copy, hostile_report, original, photo, report_of

from dupfind.records import Group
from dupfind.reports.html import pictured_photos, write_html
from dupfind.reports.output import text_output
from dupfind.reports.reported import Report
from dupfind.reports.words import safe_name


def webp(colour: tuple[int, int, int], size: tuple[int, int] = (40, 30)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "WEBP")
    return stream.getvalue()


def write(report: Report, target: Path, *, most: int = 1000) -> Path:
    pictured = pictured_photos(report, most)
    pictures = [webp((40 * index % 256, 90, 160)) for index, _ in enumerate(pictured)]
    with text_output(target) as stream:
        write_html(report, stream, pictured, pictures)
    return target


def test_a_group_is_as_sure_as_its_least_sure_member(tmp_path: Path) -> None:
    members = [
        original(1),
        *(replace(copy(n, "resized"), probability=p) for n, p in ((2, 0.9), (3, 0.97))),
    ]
    report = report_of(
        Group(1, tuple(members), 0.7, 0), photos=[photo(n, f"{n}.jpg") for n in (1, 2, 3)]
    )
    page = write(report, tmp_path / "report.html").read_text("utf-8")
    (found,) = re.findall(r'"lowest": ?0.7, ?"probability": ?([0-9.]+)', page)
    assert found == "0.9"


@pytest.fixture
def hostile_page(browser: Browser, tmp_path: Path) -> Page:
    return opened(browser, write(hostile_report(), tmp_path / "report.html"), viewport=PHONE)


def shown_groups(page: Page) -> list[str]:
    shown: list[str] = page.locator(".group").evaluate_all(
        "cards => cards.map((card) => card.dataset.group)"
    )
    return shown


def test_no_file_name_becomes_markup_or_script(hostile_page: Page) -> None:
    assert hostile_page.title() == "2 groups of duplicates · dupfind"
    names = hostile_page.locator(".named").all_text_contents()
    for name in HOSTILE_NAMES:
        assert safe_name(Path(name).name) in names
    hostile_page.locator("details.errors summary").click()
    assert "caf\\xe9.jpg" in hostile_page.locator("details.errors").inner_text()
    assert hostile_page.locator("script:not([type])").count() == 1
    assert hostile_page.evaluate("document.querySelectorAll('[onerror]').length") == 0
    assert hostile_page.troubles == []  # type: ignore[attr-defined]


def test_the_policy_stops_even_a_script_that_got_in(hostile_page: Page) -> None:
    hostile_page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.owned = 1';"
        " document.body.append(s); document.body.insertAdjacentHTML('beforeend',"
        ' \'<img src=x onerror="window.owned = 2"><img src="https://example.org/a.png">\'); }'
    )
    hostile_page.wait_for_timeout(100)
    assert hostile_page.evaluate("window.owned") is None
    assert "Content Security Policy" in " ".join(hostile_page.troubles)  # type: ignore[attr-defined]


def test_a_phone_scrolls_down_only(hostile_page: Page) -> None:
    assert hostile_page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    hostile_page.locator(".copy .frame").first.click()
    assert hostile_page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    close = hostile_page.locator("#close").bounding_box()
    assert close is not None
    assert close["x"] + close["width"] <= PHONE["width"]


def test_filter_search_and_sort(hostile_page: Page) -> None:
    page = hostile_page
    assert shown_groups(page) == ["2", "1"]
    page.locator(".chip", has_text="cropped").click()
    assert shown_groups(page) == ["1"]
    assert page.locator("#shown").inner_text() == "1 of 2 groups"
    page.locator(".chip", has_text="mirrored").click()
    assert shown_groups(page) == ["2", "1"]
    page.locator("#search").fill("TURNED")
    assert shown_groups(page) == ["2"]
    page.locator("#search").fill("nothing is called so")
    assert shown_groups(page) == []
    assert "clear the search" in page.locator("#shown").inner_text()
    page.locator("#search").fill("")
    page.locator("#sort").select_option("size")
    assert shown_groups(page) == ["1", "2"]
    assert page.troubles == []  # type: ignore[attr-defined]


def test_the_box_of_a_crop_lies_on_the_kept_photo(hostile_page: Page) -> None:
    group = hostile_page.locator(".group", has_text="Group 1")
    box = group.locator(".keep .box").bounding_box()
    image = group.locator(".keep img").bounding_box()
    assert box is not None
    assert image is not None
    found = [
        (box["x"] - image["x"]) / image["width"],
        (box["y"] - image["y"]) / image["height"],
        (box["x"] + box["width"] - image["x"]) / image["width"],
        (box["y"] + box["height"] - image["y"]) / image["height"],
    ]
    assert found == pytest.approx([0.1, 0.05, 0.7, 0.9], abs=0.06)
    assert "shows 52% of the picture" in group.inner_text()


def test_the_keyboard_is_enough(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, write(hostile_report(), tmp_path / "report.html"))
    page.keyboard.press("/")
    page.keyboard.type("sea")
    assert shown_groups(page) == ["2"]
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    assert page.locator("#compare").is_visible()
    assert page.locator("#compare-title").inner_text() == "Group 2, copy 1 of 1"
    page.keyboard.press("4")
    assert page.locator("[data-mode=difference]").get_attribute("aria-pressed") == "true"
    page.keyboard.press("Escape")
    assert not page.locator("#compare").is_visible()
    assert page.troubles == []  # type: ignore[attr-defined]


def quadrants() -> Image.Image:
    """Red, green / blue, white: no turn and no mirroring leaves it as it was."""
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[:30, :40], pixels[:30, 40:] = (220, 0, 0), (0, 180, 0)
    pixels[30:, :40], pixels[30:, 40:] = (0, 0, 220), (240, 240, 240)
    return Image.fromarray(pixels)


def encoded(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "WEBP", lossless=True)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("evidence", "altered"),
    [
        ({"degrees": 90.0}, lambda image: image.rotate(90, expand=True)),
        ({"degrees": -90.0}, lambda image: image.rotate(-90, expand=True)),
        ({"mirrored": True}, lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
        (
            {"mirrored": True, "degrees": 90.0},
            lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).rotate(90, expand=True),
        ),
        (
            {"degrees": 20.0, "scale": 1.0},
            lambda image: image.rotate(20, expand=True, resample=Image.Resampling.BICUBIC),
        ),
        (
            {"mirrored": True, "degrees": -20.0, "scale": 2.0},
            lambda image: (
                image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
                .resize((160, 120))
                .rotate(-20, expand=True, resample=Image.Resampling.BICUBIC)
            ),
        ),
        (  # turned by 90 degrees: (u, v) of the kept photo is (v, 1 - u) of the copy
            {"matrix": [0, 1, 0, -1, 0, 1, 0, 0, 1]},
            lambda image: image.rotate(90, expand=True),
        ),
        (  # a mirrored crop: its left half, of which the copy shows nothing else
            {"matrix": [-2, 0, 1, 0, 1, 0, 0, 0, 1], "crop_box": [0, 0, 0.5, 1], "part": "b"},
            lambda image: image.crop((0, 0, 40, 60)).transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        ),
        (  # seen at an angle: the right edge half as high
            {"matrix": [2, 0, 0, 0.5, 1, 0, 1, 0, 1]},
            lambda image: image.transform(
                (80, 60),
                Image.Transform.PERSPECTIVE,
                # The inverse: where in the photo each pixel of the copy comes from.
                (0.5, 0, 0, -0.25 * 60 / 80, 1, 0, -0.5 / 80, 0),
                Image.Resampling.BILINEAR,
            ),
        ),
        (
            {"crop_box": [0.25, 0.0, 1.0, 0.5], "scale": 1.0},
            lambda image: image.crop((20, 0, 80, 30)),
        ),
    ],
)
def test_a_comparison_lines_the_copy_up_with_the_kept_photo(
    browser: Browser, tmp_path: Path, evidence: dict[str, Any], altered: object
) -> None:
    image = quadrants()
    changed = altered(image)  # type: ignore[operator]
    photos = [
        photo(1, "a.png", width=80, height=60),
        photo(2, "b.png", width=changed.width, height=changed.height),
    ]
    report = report_of(
        Group(1, (original(1), copy(2, "rotated", **evidence)), 0.5, 9), photos=photos
    )
    with text_output(tmp_path / "report.html") as stream:
        write_html(report, stream, photos, [encoded(image), encoded(changed)])
    page = opened(browser, tmp_path / "report.html")
    page.locator(".copy .frame").click()
    page.keyboard.press("2")
    page.locator("#stage.slider").wait_for()
    difference = page.evaluate(
        "() => { const data = ['left', 'right'].map((id) => { const c = document.getElementById(id);"
        " return c.getContext('2d').getImageData(0, 0, c.width, c.height).data; });"
        " if (data[0].length !== data[1].length) return 255;"
        " return data[0].reduce((sum, v, i) => sum + Math.abs(v - data[1][i]), 0) / data[0].length; }"
    )
    assert difference < 4
    assert page.troubles == []  # type: ignore[attr-defined]


def test_groups_without_pictures_are_said_and_still_listed(
    browser: Browser, tmp_path: Path
) -> None:
    page = opened(browser, write(hostile_report(), tmp_path / "report.html", most=2))
    assert "13 photos of the groups that free least have no picture" in page.inner_text(".notice")
    group = page.locator(".group", has_text="Group 1")
    assert group.locator("img").count() == 0
    assert group.locator(".named").count() == 1 + len(HOSTILE_NAMES)


def test_five_thousand_groups_stay_usable(browser: Browser, tmp_path: Path) -> None:
    photos = [photo(index, f"{index:05}.jpg", size_bytes=99) for index in range(1, 10_001)]
    groups = [
        Group(index, (original(2 * index - 1), copy(2 * index, "identical")), 0.9, index)
        for index in range(1, 5001)
    ]
    report = report_of(*groups, photos=photos)
    pictured = pictured_photos(report, 10_000)
    with text_output(tmp_path / "report.html") as stream:
        write_html(report, stream, pictured, [webp((1, 2, 3), (8, 8))] * len(pictured))
    page = opened(browser, tmp_path / "report.html", viewport=PHONE)
    assert page.locator(".group").count() < 100
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.locator(".group").nth(30).wait_for(state="attached")
    page.locator("#search").fill("00007.jpg")
    assert shown_groups(page) == ["4"]
    assert page.locator("#shown").inner_text() == "1 of 5,000 groups"
    assert page.locator(".group img").first.evaluate("image => image.decode().then(() => true)")
    assert page.troubles == []  # type: ignore[attr-defined]


def test_a_group_of_hundreds_opens_on_demand(browser: Browser, tmp_path: Path) -> None:
    photos = [photo(index, f"{index:05}.jpg") for index in range(1, 301)]
    copies = [copy(index, "identical") for index in range(2, 301)]
    report = report_of(Group(1, (original(1), *copies), 0.9, 1), photos=photos)
    page = opened(browser, write(report, tmp_path / "report.html", most=100))
    assert "200 photos" in page.inner_text(".notice")
    assert page.locator("figure img").count() == page.locator("figure").count() == 40
    page.locator("button", has_text="Show all 300 photos").click()
    assert page.locator("figure img").count() == 100
    assert page.locator("figure").count() == 300
    page.locator("figure").last.locator("button").click()
    assert page.locator("#compare-title").inner_text() == "Group 1, copy 299 of 299"
    assert "no picture" in page.locator("#compare-why").inner_text()
    assert page.troubles == []  # type: ignore[attr-defined]


def test_an_empty_report_is_a_page_too(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, write(report_of(photos=[]), tmp_path / "report.html"))
    assert page.locator("#shown").inner_text() == "No duplicates were found."
    assert page.troubles == []  # type: ignore[attr-defined]
