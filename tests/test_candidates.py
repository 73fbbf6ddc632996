"""Which photos are looked at together: votes of local features."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from matching_helpers import features, photo
from numpy.typing import NDArray

from dupfind.copies.candidates import vote_candidates
from dupfind.copies.features import FeatureSource
from dupfind.copies.local_index import collect_local
from dupfind.matching.features import LocalFeatures, extract

NAMES = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "moon.png",
    "page.png",
    "rocket.jpg",
)
Pixels = NDArray[np.uint8]


class InMemory(FeatureSource):
    """Features that are there already, without files and cache."""

    def __init__(self, found: Sequence[LocalFeatures]) -> None:
        self.found = found
        self.photos = [None] * len(found)  # type: ignore[list-item]

    def load(self, rows: Sequence[int]) -> list[LocalFeatures]:
        return [self.found[row] for row in rows]

    def stream(self, on_done: object = None) -> Iterator[tuple[int, LocalFeatures]]:
        yield from enumerate(self.found)


def middle(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    return pixels[height // 6 : -height // 6, width // 6 : -width // 6]


@pytest.mark.parametrize(
    "alter",
    [
        lambda pixels: pixels[:, ::-1],
        lambda pixels: np.rot90(middle(pixels)),
        lambda pixels: 255 - pixels,
        lambda pixels: 255 - middle(pixels),
    ],
    ids=["mirrored", "turned crop", "negative", "cropped negative"],
)
@pytest.mark.parametrize("name", ["coffee.png", "chelsea.png", "astronaut.png"])
def test_an_altered_copy_votes_for_its_photo(name: str, alter: Callable[[Pixels], Pixels]) -> None:
    copy = extract(np.ascontiguousarray(alter(photo(name))))
    source = InMemory([*(features(other) for other in NAMES), copy])
    table = vote_candidates(collect_local(source), photos=len(NAMES) + 1, k=2)
    assert NAMES.index(name) in table[-1].tolist()
