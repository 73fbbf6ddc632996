"""Edits that put something over, around or into a picture: text, logos, frames, blocks."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from dupfind.photos.edits.drawing import (
    any_colour,
    fitted_size_px,
    pasted,
    strong_colour,
    text_image,
    words,
)
from dupfind.photos.edits.step import Pixels, Step, moving, resized


def text(pixels: Pixels, rng: np.random.Generator) -> Step:
    """One to three lines of outlined words anywhere, 5 to 14% of the height each."""
    height, width = pixels.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        line = words(rng, int(rng.integers(1, 5)))
        size = fitted_size_px(line, width * 0.95, float(rng.uniform(0.05, 0.14)) * height)
        layer = text_image(line, size, strong_colour(rng), outline=bool(rng.random() < 0.6))
        pixels = _pasted_anywhere(pixels, layer, rng)
    return Step(pixels)


def meme(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Large white words with a black outline, at the top and the bottom."""
    height, width = pixels.shape[:2]
    for place in (0.03, None):
        line = words(rng, int(rng.integers(2, 5))).upper()
        layer = text_image(
            line, fitted_size_px(line, width * 0.92, height * 0.16), (255, 255, 255), outline=True
        )
        y = round(height * 0.03) if place else round(height * 0.97) - layer.height
        pixels = pasted(pixels, layer, (width - layer.width) // 2, y)
    return Step(pixels)


def caption_above(pixels: Pixels, rng: np.random.Generator) -> Step:
    """A white or black bar with words, above or below the picture: 12 to 30% of its height."""
    height, width = pixels.shape[:2]
    bar = max(8, round(float(rng.uniform(0.12, 0.3)) * height))
    dark = rng.random() < 0.4
    canvas = np.full((height + bar, width, 3), 12 if dark else 255, np.uint8)
    above = rng.random() < 0.7
    canvas[bar if above else 0 :][:height] = pixels
    line = words(rng, int(rng.integers(3, 7)))
    size = fitted_size_px(line, width * 0.94, bar * 0.5)
    layer = text_image(line, size, (255, 255, 255) if dark else (0, 0, 0))
    y = (0 if above else height) + (bar - layer.height) // 2
    return _framed(pasted(canvas, layer, round(width * 0.03), y), pixels, 0, bar if above else 0)


def date_stamp(pixels: Pixels, rng: np.random.Generator) -> Step:
    """The orange date of a compact camera, in the lower right corner."""
    height, width = pixels.shape[:2]
    line = f"{rng.integers(1, 13):02d} {rng.integers(1, 29):02d} '{rng.integers(0, 30):02d}"
    layer = text_image(line, max(7, height // 22), (255, 140, 30), opacity=0.95)
    x, y = width - layer.width - width // 25, height - layer.height - height // 25
    return Step(pasted(pixels, layer, max(0, x), max(0, y)))


def watermark(pixels: Pixels, rng: np.random.Generator) -> Step:
    """One half-transparent name, in a corner or across the middle."""
    height, width = pixels.shape[:2]
    line = f"© {words(rng, int(rng.integers(1, 3)))}"
    across = rng.random() < 0.5
    size = fitted_size_px(line, width * (0.9 if across else 0.35), height * 0.3)
    layer = text_image(line, size, strong_colour(rng), opacity=float(rng.uniform(0.3, 0.7)))
    if across:
        layer = layer.rotate(float(rng.uniform(-35, 35)), expand=True)
        place = (width - layer.width) // 2, (height - layer.height) // 2
        return Step(pasted(pixels, layer, *place))
    x = int(rng.choice([0.03, 0.97])) * (width - layer.width)
    return Step(pasted(pixels, layer, x, height - layer.height - height // 40))


def watermark_tiled(pixels: Pixels, rng: np.random.Generator) -> Step:
    """A half-transparent name all over, aslant, as picture agencies do."""
    height, width = pixels.shape[:2]
    layer = text_image(
        words(rng, 2),
        max(8, round(float(rng.uniform(0.04, 0.08)) * min(height, width))),
        (255, 255, 255) if rng.random() < 0.7 else (0, 0, 0),
        opacity=float(rng.uniform(0.25, 0.55)),
    ).rotate(float(rng.uniform(-45, 45)), Image.Resampling.BICUBIC, expand=True)
    image = Image.fromarray(pixels)
    step_x, step_y = round(layer.width * 1.25) + 4, round(layer.height * 1.3) + 4
    for row, y in enumerate(range(-layer.height // 2, height, step_y)):
        for x in range(-(row % 2) * step_x // 2, width, step_x):
            image.paste(layer, (x, y), layer)
    return Step(np.asarray(image))


def stickers(pixels: Pixels, rng: np.random.Generator) -> Step:
    """One to four faces, stars or hearts, each 8 to 28% of the shorter side."""
    for _ in range(int(rng.integers(1, 5))):
        size = max(8, round(float(rng.uniform(0.08, 0.28)) * min(pixels.shape[:2])))
        pixels = _pasted_anywhere(pixels, _sticker(rng, size), rng)
    return Step(pixels)


def sticker_large(pixels: Pixels, rng: np.random.Generator) -> Step:
    """One face, star or heart over much of the picture: 35 to 65% of the shorter side."""
    size = max(8, round(float(rng.uniform(0.35, 0.65)) * min(pixels.shape[:2])))
    return Step(_pasted_anywhere(pixels, _sticker(rng, size), rng))


def stripes(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Stripes across all of it, straight or aslant, that cover 15 to 45% of the picture."""
    height, width = pixels.shape[:2]
    angle, count = float(rng.uniform(0, math.pi)), int(rng.integers(4, 16))
    share = float(rng.uniform(0.15, 0.45))
    y, x = np.mgrid[:height, :width]
    along = (x * math.cos(angle) + y * math.sin(angle)) / max(height, width) * count
    covered = pixels.copy()
    covered[(along + float(rng.random())) % 1 < share] = strong_colour(rng)
    return Step(covered, details={"covered": share})


def scribble(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Something drawn by hand: a wavy line, a ring or an arrow."""
    height, width = pixels.shape[:2]
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    thickness, colour = max(2, min(height, width) // 60), strong_colour(rng)
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.uniform(0.15, 0.85, 2) * (width, height)
        reach = float(rng.uniform(0.08, 0.22)) * min(height, width)
        if rng.random() < 0.4:
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), None, colour, thickness)
        else:
            steps = rng.normal(0, reach / 2, (6, 2)).cumsum(axis=0) + np.array([x, y])
            draw.line([tuple(point) for point in steps.tolist()], colour, thickness, "curve")
    return Step(np.asarray(image))


def blocks(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Black out one to three areas, each 2 to 8% of the picture."""
    covered = pixels.copy()
    for _ in range(int(rng.integers(1, 4))):
        y0, y1, x0, x1 = _area(rng, pixels, 0.02, 0.08)
        covered[y0:y1, x0:x1] = any_colour(rng) if rng.random() < 0.4 else 0
    return Step(covered)


def censored(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Hide one to three areas (faces, numbers) in coarse blocks or blur."""
    hidden = pixels.copy()
    for _ in range(int(rng.integers(1, 4))):
        y0, y1, x0, x1 = _area(rng, pixels, 0.02, 0.1)
        part = Image.fromarray(pixels[y0:y1, x0:x1])
        if rng.random() < 0.5:
            small = part.resize((6, 6), Image.Resampling.BOX)
            part = small.resize(part.size, Image.Resampling.NEAREST)
        else:
            part = part.filter(ImageFilter.GaussianBlur(max(2, min(part.size) / 6)))
        hidden[y0:y1, x0:x1] = np.asarray(part)
    return Step(hidden)


def moved_patch(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Retouching: copy one area over another, with soft edges."""
    y0, y1, x0, x1 = _area(rng, pixels, 0.02, 0.08)
    height, width = pixels.shape[:2]
    high, wide = y1 - y0, x1 - x0
    y, x = int(rng.integers(height - high + 1)), int(rng.integers(width - wide + 1))
    mask = Image.new("L", (wide, high), 0)
    mask.paste(255, (wide // 8, high // 8, wide - wide // 8, high - high // 8))
    image = Image.fromarray(pixels)
    soft = mask.filter(ImageFilter.GaussianBlur(max(1, min(wide, high) // 12)))
    image.paste(Image.fromarray(pixels[y : y + high, x : x + wide]), (x0, y0), soft)
    return Step(np.asarray(image))


def border(pixels: Pixels, rng: np.random.Generator) -> Step:
    """A border of one colour on all sides, 2 to 12% of the shorter side."""
    width_px = max(1, round(float(rng.uniform(0.02, 0.12)) * min(pixels.shape[:2])))
    colour = (255, 255, 255) if rng.random() < 0.4 else strong_colour(rng)
    return padded(pixels, (width_px,) * 4, colour)


def frame(pixels: Pixels, rng: np.random.Generator) -> Step:
    """A picture frame: wood or metal with a bevel, and a mount of paper."""
    inner = padded(pixels, (max(2, min(pixels.shape[:2]) // 14),) * 4, any_colour(rng, 215))
    edge = max(2, round(float(rng.uniform(0.04, 0.09)) * min(pixels.shape[:2])))
    outer = padded(inner.pixels, (edge,) * 4, any_colour(rng, 20, 150))
    image = Image.fromarray(outer.pixels)
    ImageDraw.Draw(image).rectangle((0, 0, image.width - 1, image.height - 1), None, (0, 0, 0), 2)
    grain = rng.normal(0, 9, (image.height, 1, 1))
    changed = np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8)
    changed[edge:-edge, edge:-edge] = inner.pixels
    return _framed(changed, pixels, *_corner(outer.matrix @ inner.matrix))


def letterbox(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Bars on two sides, to a square or wide format: black, white or any colour."""
    left, top = _bars(pixels, rng)
    colour = (0, 0, 0) if rng.random() < 0.5 else strong_colour(rng)
    return padded(pixels, (left, top, left, top), colour)


def letterbox_blurred(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Bars filled with a blurred, enlarged copy of the picture itself."""
    height, width = pixels.shape[:2]
    left, top = _bars(pixels, rng)
    full = resized(pixels, width + 2 * left, height + 2 * top)
    blurred = Image.fromarray(full).filter(ImageFilter.GaussianBlur(max(3, max(full.shape) / 40)))
    canvas = np.asarray(blurred).copy()
    canvas[top : top + height, left : left + width] = pixels
    return _framed(canvas, pixels, left, top)


def pad_uneven(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Empty space of 0 to 25% on each side, each side its own."""
    height, width = pixels.shape[:2]
    shares = rng.uniform(0, 0.25, 4) * (width, height, width, height)
    left, top, right, bottom = (round(float(share)) for share in shares)
    return padded(pixels, (left, top, right, bottom), strong_colour(rng))


def rounded_corners(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Round corners of 5 to 25% of the shorter side, on white or black."""
    height, width = pixels.shape[:2]
    radius = float(rng.uniform(0.05, 0.25)) * min(height, width)
    mask = Image.new("L", (width, height), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, width - 1, height - 1), radius, 255)
    behind = Image.new("RGB", (width, height), "white" if rng.random() < 0.6 else "black")
    behind.paste(Image.fromarray(pixels), (0, 0), mask)
    return Step(np.asarray(behind), details={"radius_px": radius})


def padded(pixels: Pixels, sides: tuple[int, int, int, int], colour: tuple[int, int, int]) -> Step:
    """Put (left, top, right, bottom) pixels of one colour around a picture."""
    left, top, right, bottom = sides
    height, width = pixels.shape[:2]
    canvas = np.full((height + top + bottom, width + left + right, 3), colour, np.uint8)
    canvas[top : top + height, left : left + width] = pixels
    return _framed(canvas, pixels, left, top)


def _framed(canvas: Pixels, pixels: Pixels, left: int, top: int) -> Step:
    height, width = pixels.shape[:2]
    window = (float(left), float(top), float(left + width), float(top + height))
    return Step(canvas, moving(left, top), window)


def _corner(matrix: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[int, int]:
    return round(float(matrix[0, 2])), round(float(matrix[1, 2]))


def _bars(pixels: Pixels, rng: np.random.Generator) -> tuple[int, int]:
    """Return the width of the bars left and right, and of those above and below; one is 0."""
    height, width = pixels.shape[:2]
    aspect = float(rng.choice([9 / 16, 4 / 5, 1.0, 16 / 9, 2.35]))
    left = round((height * aspect - width) / 2)
    if left > 0:
        return max(left, width // 20), 0
    return 0, max(round((width / aspect - height) / 2), height // 20)


def _area(
    rng: np.random.Generator, pixels: Pixels, low: float, high: float
) -> tuple[int, int, int, int]:
    """Choose an area (y0, y1, x0, x1) of ``low`` to ``high`` of the picture."""
    height, width = pixels.shape[:2]
    side, uneven = math.sqrt(float(rng.uniform(low, high))), float(np.exp(rng.uniform(-0.5, 0.5)))
    high_px = max(4, round(side * height / uneven))
    wide_px = max(4, round(side * width * uneven))
    y0 = int(rng.integers(max(1, height - high_px)))
    x0 = int(rng.integers(max(1, width - wide_px)))
    return y0, min(height, y0 + high_px), x0, min(width, x0 + wide_px)


def _pasted_anywhere(pixels: Pixels, layer: Image.Image, rng: np.random.Generator) -> Pixels:
    height, width = pixels.shape[:2]
    x = int(rng.integers(max(1, width - layer.width + 1)))
    y = int(rng.integers(max(1, height - layer.height + 1)))
    return pasted(pixels, layer, x, y)


def _sticker(rng: np.random.Generator, size: int) -> Image.Image:
    """Draw a face, a star or a heart, about ``size`` px, turned a little (RGBA)."""
    large = 4 * size
    image = Image.new("RGBA", (large, large), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    kind = int(rng.integers(3))
    if kind == 0:
        _draw_face(draw, large)
    elif kind == 1:
        angles = np.arange(10) * math.pi / 5 - math.pi / 2
        reach = np.where(np.arange(10) % 2 == 0, 0.49, 0.2) * large
        points = np.stack([np.cos(angles) * reach, np.sin(angles) * reach], 1) + large / 2
        draw.polygon([tuple(point) for point in points.tolist()], any_colour(rng, 60))
    else:
        at = np.linspace(0, 2 * math.pi, 60)
        x = 16 * np.sin(at) ** 3
        y = -(13 * np.cos(at) - 5 * np.cos(2 * at) - 2 * np.cos(3 * at) - np.cos(4 * at))
        points = np.stack([x, y], 1) * large / 36 + large / 2
        draw.polygon([tuple(point) for point in points.tolist()], (225, 30, 60))
    return image.rotate(float(rng.uniform(-30, 30))).resize((size, size), Image.Resampling.LANCZOS)


def _draw_face(draw: ImageDraw.ImageDraw, size: int) -> None:
    draw.ellipse((0, 0, size - 1, size - 1), (255, 205, 50), (150, 100, 0), max(1, size // 40))
    for x in (0.32, 0.68):
        eye = (x - 0.07, 0.28, x + 0.07, 0.46)
        draw.ellipse([value * size for value in eye], (60, 35, 0))
    mouth = [value * size for value in (0.22, 0.25, 0.78, 0.82)]
    draw.arc(mouth, 20, 160, (60, 35, 0), max(2, size // 16))
