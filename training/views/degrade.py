"""What happens to a picture when it is saved, sent and shown: blur, sharpening, noise, JPEG.

Batched views, floats in [0, 1] of shape (batch, 3, side, side).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from dupfind.training.views.colour import change_some
from dupfind.training.views.geometry import Random

BLOCK_PX = 8
# The luminance quantisation table of the JPEG standard (ITU-T T.81, annex K.1), for quality 50.
QUANTISATION = torch.tensor(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=torch.float32,
)


@dataclass(frozen=True)
class DegradeOptions:
    """Chances in [0, 1]; ``blur_sigma`` is in pixels of a 224 px view."""

    blur: float = 0.0
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    sharpen: float = 0.0
    noise: float = 0.0
    jpeg: float = 0.0
    jpeg_quality: tuple[float, float] = (5.0, 60.0)


def degrade(random: Random, views: Tensor, options: DegradeOptions) -> Tensor:
    """Blur, sharpen, add noise to and compress some of the views; values stay in [0, 1]."""
    count = len(views)
    low, high = (sigma * views.shape[-1] / 224 for sigma in options.blur_sigma)
    views = change_some(
        views, random.chance(count, options.blur), lambda some, r: _blur(some, r, low, high), random
    )
    views = change_some(views, random.chance(count, options.sharpen), _sharpen, random)
    views = change_some(views, random.chance(count, options.noise), _noise, random)
    return change_some(
        views,
        random.chance(count, options.jpeg),
        lambda some, r: jpeg(some, r.uniform(len(some), *options.jpeg_quality).to(some.device)),
        random,
    )


def gaussian_blur(views: Tensor, sigma: Tensor) -> Tensor:
    """Blur each view with its own ``sigma`` (batch,) in pixels; borders are repeated."""
    radius = max(1, math.ceil(2.5 * float(sigma.max())))
    offsets = torch.arange(-radius, radius + 1, device=views.device)
    kernel = torch.exp(-((offsets / sigma[:, None].clamp(min=1e-3)) ** 2) / 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(views.shape[1], dim=0)
    flat = views.reshape(1, -1, *views.shape[2:])
    padded = functional.pad(flat, (radius,) * 4, mode="replicate")
    rows = functional.conv2d(padded, kernel[:, None, None, :], groups=len(kernel))
    return functional.conv2d(rows, kernel[:, None, :, None], groups=len(kernel)).view_as(views)


def jpeg(views: Tensor, quality: Tensor) -> Tensor:
    """Quantise 8 x 8 blocks as JPEG does at ``quality`` (batch,) in 1 to 100.

    Each colour channel is treated alike (no chroma subsampling): the look of the damage, not the
    bits of the file.
    """
    count, channels, height, width = views.shape
    pad = (0, -width % BLOCK_PX, 0, -height % BLOCK_PX)
    padded = functional.pad(views, pad, mode="replicate")
    tall, wide = padded.shape[-2:]
    blocks = padded.view(count, channels, tall // BLOCK_PX, BLOCK_PX, wide // BLOCK_PX, BLOCK_PX)
    basis = _cosine_basis().to(views.device)
    blocks = blocks.transpose(3, 4)
    table = _quality_tables(quality)[:, None, None, None] / 255
    coefficients = (basis @ blocks @ basis.T).div_(table).round_().mul_(table)
    restored = (basis.T @ coefficients @ basis).transpose(3, 4).reshape(count, channels, tall, wide)
    return restored[:, :, :height, :width].clamp(0, 1)


def _quality_tables(quality: Tensor) -> Tensor:
    """Scale the standard table to each quality, as libjpeg does: (batch, 8, 8)."""
    quality = quality.clamp(1, 100)
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality) / 100
    table = QUANTISATION.to(quality.device) * scale[:, None, None]
    return table.clamp(min=1.0, max=255.0)


def _cosine_basis() -> Tensor:
    """Return the orthonormal DCT-II matrix of 8 points."""
    k = torch.arange(BLOCK_PX, dtype=torch.float32)
    basis = torch.cos(math.pi / BLOCK_PX * (k[None, :] + 0.5) * k[:, None]) * math.sqrt(
        2 / BLOCK_PX
    )
    basis[0] /= math.sqrt(2)
    return basis


def _blur(views: Tensor, random: Random, low: float, high: float) -> Tensor:
    return gaussian_blur(views, random.uniform(len(views), low, high).to(views.device))


def _sharpen(views: Tensor, random: Random) -> Tensor:
    sigma = random.uniform(len(views), 0.5, 1.5).to(views.device)
    amount = random.uniform(len(views), 0.5, 2.0).to(views.device)[:, None, None, None]
    return (views + amount * (views - gaussian_blur(views, sigma))).clamp(0, 1)


def _noise(views: Tensor, random: Random) -> Tensor:
    """Add Gaussian noise, or for a third of the views set single pixels to black or white."""
    strength = random.uniform(len(views), 0.02, 0.1).to(views.device)[:, None, None, None]
    noise = random.normal_like(views)
    speckle = (noise[:, :1].abs() > 3 - 8 * strength) & (noise[:, 1:2].abs() < 2)
    spotted = torch.where(speckle, (noise[:, 2:3] > 0).float(), views)
    is_speckled = random.chance(len(views), 0.33).to(views.device)[:, None, None, None]
    return torch.where(is_speckled, spotted, views + noise * strength).clamp(0, 1)
