"""Tell a copy in few colours (a GIF, a PNG of 256, and what was made of these) from an edited one.

In:  two looks that show the same at one size. Out: yes or no. No disk, database or model.

A palette is made of the picture's own colours. Every pixel moves to one of them, so that fewer are left, at
uneven places; as a whole the picture stays as light and as coloured as it was. A posterised picture has its
tones at even steps; another tone or colour moves all of it. Saved as a JPEG afterwards the colours spread
again, but are still fewer than before. The limits are what copies in 16 to 256 colours reach, with dots and
without; those that were saved as they are have so few colours that these can be counted.
"""

import numpy as np
from numpy.typing import NDArray

from dupfind.matching.quality import LUMA, Look

FEWER = 0.12  # natural logarithm of how many times fewer colours there are
EVEN_STEPS = 0.15  # of two channels: share of the tones at even steps, more than before
MEAN_LEVELS = 2.5  # that a palette moves a channel as a whole by
PALER, STRONGER = -0.3, 0.06  # natural logarithm of how many times as strong the colours are
FLATTER = 0.04  # and of the reach from dark to light, either way: in a dim photo little is much
LIGHT_LEVELS, COLOUR_LEVELS = 3.0, 4.8  # and luma and chroma, where these follow from the colours
_BITS = 5  # of each channel
_EVERY = 4  # pixel of the sample
_STEPS = (8.0, 16.0, 17.0, 32.0, 64.0, *(255 / steps for steps in range(2, 15)))

Pixels = NDArray[np.uint8]


def is_palette(a: Look, b: Look, light: float, colour: float) -> bool:
    """Say whether b is a in few colours, and nothing else was done to its tones.

    Args:
        a, b: The two.
        light, colour: Levels by which luma and chroma of b follow from a otherwise than unchanged (``Shift``).
    """
    if a.grey.shape != b.grey.shape or light > LIGHT_LEVELS or colour > COLOUR_LEVELS:
        return False
    one, two = a.sample[::_EVERY], b.sample[::_EVERY]
    if _kinds(one) - _kinds(two) < FEWER:
        return False
    moved = np.abs(two.mean(axis=0) - one.mean(axis=0))
    kept = PALER <= _times(_strength(one), _strength(two)) <= STRONGER
    kept &= abs(_times(_reach(one), _reach(two))) <= FLATTER
    return kept and float(moved.max()) <= MEAN_LEVELS and _evenness(one, two) <= EVEN_STEPS


def _times(one: float, two: float) -> float:
    """Return how many times as large the second is, as a natural logarithm; of nearly nothing 0."""
    return float(np.log((two + 2) / (one + 2)))


def _strength(pixels: Pixels) -> float:
    return float((pixels.max(axis=1) - pixels.min(axis=1)).mean())


def _reach(pixels: Pixels) -> float:
    return float(np.subtract(*np.percentile(pixels @ LUMA, (95, 5))))


def _kinds(pixels: Pixels) -> float:
    """Return the entropy of the colours: the logarithm of how many there are in effect."""
    red, green, blue = (pixels >> (8 - _BITS)).astype(np.int64).T
    counts = np.bincount(red << 2 * _BITS | green << _BITS | blue)
    shares = counts[counts > 0] / len(pixels)
    return float(-(shares * np.log(shares)).sum())


def _evenness(one: Pixels, two: Pixels) -> float:
    """Return how much more the tones of two lie at even steps, in two of the channels at least."""
    turns = 2j * np.pi * np.arange(256)
    waves = np.stack([np.exp(turns / step) for step in _STEPS])
    before, after = (np.abs(waves @ _tones(pixels)) for pixels in (one, two))
    return float(np.median(after - before, axis=1).max())


def _tones(pixels: Pixels) -> NDArray[np.float64]:
    """Return the share of each tone in each channel, (256, 3)."""
    counts = [np.bincount(pixels[:, channel], minlength=256) for channel in range(3)]
    return np.stack(counts, axis=1) / len(pixels)
