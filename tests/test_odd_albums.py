"""Clustering albums that hold next to nothing, nothing but copies, or pictures without any detail."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dupfind import Library
from dupfind.flows.clustering import ClusterOptions
from dupfind.flows.indexing_state import IndexOptions
from dupfind.records import Level


@pytest.fixture
def album(tmp_path: Path) -> Path:
    (tmp_path / "album").mkdir()
    return tmp_path / "album"


def clustered(album: Path, **options: object) -> list[set[str]]:
    """Index and cluster; return the names of each group."""
    with Library(album.parent / "library") as library:
        library.index([album], IndexOptions(model="untrained"))
        library.cluster(ClusterOptions(**options))  # type: ignore[arg-type]
        names = {photo.id: photo.path.name for photo in library.photos()}
        return [{names[m.photo_id] for m in group.members} for group in library.groups()]


def test_an_album_of_one_photo_has_no_groups(album: Path, make_picture: Callable) -> None:
    Image.fromarray(make_picture(1)).save(album / "a.png")
    assert clustered(album) == []


def test_an_empty_album_has_no_groups(album: Path) -> None:
    assert clustered(album) == []


def test_an_album_of_one_photo_many_times_is_one_group(album: Path, make_picture: Callable) -> None:
    Image.fromarray(make_picture(1)).save(album / "0.png")
    for number in range(1, 5):
        (album / f"{number}.png").write_bytes((album / "0.png").read_bytes())
    assert clustered(album) == [{f"{number}.png" for number in range(5)}]
    assert clustered(album, level=Level.EXACT) == [{f"{number}.png" for number in range(5)}]


def test_flat_and_tiny_pictures_are_no_copies_of_each_other(album: Path) -> None:
    for number, colour in enumerate(["white", "black", "red", "#f0f0f0", "#1040a0"]):
        Image.new("RGB", (300, 200), colour).save(album / f"flat{number}.jpg")
    for number, size in enumerate([(1, 1), (1, 900), (2000, 3), (5, 5)]):
        Image.new("RGB", size, (number * 40, 99, 3)).save(album / f"tiny{number}.png")
    generator = np.random.default_rng(0)
    for number in range(3):
        noise = generator.integers(0, 256, (200, 300, 3), dtype=np.uint8)
        Image.fromarray(noise).save(album / f"noise{number}.png")
    assert clustered(album) == []
    # A second run takes everything from the cache.
    assert clustered(album) == []


def form(seed: int) -> Image.Image:
    """One form, filled in differently for every seed."""
    page = Image.new("L", (600, 800), 255)
    draw = ImageDraw.Draw(page)
    generator = np.random.default_rng(seed)
    draw.rectangle((40, 30, 560, 90), outline=0, width=3)
    draw.text((200, 50), "APPLICATION FORM", fill=0)
    for y in range(130, 780, 40):
        draw.line((40, y, 560, y), fill=0)
        letters = "".join(chr(97 + code) for code in generator.integers(0, 26, 60))
        draw.text((60, y - 25), letters, fill=0, font_size=14)
    return page


def test_pages_of_one_form_are_no_copies_but_a_copy_of_a_page_is(album: Path) -> None:
    for seed in range(6):
        form(seed).save(album / f"page{seed}.png")
    form(3).save(album / "page3-again.jpg", quality=60)
    assert clustered(album) == [{"page3.png", "page3-again.jpg"}]
