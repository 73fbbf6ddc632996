"""Find the photos of a library that are nearest to a picture, which need not be in it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dupfind.config import DEFAULT_MAX_PIXELS
from dupfind.errors import PhotoError
from dupfind.flows.models import open_active_model
from dupfind.photos.decode import decode
from dupfind.photos.scan import file_sha256
from dupfind.records import Photo, Relation
from dupfind.store.store import Store


@dataclass(frozen=True, slots=True)
class Match:
    """A photo near the one asked for: cosine similarity, and how the two are related.

    ``probability`` that the two are copies, in [0, 1].
    """

    photo: Photo
    similarity: float
    probability: float
    relation: Relation
    evidence: dict[str, Any] = field(default_factory=dict)


def find_nearest(
    store: Store,
    image: Path,
    *,
    k: int = 10,
    device: str = "auto",
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> list[Match]:
    """Return the k photos nearest to an image file, the nearest first.

    Copies of the same bytes are listed one by one. The image itself is left out when it is in
    the library.

    Raises:
        PhotoError: The image cannot be read.
        ModelError: Nothing is indexed yet, or the model that described the photos is gone.
        SearchError: ``k`` is below 1.
    """
    # Not at the top: torch and FAISS take seconds to import, and Library knows queries from the start.
    from dupfind.descriptors.embed import Embedder
    from dupfind.descriptors.views import make_view
    from dupfind.index import load_or_build, search

    model, stored = open_active_model(store)
    embedder = Embedder(model, device=device)
    try:
        sha256 = file_sha256(image)
        picture = decode(image, needed_px=embedder.view_px, max_pixels=max_pixels)
        view = make_view(picture.pixels, embedder.view_px)
    except PhotoError as error:
        raise PhotoError(f"cannot read {image}: {error}") from error
    ids, vectors = store.vectors(stored.id)
    index = load_or_build(store.paths.index, ids, vectors, stored.fingerprint)
    similarity, neighbour = search(index, embedder.describe(np.stack([view])), k + 1)
    matches: list[Match] = []
    itself = image.absolute()
    for cosine, row in zip(similarity[0], neighbour[0], strict=True):
        first = store.photo_by_id(int(ids[row])) if row >= 0 else None
        if first is None:
            break
        for photo in store.photos_of_content(first.sha256):
            if photo.path != itself:
                same = photo.sha256 == sha256
                relation = Relation.IDENTICAL if same else Relation.SIMILAR
                matches.append(Match(photo, float(np.clip(cosine, -1, 1)), float(same), relation))
    return matches[:k]
