"""What several edits draw: letters, colours, shapes, lines of text, invented backgrounds."""

import math
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dupfind.photos.edits.step import Pixels, resized

Colour = tuple[int, int, int]

WORDS = (
    *("summer", "happy", "best", "day", "ever", "look", "at", "this", "one", "weekend", "photo"),
    *("family", "love", "holiday", "sale", "new", "big", "free", "share", "follow", "the", "way"),
    *("home", "friends", "never", "again", "good", "morning", "city", "life", "small", "things"),
)


@lru_cache(maxsize=128)
def font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font at a size."""
    return ImageFont.load_default(max(6, size_px))


def words(rng: np.random.Generator, count: int) -> str:
    """Return a few random words."""
    return " ".join(str(word) for word in rng.choice(WORDS, count))


def any_colour(rng: np.random.Generator, low: int = 0, high: int = 256) -> Colour:
    """Return a random colour with channels from ``low`` to below ``high``."""
    red, green, blue = (int(value) for value in rng.integers(low, high, 3))
    return red, green, blue


def strong_colour(rng: np.random.Generator) -> Colour:
    """Return a colour that letters usually have: white, black, yellow, red, or any."""
    usual: tuple[Colour, ...] = ((255, 255, 255), (0, 0, 0), (255, 235, 0), (230, 20, 30))
    return any_colour(rng) if rng.random() < 0.2 else usual[int(rng.integers(len(usual)))]


def text_image(
    text: str, size_px: int, colour: Colour, opacity: float = 1.0, outline: bool = False
) -> Image.Image:
    """Draw one line of text on a transparent picture of its own size (RGBA)."""
    stroke = max(1, size_px // 14) if outline else 0
    left, top, right, bottom = font(size_px).getbbox(text, stroke_width=stroke)
    size = (max(1, math.ceil(right - left)), max(1, math.ceil(bottom - top)))
    image = Image.new("RGBA", size, (*colour, 0))
    edge = (0, 0, 0) if sum(colour) > 380 else (255, 255, 255)
    ImageDraw.Draw(image).text(
        (-left, -top), text, (*colour, 255), font(size_px), stroke_width=stroke, stroke_fill=edge
    )
    if opacity < 1:
        image.putalpha(image.getchannel("A").point(lambda value: round(value * opacity)))
    return image


def pasted(pixels: Pixels, layer: Image.Image, x: int, y: int) -> Pixels:
    """Lay an RGBA picture over pixels at (x, y)."""
    image = Image.fromarray(pixels)
    image.paste(layer, (x, y), layer)
    return np.asarray(image)


def fitted_size_px(text: str, width_px: float, limit_px: float) -> int:
    """Return the size at which one line of text is about ``width_px`` wide, at most ``limit_px``."""
    probe = font(40).getlength(text)
    return max(6, int(min(limit_px, 40 * width_px / max(probe, 1.0))))


def invented(rng: np.random.Generator, width: int, height: int) -> Pixels:
    """Make up a picture (height, width, 3): soft colours of several sizes, and some texture."""
    total = np.zeros((height, width, 3), np.float32)
    for cells, weight in ((2, 0.5), (5, 0.3), (17, 0.2)):
        seeds = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        total += weight * resized(seeds, width, height).astype(np.float32)
    total += rng.normal(0, 4, (height, width, 1)).astype(np.float32)
    return total.clip(0, 255).astype(np.uint8)


def background(rng: np.random.Generator, width: int, height: int) -> Pixels:
    """Make a background: one colour, a gradient, or something invented."""
    kind = int(rng.integers(3))
    if kind == 0:
        return np.full((height, width, 3), any_colour(rng), np.uint8)
    if kind == 1:
        ends = np.array([[any_colour(rng)], [any_colour(rng)]], np.uint8)
        return resized(ends, width, height)
    return invented(rng, width, height)


def text_lines(
    draw: ImageDraw.ImageDraw,
    rng: np.random.Generator,
    box: tuple[int, int, int, int],
    size_px: int,
    colour: Colour,
) -> None:
    """Fill (x0, y0, x1, y1) with lines of text of uneven length."""
    x0, y0, x1, y1 = box
    for y in range(y0, y1 - size_px, max(4, round(size_px * 1.5))):
        room = (x1 - x0) * float(rng.uniform(0.5, 1.0))
        count = max(1, int(room / (size_px * 3)))
        draw.text((x0, y), words(rng, count), colour, font(size_px))
