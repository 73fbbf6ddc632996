"""Albums made for a test, taken through index and cluster."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dupfind import Library
from dupfind.flows.clustering import ClusterSummary
from dupfind.options import ClusterOptions, IndexOptions
from dupfind.records import Group


def save_album(folder: Path, pictures: Mapping[str, NDArray[np.uint8]], quality: int = 92) -> None:
    """Write pictures by name as JPEG (or what the suffix says)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, pixels in pictures.items():
        path = folder / (name if "." in name else f"{name}.jpg")
        options = {"quality": quality} if path.suffix == ".jpg" else {}
        Image.fromarray(pixels).save(path, **options)  # type: ignore[arg-type]


def cluster_album(
    folder: Path,
    pictures: Mapping[str, NDArray[np.uint8]],
    model: Path,
    options: ClusterOptions | None = None,
) -> tuple[Library, ClusterSummary]:
    """Write pictures below ``folder``, index and cluster them."""
    save_album(folder / "album", pictures)
    library = Library(folder / ".dupfind", device="cpu")
    library.index([folder / "album"], IndexOptions(model=str(model), device="cpu"))
    return library, library.cluster(options)


def stems(library: Library, group: Group) -> set[str]:
    """Return the names of a group's photos without their suffix."""
    names = {photo.id: photo.path.stem for photo in library.photos()}
    return {names[member.photo_id] for member in group.members}


def groups_of(library: Library) -> list[set[str]]:
    """Return the groups as sets of names."""
    return [stems(library, group) for group in library.groups()]
