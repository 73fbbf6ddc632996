"""A photo that is replaced after it was indexed: nothing of the new one is kept under the old hash."""

import shutil
from pathlib import Path

from cluster_helpers import cluster_album
from matching_helpers import photo
from PIL import Image

from dupfind.copies.features import FeatureSource
from dupfind.flows.calibrating import made_examples


def test_a_photo_replaced_before_cluster_leaves_no_features_of_the_new_one(
    tmp_path: Path, small_model: Path
) -> None:
    pictures = {name: photo(f"{name}.png") for name in ("astronaut", "chelsea", "coffee")}
    library, _ = cluster_album(tmp_path, pictures, small_model)
    with library.store() as store:
        known = {found.path.stem: found for found in store.photos()}
    file = known["coffee"].path
    kept = tmp_path / "kept"
    shutil.copy2(file, kept)
    for cached in library.paths.cache.iterdir():
        cached.unlink()
    Image.fromarray(photo("rocket.jpg")).save(file)
    summary = library.cluster()
    assert summary.unreadable == 1
    shutil.copy2(kept, file)
    assert library.cluster().unreadable == 0


def test_nothing_is_learned_from_a_photo_that_was_replaced(
    tmp_path: Path, small_model: Path
) -> None:
    pictures = {name: photo(f"{name}.png", 240) for name in ("chelsea", "coffee")}
    library, _ = cluster_album(tmp_path, pictures, small_model)
    photos = library.photos()
    Image.fromarray(photo("rocket.jpg", 240)).save(photos[0].path)
    with library.store() as store, store.features() as cache:
        source = FeatureSource(photos, cache)
        made = made_examples(photos, source, sample=2, edits=4)
        source.close()
    assert 0 < made.is_copy.sum() <= 4  # of the other photo only
