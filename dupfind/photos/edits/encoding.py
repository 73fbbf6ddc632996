"""Edits that come from saving a picture: lossy formats and palettes."""

import io
from typing import Any

import numpy as np
from PIL import Image

from dupfind.photos.edits.step import Pixels, Step


def jpeg(pixels: Pixels, rng: np.random.Generator, *, low: int, high: int) -> Step:
    """Save as JPEG of quality ``low`` to ``high``, colour at half or full resolution."""
    quality = int(rng.integers(low, high + 1))
    subsampling = int(rng.choice([0, 2]))
    saved = reencoded(pixels, "JPEG", quality=quality, subsampling=subsampling)
    return Step(saved, details={"quality": quality})


def jpeg_often(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Save as JPEG 3 to 6 times, each time cut by a few pixels' shift in scale, as resharing does."""
    height, width = pixels.shape[:2]
    qualities = [int(value) for value in rng.integers(45, 85, int(rng.integers(3, 7)))]
    for quality in qualities:
        shrunk = Image.fromarray(pixels).resize((max(4, width - 2), max(4, height - 2)))
        pixels = reencoded(np.asarray(shrunk), "JPEG", quality=quality)
    back = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
    return Step(np.asarray(back), details={"qualities": qualities})


def webp(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Save as WebP of quality 10 to 80."""
    quality = int(rng.integers(10, 81))
    return Step(reencoded(pixels, "WEBP", quality=quality, method=2), details={"quality": quality})


def avif(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Save as AVIF of quality 15 to 70."""
    quality = int(rng.integers(15, 71))
    return Step(reencoded(pixels, "AVIF", quality=quality, speed=9), details={"quality": quality})


def palette(pixels: Pixels, rng: np.random.Generator, *, low: int, high: int) -> Step:
    """Reduce to ``low`` to ``high`` colours, with or without dithering, as GIF does."""
    colours = int(rng.integers(low, high + 1))
    dither = Image.Dither.FLOYDSTEINBERG if rng.random() < 0.5 else Image.Dither.NONE
    image = Image.fromarray(pixels)
    chosen = image.quantize(colours, method=Image.Quantize.MEDIANCUT)
    return Step(
        np.asarray(image.quantize(palette=chosen, dither=dither).convert("RGB")),
        details={"colours": colours},
    )


def reencoded(pixels: Pixels, format_name: str, **options: Any) -> Pixels:
    """Return pixels as they come back from a file of the given format."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format_name, **options)
    buffer.seek(0)
    return np.asarray(Image.open(buffer).convert("RGB"))
