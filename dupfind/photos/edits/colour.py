"""Edits that change colours or fine detail everywhere, and move nothing."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from scipy import ndimage

from dupfind.photos.edits.step import Pixels, Step, resized

Floats = NDArray[np.float32]

# Rec. 601 luma, as JPEG has it.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def grey(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Black and white, by one of several mixes of the channels."""
    mix = LUMA if rng.random() < 0.5 else rng.dirichlet([2, 2, 2]).astype(np.float32)
    return Step(_to_pixels((pixels @ mix)[..., None].repeat(3, axis=2)))


def toned(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Sepia: grey, coloured between a dark brown and a light yellow."""
    return Step(_duotone(pixels, _near(rng, (40, 26, 13)), _near(rng, (255, 240, 205))))


def duotone(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Grey, coloured between any dark and any light colour."""
    dark, light = rng.uniform(0, 90, 3), rng.uniform(170, 255, 3)
    return Step(_duotone(pixels, dark.astype(np.float32), light.astype(np.float32)))


def cast(pixels: Pixels, rng: np.random.Generator) -> Step:
    """A wrong white balance: each channel scaled by 0.75 to 1.25."""
    gains = rng.uniform(0.75, 1.25, 3).astype(np.float32)
    return Step(_to_pixels(pixels * gains), details={"gains": gains.tolist()})


def brightness(pixels: Pixels, rng: np.random.Generator, *, low: float, high: float) -> Step:
    """Scale all values by ``low`` to ``high``."""
    factor = float(rng.uniform(low, high))
    return Step(_to_pixels(pixels * np.float32(factor)), details={"factor": factor})


def contrast(pixels: Pixels, rng: np.random.Generator, *, low: float, high: float) -> Step:
    """Scale all values about the mean by ``low`` to ``high``."""
    factor = float(rng.uniform(low, high))
    mean = np.float32(pixels.mean())
    return Step(_to_pixels((pixels - mean) * factor + mean), details={"factor": factor})


def gamma(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Bend the tone curve by a gamma of 0.5 to 0.8 or 1.3 to 2."""
    value = float(rng.uniform(0.5, 0.8) if rng.random() < 0.5 else rng.uniform(1.3, 2.0))
    return Step(_curve(pixels, lambda tones: tones**value), details={"gamma": value})


def saturation(pixels: Pixels, rng: np.random.Generator, *, low: float, high: float) -> Step:
    """Scale the colour by ``low`` to ``high``; 0 would be grey."""
    factor = float(rng.uniform(low, high))
    image = ImageEnhance.Color(Image.fromarray(pixels)).enhance(factor)
    return Step(np.asarray(image), details={"factor": factor})


def hue(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Turn all hues by 15 to 180 degrees either way."""
    degrees = float(rng.uniform(15, 180) * rng.choice([-1, 1]))
    values = np.array(Image.fromarray(pixels).convert("HSV"))
    values[..., 0] = (values[..., 0].astype(np.int32) + round(degrees * 255 / 360)) % 256
    channels = [Image.fromarray(np.ascontiguousarray(values[..., at])) for at in range(3)]
    turned = Image.merge("HSV", channels)
    return Step(np.asarray(turned.convert("RGB")), details={"hue_degrees": degrees})


def see_through(pixels: Pixels, rng: np.random.Generator) -> Step:
    """The picture half transparent (25 to 65%) on one colour."""
    opacity = float(rng.uniform(0.25, 0.65))
    ground = rng.choice([0.0, 128.0, 255.0])
    shown = pixels * opacity + ground * (1 - opacity)
    return Step(shown.clip(0, 255).astype(np.uint8), details={"opacity": opacity})


def vignette(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Darken towards the corners by 40 to 90%."""
    strength = float(rng.uniform(0.4, 0.9))
    fall = 1 - strength * _distance_from_centre(pixels) ** 2
    return Step(_to_pixels(pixels * fall[..., None]), details={"strength": strength})


def posterise(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Keep 2 to 4 bits of each channel."""
    bits = int(rng.integers(2, 5))
    return Step(
        np.asarray(ImageOps.posterize(Image.fromarray(pixels), bits)), details={"bits": bits}
    )


def equalise(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Automatic levels: stretch or equalise the histogram."""
    image = Image.fromarray(pixels)
    changed = ImageOps.equalize(image) if rng.random() < 0.5 else ImageOps.autocontrast(image, 2)
    return Step(np.asarray(changed))


def invert(pixels: Pixels, rng: np.random.Generator) -> Step:
    """The negative."""
    return Step(255 - pixels)


def filter_faded(pixels: Pixels, rng: np.random.Generator) -> Step:
    """A film look: lifted blacks, less colour, warm lights, some grain."""
    lift = float(rng.uniform(0.08, 0.2))
    faded = _curve(pixels, lambda tones: lift + (1 - lift) * tones**0.95)
    faded = saturation(faded, rng, low=0.5, high=0.8).pixels
    warm = faded * np.array([1.06, 1.0, 0.9], np.float32)
    return Step(_to_pixels(warm + rng.normal(0, 6, pixels.shape[:2])[..., None]))


def filter_vivid(pixels: Pixels, rng: np.random.Generator) -> Step:
    """A vivid look: an S curve, strong colour, cool shadows, a light vignette."""
    strong = _curve(pixels, lambda tones: tones * tones * (3 - 2 * tones))
    strong = saturation(strong, rng, low=1.4, high=1.9).pixels
    cool = strong + np.array([-6, 0, 10], np.float32) * (1 - strong / np.float32(255))
    fall = 1 - 0.35 * _distance_from_centre(pixels) ** 2
    return Step(_to_pixels(cool * fall[..., None]))


def filter_light_leak(pixels: Pixels, rng: np.random.Generator) -> Step:
    """An old camera: a warm light leaks in from one side."""
    width = pixels.shape[1]
    along = np.linspace(0, 1, width, dtype=np.float32)
    leak = np.exp(-((along - rng.choice([0.0, 1.0])) ** 2) / float(rng.uniform(0.03, 0.12)))
    colour = np.array([255, rng.uniform(90, 160), 40], np.float32)
    light = leak[None, :, None] * colour * float(rng.uniform(0.4, 0.8))
    return Step(_to_pixels(255 - (255 - pixels) * (1 - np.broadcast_to(light, pixels.shape) / 255)))


def blur(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Gaussian blur with a radius of 0.3 to 1.2% of the shorter side."""
    radius = max(0.6, float(rng.uniform(0.003, 0.012)) * min(pixels.shape[:2]))
    return Step(_filtered(pixels, ImageFilter.GaussianBlur(radius)), details={"radius_px": radius})


def motion_blur(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Smear along the rows or columns by 1 to 3% of the shorter side."""
    length = max(3, round(float(rng.uniform(0.01, 0.03)) * min(pixels.shape[:2])))
    smeared = ndimage.uniform_filter1d(pixels.astype(np.float32), length, int(rng.integers(2)))
    return Step(_to_pixels(smeared), details={"length_px": length})


def sharpen(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Unsharp mask of 100 to 300%."""
    percent = int(rng.integers(100, 301))
    mask = ImageFilter.UnsharpMask(radius=2, percent=percent, threshold=2)
    return Step(_filtered(pixels, mask), details={"percent": percent})


def noise(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Gaussian noise with a deviation of 8 to 30 of 255, coloured or grey."""
    deviation = float(rng.uniform(8, 30))
    shape = pixels.shape if rng.random() < 0.5 else (*pixels.shape[:2], 1)
    grain = rng.standard_normal(shape, np.float32) * np.float32(deviation)
    return Step(_to_pixels(pixels + grain), details={"deviation": deviation})


def salt_and_pepper(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Black and white specks on 1 to 6% of the pixels."""
    share = float(rng.uniform(0.01, 0.06))
    chance = rng.random(pixels.shape[:2])
    speckled = pixels.copy()
    speckled[chance < share / 2] = 0
    speckled[chance > 1 - share / 2] = 255
    return Step(speckled, details={"specks": share})


def pixelate(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Show all in blocks: the longer side in 64 to 128 of them."""
    height, width = pixels.shape[:2]
    scale = float(rng.uniform(64, 128)) / max(height, width)
    small = resized(pixels, max(4, round(width * scale)), max(4, round(height * scale)))
    blocks = Image.fromarray(small).resize((width, height), Image.Resampling.NEAREST)
    return Step(np.asarray(blocks), details={"blocks": max(small.shape[:2])})


def painted(pixels: Pixels, rng: np.random.Generator) -> Step:
    """A painting: small regions take their most usual colour."""
    size = int(rng.choice([5, 7]))
    return Step(_filtered(pixels, ImageFilter.MedianFilter(size)), details={"size_px": size})


def halftone(pixels: Pixels, rng: np.random.Generator) -> Step:
    """A print: each channel as dots on a turned grid, the values kept by their size."""
    height, width = pixels.shape[:2]
    period = max(3.0, float(rng.uniform(0.008, 0.014)) * max(height, width))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    printed = np.empty_like(pixels)
    for channel, degrees in enumerate((15, 75, 45)):
        angle = np.radians(degrees)
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        grid = np.cos(along * 2 * np.pi / period) * np.cos(across * 2 * np.pi / period)
        soft = (pixels[..., channel] / 255.0 - 0.5) * 2.2 + grid * 0.9
        printed[..., channel] = np.clip(127.5 + 127.5 * soft * 1.5, 0, 255)
    return Step(printed, details={"period_px": period})


def _to_pixels(values: NDArray[Any]) -> Pixels:
    pixels: Pixels = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    return pixels


def _curve(pixels: Pixels, curve: Callable[[Floats], Floats]) -> Pixels:
    tones = np.linspace(0, 1, 256, dtype=np.float32)
    table = _to_pixels(curve(tones) * 255)
    bent: Pixels = table[pixels]
    return bent


def _filtered(pixels: Pixels, kind: ImageFilter.Filter) -> Pixels:
    return np.asarray(Image.fromarray(pixels).filter(kind))


def _duotone(pixels: Pixels, dark: Floats, light: Floats) -> Pixels:
    share = (pixels @ LUMA)[..., None] / 255
    return _to_pixels(dark + (light - dark) * share)


def _near(rng: np.random.Generator, colour: tuple[int, int, int]) -> Floats:
    return np.array(colour, np.float32) + rng.uniform(-12, 12, 3).astype(np.float32)


def _distance_from_centre(pixels: Pixels) -> Floats:
    """Return 0 in the middle, 1 in the corners, shape (height, width)."""
    height, width = pixels.shape[:2]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    distance: Floats = np.sqrt((x * x + y * y) / 2)
    return distance
