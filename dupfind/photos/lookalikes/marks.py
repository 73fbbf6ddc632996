"""Other pictures under the same mark: a maker's watermark, a caption, an ornate frame, one app's screen.

What the pictures have in common is exactly alike, and all that is.
"""

from collections.abc import Sequence

import numpy as np

from dupfind.photos.edits import apply_edit
from dupfind.photos.edits.composite import covered
from dupfind.photos.edits.step import Pixels
from dupfind.photos.lookalikes.kind import Scene

SMALLEST_PX = 48
MARKS = (
    "watermark",
    "watermark_tiled",
    "text",
    "meme",
    "caption_above",
    "date_stamp",
    "stickers",
    "sticker_large",
    "stripes",
    "scribble",
    "border",
    "frame",
    "polaroid",
    "screenshot_phone",
    "screenshot_desktop",
    "reshared_post",
)


def shared_mark(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Scene | None:
    """The picture and others of its size, each under the same mark at the same place."""
    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST_PX or not others:
        return None
    name, seed = MARKS[int(rng.integers(len(MARKS)))], int(rng.integers(2**32))
    pictures = [pixels, *(covered(other, width, height).pixels for other in others)]

    def shoot(content: np.random.Generator, number: int) -> Pixels | None:
        if number >= len(pictures):
            return None
        under = np.ascontiguousarray(pictures[number])
        return np.ascontiguousarray(apply_edit(name, under, np.random.default_rng(seed)).pixels)

    return shoot
