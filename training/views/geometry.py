"""Where each pixel of a view comes from: crops, turns, flips, perspective, in one resampling.

A homography maps view coordinates to photo coordinates; both run from -1 to 1 over the square
that the photo was squashed to. All tensors are batched; random numbers are drawn on the CPU
from a generator (a GPU draws its noise from a seed of it), so a step repeats exactly, and the
pixels may live on any device.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

PYRAMID_LEVELS = 4


@dataclass(frozen=True)
class GeometryOptions:
    """How far a view may stray from the whole upright photo; chances are in [0, 1].

    ``scale`` is the share of the photo's area that a view shows, ``ratio`` the largest stretch of
    one side over the other; ``perspective`` the largest tilt, ``small_rotation_degrees`` the largest
    of the small turns.
    """

    scale: tuple[float, float] = (0.4, 1.0)
    ratio: float = 4 / 3
    flip: float = 0.5
    quarter_turn: float = 0.0
    small_rotation: float = 0.0
    small_rotation_degrees: float = 15.0
    any_rotation: float = 0.0
    tilt: float = 0.0
    perspective: float = 0.2


class Random:
    """Batched random numbers from one generator; all but noise are drawn on the CPU."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def uniform(self, count: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return ``count`` numbers in [low, high)."""
        return torch.rand(count, generator=self.generator) * (high - low) + low

    def chance(self, count: int, probability: float) -> Tensor:
        """Return ``count`` booleans, each true with ``probability``."""
        return torch.rand(count, generator=self.generator) < probability

    def integers(self, count: int, high: int) -> Tensor:
        """Return ``count`` integers in [0, high)."""
        return torch.randint(high, (count,), generator=self.generator)

    def normal_like(self, views: Tensor) -> Tensor:
        """Return standard normal numbers, one for each value of ``views``, on its device.

        A GPU draws its own, from a seed of this generator: a processor takes longer for so many than
        a GPU for the whole step.
        """
        if views.device.type == "cpu":
            return torch.randn(views.shape, generator=self.generator)
        seed = int(torch.randint(2**62, (1,), generator=self.generator))
        drawn = torch.Generator(views.device).manual_seed(seed)
        return torch.randn(views.shape, generator=drawn, device=views.device)


def random_homographies(random: Random, aspects: Tensor, options: GeometryOptions) -> Tensor:
    """Draw one view for each photo, as matrices (batch, 3, 3) from view to photo coordinates.

    ``aspects`` is width / height of each photo before squashing, shape (batch,).
    """
    count = len(aspects)
    half_x, half_y, centre_x, centre_y = _random_boxes(random, count, options)
    turn = _quarter_turns(random, count, options)
    angle, inside = _angles(random, count, options)
    box_aspect = (aspects * half_x / half_y).sqrt()
    rotation = _rotation(angle, box_aspect)
    # A small turn is usually cropped inside, so that no corner shows: shrink the box to fit.
    shrink = 1 / (
        angle.cos().abs() + angle.sin().abs() * torch.maximum(box_aspect, 1 / box_aspect) ** 2
    )
    shrink = torch.where(inside, shrink, torch.ones(count))
    box = _affine(half_x * shrink, half_y * shrink, centre_x, centre_y)
    tilt = _tilts(random, count, options)
    return box @ rotation @ turn @ tilt


def placements(half_x: Tensor, half_y: Tensor, centre_x: Tensor, centre_y: Tensor) -> Tensor:
    """Return matrices from view coordinates to those of a picture placed in a box of the view."""
    return _affine(1 / half_x, 1 / half_y, -centre_x / half_x, -centre_y / half_y)


def pyramid(photos: Tensor) -> list[Tensor]:
    """Halve ``photos``, uint8 (batch, 3, side, side), again and again: floats in [0, 1]."""
    levels = [photos.float().mul_(1 / 255)]
    for _ in range(PYRAMID_LEVELS - 1):
        levels.append(halved(levels[-1]))
    return levels


def halved(pictures: Tensor) -> Tensor:
    """Average 2 x 2 pixels of floats (..., side, side): ``avg_pool2d`` at four times its speed."""
    rows = pictures[..., ::2, :] + pictures[..., 1::2, :]
    return (rows[..., ::2] + rows[..., 1::2]).mul_(0.25)


def sample(
    levels: list[Tensor], photos: Tensor, homographies: Tensor, view_px: int
) -> tuple[Tensor, Tensor]:
    """Resample some photos, by their rows in the pyramid (views,), each through its homography.

    Each view reads the pyramid level nearest to its own scale, against aliasing.

    Returns:
        Views (views, 3, view_px, view_px), and the share of the photo behind each pixel
        (views, 1, view_px, view_px): 0 where the view looks past the photo's border.
    """
    device = levels[0].device
    side = levels[0].shape[-1]
    level = _level(homographies, side / view_px)
    level = level.round().clamp(0, len(levels) - 1).long()
    grid = _grid(homographies.to(device), view_px)
    inside = (grid.abs() <= 1).all(dim=-1).float().unsqueeze(1)
    views = torch.empty(len(grid), 3, view_px, view_px, device=device)
    for number, pictures in enumerate(levels):
        rows = torch.nonzero(level == number).flatten().to(device)
        if len(rows):
            views[rows] = functional.grid_sample(
                pictures[photos[rows]], grid[rows], padding_mode="border", align_corners=False
            )
    return views, inside


def _level(homographies: Tensor, ratio: float) -> Tensor:
    """Return log2 of the photo pixels that one view pixel covers, at the middle of the view."""
    corner = homographies[:, 2, 2].clamp(min=1e-3)
    area = torch.linalg.det(homographies[:, :2, :2]).abs() / corner**2
    return torch.log2(area.sqrt().clamp(min=1e-6) * ratio)


def _grid(homographies: Tensor, view_px: int) -> Tensor:
    """Apply homographies to the pixel centres of a view: (batch, view_px, view_px, 2)."""
    device = homographies.device
    line = (torch.arange(view_px, device=device) + 0.5) * (2 / view_px) - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)]).reshape(3, -1)
    mapped = homographies @ points
    mapped = mapped[:, :2] / mapped[:, 2:].clamp(min=0.1)
    return mapped.transpose(1, 2).reshape(-1, view_px, view_px, 2)


def _random_boxes(
    random: Random, count: int, options: GeometryOptions
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    area = random.uniform(count, *options.scale)
    stretch = torch.exp(random.uniform(count, -1.0, 1.0) * math.log(options.ratio) / 2)
    half_x = (area.sqrt() * stretch).clamp(max=1.0)
    half_y = (area.sqrt() / stretch).clamp(max=1.0)
    centre_x = random.uniform(count, -1.0, 1.0) * (1 - half_x)
    centre_y = random.uniform(count, -1.0, 1.0) * (1 - half_y)
    return half_x, half_y, centre_x, centre_y


def _quarter_turns(random: Random, count: int, options: GeometryOptions) -> Tensor:
    turns = random.integers(count, 3) + 1
    turns = torch.where(random.chance(count, options.quarter_turn), turns, torch.zeros_like(turns))
    mirror = torch.where(random.chance(count, options.flip), -torch.ones(count), torch.ones(count))
    angle = turns * (math.pi / 2)
    matrix = _rotation(angle, torch.ones(count))
    matrix[:, :, 0] *= mirror[:, None]
    return matrix


def _angles(random: Random, count: int, options: GeometryOptions) -> tuple[Tensor, Tensor]:
    limit = math.radians(options.small_rotation_degrees)
    small = random.uniform(count, -limit, limit)
    large = random.uniform(count, -math.pi, math.pi)
    zero = torch.zeros(count)
    is_small = random.chance(count, options.small_rotation)
    is_large = random.chance(count, options.any_rotation)
    angle = torch.where(is_large, large, torch.where(is_small, small, zero))
    inside = random.chance(count, 0.6) & ~is_large
    return angle, inside


def _rotation(angle: Tensor, aspect_root: Tensor) -> Tensor:
    """Rotate in true proportions: ``aspect_root`` squared is width / height of the unit square."""
    matrix = torch.zeros(len(angle), 3, 3)
    matrix[:, 0, 0] = matrix[:, 1, 1] = angle.cos()
    matrix[:, 0, 1] = -angle.sin() / aspect_root**2
    matrix[:, 1, 0] = angle.sin() * aspect_root**2
    matrix[:, 2, 2] = 1
    return matrix


def _tilts(random: Random, count: int, options: GeometryOptions) -> Tensor:
    matrix = torch.eye(3).repeat(count, 1, 1)
    active = random.chance(count, options.tilt)
    for row, column, limit in ((2, 0, 1.0), (2, 1, 1.0), (0, 1, 0.7), (1, 0, 0.7)):
        strength = random.uniform(count, -1.0, 1.0) * options.perspective * limit
        matrix[:, row, column] = torch.where(active, strength, torch.zeros(count))
    # Pull the corners back inside the photo: a tilt alone would reach past its border.
    reach = 1 + matrix[:, 0, 1].abs().maximum(matrix[:, 1, 0].abs())
    matrix[:, :2, :2] /= reach[:, None, None]
    matrix[:, 2, 2] += matrix[:, 2, 0].abs() + matrix[:, 2, 1].abs()
    return matrix


def _affine(scale_x: Tensor, scale_y: Tensor, shift_x: Tensor, shift_y: Tensor) -> Tensor:
    matrix = torch.zeros(len(scale_x), 3, 3)
    matrix[:, 0, 0], matrix[:, 1, 1] = scale_x, scale_y
    matrix[:, 0, 2], matrix[:, 1, 2] = shift_x, shift_y
    matrix[:, 2, 2] = 1
    return matrix
