"""Rehearsal: what the start said of pictures unlike the album's is learned beside the album.

A model that is tuned on pages of one form forgets what it knew of photos. Photos of others cannot be
shipped, so made-up scenes stand for them: student and start describe them alike.

Source: Learning without Forgetting (arXiv 1606.09282).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dupfind.descriptors.backbone import create_backbone, suit_attention
from dupfind.training.config import TrainingConfig
from dupfind.training.heldout import BLOCK, describe_views
from dupfind.training.scenes import make_scene
from dupfind.training.views.maker import Batch, ViewMaker
from dupfind.training.views.recipes import copy_mixture

SCENES = 192
COPIES = 2  # of each scene, beside the scene as it is
SIDE_PX = 224
SEED = 20210429


@dataclass(frozen=True)
class Rehearsed:
    """Views of scenes, (views, 3, side, side), and the start's descriptors of them, (views, dimensions)."""

    views: Tensor
    descriptors: Tensor


class Rehearsal:
    """Views of made-up scenes and what ``start`` says of them, described once."""

    def __init__(
        self, config: TrainingConfig, maker: ViewMaker, start: nn.Module, *, scenes: int = SCENES
    ) -> None:
        self.device = maker.device
        self.views = _scene_views(maker, config.spec.view_px, scenes)
        # Read back from its folder the start is another class, whose last bits differ.
        backbone = create_backbone(config.spec).to(self.device)
        backbone.load_state_dict(start.state_dict())
        suit_attention(backbone, self.device)
        self.descriptors = describe_views(backbone, config.spec, self.views, self.device)

    def draw(self, count: int, seed: int) -> Rehearsed:
        """Draw ``count`` views, the same for the same seed."""
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randint(len(self.views), (count,), generator=generator)
        views = self.views[rows].float().to(self.device)
        return Rehearsed(views, self.descriptors[rows].to(self.device))


def rehearsal_loss(descriptors: Tensor, start: Tensor) -> Tensor:
    """Return the mean of 1 - cosine between what the student and the start say of the same views.

    Both are L2-normalised, (views, dimensions).
    """
    return 1 - (descriptors * start).sum(dim=1).mean()


def _scene_views(maker: ViewMaker, view_px: int, scenes: int) -> Tensor:
    """Render each scene as it is and altered: float16 (views, 3, view_px, view_px) on the CPU."""
    generator = torch.Generator().manual_seed(SEED)
    parts = []
    for start in range(0, scenes, BLOCK):
        numbers = range(start, min(scenes, start + BLOCK))
        pixels = np.stack([make_scene(number, SIDE_PX).transpose(2, 0, 1) for number in numbers])
        batch = Batch(torch.from_numpy(pixels).to(maker.device), torch.ones(len(pixels)))
        parts.append(maker.clean(batch, view_px).half().cpu())
        parts.extend(
            maker.render(batch, copy_mixture(), view_px, generator).half().cpu()
            for _ in range(COPIES)
        )
    return torch.cat(parts)
