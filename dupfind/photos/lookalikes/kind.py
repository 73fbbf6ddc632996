"""What every look-alike is made of: a scene that can be shot again and again, and how it is saved.

A scene is fixed once (a layout, a depth map, a camera's place) and then gives one picture for each
number: two of them are never copies of each other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import ndimage

from dupfind.photos.edits import encoding, geometry
from dupfind.photos.edits.step import Pixels

Plane = NDArray[np.float32]
Scene = Callable[[np.random.Generator, int], Pixels | None]
Sketch = Callable[[Pixels, np.random.Generator, Sequence[Pixels]], Scene | None]
Layout = Callable[[np.random.Generator], Scene]

# A difference that a person sees: after noise is averaged out, this many grey levels, on this
# share of the picture and on this many pixels at least.
SEEN_LEVELS = 28
SEEN_SHARE = 0.001
SEEN_PIXELS = 24
WORD_SHARE = 0.012  # of the width: letters nearer than this are one word


@dataclass(frozen=True, slots=True)
class LookAlike:
    """One kind of look-alike.

    Attributes:
        name: Its name in ``LOOKALIKES``.
        family: ``photo`` (another picture is made of the given one), ``template`` (the given one
            is the ground of all pictures and no picture itself) or ``made`` (from nothing).
        sketch: Fixes the scene; None where the given picture has nothing to change.
        others: How many further pictures it puts in.
        longest: How many pictures of one scene stay different from each other.
    """

    name: str
    family: str
    sketch: Sketch
    others: int = 0
    longest: int = 1000


def of_nothing(layout: Layout) -> Sketch:
    """Make a ``Sketch`` of a layout that needs no picture."""

    def sketch(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Scene:
        return layout(rng)

    return sketch


def saved_again(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Cut, shrink and save a picture as copies are, so that no encoding tells it from one."""
    if rng.random() < 0.25:
        pixels = geometry.crop(pixels, rng, low=0.85, high=0.97).pixels
    if rng.random() < 0.4:
        pixels = geometry.resize(pixels, rng, low=0.5, high=1.0).pixels
    if rng.random() < 0.85:
        pixels = encoding.jpeg(pixels, rng, low=75, high=95).pixels
    return pixels


def grey(pixels: Pixels) -> Plane:
    """Return the brightness (height, width), 0 to 255."""
    return np.asarray(Image.fromarray(pixels).convert("L"), np.float32)


def seen_difference(a: Pixels, b: Pixels, *, share: float = SEEN_SHARE) -> bool:
    """Say whether a person sees two pictures of one size differ in place.

    ``share`` is how much of them must differ; of writing a few letters are enough.
    """
    calm = [
        np.asarray(Image.fromarray(pixels).filter(ImageFilter.BoxBlur(1)), np.int16)
        for pixels in (a, b)
    ]
    count = int((np.abs(calm[0] - calm[1]).max(axis=2) > SEEN_LEVELS).sum())
    return bool(count >= max(SEEN_PIXELS, share * a.shape[0] * a.shape[1]))


def lessened(first: Pixels, second: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the second of two pictures of one layout with one to three of its differences only.

    Two bills of one day differ in a few digits. Where the pictures are of two sizes, differ at one place
    only, or would then look the same, the second comes back as it is.
    """
    if first.shape != second.shape:
        return second
    calm = [
        np.asarray(Image.fromarray(pixels).filter(ImageFilter.BoxBlur(1)), np.int16)
        for pixels in (first, second)
    ]
    differs = np.abs(calm[0] - calm[1]).max(axis=2) > SEEN_LEVELS
    word_px = max(3, round(WORD_SHARE * first.shape[1]))
    labels, count = ndimage.label(ndimage.maximum_filter(differs, (3, word_px)))
    if count < 2:
        return second
    chosen = rng.permutation(count)[: int(rng.integers(1, 4))] + 1
    mixed = np.where(np.isin(labels, chosen)[..., None], second, first)
    return mixed if seen_difference(first, mixed, share=0) else second


def relit(pixels: Pixels, rng: np.random.Generator, *, light: float, noise: float) -> Pixels:
    """Return a picture in slightly other light (up to ``light``, a share) with new sensor noise.

    ``noise`` is the largest standard deviation, in grey levels.
    """
    gain = 1 + rng.uniform(-light, light) + rng.uniform(-light / 4, light / 4, 3)
    grain = rng.normal(0, float(rng.uniform(0.2, 1)) * noise, pixels.shape).astype(np.float32)
    return (pixels * gain.astype(np.float32) + grain).clip(0, 255).astype(np.uint8)
