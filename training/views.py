"""Make the views of a batch: DINO's multi-crop, and altered copies as people make them.

One ``Recipe`` says how a view is made; ``ViewMaker`` renders batches of them, on the CPU and on a
GPU with the same code and the same random numbers.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from dupfind.training.colour import ColourOptions, recolour
from dupfind.training.compose import ComposeOptions, backgrounds, choose_boxes
from dupfind.training.degrade import DegradeOptions, degrade
from dupfind.training.geometry import (
    GeometryOptions,
    Random,
    placements,
    pyramid,
    random_homographies,
    sample,
)
from dupfind.training.overlays import OverlayOptions, make_bank, overlay

BACKGROUND_LEVEL = 2  # a quarter of the cached size is plenty for the other cells of a collage


@dataclass(frozen=True)
class Recipe:
    """How one view of a photo is made; ``light`` is the chance that hardly anything is changed."""

    geometry: GeometryOptions = field(default_factory=GeometryOptions)
    colour: ColourOptions = field(default_factory=ColourOptions)
    degrade: DegradeOptions = field(default_factory=DegradeOptions)
    overlay: OverlayOptions = field(default_factory=OverlayOptions)
    compose: ComposeOptions = field(default_factory=ComposeOptions)
    light: float = 0.0


@dataclass(frozen=True)
class Batch:
    """Cached photos on the device: ``pixels`` uint8 (batch, 3, side, side), ``aspects`` (batch,)."""

    pixels: Tensor
    aspects: Tensor


LIGHT = Recipe(
    geometry=GeometryOptions(scale=(0.85, 1.0), ratio=1.1, flip=0.0),
    colour=ColourOptions(jitter=0.3, gray=0.0),
    degrade=DegradeOptions(jpeg=0.2, blur=0.1),
)


def dino_recipes(
    *, global_scale: tuple[float, float], local_scale: tuple[float, float]
) -> tuple[Recipe, Recipe, Recipe]:
    """Return the recipes of global view 1, global view 2 and local views.

    Source: DINO (arXiv 2104.14294), appendix; blur and solarisation as in BYOL (2006.07733).
    """
    first = Recipe(geometry=GeometryOptions(scale=global_scale), degrade=DegradeOptions(blur=1.0))
    second = replace(first, colour=ColourOptions(solarise=0.2), degrade=DegradeOptions(blur=0.1))
    local = Recipe(geometry=GeometryOptions(scale=local_scale), degrade=DegradeOptions(blur=0.5))
    return first, second, local


def copy_recipe(scale: tuple[float, float] = (0.3, 1.0)) -> Recipe:
    """Return the recipe of a copy as people make them, stronger and broader than DINO's views.

    Source: the list and many of the chances of SSCD (arXiv 2202.10261), and edits seen in albums:
    frames, screenshots, collages, tints, perspective.
    """
    return Recipe(
        geometry=GeometryOptions(
            scale=scale,
            ratio=1.5,
            flip=0.35,
            quarter_turn=0.2,
            small_rotation=0.2,
            any_rotation=0.05,
            tilt=0.2,
        ),
        colour=ColourOptions(
            jitter=0.5,
            brightness=0.6,
            contrast=0.6,
            saturation=0.6,
            hue=0.1,
            gray=0.25,
            solarise=0.02,
            cast=0.15,
            sepia=0.15,
            gamma=0.2,
            posterise=0.05,
            negative=0.02,
        ),
        degrade=DegradeOptions(blur=0.2, blur_sigma=(0.5, 5.0), sharpen=0.1, noise=0.15, jpeg=0.3),
        overlay=OverlayOptions(text=0.15, sticker=0.15, watermark=0.07),
        compose=ComposeOptions(frame=0.15, screen=0.15, collage=0.12),
    )


class ViewMaker:
    """Renders views of batches of cached photos on one device."""

    def __init__(
        self,
        *,
        device: torch.device,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
    ) -> None:
        self.device = device
        self.bank = make_bank().to(device)
        self.mean = torch.tensor(mean, device=device)[:, None, None]
        self.std = torch.tensor(std, device=device)[:, None, None]

    def render(
        self, batch: Batch, recipe: Recipe, view_px: int, generator: torch.Generator
    ) -> Tensor:
        """Make one view of each photo, normalised for the network: (batch, 3, px, px)."""
        levels = pyramid(batch.pixels)
        return self.render_levels(levels, batch.aspects, recipe, view_px, generator)

    def render_levels(
        self,
        levels: list[Tensor],
        aspects: Tensor,
        recipe: Recipe,
        view_px: int,
        generator: torch.Generator,
    ) -> Tensor:
        """``render`` for photos whose pyramid is made already (all views of a step share it)."""
        random = Random(generator)
        light = random.chance(len(aspects), recipe.light)
        views = torch.empty(len(aspects), 3, view_px, view_px, device=self.device)
        for chosen, how in ((light, LIGHT), (~light, recipe)):
            rows = torch.nonzero(chosen).flatten()
            if len(rows):
                some = [level[rows.to(self.device)] for level in levels]
                views[rows.to(self.device)] = self._render(
                    random, some, aspects[rows], how, view_px
                )
        return (views - self.mean) / self.std

    def clean(self, batch: Batch, view_px: int) -> Tensor:
        """Show each whole photo, squashed and normalised, as descriptors are made from it."""
        whole = torch.eye(3).repeat(len(batch.pixels), 1, 1)
        views, _ = sample(pyramid(batch.pixels), whole, view_px)
        return (views - self.mean) / self.std

    def _render(
        self,
        random: Random,
        levels: list[Tensor],
        aspects: Tensor,
        recipe: Recipe,
        view_px: int,
    ) -> Tensor:
        boxes = choose_boxes(random, len(aspects), recipe.compose)
        place = placements(boxes.half_x, boxes.half_y, boxes.centre_x, boxes.centre_y)
        inner = random_homographies(random, aspects, recipe.geometry)
        views, inside = sample(levels, inner @ place, view_px)
        views = recolour(random, views, recipe.colour)
        views = self._fill_corners(random, views, inside)
        if bool((boxes.kind > 0).any()):
            behind = backgrounds(random, levels[BACKGROUND_LEVEL], boxes, view_px)
            views = torch.lerp(behind, views, self._mask(place, view_px))
        views = overlay(random, views, self.bank, recipe.overlay)
        return degrade(random, views, recipe.degrade)

    def _fill_corners(self, random: Random, views: Tensor, inside: Tensor) -> Tensor:
        """Past the photo's border: one colour for two views in three, the repeated border else."""
        count = len(views)
        colour = random.uniform(count).round()[:, None, None, None].to(self.device)
        repeated = random.chance(count, 0.33).to(self.device)[:, None, None, None]
        return torch.where((inside > 0) | repeated, views, colour)

    def _mask(self, place: Tensor, view_px: int) -> Tensor:
        line = (torch.arange(view_px) + 0.5) * (2 / view_px) - 1
        x = (place[:, 0, :1] * line + place[:, 0, 2:]).abs() <= 1
        y = (place[:, 1, 1:2] * line + place[:, 1, 2:]).abs() <= 1
        return (y[:, None, :, None] & x[:, None, None, :]).float().to(self.device)
