"""Retrieval of held-out edited copies: how good the descriptors are at what they are for.

No labels are needed: altered copies of photos that were never trained on must find their
originals among all held-out photos.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dupfind.descriptors.backbone import ModelSpec, describe_tokens
from dupfind.training.cache import PhotoCache
from dupfind.training.views.maker import ViewMaker
from dupfind.training.views.recipes import copy_mixture

SEED = 20210429
BLOCK = 32
COPIES = 2
BESIDE = 64


@dataclass(frozen=True)
class Retrieval:
    """Shares in [0, 1]: copies whose original is the first, or among the first ten; micro AP."""

    recall_at_1: float
    recall_at_10: float
    micro_ap: float

    @property
    def score(self) -> float:
        """One figure for a model: the mean of recall@1 and micro AP."""
        return (self.recall_at_1 + self.micro_ap) / 2


class HeldOut:
    """Held-out photos and altered copies of them, made once and always the same."""

    def __init__(
        self, cache: PhotoCache, rows: list[int], makers: ViewMaker, *, view_px: int
    ) -> None:
        # Collages and backgrounds take photos that are not held out: no copy shows two of those.
        beside = sorted(set(range(len(cache))) - set(rows))[:BESIDE]
        self.originals = torch.empty(len(rows), 3, view_px, view_px, dtype=torch.float16)
        self.copies = torch.empty(COPIES * len(rows), 3, view_px, view_px, dtype=torch.float16)
        self.owner = torch.arange(len(rows)).repeat(COPIES)
        generator = torch.Generator().manual_seed(SEED)
        for start in range(0, len(rows), BLOCK):
            some = rows[start : start + BLOCK]
            batch = cache.batch(some, makers.device, beside=beside)
            stop = start + len(some)
            self.originals[start:stop] = makers.clean(batch, view_px).half().cpu()
            for number in range(COPIES):
                views = makers.render(batch, copy_mixture(), view_px, generator)
                offset = number * len(rows)
                self.copies[offset + start : offset + stop] = views.half().cpu()

    def evaluate(self, backbone: nn.Module, spec: ModelSpec, device: torch.device) -> Retrieval:
        """Describe originals and copies and look the copies up."""
        return retrieval(*self.describe(backbone, spec, device), self.owner)

    def describe(
        self, backbone: nn.Module, spec: ModelSpec, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Return the descriptors of the originals and of the copies, float32."""
        return (
            describe_views(backbone, spec, self.originals, device),
            describe_views(backbone, spec, self.copies, device),
        )


@torch.no_grad()
def describe_views(
    backbone: nn.Module, spec: ModelSpec, views: Tensor, device: torch.device
) -> Tensor:
    """Describe normalised views (views, 3, side, side): float32 (views, dimensions) on the CPU."""
    was_training = backbone.training
    backbone.eval()
    parts = []
    for some in torch.split(views, 2 * BLOCK):
        with torch.autocast(device.type, torch.bfloat16):
            tokens = backbone.forward_features(some.to(device).float())  # type: ignore[operator]
        prefix = int(backbone.num_prefix_tokens)  # type: ignore[arg-type]
        parts.append(describe_tokens(tokens, prefix_tokens=prefix, gem_power=spec.gem_power).cpu())
    backbone.train(was_training)
    return torch.cat(parts)


def retrieval(originals: Tensor, copies: Tensor, owner: Tensor) -> Retrieval:
    """Look each copy up among the originals; ``owner`` is the row of its own original."""
    similarity = copies @ originals.T
    own = similarity[torch.arange(len(copies)), owner]
    place = (similarity > own[:, None]).sum(dim=1)
    is_own = torch.zeros_like(similarity, dtype=torch.bool)
    is_own[torch.arange(len(copies)), owner] = True
    return Retrieval(
        recall_at_1=float((place < 1).float().mean()),
        recall_at_10=float((place < 10).float().mean()),
        micro_ap=average_precision(similarity.flatten(), is_own.flatten()),
    )


def average_precision(score: Tensor, is_true: Tensor) -> float:
    """Average precision of one ranking over all pairs (micro AP), as DISC21 measures it."""
    order = score.argsort(descending=True, stable=True)
    hits = is_true[order].double()
    precision = hits.cumsum(0) / torch.arange(1, len(hits) + 1, dtype=torch.float64)
    return float((precision * hits).sum() / hits.sum().clamp(min=1))
