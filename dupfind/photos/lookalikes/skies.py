"""Soft pictures of one palette: other clouds, other stars, another gradient."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from dupfind.photos.edits.step import Pixels
from dupfind.photos.lookalikes.kind import Plane, Scene
from dupfind.photos.lookalikes.things import soft_noise

PALETTES = (
    ((70, 120, 200), (190, 215, 240), (255, 255, 255)),
    ((40, 40, 90), (240, 120, 60), (255, 210, 130)),
    ((105, 115, 130), (175, 180, 190), (240, 240, 242)),
    ((10, 12, 30), (30, 35, 70), (90, 90, 130)),
    ((150, 180, 215), (205, 215, 230), (255, 255, 255)),
)


def clouds(style: np.random.Generator) -> Scene:
    """A sky in the same colours with other clouds."""
    width, height, top, low, light = _palette(style)
    thickness, dusk = float(style.uniform(0.9, 1.8)), float(style.uniform(0.6, 1.6))

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None] ** dusk
        sky = top * (1 - down) + low * down
        cloud = _billows(content, height, width)[..., None]
        cover = np.clip(0.15 + cloud * thickness, 0, 1)
        return _exposed(sky * (1 - cover) + light * cover, content)

    return shoot


def gradient(style: np.random.Generator) -> Scene:
    """A clear sky or a wall: hardly more than a gradient, that runs another way."""
    width, height, top, low, light = _palette(style)

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        y, x = np.mgrid[:height, :width].astype(np.float32)
        angle = float(content.uniform(-1.2, 1.2))
        way = (x / width - 0.5) * np.sin(angle) + (y / height - 0.5) * np.cos(angle)
        way = way + 0.35 * soft_noise(content, height, width, 2) + float(content.uniform(-0.2, 0.2))
        share = np.clip(way + 0.5, 0, 1)[..., None]
        glow = content.uniform(0, 1, 2) * (height, width)
        shine = np.exp(-((y - glow[0]) ** 2 + (x - glow[1]) ** 2) / (0.3 * width) ** 2)[..., None]
        shown = top * (1 - share) + low * share
        return _exposed(shown + (light - shown) * 0.7 * shine, content)

    return shoot


def stars(style: np.random.Generator) -> Scene:
    """A night sky with other stars."""
    width, height = (int(value) for value in style.integers(360, 760, 2))
    dark = style.uniform(0, 25, 3).astype(np.float32)
    density = float(style.uniform(0.0006, 0.004))

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        count = int(density * width * height)
        field = np.zeros((height, width), np.float32)
        y, x = content.integers(0, height, count), content.integers(0, width, count)
        field[y, x] = 110 * content.pareto(1.6, count).astype(np.float32).clip(0.4, 40)
        image = Image.fromarray(field)
        spread = np.asarray(
            Image.fromarray(field.clip(0, 255).astype(np.uint8)).filter(
                ImageFilter.GaussianBlur(0.8)
            )
        )
        glow = np.asarray(image, np.float32).clip(0, 255) * 0.6 + spread.astype(np.float32)
        haze = soft_noise(content, height, width, 3)[..., None] * 6
        return _exposed(dark + haze + glow[..., None], content)

    return shoot


def landscape(style: np.random.Generator) -> Scene:
    """Hills or waves before a sky, in the same colours, of another outline."""
    width, height, top, low, light = _palette(style)
    ground = style.uniform(10, 130, 3).astype(np.float32)
    level, layers = float(style.uniform(0.45, 0.8)), int(style.integers(1, 4))

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
        shown = np.broadcast_to(top * (1 - down) + low * down, (height, width, 3)).copy()
        sun_y, sun_x = content.uniform((0.1, 0.1), (level, 0.9)) * (height, width)
        y, x = np.mgrid[:height, :width].astype(np.float32)
        shown[np.hypot(y - sun_y, x - sun_x) < 0.05 * width] = light
        for layer in range(layers):
            outline = (soft_noise(content, 2, width, 6)[0] * 0.12 + level + 0.1 * layer) * height
            near = (layer + 1) / layers
            shown[y > outline[None, :]] = ground * near + low * (1 - near) * 0.8
        return _exposed(shown, content)

    return shoot


def _palette(style: np.random.Generator) -> tuple[int, int, Plane, Plane, Plane]:
    """Choose a size (width, height) and the colours of the top, the bottom and the light."""
    width = int(style.integers(400, 800))
    height = int(width * float(style.uniform(0.55, 1.0)))
    chosen = np.array(PALETTES[int(style.integers(len(PALETTES)))], np.float32)
    top, low, light = (chosen + style.uniform(-12, 12, (3, 3))).clip(0, 255).astype(np.float32)
    return width, height, top, low, light


def _billows(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Return noise of all scales, about -0.5 to 1."""
    total = np.zeros((height, width), np.float32)
    for octave in range(5):
        total += soft_noise(rng, height, width, 2 * 2**octave) * np.float32(0.6**octave)
    return total


def _exposed(light: NDArray[np.floating], rng: np.random.Generator) -> Pixels:
    """Return light as a camera records it: a little brighter or darker, with noise."""
    noise = rng.normal(0, float(rng.uniform(0.5, 3)), light.shape)
    return (light * float(rng.uniform(0.95, 1.05)) + noise).clip(0, 255).astype(np.uint8)
