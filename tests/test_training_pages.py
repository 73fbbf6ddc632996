"""Made-up pages, and the look-alikes that share a batch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dupfind.errors import TrainingError
from dupfind.training import schedule
from dupfind.training.alike import keep_apart, look_alikes, read_families
from dupfind.training.batches import epoch_batches
from dupfind.training.pages import KINDS, make_page


def seen(image: Image.Image) -> np.ndarray:
    """Return the page as a network sees it: small and square."""
    return np.asarray(image.resize((64, 64), Image.Resampling.BOX), np.float32)


@pytest.mark.parametrize("kind", list(KINDS))
def test_pages_of_one_form_share_its_look_and_differ_in_content(kind: str) -> None:
    pages = {(form, page): make_page(kind, form, page) for form in range(3) for page in range(3)}
    for image in pages.values():
        assert image.mode == "RGB"
        assert min(image.size) == 256
        assert np.asarray(image).std() > 3  # something is on it
    same: list[float] = []
    other: list[float] = []
    for (form, page), image in pages.items():
        for (another, second), compared in pages.items():
            if (form, page) < (another, second):
                apart = float(np.abs(seen(image) - seen(compared)).mean())
                (same if form == another else other).append(apart)
                assert apart > 0
    # The paper of a form, if nothing else, is that of all its pages.
    assert np.mean(same) < np.mean(other)


def test_a_page_is_the_same_each_time() -> None:
    for kind in KINDS:
        first, second = (np.asarray(make_page(kind, 7, 1, short_px=64)) for _ in range(2))
        assert np.array_equal(first, second)


def test_pages_are_written_with_their_families(tmp_path: Path) -> None:
    arguments = [str(tmp_path), "--forms", "3", "--contents", "2", "--first", "11"]
    subprocess.run([sys.executable, "-m", "dupfind.training.pages", *arguments], check=True)
    paths = sorted(tmp_path.glob("*.webp"))
    assert len(paths) == 6
    families = read_families(tmp_path / "families.csv", [*paths, Path("photo.jpg")])
    assert sorted(families.tolist()) == [-1, 11, 11, 12, 12, 13, 13]
    (tmp_path / "families.csv").write_text("file,form\na.jpg,1\n", "utf-8")
    with pytest.raises(TrainingError, match="needs the columns file,family"):
        read_families(tmp_path / "families.csv", paths)


def test_an_album_of_one_form_is_written_on_request(tmp_path: Path) -> None:
    album = ["--kinds", "table", "--forms", "1", "--first", "900001", "--contents", "3"]
    arguments = [str(tmp_path), *album]
    subprocess.run([sys.executable, "-m", "dupfind.training.pages", *arguments], check=True)
    names = sorted(path.name for path in tmp_path.glob("*.webp"))
    assert names == [f"page-table-900001-{page}.webp" for page in range(3)]
    wrong = [sys.executable, "-m", "dupfind.training.pages", str(tmp_path), "--kinds", "poem"]
    found = subprocess.run(wrong, check=False, capture_output=True, text=True)
    assert found.returncode == 2
    assert "invalid choice: 'poem'" in found.stderr


def test_pages_of_one_form_are_no_duplicates_and_each_others_look_alikes() -> None:
    families = np.array([-1, 5, 5, -1, 5, -1])
    groups = np.array([0, 1, 1, 0, 1, 2])  # by their descriptors
    apart = keep_apart(groups, families)
    assert apart[0] == apart[3]
    assert len(set(apart.tolist())) == 5
    rows = torch.nn.functional.normalize(
        torch.tensor([[1, 0.0], [1, 0.1], [1, 0.1], [1, 0], [1, 0], [0, 1]])
    )
    found = look_alikes(rows, apart, families, 2)
    assert {row: set(found[row].tolist()) - {-1} for row in range(6)} == {
        0: {5},  # not 3, its duplicate, nor any page
        1: {2, 4},
        2: {1, 4},
        3: {5},
        4: {1, 2},
        5: {0, 3},
    }


def test_look_alikes_share_a_batch_and_duplicates_still_do_not() -> None:
    rows = np.arange(400)
    groups = rows.copy()
    groups[1::40] = groups[0::40]  # of these two, one must wait
    alike = (rows // 4 * 4)[:, None] + np.arange(4)
    plain, beside = (
        epoch_batches(rows, batch_size=16, epoch=2, seed=1, groups=groups, alike=table)
        for table in (None, alike)
    )

    def together(batches: list[np.ndarray]) -> float:
        return float(np.mean([len(batch) - len(set((batch // 4).tolist())) for batch in batches]))

    assert together(beside) > 5 > together(plain)
    everyone = np.concatenate(beside)
    assert len(set(everyone.tolist())) == len(everyone) >= 384
    for batch in beside:
        assert len(set(groups[batch].tolist())) == 16


@pytest.mark.parametrize(
    ("progress", "rate"), [(0.05, 0.5), (0.1, 1), (0.5, 1), (0.6, 1), (0.8, 0.55), (1, 0.1)]
)
def test_the_rate_holds_before_it_falls(progress: float, rate: float) -> None:
    assert schedule.warmup_cosine(1.0, 0.1, 0.1, progress, hold=0.5) == pytest.approx(rate)
