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
SEED = 20210429
SOURCE_PX = 256

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Comparison:
    """How two models find altered copies; ``photos`` and ``copies`` count what they were shown."""

    before: Retrieval
    after: Retrieval
    photos: int
    copies: int

    @property
    def is_better(self) -> bool:
        """Whether the model after is at least as good, by the mean of recall@1 and micro AP."""
        return self.after.score >= self.before.score


def compare(before: Model, after: Model, paths: Sequence[Path], *, device: str) -> Comparison:
    """Show both models the same held-out photos and altered copies of them.

    Photos that cannot be read are left out; the scan has reported them.
    """
    embedders = [Embedder(model, device=device) for model in (before, after)]
    originals: list[list[Pixels]] = [[], []]
    copies: list[list[Pixels]] = [[], []]
    owners: list[int] = []
    for number, (photo, altered) in enumerate(_altered(paths[:MOST_PHOTOS])):
        for which, embedder in enumerate(embedders):
            originals[which].append(make_view(photo, embedder.view_px))
            copies[which] += [make_view(copy, embedder.view_px) for copy in altered]
        owners += [number] * len(altered)
    results = [
        retrieval(_vectors(embedder, shown), _vectors(embedder, found), torch.tensor(owners))
        for embedder, shown, found in zip(embedders, originals, copies, strict=True)
    ]
    return Comparison(results[0], results[1], photos=len(originals[0]), copies=len(owners))


def _altered(paths: Sequence[Path]) -> list[tuple[Pixels, list[Pixels]]]:
    """Decode each photo and make its altered copies, the kinds taken in turn."""
    names = sorted(EDITS)
    photos = []
    for path in paths:
        try:
            photos.append(_shrunk(decode(path, needed_px=SOURCE_PX // 2).pixels))
        except PhotoError:
            continue
    results = []
    for number, photo in enumerate(photos):
        rng = np.random.default_rng((SEED, number))
        chosen = [names[(number * COPIES + turn) % len(names)] for turn in range(COPIES)]
        others = [photos[int(row)] for row in rng.integers(len(photos), size=8)]
        altered = [
            apply_edit(name, photo, rng, other=others[: EDITS[name].others]).pixels
            for name in chosen
        ]
        results.append((photo, altered))
    return results


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
