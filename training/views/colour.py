"""Colour changes of batched views, floats in [0, 1] of shape (batch, 3, height, width).

Everything that is linear in the colours (brightness, contrast, saturation, hue, grey, sepia,
casts, negatives) becomes one 3 x 4 matrix for each view, so a view is read and written once.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from dupfind.training.views.geometry import Random

Change = Callable[[Tensor, Random], Tensor]
LUMA = torch.tensor([0.299, 0.587, 0.114])
SEPIA = torch.tensor([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])


@dataclass(frozen=True)
class ColourOptions:
    """Chances and strengths; the defaults of the first group are DINO's (arXiv 2104.14294).

    ``turned_hue`` is the chance that all hues turn by any angle, beyond jitter's ``hue``.
    """

    jitter: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.2
    hue: float = 0.1
    gray: float = 0.2
    solarise: float = 0.0
    cast: float = 0.0
    sepia: float = 0.0
    gamma: float = 0.0
    posterise: float = 0.0
    negative: float = 0.0
    turned_hue: float = 0.0


def recolour(random: Random, views: Tensor, options: ColourOptions) -> Tensor:
    """Change the colours of each view at random, in DINO's order; values stay in [0, 1]."""
    count = len(views)
    matrix, offset = _colour_matrices(random, count, options, views.mean(dim=(2, 3)).cpu())
    matrix, offset = matrix.to(views.device), offset.to(views.device)
    flat = torch.baddbmm(offset, matrix, views.flatten(2))
    views = flat.view_as(views).clamp_(0, 1)
    views = change_some(views, random.chance(count, options.gamma), _gamma, random)
    views = change_some(views, random.chance(count, options.posterise), _posterise, random)
    return change_some(views, random.chance(count, options.solarise), _solarise, random)


def _colour_matrices(
    random: Random, count: int, options: ColourOptions, means: Tensor
) -> tuple[Tensor, Tensor]:
    """Compose the linear changes into matrices (count, 3, 3) and offsets (count, 3, 1)."""
    active = random.chance(count, options.jitter)
    identity = torch.eye(3).expand(count, 3, 3)
    brightness = _factor(random, active, options.brightness)
    contrast = _factor(random, active, options.contrast)
    saturation = _factor(random, active, options.saturation)
    angle = random.uniform(count, -1, 1) * options.hue * 2 * math.pi * active
    turned = random.uniform(count, -1, 1) * math.pi
    angle = torch.where(random.chance(count, options.turned_hue), turned, angle)
    matrix = identity * brightness[:, None, None]
    grey_mean = ((means * brightness[:, None]) @ LUMA)[:, None, None]
    matrix = matrix * contrast[:, None, None]
    offset = (1 - contrast)[:, None, None] * grey_mean.expand(count, 3, 1)
    grey = LUMA.expand(3, 3)
    for change in (
        torch.lerp(grey.expand(count, 3, 3), identity, saturation[:, None, None]),
        _hue_rotations(angle),
        _choose(random, options.cast, identity, _casts(random, count)),
        _choose(random, options.gray, identity, grey.expand(count, 3, 3)),
        _choose(random, options.sepia, identity, _sepias(random, count)),
    ):
        matrix, offset = change @ matrix, change @ offset
    sign = torch.where(random.chance(count, options.negative), -1.0, 1.0)[:, None, None]
    return sign * matrix, sign * offset + (1 - sign) / 2


def _factor(random: Random, active: Tensor, strength: float) -> Tensor:
    factor = random.uniform(len(active), max(0.0, 1 - strength), 1 + strength)
    return torch.where(active, factor, torch.ones(len(active)))


def _choose(random: Random, probability: float, identity: Tensor, change: Tensor) -> Tensor:
    chosen = random.chance(len(identity), probability)
    return torch.where(chosen[:, None, None], change, identity)


def _casts(random: Random, count: int) -> Tensor:
    """Scale each channel by 0.6 to 1.4: warm, cool and coloured light."""
    return torch.diag_embed(random.uniform(3 * count, 0.6, 1.4).view(count, 3))


def _sepias(random: Random, count: int) -> Tensor:
    """Turn grey into one tone: classical sepia for half, any tint for the others."""
    tint = random.uniform(3 * count, 0.6, 1.2).view(count, 3, 1)
    tinted = tint * LUMA.expand(count, 3, 3)
    return torch.where(random.chance(count, 0.5)[:, None, None], SEPIA.expand(count, 3, 3), tinted)


def _hue_rotations(angle: Tensor) -> Tensor:
    """Rotate colours about the grey axis by ``angle`` (count,) in radians: matrices (count, 3, 3).

    Source: Rodrigues' formula for the axis (1, 1, 1) / sqrt(3); grey stays grey.
    """
    cosine, sine = angle.cos()[:, None, None], angle.sin()[:, None, None]
    third = torch.full((3, 3), 1 / 3)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    return cosine * torch.eye(3) + (1 - cosine) * third + sine * cross


def _gamma(views: Tensor, random: Random) -> Tensor:
    power = torch.exp(random.uniform(len(views), -0.7, 0.7)).to(views.device)
    return views.clamp(min=1e-4).pow(power[:, None, None, None])


def _posterise(views: Tensor, random: Random) -> Tensor:
    steps = (random.integers(len(views), 7) + 3).to(views.device)[:, None, None, None]
    return (views * steps).round() / steps


def _solarise(views: Tensor, _: Random) -> Tensor:
    return torch.where(views >= 0.5, 1 - views, views)


def change_some(views: Tensor, chosen: Tensor, change: Change, random: Random) -> Tensor:
    """Apply ``change`` to the chosen views only (in place: the batch is ours)."""
    rows = torch.nonzero(chosen).flatten().to(views.device)
    if len(rows):
        views[rows] = change(views[rows], random)
    return views
