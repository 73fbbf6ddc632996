"""From photos to the page: what a real clustering finds is explained and lined up."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from browser_pages import opened
from click.testing import CliRunner
from PIL import Image
from playwright.sync_api import Browser

from dupfind import Library
from dupfind.cli import cli
from dupfind.options import IndexOptions

SIZE = (420, 300)
BOX = (60, 30, 390, 270)


@pytest.fixture(scope="module")
def library(
    tmp_path_factory: pytest.TempPathFactory, make_picture: Callable[..., np.ndarray],
    small_model: Path,
) -> Path:  # fmt: skip
    """An album of four photos and two altered copies of the first, indexed and clustered."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "album").mkdir()
    pictures = [Image.fromarray(make_picture(seed, SIZE)) for seed in range(4)]
    for seed, picture in enumerate(pictures):
        picture.save(folder / "album" / f"{seed}.jpg", quality=97)
    turned = pictures[0].transpose(Image.Transpose.FLIP_LEFT_RIGHT).rotate(90, expand=True)
    turned.save(folder / "album" / "turned.jpg", quality=80)
    cut = pictures[0].crop(BOX).resize((247, 180), Image.Resampling.BICUBIC)
    cut.save(folder / "album" / "cut.jpg", quality=80)
    library = Library(folder / ".dupfind", device="cpu")
    library.index([folder / "album"], IndexOptions(model=str(small_model), device="cpu"))
    library.cluster()
    return folder / ".dupfind"


def report(library: Path, *arguments: object) -> str:
    result = CliRunner().invoke(cli, ["report", "--library", str(library), *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_matrix_leads_from_the_kept_photo_to_each_copy(library: Path) -> None:
    (group,) = json.loads(report(library, "--json"))["groups"]
    assert Path(group["keep"]).name == "0.jpg"
    members = {Path(member["path"]).name: member for member in group["members"]}
    assert set(members) == {"0.jpg", "turned.jpg", "cut.jpg"}
    width, height = SIZE
    left, top, right, bottom = BOX
    corners = np.array([[left, top, 1], [right, top, 1], [left, bottom, 1], [right, bottom, 1]])
    corners = corners / [width, height, 1]
    expected = {
        "cut.jpg": [[0, 0], [1, 0], [0, 1], [1, 1]],
        # Mirrored, then a quarter turn anticlockwise: (u, v) goes to (1 - u, v), then (v, u).
        "turned.jpg": corners[:, [1, 0]].tolist(),
    }
    for name, places in expected.items():
        found = corners @ np.reshape(members[name]["evidence"]["matrix"], (3, 3)).T
        np.testing.assert_allclose(found[:, :2] / found[:, 2:], places, atol=0.02)


def test_a_person_is_told_what_was_done(library: Path) -> None:
    text = " ".join(report(library).split())
    assert "1 group, 2 copies among 6 photos" in text
    assert "Mirrored; rotated 90 degrees anticlockwise" in text
    shown = re.search(
        r"shows (\d+)% of the picture \((\d+)% off the left, (\d+)% off the top", text
    )
    assert shown is not None, text
    assert [int(share) for share in shown.groups()] == pytest.approx([63, 14, 10], abs=4)


def test_the_page_lines_real_copies_up(browser: Browser, library: Path, tmp_path: Path) -> None:
    report(library, "--format", "html", "-o", tmp_path / "report.html")
    page = opened(browser, tmp_path / "report.html")
    for place in range(2):
        page.locator(".copy .frame").nth(place).click()
        page.keyboard.press("2")
        page.locator("#stage.slider").wait_for()
        difference = page.evaluate(
            "() => { const data = ['left', 'right'].map((id) => { const c = document.getElementById(id);"
            " return c.getContext('2d').getImageData(0, 0, c.width, c.height).data; });"
            " return data[0].reduce((sum, v, i) => sum + Math.abs(v - data[1][i]), 0) / data[0].length; }"
        )
        assert difference < 12
        page.keyboard.press("Escape")
    assert page.troubles == []  # type: ignore[attr-defined]
