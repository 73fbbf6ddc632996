"""Before and after: models on held-out photos and altered copies of them.

Unlike the monitor's quick look, copies are made here from the photos themselves with
``dupfind.photos.edits``, the same kinds that calibration and evaluation use. All models see the same
ones, so what they find is compared copy by copy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dupfind.descriptors.backbone import Model
from dupfind.descriptors.embed import Embedder
from dupfind.descriptors.views import make_view
from dupfind.errors import PhotoError, TrainingError
from dupfind.photos.decode import decode
from dupfind.photos.edits import EDITS, apply_edit
from dupfind.training.heldout import LookUp, Retrieval, look_up
from dupfind.training.split import Collection

MOST_PHOTOS = 200
MOST_RIVALS = 500
COPIES = 4
WANTED_COPIES = 200  # few photos are altered in more ways: fewer copies decide by chance
SEED = 20210429
SOURCE_PX = 256
RESAMPLES = 2000
CONFIDENCE = 0.95

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Comparison:
    """How two models find altered copies; ``photos`` and ``copies`` count what they were shown.

    ``rivals`` counts the collection's other photos among which the originals had to be found. ``gain``
    is the mean gain of the model after (of recall@1 and micro AP), ``least_gain`` the lower end of
    its interval at 95% confidence.
    """

    before: Retrieval
    after: Retrieval
    photos: int
    copies: int
    rivals: int
    gain: float
    least_gain: float

    @property
    def is_better(self) -> bool:
        """Whether the model after is better, and not by the luck of the draw."""
        return self.least_gain > 0


class Exam:
    """Held-out photos, altered copies of them and rivals, made once for all models.

    Args:
        photos: The collection; its ``judged`` photos are shown (those that cannot be read any more are
            left out), and a sample of those trained on are the rivals.
        sizes_px: The views' sizes of all models that will sit it.
        seed: Another one shows other photos and copies.

    Raises:
        TrainingError: None of the held-out photos can be read.
    """

    def __init__(self, photos: Collection, sizes_px: Sequence[int], *, seed: int = SEED) -> None:
        rng = np.random.default_rng(seed)
        judged, rivals = (
            _sample(rng, rows, most)
            for rows, most in (
                (np.array(photos.split.judged, np.int64), MOST_PHOTOS),
                (photos.split.train, MOST_RIVALS),
            )
        )
        decoded = _decoded(photos, judged)
        self.rows = list(decoded)
        shown = list(decoded.values())
        if not shown:
            raise TrainingError("no held-out photo can be read any more; check the folder")
        self.photos, self.rivals = len(shown), len(rivals)
        self.kinds: list[str] = []
        owners: list[int] = []
        pairs: list[tuple[int, int]] = []
        # Copies are large, their views small: only these are kept.
        self._views: dict[int, list[Pixels]] = {px: [] for px in sizes_px}
        for px, views in self._views.items():
            views += [make_view(photo, px) for photo in shown]
            views += [make_view(photos.cache.pixels[row].transpose(1, 2, 0), px) for row in rivals]
        for number in range(len(shown)):
            for kind, copy, beside in _copies(shown, number, seed):
                pairs += [(len(owners), other) for other in beside]
                owners.append(number)
                self.kinds.append(kind)
                for px, views in self._views.items():
                    views.append(make_view(copy, px))
        self.owners = torch.tensor(owners, dtype=torch.int64)
        # A collage is a copy of each photo in it: the others count neither way.
        self.ignored = torch.zeros(len(owners), self.photos + self.rivals, dtype=torch.bool)
        for copy_number, other in pairs:
            self.ignored[copy_number, other] = True

    @property
    def copies(self) -> int:
        """Count the altered copies."""
        return len(self.owners)

    def original(self, row: int) -> Pixels:
        """Return a judged photo, or after those a rival, as the first size of view shows it."""
        return next(iter(self._views.values()))[row]

    def copy(self, number: int) -> Pixels:
        """Return an altered copy, as the first size of view shows it."""
        return next(iter(self._views.values()))[self.photos + self.rivals + number]

    def sit(self, model: Model, *, device: str) -> LookUp:
        """Let a model look up each copy; ``device`` is auto, cpu, cuda or cuda:N.

        Raises:
            KeyError: The exam has no views of the model's size.
        """
        embedder = Embedder(model, device=device)
        vectors = embedder.describe_unchecked(np.stack(self._views[embedder.view_px]))
        described = torch.from_numpy(vectors.astype(np.float32))
        originals = self.photos + self.rivals
        return look_up(described[:originals], described[originals:], self.owners, self.ignored)

    def compare(self, before: LookUp, after: LookUp) -> Comparison:
        """Compare what two models found of the same copies.

        The interval comes from a paired bootstrap over the photos: copies of one photo are not
        independent of each other.
        """
        difference = self._by_photo(after) - self._by_photo(before)
        rng = np.random.default_rng(SEED)
        draws = rng.integers(self.photos, size=(RESAMPLES, self.photos))
        means = difference.numpy()[draws].mean(axis=1)
        return Comparison(
            before=before.retrieval(),
            after=after.retrieval(),
            photos=self.photos,
            copies=self.copies,
            rivals=self.rivals,
            gain=float(difference.mean()),
            least_gain=float(np.quantile(means, (1 - CONFIDENCE) / 2)),
        )

    def _by_photo(self, found: LookUp) -> Tensor:
        """Return the mean of recall@1 and the share of micro AP of each photo's copies."""
        score = ((found.place < 1).double() + found.precision) / 2
        return score.view(self.photos, -1).mean(dim=1)


def _sample(rng: np.random.Generator, rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _copies_of_each(photos: int) -> int:
    return min(len(EDITS), max(COPIES, -(-WANTED_COPIES // max(1, photos))))


def _decoded(photos: Collection, rows: NDArray[np.int64]) -> dict[int, Pixels]:
    decoded = {}
    for row in rows.tolist():
        try:
            pixels = decode(photos.cache.paths[row], needed_px=SOURCE_PX // 2).pixels
        except PhotoError:
            continue
        decoded[row] = _shrunk(pixels)
    return decoded


def _copies(
    photos: Sequence[Pixels], number: int, seed: int
) -> list[tuple[str, Pixels, list[int]]]:
    """Make the altered copies of one photo, the kinds taken in turn from photo to photo.

    Returns (kind, pixels, numbers of the other photos that it shows) of each.
    """
    names = sorted(EDITS)
    count = _copies_of_each(len(photos))
    rng = np.random.default_rng((seed, number))
    others = [int(other) for other in rng.permutation(len(photos)) if other != number]
    made = []
    for name in (names[(number * count + turn) % len(names)] for turn in range(count)):
        beside = others[: EDITS[name].others]
        step = apply_edit(name, photos[number], rng, other=[photos[other] for other in beside])
        made.append((name, step.pixels, beside))
    return made


def _shrunk(pixels: Pixels) -> Pixels:
    """Bring the shorter side to ``SOURCE_PX``: enough for any view, and edits take their time."""
    from PIL import Image

    height, width = pixels.shape[:2]
    scale = SOURCE_PX / min(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
