"""Edits that put the picture into something larger: collages, screenshots, photos of prints."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from dupfind.photos.edits.drawing import (
    any_colour,
    background,
    fitted_size_px,
    font,
    invented,
    text_image,
    text_lines,
    words,
)
from dupfind.photos.edits.geometry import BLACK, cropped_to, homography, resize_to
from dupfind.photos.edits.overlay import padded
from dupfind.photos.edits.step import Matrix, Pixels, Step, corners, moving, project, warped

SIDE_PX = 1024  # larger screens and collages are not made: nobody keeps them larger


def collage(
    pixels: Pixels,
    rng: np.random.Generator,
    others: Sequence[Pixels],
    *,
    rows: int,
    columns: int,
) -> Step:
    """Put the picture into one cell of a grid, other pictures into the rest."""
    height, width = pixels.shape[:2]
    shrink = float(rng.uniform(0.7, 1.0)) if rows * columns <= 2 else float(rng.uniform(0.45, 0.8))
    high, wide = max(12, round(height * shrink)), max(12, round(width * shrink))
    gap = int(rng.integers(0, max(2, min(high, wide) // 12)))
    colour = (255, 255, 255) if rng.random() < 0.5 else any_colour(rng)
    size = (rows * (high + gap) + gap, columns * (wide + gap) + gap, 3)
    canvas = np.full(size, colour, np.uint8)
    chosen = int(rng.integers(rows * columns))
    placed = Step(pixels)
    for cell in range(rows * columns):
        y, x = gap + cell // columns * (high + gap), gap + cell % columns * (wide + gap)
        shown = covered(pixels if cell == chosen else _other(rng, others, cell), wide, high)
        canvas[y : y + high, x : x + wide] = shown.pixels
        if cell == chosen:
            placed = Step(canvas, moving(x, y) @ shown.matrix, (x, y, x + wide, y + high))
    return Step(canvas, placed.matrix, placed.window, {"cell": chosen})


def picture_in_picture(
    pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels], *, large: bool
) -> Step:
    """Inlay: the picture small on another one, or (``large``) another one small on the picture."""
    share = float(rng.uniform(0.25, 0.4) if large else rng.uniform(0.4, 0.7))
    height, width = pixels.shape[:2]
    other = covered(_other(rng, others, 0), width, height).pixels
    below, above = (pixels, other) if large else (other, pixels)
    inlay = resize_to(above, share, share)
    y = int(rng.integers(height - inlay.pixels.shape[0] + 1))
    x = int(rng.integers(width - inlay.pixels.shape[1] + 1))
    canvas = below.copy()
    high, wide = inlay.pixels.shape[:2]
    canvas[y : y + high, x : x + wide] = inlay.pixels
    if large:
        return Step(canvas, details={"covered": share**2})
    return Step(canvas, moving(x, y) @ inlay.matrix, (x, y, x + wide, y + high))


def on_background(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Step:
    """Lay the picture, shrunk and a little turned, on a background or another picture."""
    height, width = pixels.shape[:2]
    size = (
        round(width * float(rng.uniform(1.2, 1.6))),
        round(height * float(rng.uniform(1.2, 1.6))),
    )
    behind = covered(others[0], *size).pixels if others else background(rng, *size)
    return _laid_on(pixels, behind, float(rng.uniform(-12, 12)))


def small_on_background(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Step:
    """Put the picture upright and small, 30 to 55% of the sides, anywhere on another picture."""
    height, width = pixels.shape[:2]
    size = round(width * float(rng.uniform(0.9, 1.3))), round(height * float(rng.uniform(0.9, 1.3)))
    behind = covered(others[0], *size).pixels if others else background(rng, *size)
    share = float(rng.uniform(0.3, 0.55))
    small = resize_to(pixels, share, share)
    return _put_anywhere(small, behind, rng)


def small_on_screen(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Step:
    """Put the picture small, 30 to 50% of the width, among the lines of a page on a screen."""
    width = pixels.shape[1]
    share = float(rng.uniform(0.3, 0.5))
    small = resize_to(pixels, share, share)
    high, wide = max(24, width, small.pixels.shape[0]), max(24, width)
    dark = rng.random() < 0.4
    canvas = Image.new("RGB", (wide, high), (24, 25, 28) if dark else (252, 252, 252))
    ink = (225, 225, 228) if dark else (40, 40, 45)
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, 0, wide, high // 14), any_colour(rng))
    area = (wide // 30, high // 10, wide - wide // 30, high - high // 30)
    text_lines(draw, rng, area, max(6, wide // 45), ink)
    return _put_anywhere(small, np.asarray(canvas), rng)


def polaroid(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Step:
    """Give the picture a white instant-photo frame with a note, and lay it on a table."""
    edge = max(3, min(pixels.shape[:2]) // 16)
    card = padded(pixels, (edge, edge, edge, edge * 4), (250, 248, 242))
    height, width = card.pixels.shape[:2]
    image = Image.fromarray(card.pixels)
    note = words(rng, 3)
    letters = font(fitted_size_px(note, width - edge * 4, edge * 2))
    ImageDraw.Draw(image).text((edge * 2, height - edge * 3.2), note, (40, 40, 60), letters)
    behind = background(rng, round(width * 1.25), round(height * 1.25))
    laid = _laid_on(np.asarray(image), behind, float(rng.uniform(-15, 15)))
    return Step(laid.pixels, laid.matrix @ card.matrix)


def screenshot_phone(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Step:
    """A phone's screen with the picture in an app: status bar, name, buttons, comments."""
    width = min(SIDE_PX, max(160, pixels.shape[1]))
    shown = resize_to(pixels, width / pixels.shape[1], width / pixels.shape[1])
    unit = width / 24
    high = shown.pixels.shape[0]
    height = round(max(width * float(rng.uniform(1.8, 2.2)), high + 9 * unit))
    dark = rng.random() < 0.4
    canvas = Image.new("RGB", (width, height), (16, 16, 18) if dark else (250, 250, 250))
    top = round(float(rng.uniform(3.5, max(3.6, (height - high) / unit - 5))) * unit)
    ink = (235, 235, 235) if dark else (25, 25, 25)
    _draw_phone(ImageDraw.Draw(canvas), rng, (width, height), (top, top + high), ink)
    canvas.paste(Image.fromarray(shown.pixels), (0, top))
    window = (0.0, float(top), float(width), float(top + high))
    return Step(np.asarray(canvas), moving(0, top) @ shown.matrix, window)


def screenshot_desktop(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Step:
    """A desktop's screen with the picture in a window or a web page."""
    height, width = pixels.shape[:2]
    factor = min(1.0, SIDE_PX / 2 / max(height, width))
    shown = resize_to(pixels, factor, factor)
    high, wide = shown.pixels.shape[:2]
    unit = max(8, wide // 30)
    size = (round(wide * float(rng.uniform(1.3, 1.8))) + 6 * unit, high + unit * 8)
    canvas = Image.fromarray(background(rng, *size))
    draw = ImageDraw.Draw(canvas)
    left = int(rng.integers(unit * 2, size[0] - wide - unit * 2))
    top = unit * 4
    paper = (255, 255, 255) if rng.random() < 0.7 else (32, 33, 36)
    ink = (30, 30, 30) if paper[0] > 99 else (230, 230, 230)
    draw.rectangle((unit, unit, size[0] - unit, size[1] - unit), paper)
    draw.rectangle((unit, unit, size[0] - unit, unit * 3), any_colour(rng, 120, 225))
    for at, colour in enumerate(((255, 95, 86), (255, 189, 46), (39, 201, 63))):
        x = unit * (1.6 + at)
        draw.ellipse((x, unit * 1.7, x + unit * 0.6, unit * 2.3), colour)
    draw.text((unit * 6, unit * 1.5), words(rng, 4), (40, 40, 40), font(unit))
    text_lines(draw, rng, (unit * 2, top, left - unit, top + high), unit, ink)
    text_lines(draw, rng, (left + wide + unit, top, size[0] - unit * 2, top + high), unit, ink)
    canvas.paste(Image.fromarray(shown.pixels), (left, top))
    window = (float(left), float(top), float(left + wide), float(top + high))
    return Step(np.asarray(canvas), moving(left, top) @ shown.matrix, window)


def photo_of_screen(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Step:
    """A photo of a screen: seen from aside, moire, bluish, soft, a dark room around it."""
    height, width = pixels.shape[:2]
    start = corners((0, 0, width, height))
    inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * np.array([width, height])
    matrix = homography(start, start + inwards * rng.uniform(0.03, 0.13, (4, 2)))
    seen = warped(pixels, matrix, (width, height), any_colour(rng, 0, 40)).astype(np.float32)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle, period = float(rng.uniform(0, np.pi)), float(rng.uniform(2.2, 6.0))
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
    slow = np.sin((x * np.sin(angle) - y * np.cos(angle)) * 2 * np.pi / (period * 9))
    seen *= 1 + float(rng.uniform(0.04, 0.12)) * (wave + slow)[..., None]
    tinted = (seen / 255).clip(0, 1) ** float(rng.uniform(0.8, 1.25)) * 255
    tinted = tinted * np.array([0.94, 1.0, 1.08]) + rng.normal(0, 5, seen.shape)
    image = Image.fromarray(tinted.clip(0, 255).astype(np.uint8))
    return Step(np.asarray(image.filter(ImageFilter.GaussianBlur(0.7))), matrix)


def scanned_print(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Step:
    """A scan of a print: paper around it, a slight turn, faded tones, dust and scratches."""
    height, width = pixels.shape[:2]
    faded = 40 + pixels * np.array([0.80, 0.76, 0.68], np.float32)
    size = round(width * 1.12), round(height * 1.12)
    paper = np.full((size[1], size[0], 3), any_colour(rng, 225, 252), np.uint8)
    laid = _laid_on(faded.clip(0, 255).astype(np.uint8), paper, float(rng.uniform(-2, 2)), 1.0)
    image = Image.fromarray(laid.pixels)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(10, 40))):
        x, y = rng.uniform(0, 1, 2) * size
        draw.point((x, y), (250, 250, 245))
        if rng.random() < 0.15:
            along, across = rng.normal(0, min(size) / 12, 2)
            draw.line((x, y, x + along, y + across), (240, 238, 230), 1)
    return Step(np.asarray(image), laid.matrix)


def reshared_post(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Step:
    """A post with a name above and a text below, as an image: the picture fills the width."""
    height, width = pixels.shape[:2]
    unit = max(6, width // 28)
    header, footer = unit * 4, unit * int(rng.integers(3, 8))
    card = padded(pixels, (0, header, 0, footer), (255, 255, 255))
    image = Image.fromarray(card.pixels)
    draw = ImageDraw.Draw(image)
    draw.ellipse((unit, unit * 0.8, unit * 3.4, unit * 3.2), any_colour(rng))
    name = text_image(words(rng, 2).title(), unit + 2, (20, 20, 20))
    image.paste(name, (unit * 4, round(unit * 1.5)), name)
    bottom = (unit, header + height + unit // 2, width - unit, header + height + footer)
    text_lines(draw, rng, bottom, unit, (60, 60, 60))
    return Step(np.asarray(image), card.matrix, card.window)


def covered(pixels: Pixels, width: int, height: int) -> Step:
    """Cut the middle of a picture to the shape of (width, height) and scale it to that size."""
    high, wide = pixels.shape[:2]
    scale = max(width / wide, height / high)
    x0, y0 = (wide - width / scale) / 2, (high - height / scale) / 2
    cut = cropped_to(pixels, (x0, y0, wide - x0, high - y0))
    cut_high, cut_wide = cut.pixels.shape[:2]
    fitted = resize_to(cut.pixels, width / cut_wide, height / cut_high)
    fitted_high, fitted_wide = fitted.pixels.shape[:2]
    exact = fitted if (fitted_wide, fitted_high) == (width, height) else None
    if exact is None:  # smaller than the smallest size: nothing is that small but a test
        exact = cropped_to(fitted.pixels, (0, 0, width, height))
    return Step(exact.pixels, fitted.matrix @ cut.matrix)


def _put_anywhere(small: Step, behind: Pixels, rng: np.random.Generator) -> Step:
    """Put a shrunk picture anywhere on a background that is no smaller."""
    high, wide = small.pixels.shape[:2]
    y = int(rng.integers(max(1, behind.shape[0] - high + 1)))
    x = int(rng.integers(max(1, behind.shape[1] - wide + 1)))
    canvas = behind.copy()
    shown = canvas[y : y + high, x : x + wide]
    shown[:] = small.pixels[: shown.shape[0], : shown.shape[1]]
    window = (float(x), float(y), float(x + shown.shape[1]), float(y + shown.shape[0]))
    return Step(canvas, moving(x, y) @ small.matrix, window)


def _other(rng: np.random.Generator, others: Sequence[Pixels], index: int) -> Pixels:
    return others[index % len(others)] if others else invented(rng, 240, 180)


def _laid_on(pixels: Pixels, behind: Pixels, degrees: float, fill: float = 0.85) -> Step:
    """Lay pixels, turned and scaled to fit, in the middle of a background."""
    height, width = pixels.shape[:2]
    room_high, room_wide = behind.shape[:2]
    angle = np.radians(degrees)
    turning = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    turned = project(turning, corners((-width / 2, -height / 2, width / 2, height / 2)))
    extent = turned.max(axis=0) - turned.min(axis=0)
    scale = fill * min(1.0, *(np.array([room_wide, room_high]) / extent).tolist())
    matrix: Matrix = (
        moving(room_wide / 2, room_high / 2)
        @ (turning * np.array([[scale], [scale], [1.0]]))
        @ moving(-width / 2, -height / 2)
    )
    size = (room_wide, room_high)
    drawn = warped(pixels, matrix, size, BLACK)
    mask = warped(np.full((height, width, 3), 255, np.uint8), matrix, size, BLACK) > 127
    return Step(np.where(mask, drawn, behind), matrix)


def _draw_phone(
    draw: ImageDraw.ImageDraw,
    rng: np.random.Generator,
    size: tuple[int, int],
    picture: tuple[int, int],
    ink: tuple[int, int, int],
) -> None:
    """Draw what surrounds the picture, which lies from ``picture[0]`` to ``picture[1]``."""
    width, height = size
    top, bottom = picture
    unit = width / 24
    text_px = max(7, round(unit))
    draw.text((unit, unit / 3), f"{rng.integers(24)}:{rng.integers(60):02d}", ink, font(text_px))
    draw.rectangle((width - 3 * unit, unit * 0.5, width - unit, unit * 1.2), None, ink, 1)
    draw.rectangle((width - 3 * unit, unit * 0.5, width - 1.8 * unit, unit * 1.2), ink)
    draw.ellipse((unit, top - 2.3 * unit, 2.8 * unit, top - 0.5 * unit), any_colour(rng))
    draw.text((3.4 * unit, top - 1.9 * unit), words(rng, 2), ink, font(text_px))
    for at in range(3):
        x = unit * (1 + 2.2 * at)
        draw.ellipse((x, bottom + unit * 0.4, x + unit, bottom + unit * 1.4), None, ink, 2)
    comments = (round(unit), round(bottom + 2 * unit), round(width - unit), round(height - unit))
    text_lines(draw, rng, comments, text_px, ink)
