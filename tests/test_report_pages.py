"""A large HTML report: several files below 2 MB, each a page of its own, that find each other."""

import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser_pages import opened
from click.testing import CliRunner, Result
from decision_helpers import group_again
from PIL import Image
from playwright.sync_api import Browser
from report_samples import copy, original, photo, report_of

from dupfind import Library
from dupfind.cli import cli
from dupfind.photos.scan import file_sha256
from dupfind.records import Group, ScannedFile
from dupfind.reports.html import pictured_photos, write_html
from dupfind.reports.output import text_output
from dupfind.reports.pages import PAGE_BYTES, page_links, split_pages
from dupfind.store.photos import Batch, Content, PhotoEntry

PAIRS = 18


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Pairs of files whose pictures alone take more than one page: noise."""
    folder = tmp_path_factory.mktemp("pages")
    entries = []
    for number in range(PAIRS):
        pixels = np.random.default_rng(number).integers(0, 256, (400, 512, 3), dtype=np.uint8)
        file = folder / f"{number}.jpg"
        Image.fromarray(pixels).save(file, quality=60)
        content = Content(file_sha256(file), 512, 400, "JPEG")
        names = (file, file.with_name(f"{number}-copy.jpg"))
        shutil.copyfile(*names)
        size = file.stat().st_size
        entries += [PhotoEntry(ScannedFile(name, size, 1), content) for name in names]
    library = Library(folder / ".dupfind")
    with library.store(write=True) as store:
        store.add_batch(Batch(entries))
        pairs = [(f"{number}", f"{number}-copy") for number in range(PAIRS)]
        group_again(store, pairs)
    return library


def write(library: Library, target: Path, *words: str, status: int = 0) -> Result:
    arguments = ["--library", str(library.paths.root), "report", "--format", "html", *words]
    result = CliRunner().invoke(cli, [*arguments, "-o", str(target)])
    assert result.exit_code == status, result.output
    return result


def test_a_large_report_goes_on_on_further_pages(
    library: Library, tmp_path: Path, browser: Browser
) -> None:
    write(library, tmp_path / "report.html")
    files = sorted(tmp_path.iterdir(), key=lambda file: (len(file.name), file.name))
    assert [file.name for file in files][:2] == ["report.html", "report-2.html"]
    assert all(file.stat().st_size < PAGE_BYTES for file in files)
    page = opened(browser, files[0])
    assert page.title() == f"{PAIRS} groups of duplicates · dupfind"
    seen: list[str] = []
    for number, file in enumerate(files, 1):
        assert page.url == file.as_uri()
        page.evaluate("while (state.made < state.found.length) makeMore()")
        seen += page.locator(".group").evaluate_all(
            "cards => cards.map((one) => one.dataset.group)"
        )
        assert page.locator(".group img").count() == page.locator(".group figure").count()
        if number < len(files):
            page.get_by_role("link", name=str(number + 1), exact=True).click()
            page.wait_for_url(files[number].as_uri())  # and until its scripts have run
    assert sorted(map(int, seen)) == list(range(1, PAIRS + 1))
    assert page.troubles == []  # type: ignore[attr-defined]


def test_a_shorter_report_takes_its_old_pages_away_and_nothing_else(
    library: Library, tmp_path: Path
) -> None:
    target = tmp_path / "report.html"
    write(library, target)
    (tmp_path / "report-9.html").write_text("mine", encoding="utf-8")
    write(library, target, "--pictures", "3")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["report-9.html", "report.html"]
    (tmp_path / "report-2.html").write_text("mine too", encoding="utf-8")
    refused = write(library, target, status=1)
    assert "report-2.html is in the way of a page of the report" in refused.output
    assert (tmp_path / "report-2.html").read_text("utf-8") == "mine too"
    write(library, target, "--one-page")
    assert target.stat().st_size > PAGE_BYTES


def test_all_groups_are_on_the_printed_page(
    library: Library, tmp_path: Path, browser: Browser
) -> None:
    write(library, tmp_path / "report.html", "--pictures", "0")
    page = opened(browser, tmp_path / "report.html")
    page.evaluate(
        "state.made = 5; byId('groups').replaceChildren(...state.found.slice(0, 5).map(card))"
    )
    assert page.locator(".group").count() < PAIRS
    assert page.pdf().startswith(b"%PDF")
    assert page.locator(".group").count() == PAIRS
    page.emulate_media(media="print")
    assert not page.locator(".tools").is_visible()


def test_paper_is_filled_though_two_groups_do_not_fit_on_it(
    tmp_path: Path, browser: Browser
) -> None:
    photos = [photo(number, f"photo {number:03}.jpg") for number in range(1, 97)]
    groups = [
        Group(first, (original(first), *(copy(first + n, "cropped") for n in range(1, 8))), 0.9, 1)
        for first in range(1, 97, 8)
    ]
    with text_output(tmp_path / "report.html") as stream:
        write_html(report_of(*groups, photos=photos), stream, (), [])
    page = opened(browser, tmp_path / "report.html")
    paper = page.pdf(format="A4", prefer_css_page_size=True)
    page.emulate_media(media="print")
    width, height = (round((side - 2 * 12) * 96 / 25.4) for side in (210, 297))  # pixels on it
    page.set_viewport_size({"width": width, "height": height})
    sizes = [page.locator(name).first.bounding_box() for name in ("figure", ".group > h2")]
    unused = sum(size["height"] for size in sizes if size)  # at the end of a page, at most
    whole = page.evaluate("document.documentElement.scrollHeight")
    pages = len(re.findall(rb"/Type\s*/Page\b", paper))
    assert whole / height <= pages <= math.ceil(whole / (height - unused))


def test_thousands_of_files_with_the_same_bytes_are_one_picture(tmp_path: Path) -> None:
    photos = [
        replace(photo(number, f"folder/photo {number:05}.jpg"), sha256="a" * 64)
        for number in range(1, 3001)
    ]
    members = (original(1), *(copy(number, "identical") for number in range(2, 3001)))
    report = report_of(Group(1, members, 1.0, 1), photos=photos)
    pictured = pictured_photos(report, 8000)
    assert len(pictured) == 1
    with text_output(tmp_path / "report.html") as stream:
        write_html(report, stream, pictured, [b"x" * 30_000])
    assert (tmp_path / "report.html").stat().st_size < PAGE_BYTES
    assert '"total":3000' in (tmp_path / "report.html").read_text("utf-8")


def test_a_group_with_too_many_pictures_keeps_those_that_there_is_room_for() -> None:
    photos = [photo(number, f"{number}.jpg") for number in range(1, 60)]
    members = (original(1), *(copy(number, "cropped") for number in range(2, 60)))
    small = Group(2, (original(90), copy(91, "cropped")), 0.5, 9)
    photos += [photo(90, "90.jpg"), photo(91, "91.jpg")]
    report = report_of(Group(1, members, 0.5, 1), small, photos=photos)
    sizes = {one.sha256: 10_000 for one in photos}
    first, second = split_pages(report, sizes, room_bytes=300_000)
    assert ([group.id for group in first.groups], len(first.pictured)) == ([2], 2)
    assert 20 < len(second.pictured) < 30
    assert second.pictured[0].id == 1


def test_the_links_are_few_however_many_the_pages() -> None:
    files = [Path(f"report-{number}.html") for number in range(1, 501)]
    assert [link.number for link in page_links(files, 250)] == [1, *range(244, 257), 500]
    assert page_links(files[:1], 1) == []
