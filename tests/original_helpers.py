"""A made photo, what people do with it, and its record."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from dupfind.records import Photo


def scene(seed: int = 3) -> Image.Image:
    """Leaves of all sizes over each other: the edges, colours and spectrum of a photo (dead leaves)."""
    rng = np.random.default_rng(seed)
    large = Image.new("RGB", (960, 720), (90, 120, 70))
    draw = ImageDraw.Draw(large)
    for _ in range(2600):
        radius = min(180.0, 5 * rng.uniform(0, 1) ** -0.5)
        x, y = rng.uniform(0, 960), rng.uniform(0, 720)
        light = rng.uniform(0, 1)
        colour = np.clip(light * 300 * rng.uniform(0.4, 1, 3) - 20, 0, 255).astype(int)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), tuple(colour.tolist()))
    return large.resize((320, 240), Image.Resampling.LANCZOS)


def written(image: Image.Image) -> Image.Image:
    copy = image.copy()
    ImageDraw.Draw(copy).text((30, 180), "WHEN IT IS MONDAY", "white", font_size=28, stroke_width=2,
                              stroke_fill="black")  # fmt: skip
    return copy


def reopened(image: Image.Image, quality: int, way: str = "JPEG") -> Image.Image:
    """Save a picture, and return what comes back."""
    buffer = io.BytesIO()
    image.save(buffer, way, quality=quality)
    with Image.open(buffer) as again:
        return again.convert("RGB")


def noisy(image: Image.Image) -> Image.Image:
    grain = np.random.default_rng(1).normal(0, 18, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


def photo_of(number: int, path: Path) -> Photo:
    with Image.open(path) as image:
        wide, high = image.size
    size_bytes = path.stat().st_size
    return Photo(number, path, "", size_bytes, 0, wide, high, "JPEG", None, 0)
