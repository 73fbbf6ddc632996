"""Before and after: two models on held-out photos and altered copies of them.

Unlike the monitor's quick look, copies are made here from the photos themselves with
``dupfind.photos.edits``, the same kinds that calibration and evaluation use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dupfind.descriptors.backbone import Model
from dupfind.descriptors.embed import Embedder
from dupfind.descriptors.views import make_view
from dupfind.errors import PhotoError
from dupfind.photos.decode import decode
from dupfind.photos.edits import EDITS, apply_edit
from dupfind.training.heldout import Retrieval, retrieval

MOST_PHOTOS = 200
COPIES = 4
WANTED_COPIES = 200  # few photos are altered in more ways: fewer copies decide by chance
SEED = 20210429
SOURCE_PX = 256

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Comparison:
    """How two models find altered copies; ``photos`` and ``copies`` count what they were shown.

    ``rivals`` counts the collection's other photos among which the originals had to be found.
    """

    before: Retrieval
    after: Retrieval
    photos: int
    copies: int
    rivals: int

    @property
    def is_better(self) -> bool:
        """Whether the model after is at least as good, by the mean of recall@1 and micro AP."""
        return self.after.score >= self.before.score


def compare(
    before: Model, after: Model, paths: Sequence[Path], *, rivals: Sequence[Path] = (), device: str
) -> Comparison:
    """Show both models the same held-out photos and altered copies of them.

    Args:
        before: The model that training started from.
        after: The trained one.
        paths: Held-out photos; those that cannot be read are left out (the scan has reported them).
        rivals: Other photos of the collection, none of which is a copy of a held-out one: each copy
            looks for its original among all of them, as in use.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """
    shown = _decoded(paths[:MOST_PHOTOS])
    others = _decoded(rivals)
    owners = torch.arange(len(shown)).repeat_interleave(_copies_of_each(len(shown)))
    embedders = [Embedder(model, device=device) for model in (before, after)]
    # Copies are large, their views small: only these are kept.
    copies: list[list[Pixels]] = [[], []]
    for number in range(len(shown)):
        for copy in _copies(shown, number):
            for views, embedder in zip(copies, embedders, strict=True):
                views.append(make_view(copy, embedder.view_px))
    originals = [*shown, *others]
    found = [
        retrieval(
            _vectors(embedder, [make_view(photo, embedder.view_px) for photo in originals]),
            _vectors(embedder, views),
            owners,
        )
        for views, embedder in zip(copies, embedders, strict=True)
    ]
    return Comparison(
        before=found[0],
        after=found[1],
        photos=len(shown),
        copies=len(owners),
        rivals=len(others),
    )


def _copies_of_each(photos: int) -> int:
    return min(len(EDITS), max(COPIES, -(-WANTED_COPIES // max(1, photos))))


def _decoded(paths: Sequence[Path]) -> list[Pixels]:
    photos = []
    for path in paths:
        try:
            photos.append(_shrunk(decode(path, needed_px=SOURCE_PX // 2).pixels))
        except PhotoError:
            continue
    return photos


def _copies(photos: Sequence[Pixels], number: int) -> list[Pixels]:
    """Make the altered copies of one photo, the kinds taken in turn from photo to photo."""
    names = sorted(EDITS)
    count = _copies_of_each(len(photos))
    rng = np.random.default_rng((SEED, number))
    others = [photos[int(row)] for row in rng.integers(len(photos), size=8)]
    return [
        apply_edit(name, photos[number], rng, other=others[: EDITS[name].others]).pixels
        for name in (names[(number * count + turn) % len(names)] for turn in range(count))
    ]


def _shrunk(pixels: Pixels) -> Pixels:
    """Bring the shorter side to ``SOURCE_PX``: enough for any view, and edits take their time."""
    from PIL import Image

    height, width = pixels.shape[:2]
    scale = SOURCE_PX / min(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def _vectors(embedder: Embedder, views: list[Pixels]) -> torch.Tensor:
    return torch.from_numpy(embedder.describe(np.stack(views)).astype(np.float32))
