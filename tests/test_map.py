"""The map: the layout keeps neighbours together, and the page works in a real browser."""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from browser_pages import PHONE, opened
from click.testing import CliRunner
from PIL import Image
from playwright.sync_api import Browser, Page
from report_samples import FOLDER, HOSTILE_NAMES, photo

from dupfind.cli import cli
from dupfind.config import LibraryPaths
from dupfind.descriptors.layout import lay_out
from dupfind.errors import DescriptorError
from dupfind.flows.map import choose, gather_map
from dupfind.options import MapOptions
from dupfind.records import Group, Member, ScannedFile
from dupfind.reports.map import MapContents, MapPoint, write_map
from dupfind.reports.output import text_output
from dupfind.reports.words import safe_name
from dupfind.store.photos import Batch, Content, PhotoEntry
from dupfind.store.store import Store


def clusters(count: int, each: int) -> np.ndarray:
    random = np.random.default_rng(1)
    centres = random.standard_normal((count, 32))
    vectors = np.repeat(centres, each, axis=0) + 0.05 * random.standard_normal((count * each, 32))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def test_neighbours_stay_together() -> None:
    places = lay_out(clusters(6, 12))
    assert places.shape == (72, 2)
    assert np.abs(places).max() == pytest.approx(1)
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (distance.argmin(axis=1) // 12 == np.arange(72) // 12).all()


def test_the_same_vectors_get_the_same_places() -> None:
    vectors = clusters(3, 5)
    np.testing.assert_array_equal(lay_out(vectors), lay_out(vectors))


@pytest.mark.parametrize("count", [0, 1, 2, 5, 8, 9])
def test_few_photos_are_laid_out_too(count: int) -> None:
    places = lay_out(clusters(max(count, 1), 1)[:count])
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()
    assert len(np.unique(places.round(6), axis=0)) == count


def test_equal_vectors_lie_together_and_broken_ones_are_refused() -> None:
    assert np.isfinite(lay_out(np.ones((20, 16), np.float16))).all()
    with pytest.raises(DescriptorError, match="finite"):
        lay_out(np.full((3, 4), np.nan, np.float16))


def test_a_sample_takes_those_in_groups_first() -> None:
    grouped = np.zeros(1000, np.bool_)
    grouped[::50] = True
    rows = choose(grouped, 100)
    assert len(rows) == len(set(rows)) == 100
    assert grouped[rows].sum() == 20
    assert (np.diff(rows) > 0).all()
    assert rows.min() < 100 < 900 < rows.max()
    assert (choose(grouped, 1000) == np.arange(1000)).all()


def webp(index: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (64, 48), (index * 37 % 256, 120, 200)).save(stream, "WEBP")
    return stream.getvalue()


def write(target: Path, names: list[str], *, total: int = 0) -> Path:
    """A map of photos in a row; the first two are a group."""
    points = [
        MapPoint(
            photo(index + 1, name), x=2 * index / max(1, len(names) - 1) - 1, y=0.0,
            group=7 if index < 2 else 0,
        )
        for index, name in enumerate(names)
    ]  # fmt: skip
    contents = MapContents(Path(FOLDER), "builtin", points, total or len(points), len(points))
    pictures = [webp(index) if index != 3 else None for index in range(len(points))]
    with text_output(target) as stream:
        write_map(contents, stream, pictures)
    return target


def place(page: Page, index: int) -> tuple[float, float]:
    x, y = page.evaluate("(index) => toScreen(points[index])", index)
    return x, y


def shown_as(page: Page, selector: str, text: str) -> None:
    """Wait until an element holds just this text: the page hears of the pointer a little later."""
    is_shown = "([selector, text]) => document.querySelector(selector).textContent === text"
    page.wait_for_function(is_shown, arg=[selector, text])


def test_pointing_at_a_photo_shows_it_and_no_name_does_harm(
    browser: Browser, tmp_path: Path
) -> None:
    page = opened(browser, write(tmp_path / "map.html", HOSTILE_NAMES))
    for index, name in enumerate(HOSTILE_NAMES):
        page.mouse.move(*place(page, index))
        shown_as(page, "#card-name", safe_name(Path(name).name))
    page.mouse.move(*place(page, 0))
    shown_as(page, "#card-group", "Group 7: 1 other photo")
    page.mouse.move(10, 700)
    page.locator("#card").wait_for(state="hidden")
    assert page.title() == f"Map of {len(HOSTILE_NAMES)} photos · dupfind"
    assert page.troubles == []  # type: ignore[attr-defined]


def test_zoom_move_search_and_copies_only(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, write(tmp_path / "map.html", [f"{index}.jpg" for index in range(30)]))
    x, y = place(page, 20)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -600)
    page.wait_for_timeout(50)
    assert page.evaluate("view.scale / view.least") == pytest.approx(2.61, rel=0.02)
    assert place(page, 20) == pytest.approx((x, y), abs=1)  # what one points at stays
    page.mouse.down()
    page.mouse.move(x - 100, y + 40, steps=4)
    page.mouse.up()
    assert place(page, 20) == pytest.approx((x - 100, y + 40), abs=1)
    page.locator("#all").click()
    assert page.evaluate("view.scale") == page.evaluate("view.least")
    page.locator("#search").fill("7.JPG")
    assert page.locator("#found").inner_text() == "3 photos found"
    page.locator("#search").fill("")
    page.locator("#copies").click()
    page.wait_for_timeout(50)
    assert page.evaluate("state.drawn.map((item) => item.index).sort()") == [0, 1]
    assert page.troubles == []  # type: ignore[attr-defined]


def test_thumbnails_reach_the_canvas(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, write(tmp_path / "map.html", ["a.jpg", "b.jpg", "c.jpg"]))
    page.wait_for_timeout(150)
    x, y = place(page, 2)
    colour = page.evaluate(
        "([x, y]) => [...pen.getImageData(Math.round(x), Math.round(y), 1, 1).data]", [x, y]
    )
    assert colour[:3] == pytest.approx([74, 120, 200], abs=12)


def test_a_finger_is_enough_on_a_phone(browser: Browser, tmp_path: Path) -> None:
    names = [f"{index}.jpg" for index in range(5)]
    page = opened(
        browser, write(tmp_path / "map.html", names), viewport=PHONE, has_touch=True, is_mobile=True
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.touchscreen.tap(*place(page, 2))
    assert page.locator("#card-name").inner_text() == "2.jpg"
    page.touchscreen.tap(200, 800 - 300)
    assert not page.locator("#card").is_visible()
    assert page.troubles == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_small_collections_have_a_map(browser: Browser, tmp_path: Path, count: int) -> None:
    page = opened(browser, write(tmp_path / "map.html", [f"{i}.jpg" for i in range(count)]))
    page.wait_for_timeout(50)
    assert page.evaluate("state.drawn.length") == count
    assert page.locator(".notice").count() == (1 if count == 0 else 0)
    assert page.troubles == []  # type: ignore[attr-defined]


def test_a_sample_is_said_to_be_one(browser: Browser, tmp_path: Path) -> None:
    page = opened(browser, write(tmp_path / "map.html", ["a.jpg", "b.jpg"], total=30_000))
    assert (
        page.locator(".notice").inner_text().startswith("A sample of 2 of 30,000 different photos")
    )


@pytest.fixture
def library(tmp_path: Path, save_picture: Callable[..., Path]) -> Path:
    """Six photos, the last two of the same bytes; the first two and the fifth are a group."""
    files = [save_picture(f"{seed}.png", seed) for seed in range(5)]
    files.append(tmp_path / "again.png")
    files[5].write_bytes(files[4].read_bytes())
    shas = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    entries = [
        PhotoEntry(ScannedFile(file, file.stat().st_size, 1), Content(sha256, 96, 64, "PNG"))
        for file, sha256 in zip(files, shas, strict=True)
    ]
    vectors = [(sha256, vector) for sha256, vector in zip(shas, clusters(5, 1), strict=False)]
    with Store.open(LibraryPaths(tmp_path / "library"), write=True) as store:
        model = store.add_model("small", "f" * 64, spec={}, dimensions=32)
        store.set_active_model(model.id)
        ids = store.add_batch(Batch(entries, vectors=vectors), model_id=model.id)
        run = store.start_run("cluster", {})
        members = tuple(
            Member(ids[row], row == 0, "original" if row == 0 else "edited", 0.9, 0.99)
            for row in (0, 1, 5)
        )
        store.replace_results(run, [], [Group(3, members, 0.9, 10)])
        store.finish_run(run, {})
    return tmp_path / "library"


def test_photos_of_the_same_bytes_are_one_point_of_their_group(library: Path) -> None:
    with Store.open(LibraryPaths(library)) as store:
        contents = gather_map(store)
        few = gather_map(store, MapOptions(most=3))
    assert [point.same_bytes for point in contents.points] == [0, 0, 0, 0, 1]
    assert [point.group for point in contents.points] == [3, 3, 0, 0, 3]
    assert (contents.contents_total, contents.photos_total) == (5, 6)
    assert [point.group for point in few.points] == [3, 3, 3]


def test_the_command_writes_the_page(library: Path, tmp_path: Path) -> None:
    target = tmp_path / "map.html"
    arguments = ["map", "--library", str(library), "-o", str(target)]
    result = CliRunner().invoke(cli, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output) == {"output": str(target), "shown": 5, "total": 5}
    assert target.read_text("utf-8").count("data:image/webp;base64,") == 1
    said = CliRunner().invoke(cli, [*arguments, "--most", "2"]).output
    assert "2 photos of 5, a sample" in said


def test_an_empty_library_is_one_clear_line(tmp_path: Path) -> None:
    Store.open(LibraryPaths(tmp_path / "library"), write=True).close()
    arguments = ["map", "--library", str(tmp_path / "library"), "-o", str(tmp_path / "map.html")]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 1
    assert "run `dupfind index PHOTOS` first" in result.output
    assert not (tmp_path / "map.html").exists()
