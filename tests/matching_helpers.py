"""Real pictures for the tests of matching, and proofs of edited copies of them."""

from functools import cache
from pathlib import Path

import numpy as np
import skimage
from numpy.typing import NDArray

from dupfind.matching.features import LocalFeatures, extract
from dupfind.matching.relation import Side
from dupfind.photos.decode import FULL_SIZE_PX, decode, fit
from dupfind.photos.edits import EditedPicture, apply_edit

PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
FILLERS = ("brick.png", "moon.png", "coins.png")


@cache
def photo(name: str, long_side_px: int = 420) -> NDArray[np.uint8]:
    """Return a picture that scikit-image ships, (height, width, 3) uint8."""
    path = Path(skimage.__file__).parent / "data" / name
    return fit(decode(path, needed_px=FULL_SIZE_PX).pixels, long_side_px)


@cache
def features(name: str) -> LocalFeatures:
    """Return the local features of ``photo(name)``."""
    return extract(photo(name))


def edited(name: str, edit: str, seed: int = 3) -> EditedPicture:
    """Return an altered copy of ``photo(name)``."""
    others = [photo(filler) for filler in FILLERS]
    return apply_edit(edit, photo(name), np.random.default_rng(seed), other=others)


def side(pixels: NDArray[np.uint8], found: LocalFeatures | None = None) -> Side:
    """Return what ``relate`` needs of a picture."""
    return Side(found or extract(pixels), pixels.shape[1], pixels.shape[0])
