"""Albums for tests of shards, and what a library holds of them, whatever engine found it."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dupfind import IndexOptions, Library
from dupfind.copies.sketches import SKETCH_KIND

PICTURES = 16


def save_album(folder: Path) -> Path:
    """Write pictures, one of them twice, a broken one and a file that is no picture."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(PICTURES):
        cells = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        cells.resize((320, 240)).save(folder / f"{number:02}.jpg")
    (folder / "again.jpg").write_bytes((folder / "03.jpg").read_bytes())
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0junk")
    (folder / "notes.txt").write_text("no picture")
    return folder


def indexed(root: Path, album: Path, model: Path, **options: Any) -> Library:
    """Index an album into a library."""
    library = Library(root, device="cpu")
    library.index([album], IndexOptions(model=str(model), device="cpu", **options))
    return library


def photos_of(library: Library) -> dict[str, Any]:
    """Return all that a library knows of its photos, by path; ids follow the order of the work."""
    with library.store() as store:
        model = store.active_model()
        assert model is not None
        ids, vectors = store.vectors(model.id)
        by_content = {
            photo.sha256: vectors[row].tobytes()
            for row, photo in enumerate(
                store.photos_by_id(ids.tolist())[key] for key in ids.tolist()
            )
        }
        with store.features() as cache:
            sketches = cache.get_blobs(SKETCH_KIND, by_content)
        found: dict[str, Any] = {
            str(photo.path): (
                photo.sha256, photo.size_bytes, photo.mtime_ns, photo.width, photo.height,
                photo.format, photo.taken_at, photo.exif_tags, photo.pixels_sha256,
                by_content[photo.sha256], sketches[photo.sha256],
            )
            for photo in store.photos()
        }  # fmt: skip
        return found | {str(error.path): error.reason for error in store.errors()}


def results_of(library: Library) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of the tables that ``cluster`` writes, but for the number of the run."""
    tables = {}
    with library.store() as store:
        for table, columns in {
            "pairs": "photo_a, photo_b, similarity, probability, relation, evidence",
            "duplicate_groups": "id, keep_photo_id, lowest_similarity, reclaimable_bytes, evidence",
            "group_members": "group_id, position, photo_id, keep, relation, similarity, probability, "
            "evidence, advice, reasons",
        }.items():
            rows = store.db.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2, 3")
            tables[table] = list(rows)
    return tables
