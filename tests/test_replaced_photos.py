"""A photo that is replaced after it was indexed: nothing of the new one is kept under the old hash."""

import shutil
from pathlib import Path

from cluster_helpers import cluster_album
from matching_helpers import photo
from PIL import Image


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
