"""Candidates of a library that grows and shrinks: only what is new is compared, and nothing is missed."""

import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from cluster_helpers import groups_of, save_album
from matching_helpers import edited, photo
from numpy.typing import NDArray
from PIL import Image

from dupfind import Library
from dupfind.copies import finding
from dupfind.options import ClusterOptions, IndexOptions
from dupfind.progress import Step

NAMES = (
    *("astronaut.png", "camera.png", "cell.png", "chelsea.png", "clock_motion.png", "coins.png"),
    *("grass.png", "gravel.png", "hubble_deep_field.jpg", "moon.png", "rocket.jpg"),
)
GRID = 3
CAT = {f"chelsea-{row}{column}" for row, column in product(range(GRID), range(GRID))}


@pytest.fixture(scope="module")
def clustered(tmp_path_factory: pytest.TempPathFactory, small_model: Path) -> Path:
    """The folder of an album of pictures, no two alike but one family, and its library."""
    folder = tmp_path_factory.mktemp("finding") / "now"
    save_album(folder / "album", dict(parts()))
    save_album(folder / "album", {"cup": photo("coffee.png"), "cup-crop": cropped()})
    library = Library(folder / ".dupfind", device="cpu")
    library.index([folder / "album"], IndexOptions(model=str(small_model), device="cpu"))
    library.cluster()
    shutil.copytree(folder, folder.parent / "clustered")
    return folder.parent / "clustered"


@pytest.fixture
def folder(clustered: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The album and its library as they were clustered; the candidates may grow though they are few."""
    monkeypatch.setattr(finding, "GROW_FROM", 50)
    now = clustered.parent / "now"
    shutil.rmtree(now)
    shutil.copytree(clustered, now)
    return now


def parts() -> Iterator[tuple[str, NDArray[np.uint8]]]:
    for name in NAMES:
        pixels = photo(name)
        height, width = (side // GRID for side in pixels.shape[:2])
        for row, column in product(range(GRID), range(GRID)):
            cut = pixels[row * height :, column * width :][:height, :width]
            yield f"{name.split('.')[0]}-{row}{column}", np.ascontiguousarray(cut)


def cropped() -> NDArray[np.uint8]:
    return edited("coffee.png", "crop_70").pixels


def turned(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.rotate(90, expand=True))


def voters(folder: Path, options: ClusterOptions | None = None) -> int:
    """Index, cluster, and return how many photos voted."""
    library = Library(folder / ".dupfind", device="cpu")
    library.index([folder / "album"])
    steps: list[Step] = []
    library.cluster(options, on_progress=steps.append)
    return max((step.total or 0 for step in steps if step.phase == "votes"), default=0)


def groups(folder: Path) -> list[set[str]]:
    return sorted(groups_of(Library(folder / ".dupfind", device="cpu")), key=sorted)


def test_only_new_photos_vote_and_their_groups_are_found(folder: Path) -> None:
    new = {
        "cup-grey": edited("coffee.png", "grey").pixels,
        "grass-again": turned(folder / "album" / "grass-11.jpg"),
        "cat": photo("chelsea.png"),
    }
    save_album(folder / "album", new)
    families = [{"cup", "cup-crop", "cup-grey"}, {"grass-11", "grass-again"}]
    assert voters(folder) == 3
    assert all(family in groups(folder) for family in families)
    assert any("cat" in group and len(group & CAT) >= 6 for group in groups(folder))
    assert voters(folder) == 0  # nothing new
    shutil.rmtree(folder / ".dupfind" / "index")
    assert voters(folder) == len(list((folder / "album").iterdir()))
    assert all(family in groups(folder) for family in families)


def test_what_came_in_several_runs_is_found_among_itself(folder: Path) -> None:
    save_album(folder / "album", {"cat": photo("chelsea.png")})
    assert voters(folder) == 1
    save_album(folder / "album", {"cat-mirrored": edited("chelsea.png", "flip").pixels})
    assert voters(folder) == 1
    assert any({"cat", "cat-mirrored"} <= group for group in groups(folder))


def test_photos_that_are_gone_leave_the_pairs_and_the_rest_stays(folder: Path) -> None:
    (folder / "album" / "cup-crop.jpg").unlink()
    (folder / "album" / "moon-00.jpg").unlink()
    assert voters(folder) == 0
    assert not any("cup" in group for group in groups(folder))
    save_album(folder / "album", {"cup-crop": cropped()})
    assert voters(folder) == 1
    assert {"cup", "cup-crop"} in groups(folder)


def test_after_many_changes_all_are_compared_anew(folder: Path) -> None:
    photos = len(list((folder / "album").iterdir()))
    for name in [f"astronaut-{row}{column}.jpg" for row in range(2) for column in range(3)]:
        (folder / "album" / name).unlink()
    assert voters(folder) == 0
    more = {name: turned(folder / "album" / f"{name}.jpg") for name in sorted(CAT)[:6]}
    save_album(folder / "album", {f"{name}-turned": pixels for name, pixels in more.items()})
    assert voters(folder) == photos  # six went, six came: more than a tenth
    assert all({name, f"{name}-turned"} in groups(folder) for name in more)


@pytest.mark.parametrize("file", ["candidates", "owners.npz", "vectors.faiss"])
def test_what_is_kept_and_damaged_is_made_anew(folder: Path, file: str) -> None:
    save_album(folder / "album", {"cup-grey": edited("coffee.png", "grey").pixels})
    kept = folder / ".dupfind" / "index" / "local" / file
    kept.write_bytes(kept.read_bytes()[:-50])
    assert voters(folder) == len(list((folder / "album").iterdir()))
    assert {"cup", "cup-crop", "cup-grey"} in groups(folder)


def test_other_options_compare_all_anew(folder: Path) -> None:
    save_album(folder / "album", {"cup-grey": edited("coffee.png", "grey").pixels})
    assert voters(folder, ClusterOptions(candidates=7)) == len(list((folder / "album").iterdir()))
