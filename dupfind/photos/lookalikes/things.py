"""Things in a photo: finding one by its colour, cutting it out, filling the hole it leaves."""

import math

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

from dupfind.photos.edits.step import Pixels
from dupfind.photos.lookalikes.kind import Plane

SMALL_PX = 112
COLOURS = 7


def colour_areas(pixels: Pixels) -> Plane:
    """Return the colour class of each pixel of a shrunk picture: 0 to ``COLOURS`` - 1."""
    image = Image.fromarray(pixels)
    image.thumbnail((SMALL_PX, SMALL_PX), Image.Resampling.BOX)
    classes = image.filter(ImageFilter.MedianFilter(3)).quantize(
        COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
    )
    calm: Plane = ndimage.median_filter(np.asarray(classes), 3).astype(np.float32)
    return calm


def thing(pixels: Pixels, rng: np.random.Generator, low: float, high: float) -> Plane:
    """Return the soft mask (height, width), 0 to 1, of something that takes ``low`` to ``high``.

    It is an area of one colour where there is such a thing, and a rounded piece elsewhere.
    """
    height, width = pixels.shape[:2]
    found = _areas(colour_areas(pixels), low, high) if rng.random() < 0.7 else []
    if found:
        mask = found[int(rng.integers(len(found)))]
    else:
        mask = _piece(rng, height, width, float(rng.uniform(low, high)))
    image = Image.fromarray((mask * 255).astype(np.uint8))
    soft = image.resize((width, height), Image.Resampling.BILINEAR)
    blurred = np.asarray(soft.filter(ImageFilter.GaussianBlur(1.2)), np.float32)
    return blurred / np.float32(255)


def without(pixels: Pixels, mask: Plane) -> Pixels:
    """Return the picture with what lies under a mask replaced by what surrounds it."""
    height, width = mask.shape
    rows, columns = (np.flatnonzero(mask.max(axis=axis) > 0.02) for axis in (1, 0))
    if not len(rows):
        return pixels.copy()
    high, wide = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    y0, y1 = max(0, rows[0] - high // 2 - 2), min(height, rows[-1] + high // 2 + 3)
    x0, x1 = max(0, columns[0] - wide // 2 - 2), min(width, columns[-1] + wide // 2 + 3)
    part = pixels[y0:y1, x0:x1].astype(np.float32)
    hole = ndimage.maximum_filter(mask[y0:y1, x0:x1], 5)
    smooth = _spread(part, (hole < 0.02).astype(np.float32))
    # The grain of the surroundings: what lies half the part away is mostly outside the hole.
    fine = part - ndimage.gaussian_filter(part, (3, 3, 0))
    grain = np.roll(fine, (part.shape[0] // 2, part.shape[1] // 2), axis=(0, 1))
    soft = np.minimum(1, hole * 1.5)[..., None]
    filled = pixels.copy()
    filled[y0:y1, x0:x1] = (part * (1 - soft) + (smooth + grain) * soft).clip(0, 255)
    return filled


def laid(
    ground: Pixels,
    source: Pixels,
    mask: Plane,
    *,
    move_px: tuple[float, float] = (0.0, 0.0),
    degrees: float = 0.0,
    scale: float = 1.0,
    mirrored: bool = False,
) -> Pixels:
    """Lay what a mask cuts out of ``source`` on a picture: moved (x, y), turned, scaled, mirrored."""
    height, width = ground.shape[:2]
    y, x = ndimage.center_of_mass(mask) if mask.any() else (0.0, 0.0)
    cosine, sine = math.cos(math.radians(degrees)) / scale, math.sin(math.radians(degrees)) / scale
    flip = -1.0 if mirrored else 1.0
    a, b, d, e = flip * cosine, flip * sine, -sine, cosine
    to_x, to_y = x + move_px[0], y + move_px[1]
    back = (a, b, x - a * to_x - b * to_y, d, e, y - d * to_x - e * to_y)
    method, bilinear = Image.Transform.AFFINE, Image.Resampling.BILINEAR
    layer = Image.fromarray(source).transform((width, height), method, back, bilinear)
    stencil = Image.fromarray((mask * 255).astype(np.uint8))
    image = Image.fromarray(ground)
    image.paste(layer, (0, 0), stencil.transform((width, height), method, back, bilinear))
    return np.asarray(image)


def drift(rng: np.random.Generator, pixels: Pixels, low: float, high: float) -> tuple[float, float]:
    """Return a move (x, y) in pixels of ``low`` to ``high`` of the shorter side, any direction."""
    angle = float(rng.uniform(0, 2 * math.pi))
    reach = float(rng.uniform(low, high)) * min(pixels.shape[:2])
    return reach * math.cos(angle), reach * math.sin(angle)


def soft_noise(rng: np.random.Generator, height: int, width: int, cells: int) -> Plane:
    """Return smooth noise (height, width), about -1 to 1, with ``cells`` hills along a side."""
    seeds = rng.uniform(-1, 1, (cells + 1, cells + 1)).astype(np.float32)
    image = Image.fromarray(seeds).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image, np.float32)


def _areas(classes: Plane, low: float, high: float) -> list[Plane]:
    """Return the masks of all connected areas of one colour that are of the right size."""
    found: list[Plane] = []
    for colour in range(COLOURS):
        labels, count = ndimage.label(classes == colour)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:] / classes.size
        for label in np.flatnonzero((sizes >= low) & (sizes <= high)) + 1:
            mask = ndimage.binary_fill_holes(labels == label)
            rows, columns = np.nonzero(mask)
            sides = np.ptp(rows) / classes.shape[0], np.ptp(columns) / classes.shape[1]
            if max(sides) < 0.6:  # longer ones are the ground, not a thing on it
                found.append(mask.astype(np.float32))
    return found


def _piece(rng: np.random.Generator, height: int, width: int, share: float) -> Plane:
    """Return the mask of a rounded, uneven piece that takes about ``share`` of the picture."""
    shrink = SMALL_PX / max(height, width)
    high, wide = max(8, round(height * shrink)), max(8, round(width * shrink))
    y, x = np.mgrid[:high, :wide].astype(np.float32)
    radius = math.sqrt(share * high * wide / math.pi)
    uneven = float(np.exp(rng.uniform(-0.4, 0.4)))
    middle = rng.uniform(0.2, 0.8, 2) * (high, wide)
    away = np.hypot((y - middle[0]) * uneven, (x - middle[1]) / uneven) / max(radius, 1.0)
    piece: Plane = (away + 0.35 * soft_noise(rng, high, wide, 5) < 1).astype(np.float32)
    return piece


def _spread(part: Plane, known: Plane) -> Plane:
    """Fill the pixels (height, width, 3) that are not ``known`` from those around them.

    Source: the pull-push algorithm of Gortler et al., "The lumigraph", 1996.
    """
    height, width = known.shape
    if min(height, width) <= 2 or known.all():
        weight = max(float(known.sum()), 1e-6)
        mean = (part * known[..., None]).sum(axis=(0, 1)) / weight
        return np.where(known[..., None] > 0, part, mean).astype(np.float32)
    padded = np.pad(known, ((0, height % 2), (0, width % 2)))
    weighted = np.pad(part * known[..., None], ((0, height % 2), (0, width % 2), (0, 0)))
    high, wide = padded.shape[0] // 2, padded.shape[1] // 2
    weight = padded.reshape(high, 2, wide, 2).sum(axis=(1, 3))
    total = weighted.reshape(high, 2, wide, 2, 3).sum(axis=(1, 3))
    coarse = _spread(total / np.maximum(weight, 1e-6)[..., None], np.minimum(weight, 1.0))
    planes = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(coarse[..., channel])).resize(
                (2 * wide, 2 * high), Image.Resampling.BILINEAR
            )
        )
        for channel in range(3)
    ]
    finer = np.stack(planes, axis=2)[:height, :width]
    filled: Plane = np.where(known[..., None] > 0, part, finer).astype(np.float32)
    return filled
