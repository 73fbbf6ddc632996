"""Photos inside other pictures: frames, screenshots, collages, pictures in pictures.

``choose_boxes`` decides for each view whether its photo fills it or lies in a box of it;
``backgrounds`` paints what is around the box.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from dupfind.training.views.geometry import Random


@dataclass(frozen=True)
class ComposeOptions:
    """Chances in [0, 1] that a photo is framed, shown on a screen, or one of a collage's cells.

    ``smallest`` is the smallest side of a screenshot's photo, as a share of the view's side.
    """

    frame: float = 0.0
    screen: float = 0.0
    collage: float = 0.0
    smallest: float = 0.35


@dataclass(frozen=True)
class Boxes:
    """Where each photo lies in its view, in view coordinates; all fields have shape (batch,).

    ``kind`` is 0 for the whole view, 1 for a frame, 2 for a screen, 3 for a collage; ``cells`` is
    the number of the collage's cells on a side.
    """

    kind: Tensor
    half_x: Tensor
    half_y: Tensor
    centre_x: Tensor
    centre_y: Tensor
    cells_x: Tensor
    cells_y: Tensor


WHOLE, FRAME, SCREEN, COLLAGE = range(4)
COLLAGE_GRIDS = torch.tensor(
    [[2, 2], [2, 2], [2, 2], [2, 2], [1, 2], [2, 1], [3, 3], [3, 2], [2, 3]]
)


def choose_boxes(random: Random, count: int, options: ComposeOptions) -> Boxes:
    """Draw a kind and a box for each of ``count`` views."""
    draw = random.uniform(count)
    edges = torch.tensor([options.frame, options.screen, options.collage]).cumsum(0)
    kind = torch.bucketize(draw, edges, right=True)
    kind = torch.where(kind == 3, torch.full_like(kind, WHOLE), kind + 1)
    frame = _frames(random, count)
    screen = _screens(random, count, options.smallest)
    grids = COLLAGE_GRIDS[random.integers(count, len(COLLAGE_GRIDS))]
    cell = _cells(random, grids)
    whole = torch.tensor([[1.0, 1, 0, 0]]).expand(count, 4)
    boxes = torch.stack([whole, frame, screen, cell])[kind, torch.arange(count)]
    return Boxes(kind, *boxes.unbind(1), *grids.unbind(1))


def backgrounds(
    random: Random, small: Tensor, beside: Tensor, boxes: Boxes, view_px: int
) -> Tensor:
    """Paint what lies around each box: (batch, 3, view_px, view_px), black where nothing does.

    ``small`` holds the photos of the batch at low resolution (batch, 3, side, side), ``beside`` other
    photos at that resolution: a collage's other cells and a screen's wallpaper are taken from these.
    """
    count = len(small)
    result = torch.zeros(count, 3, view_px, view_px, device=small.device)
    for kind, paint, photos in ((FRAME, _paint_frames, small), (SCREEN, _paint_screens, beside)):
        rows = torch.nonzero(boxes.kind == kind).flatten()
        if len(rows):
            result[rows.to(small.device)] = paint(random, photos, rows, view_px)
    for grid in sorted({tuple(grid) for grid in COLLAGE_GRIDS.tolist()}):
        chosen = (boxes.kind == COLLAGE) & (boxes.cells_x == grid[0]) & (boxes.cells_y == grid[1])
        rows = torch.nonzero(chosen).flatten()
        if len(rows):
            painted = _paint_collages(random, beside, len(rows), grid, view_px)
            result[rows.to(small.device)] = painted
    return result


def _frames(random: Random, count: int) -> Tensor:
    """Equal borders all around, bars on two sides, or bands of any width."""
    margin_x, margin_y = (random.uniform(count, 0.02, 0.35) for _ in range(2))
    style = random.integers(count, 4)
    margin_x = torch.where(style == 1, torch.zeros(count), margin_x)
    margin_y = torch.where(style == 2, torch.zeros(count), margin_y)
    margin_y = torch.where(style == 0, margin_x, margin_y)
    shift = random.uniform(count, -1, 1) * (style == 3)
    return torch.stack([1 - margin_x, 1 - margin_y, shift * margin_x, shift * margin_y], dim=1)


def _screens(random: Random, count: int, smallest: float) -> Tensor:
    half_x, half_y = (random.uniform(count, smallest, 0.95) for _ in range(2))
    # Phones show a photo across their whole width as often as not.
    half_x = torch.where(random.chance(count, 0.5), random.uniform(count, 0.85, 1.0), half_x)
    centre_x = random.uniform(count, -1, 1) * (1 - half_x)
    centre_y = random.uniform(count, -1, 1) * (1 - half_y)
    return torch.stack([half_x, half_y, centre_x, centre_y], dim=1)


def _cells(random: Random, grids: Tensor) -> Tensor:
    count = len(grids)
    columns, rows = grids[:, 0], grids[:, 1]
    column = (random.uniform(count) * columns).floor()
    row = (random.uniform(count) * rows).floor()
    gap_x, gap_y = (1 - random.uniform(count, 0, 0.25) * random.chance(count, 0.5) for _ in "xy")
    centre_x, centre_y = (2 * column + 1) / columns - 1, (2 * row + 1) / rows - 1
    return torch.stack([gap_x / columns, gap_y / rows, centre_x, centre_y], dim=1)


def _plain(random: Random, count: int) -> Tensor:
    """White, black or any colour: (count, 3, 1, 1)."""
    colour = random.uniform(3 * count).view(count, 3)
    grey = random.integers(count, 2).float()[:, None].expand(count, 3)
    return torch.where(random.chance(count, 0.6)[:, None], grey, colour)[:, :, None, None]


def _paint_frames(random: Random, small: Tensor, rows: Tensor, view_px: int) -> Tensor:
    """One colour, or the photo itself, blurred and enlarged behind itself."""
    plain = _plain(random, len(rows)).to(small.device)
    tiny = functional.adaptive_avg_pool2d(small[rows.to(small.device)], 7)
    blurred = functional.interpolate(tiny, (view_px, view_px), mode="bilinear")
    is_plain = random.chance(len(rows), 0.7).to(small.device)[:, None, None, None]
    return torch.where(is_plain, plain, blurred)


def _paint_screens(random: Random, beside: Tensor, rows: Tensor, view_px: int) -> Tensor:
    """A page in one colour with lines of text and blocks, or another photo as wallpaper."""
    count, device = len(rows), beside.device
    page = _plain(random, count).expand(count, 3, 24, 24).clone()
    ink = _plain(random, count)
    lines = random.chance(count * 24, 0.4).view(count, 1, 24, 1)
    reach = (random.uniform(count * 24, 0.2, 1.0) * 24).view(count, 1, 24, 1)
    start = (random.uniform(count * 24, 0.0, 0.4) * 24).view(count, 1, 24, 1)
    column = torch.arange(24)
    written = (
        lines
        & (column >= start)
        & (column < reach)
        & random.chance(24 * count, 0.8).view(count, 1, 1, 24)
    )
    page = torch.where(written, 0.3 * page + 0.7 * ink, page).to(device)
    page = functional.interpolate(page, (view_px, view_px), mode="nearest")
    others = beside[random.integers(count, len(beside)).to(device)]
    wallpaper = functional.interpolate(others, (view_px, view_px), mode="bilinear")
    is_page = random.chance(count, 0.6).to(device)[:, None, None, None]
    return torch.where(is_page, page, wallpaper)


def _paint_collages(
    random: Random, beside: Tensor, count: int, grid: tuple[int, int], view_px: int
) -> Tensor:
    """Fill every cell with another photo, with or without gaps."""
    columns, rows = grid
    cells = random.integers(count * rows * columns, len(beside)).to(beside.device)
    side = beside.shape[-1]
    photos = beside[cells].view(count, rows, columns, 3, side, side)
    gap = 1 + int(random.integers(1, 4)) if bool(random.chance(1, 0.5)) else 0
    colour = _plain(random, count).to(beside.device)[:, None, None]
    if gap:
        edge = torch.zeros(side, dtype=torch.bool, device=beside.device)
        edge[:gap] = edge[-gap:] = True
        photos = torch.where(edge[:, None] | edge[None, :], colour, photos)
    mosaic = photos.permute(0, 3, 1, 4, 2, 5).reshape(count, 3, rows * side, columns * side)
    return functional.interpolate(mosaic, (view_px, view_px), mode="bilinear", antialias=True)
