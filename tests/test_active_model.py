"""A model answers for a library only when it has described all of it; nothing replaces no results."""

import shutil
from pathlib import Path

import pytest
from cluster_helpers import groups_of, save_album
from conftest import picture
from library_helpers import save_small_model
from PIL import Image

from dupfind import Library
from dupfind.errors import LibraryError, ModelError
from dupfind.options import IndexOptions


@pytest.fixture
def other_model(tmp_path: Path) -> Path:
    folder = tmp_path / "other model"
    folder.mkdir()
    save_small_model(folder, width=32)
    return folder


@pytest.fixture
def library(tmp_path: Path, small_model: Path) -> Library:
    """Two folders: one with a photo and its copy, one with another photo. Only the first is indexed."""
    save_album(tmp_path / "first", {"a": picture(1, (320, 240)), "b": picture(2, (320, 240))})
    Image.open(tmp_path / "first" / "a.jpg").save(tmp_path / "first" / "copy.jpg", quality=40)
    save_album(tmp_path / "second", {"c": picture(3, (320, 240))})
    library = Library(tmp_path / ".dupfind", device="cpu")
    library.index([tmp_path / "first"], IndexOptions(model=str(small_model)))
    library.cluster()
    return library


def active(library: Library) -> str:
    with library.store() as store:
        model = store.active_model()
        assert model is not None
        return model.name


def test_a_model_that_has_described_one_folder_of_two_does_not_take_over(
    library: Library,
    small_model: Path,
    other_model: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = library.index([tmp_path / "second"], IndexOptions(model=str(other_model)))
    assert (found.photos, found.undescribed) == (4, 3)
    assert "has not described 3 photos of other folders" in caplog.text
    assert active(library) == str(small_model)
    with pytest.raises(
        LibraryError, match=r"has not described 1 of the 4 photos yet; run `dupfind index`"
    ):
        library.cluster()
    assert groups_of(library) == [{"a", "copy"}]
    caplog.clear()
    assert len(library.query(tmp_path / "first" / "a.jpg", k=9)) == 2
    assert "has not described 1 photo yet, left out here" in caplog.text
    # The next index goes on with the new one by itself.
    assert library.index([tmp_path / "first"]).undescribed == 0
    assert active(library) == str(other_model)
    assert library.cluster().photos == 4
    assert groups_of(library) == [{"a", "copy"}]


def test_a_model_that_has_described_nothing_answers_nothing(
    library: Library, tmp_path: Path
) -> None:
    with library.store(write=True) as store:  # as an older dupfind did after training
        new = store.add_model("new", "f" * 64, spec={}, dimensions=64)
        store.set_active_model(new.id)
    with pytest.raises(LibraryError, match="'new' has not described 3 of the 3 photos"):
        library.cluster()
    with pytest.raises(LibraryError, match="has not described"):
        library.calibrate()
    with pytest.raises(ModelError, match="no photo is described by the model 'new'"):
        library.map(tmp_path / "map.html")
    assert not (tmp_path / "map.html").exists()
    assert groups_of(library) == [{"a", "copy"}]


def test_what_was_found_on_a_disk_that_is_away_stays(library: Library, tmp_path: Path) -> None:
    shutil.move(tmp_path / "first", tmp_path / "unplugged")
    (tmp_path / "first").mkdir()
    library.index([tmp_path / "first"])
    with pytest.raises(LibraryError, match="all photos of the library are away"):
        library.cluster()
    shutil.rmtree(tmp_path / "first")
    shutil.move(tmp_path / "unplugged", tmp_path / "first")
    library.index([tmp_path / "first"])
    assert groups_of(library) == [{"a", "copy"}]
    # Photos that were deleted are no reason to refuse.
    shutil.rmtree(tmp_path / "first")
    (tmp_path / "first").mkdir()
    library.index([tmp_path / "first"], IndexOptions(forget=True))
    assert library.cluster().photos == 0
