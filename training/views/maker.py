"""Make the views of a batch: DINO's multi-crop, and altered copies as people make them.

``ViewMaker`` renders batches of views as ``recipes`` say, on the CPU and on a GPU with the same
code and the same random numbers, but for noise, which a GPU draws itself.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from dupfind.training.views.colour import recolour
from dupfind.training.views.compose import backgrounds, choose_boxes
from dupfind.training.views.degrade import degrade
from dupfind.training.views.geometry import (
    Random,
    halved,
    placements,
    pyramid,
    random_homographies,
    sample,
)
from dupfind.training.views.overlays import make_bank, overlay
from dupfind.training.views.recipes import Mixture, Recipe

# The pyramid's level for photos beside others: a quarter of the cached size is plenty for a cell.
BESIDE_LEVEL = 2


@dataclass(frozen=True)
class Batch:
    """Cached photos on the device: ``pixels`` uint8 (batch, 3, side, side), ``aspects`` (batch,).

    ``beside`` are other photos, uint8 (any number, 3, side, side), for collages and backgrounds; without
    them the batch's own are taken, of which a collage is then a copy as well.
    """

    pixels: Tensor
    aspects: Tensor
    beside: Tensor | None = None


@dataclass(frozen=True)
class Sources:
    """A batch made ready once for all its views: see ``ViewMaker.prepare``."""

    levels: list[Tensor]
    aspects: Tensor
    beside: Tensor


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

    def prepare(self, batch: Batch) -> Sources:
        """Make the pyramid of a batch and the small pictures of the photos beside it."""
        levels = pyramid(batch.pixels)
        if batch.beside is None:
            return Sources(levels, batch.aspects, levels[BESIDE_LEVEL])
        # Every other pixel will do here, and is a quarter of the work.
        half = batch.beside[:, :, ::2, ::2].float().mul_(1 / 255)
        return Sources(levels, batch.aspects, halved(half))

    def render(
        self,
        batch: Batch | Sources,
        how: Recipe | Mixture,
        view_px: int,
        generator: torch.Generator,
    ) -> Tensor:
        """Make one view of each photo, normalised for the network: (batch, 3, px, px)."""
        sources = self.prepare(batch) if isinstance(batch, Batch) else batch
        mixture = how if isinstance(how, Mixture) else Mixture(((1.0, how),))
        random = Random(generator)
        count = len(sources.aspects)
        edges = torch.tensor([share for share, _ in mixture.parts]).cumsum(0)[:-1]
        chosen = torch.bucketize(random.uniform(count), edges, right=True)
        views = torch.empty(count, 3, view_px, view_px, device=self.device)
        for number, (_, recipe) in enumerate(mixture.parts):
            rows = torch.nonzero(chosen == number).flatten()
            if len(rows):
                some = self._render(random, sources, rows, recipe, view_px)
                views[rows.to(self.device)] = some
        return views.sub_(self.mean).div_(self.std)

    def clean(self, batch: Batch, view_px: int) -> Tensor:
        """Show each whole photo, squashed and normalised, as descriptors are made from it."""
        whole = torch.eye(3).repeat(len(batch.pixels), 1, 1)
        rows = torch.arange(len(whole), device=self.device)
        views, _ = sample(pyramid(batch.pixels), rows, whole, view_px)
        return (views - self.mean) / self.std

    def _render(
        self, random: Random, sources: Sources, rows: Tensor, recipe: Recipe, view_px: int
    ) -> Tensor:
        aspects, photos = sources.aspects[rows], rows.to(self.device)
        boxes = choose_boxes(random, len(rows), recipe.compose)
        place = placements(boxes.half_x, boxes.half_y, boxes.centre_x, boxes.centre_y)
        inner = random_homographies(random, aspects, recipe.geometry)
        views, inside = sample(sources.levels, photos, inner @ place, view_px)
        views = recolour(random, views, recipe.colour)
        views = self._fill_corners(random, views, inside)
        if bool((boxes.kind > 0).any()):
            behind = backgrounds(
                random, sources.levels[BESIDE_LEVEL][photos], sources.beside, boxes, view_px
            )
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
        x, y = x.to(self.device), y.to(self.device)
        return (y[:, None, :, None] & x[:, None, None, :]).float()
