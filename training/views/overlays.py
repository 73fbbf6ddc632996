"""Things that people put on photos: lines of text, watermarks, emoji, stickers, bars.

A small bank of pictures with an alpha channel is drawn once with Pillow; overlaying is then one
batched resampling.
"""

import math
import random as python_random
import string
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional

from dupfind.training.views.geometry import Random, placements

TEXT_SIZE_PX = (192, 48)
STICKER_PX = 64
TEXTS = 48
STICKERS = 48
SEED = 7


@dataclass(frozen=True)
class OverlayOptions:
    """Chances in [0, 1] that a view gets such an overlay (up to three of each)."""

    text: float = 0.0
    sticker: float = 0.0
    watermark: float = 0.0


@dataclass(frozen=True)
class OverlayBank:
    """Pictures to overlay, floats in [0, 1], (number, 4, height, width): red, green, blue, alpha."""

    texts: Tensor
    stickers: Tensor

    def to(self, device: torch.device) -> "OverlayBank":
        """Return the bank on ``device``."""
        return OverlayBank(self.texts.to(device), self.stickers.to(device))


def make_bank() -> OverlayBank:
    """Draw the bank; the same one each time."""
    draw = python_random.Random(SEED)
    texts = torch.stack([_as_tensor(_text(draw)) for _ in range(TEXTS)])
    stickers = torch.stack([_as_tensor(_sticker(draw, number)) for number in range(STICKERS)])
    return OverlayBank(texts, stickers)


def overlay(random: Random, views: Tensor, bank: OverlayBank, options: OverlayOptions) -> Tensor:
    """Put text, stickers and tiled watermarks on some of the views (in place)."""
    count = len(views)
    for probability, pictures, size in (
        (options.text, bank.texts, (0.25, 0.9)),
        (options.sticker, bank.stickers, (0.08, 0.35)),
    ):
        chosen = random.chance(count, probability)
        # One in all of the chosen, a second and a third in half and a quarter of them.
        for share in (1.0, 0.5, 0.25):
            rows = torch.nonzero(chosen & random.chance(count, share)).flatten()
            if len(rows):
                _overlay_once(random, views, rows, pictures, size)
    rows = torch.nonzero(random.chance(count, options.watermark)).flatten()
    if len(rows):
        _tile(random, views, rows, bank.texts)
    return views


def _overlay_once(
    random: Random, views: Tensor, rows: Tensor, pictures: Tensor, size: tuple[float, float]
) -> None:
    count = len(rows)
    half_x = random.uniform(count, *size)
    half_y = half_x * (pictures.shape[2] / pictures.shape[3]) * random.uniform(count, 0.7, 1.4)
    # Text may run across the whole picture, nothing hangs out by more than half of itself.
    centre_x, centre_y = (
        random.uniform(count, -1, 1) * (1 - half / 2) for half in (half_x, half_y)
    )
    matrices = placements(half_x, half_y, centre_x, centre_y)
    angle = random.uniform(count, -0.5, 0.5) * random.chance(count, 0.3)
    matrices = matrices @ _turns(angle, centre_x, centre_y)
    opacity = torch.where(
        random.chance(count, 0.6), torch.ones(count), random.uniform(count, 0.3, 1)
    )
    _blend(random, views, rows, pictures, matrices[:, :2], opacity)


def _tile(random: Random, views: Tensor, rows: Tensor, pictures: Tensor) -> None:
    """Repeat one slanted text over the whole view, faintly."""
    count = len(rows)
    scale = random.uniform(count, 1.5, 4.0)
    zero = torch.zeros(count)
    matrices = placements(1 / scale, 0.35 / scale, zero, zero)
    matrices = matrices @ _turns(random.uniform(count, -0.8, 0.8), zero, zero)
    _blend(
        random, views, rows, pictures, matrices[:, :2], random.uniform(count, 0.2, 0.6), tiled=True
    )


def _blend(
    random: Random,
    views: Tensor,
    rows: Tensor,
    pictures: Tensor,
    matrices: Tensor,
    opacity: Tensor,
    *,
    tiled: bool = False,
) -> None:
    device = views.device
    numbers = random.integers(len(rows), len(pictures)).to(device)
    grid = functional.affine_grid(
        matrices.to(device), [len(rows), 4, *views.shape[2:]], align_corners=False
    )
    if tiled:
        grid = torch.remainder(grid + 1, 2) - 1
    layer = functional.grid_sample(pictures[numbers], grid, align_corners=False)
    alpha = layer[:, 3:] * opacity.to(device)[:, None, None, None]
    rows = rows.to(device)
    # Colours are not premultiplied: where a border pixel is half outside, its alpha is as well.
    views[rows] = torch.lerp(views[rows], layer[:, :3], alpha)


def _turns(angle: Tensor, centre_x: Tensor, centre_y: Tensor) -> Tensor:
    """Rotate view coordinates about a centre: (batch, 3, 3)."""
    cosine, sine = angle.cos(), angle.sin()
    matrix = torch.zeros(len(angle), 3, 3)
    matrix[:, 0, 0] = matrix[:, 1, 1] = cosine
    matrix[:, 0, 1], matrix[:, 1, 0] = -sine, sine
    matrix[:, 0, 2] = centre_x - cosine * centre_x + sine * centre_y
    matrix[:, 1, 2] = centre_y - sine * centre_x - cosine * centre_y
    matrix[:, 2, 2] = 1
    return matrix


def _as_tensor(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture, dtype=np.float32)).permute(2, 0, 1) / 255


def _colour(draw: python_random.Random) -> tuple[int, int, int]:
    if draw.random() < 0.6:
        return draw.choice([(255, 255, 255), (0, 0, 0), (255, 230, 0), (220, 20, 20)])
    return draw.randrange(256), draw.randrange(256), draw.randrange(256)


def _text(draw: python_random.Random) -> Image.Image:
    """Draw one or two lines of letters, bare, outlined, or on a bar."""
    width, height = TEXT_SIZE_PX
    colour = _colour(draw)
    other = tuple(255 - part for part in colour)
    background = (*other, 255) if draw.random() < 0.35 else (*colour, 0)
    picture = Image.new("RGBA", (width, height), background)
    pen = ImageDraw.Draw(picture)
    lines = draw.choice([1, 1, 2])
    font = ImageFont.load_default(size=height * 0.75 / lines)
    outline = draw.choice([0, 0, 2])
    letters = string.ascii_letters + string.digits + "    .,!?&@#"
    for line in range(lines):
        words = "".join(draw.choice(letters) for _ in range(draw.randint(5, 12) * lines))
        place = (4, line * height / lines)
        pen.text(
            place, words, (*colour, 255), font, stroke_width=outline, stroke_fill=(*other, 255)
        )
    return picture


def _sticker(draw: python_random.Random, number: int) -> Image.Image:
    """Draw a face, a heart, a star, a balloon or a bar, at four times the size against jagged edges."""
    side = 4 * STICKER_PX
    picture = Image.new("RGBA", (side, side), (*_colour(draw), 0))
    pen = ImageDraw.Draw(picture)
    shapes = (_face, _face, _heart, _star, _balloon, _bar)
    shapes[number % len(shapes)](pen, side, draw)
    return picture.resize((STICKER_PX, STICKER_PX), Image.Resampling.BOX)


def _face(pen: ImageDraw.ImageDraw, side: int, draw: python_random.Random) -> None:
    skin = (255, draw.randint(170, 230), draw.randint(0, 80), 255)
    pen.ellipse((4, 4, side - 4, side - 4), fill=skin, outline=(160, 90, 0, 255), width=side // 40)
    dark = (70, 40, 0, 255)
    radius = side * draw.uniform(0.05, 0.1)
    for x in (0.33, 0.67):
        middle = (side * x, side * 0.38)
        pen.ellipse([part + sign * radius for sign in (-1, 1) for part in middle], fill=dark)
    start, end = draw.choice([(20, 160), (200, 340)])
    mouth = (side * 0.25, side * (0.35 if start == 20 else 0.6), side * 0.75, side * 0.85)
    pen.arc(mouth, start, end, fill=dark, width=side // 16)


def _heart(pen: ImageDraw.ImageDraw, side: int, draw: python_random.Random) -> None:
    angles = [2 * math.pi * step / 60 for step in range(60)]
    outline = [
        (
            side / 2 + side / 36 * 16 * math.sin(a) ** 3,
            side / 2.2 - side / 36 * (13 * math.cos(a) - 5 * math.cos(2 * a) - 2 * math.cos(3 * a)),
        )
        for a in angles
    ]
    pen.polygon(outline, fill=(draw.randint(180, 255), 0, draw.randint(20, 90), 255))


def _star(pen: ImageDraw.ImageDraw, side: int, draw: python_random.Random) -> None:
    points = draw.randint(5, 9)
    inner = draw.uniform(0.35, 0.6)
    outline = []
    for step in range(2 * points):
        radius = side / 2.1 * (1 if step % 2 == 0 else inner)
        angle = math.pi * step / points
        outline.append((side / 2 + radius * math.sin(angle), side / 2 - radius * math.cos(angle)))
    pen.polygon(outline, fill=(*_colour(draw), 255))


def _balloon(pen: ImageDraw.ImageDraw, side: int, draw: python_random.Random) -> None:
    fill = (255, 255, 255, 255) if draw.random() < 0.6 else (*_colour(draw), 255)
    pen.polygon(
        [(side * 0.3, side * 0.6), (side * 0.2, side * 0.97), (side * 0.5, side * 0.7)], fill
    )
    pen.ellipse((2, side * 0.1, side - 2, side * 0.75), fill=fill, outline=(0, 0, 0, 255), width=4)
    for row in (0.32, 0.42, 0.52):
        pen.line((side * 0.25, side * row, side * 0.75, side * row), (60, 60, 60, 255), side // 40)


def _bar(pen: ImageDraw.ImageDraw, side: int, draw: python_random.Random) -> None:
    height = draw.uniform(0.15, 1.0) * side
    alpha = draw.choice([160, 255, 255])
    pen.rectangle((0, (side - height) / 2, side, (side + height) / 2), (*_colour(draw), alpha))
