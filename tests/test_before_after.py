"""The page that a training run ends with."""

from pathlib import Path

import numpy as np
import pytest
import torch
from browser_pages import opened
from conftest import picture
from PIL import Image
from playwright.sync_api import Browser

from dupfind.descriptors.backbone import load_model
from dupfind.flows.before_after import Side, kind_rows, take_side, write_page
from dupfind.photos.decode import decode
from dupfind.reports.before_after import KindRow, aligned, by_relation
from dupfind.training.cache import open_cache
from dupfind.training.comparison import Exam
from dupfind.training.split import Collection, Split


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> Exam:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("album")
    for number in range(30):
        Image.fromarray(picture(number, (64, 48))).save(folder / f"{number:02}.png")
    cache = open_cache(
        sorted(folder.glob("*.png")),
        folder / "cache",
        decode=lambda path, side_px: decode(path, needed_px=side_px),
        side_px=32,
    )
    judged = tuple(range(6))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dupfind.training.comparison.WANTED_COPIES", 120)
        return Exam(
            Collection(cache, np.arange(30), Split(np.arange(6, 30), judged, (), judged)),
            [128, 160],
        )


@pytest.fixture(scope="module")
def sides(exam: Exam) -> tuple[Side, Side]:
    before, after = (
        take_side(exam, load_model(name), device="cpu") for name in ("untrained", "builtin")
    )
    return before, after


def test_the_page_shows_what_only_one_of_two_models_finds(
    exam: Exam, sides: tuple[Side, Side], browser: Browser, tmp_path: Path
) -> None:
    before, after = sides
    only_after = ((after.found.place < 1) & (before.found.place >= 1)).numpy()
    only_before = ((before.found.place < 1) & (after.found.place >= 1)).numpy()
    assert only_after.sum() > 10
    file = tmp_path / "page.html"
    comparison = exam.compare(before.found, after.found)
    write_page(file, exam, before, after, comparison, kind_rows(exam, before.found, after.found))
    page = opened(browser, file)
    headings = page.locator("h2").all_inner_texts()
    assert headings[1:3] == ["Found only now", "Found before, lost now"]
    rows = page.locator(".rows")
    found = rows.nth(0).locator("figcaption").all_inner_texts()
    assert len(found) == 10
    assert set(found) <= {
        kind.replace("_", " ") for kind, only in zip(exam.kinds, only_after, strict=True) if only
    }
    assert rows.nth(1).locator("figure").count() == min(10, int(only_before.sum()))
    assert "better, and not by the luck" in page.locator("body").inner_text()
    assert page.locator("svg").count() == 2
    assert page.locator("svg").nth(1).locator("circle").count() == 30
    images = page.locator("img")
    loaded = "all => all.every(one => { one.loading = 'eager'; return one.src.startsWith('data:image/webp') })"
    assert images.evaluate_all(loaded)
    assert page.troubles == []  # type: ignore[attr-defined]
    page.close()


def test_an_example_shows_the_photo_that_was_taken_for_the_original(
    exam: Exam, sides: tuple[Side, Side]
) -> None:
    found = sides[0].found
    for number in torch.nonzero(found.place >= 1).flatten().tolist()[:20]:
        vectors = found.originals
        assert int(found.first[number]) != int(exam.owners[number])
        assert 0 <= int(found.first[number]) < len(vectors) == exam.photos + exam.rivals


def test_kinds_are_summed_by_relation(exam: Exam, sides: tuple[Side, Side]) -> None:
    kinds = kind_rows(exam, *(side.found for side in sides))
    rows = by_relation(kinds)
    assert sum(row.copies for row in rows) == exam.copies
    assert sum(row.after for row in rows) == int((sides[1].found.place < 1).sum())
    assert "re-encoded" in {row.kind for row in rows}
    assert by_relation([KindRow("jpeg", "reencoded", 2, 1, 2)] * 2) == [
        KindRow("re-encoded", "reencoded", 4, 2, 4)
    ]


def test_the_second_map_is_turned_onto_the_first() -> None:
    places = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    angle = 2.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = (places * [1, -1] @ turn).astype(np.float32)
    assert np.allclose(aligned(turned, places), places, atol=1e-4)
