"""Retrieval of held-out edited copies: how good the descriptors are at what they are for.

No labels are needed: altered copies of photos that were never trained on must find their
originals among all held-out photos.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dupfind.descriptors.backbone import ModelSpec, describe_tokens
from dupfind.training.network import mixed_precision
from dupfind.training.split import Collection
from dupfind.training.views.maker import ViewMaker
from dupfind.training.views.recipes import Mixture, copy_mixture

SEED = 20210429
BLOCK = 32
COPIES = 2
WANTED_COPIES = 128
BESIDE = 64
RIVALS = 128


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
    """The monitor's photos and altered copies of them, made once and always the same.

    Each copy looks for its original among all of these and up to ``RIVALS`` photos trained on; ``how``
    they are altered (None: as ``copy_mixture`` does).
    """

    def __init__(
        self, photos: Collection, maker: ViewMaker, *, view_px: int, how: Mixture | None = None
    ) -> None:
        how = how or copy_mixture()
        rows = list(photos.split.monitor)
        others = np.random.default_rng(SEED).permutation(photos.split.train)
        # Collages and backgrounds take photos that are no rivals: no copy shows two of those.
        beside = others[: min(BESIDE, len(others) // 2)]
        rivals = others[len(beside) : len(beside) + RIVALS].tolist()
        count = max(COPIES, -(-WANTED_COPIES // max(1, len(rows))))
        self.owner = torch.arange(len(rows)).repeat(count)
        shown = torch.split(torch.tensor([*rows, *rivals], dtype=torch.int64), BLOCK)
        self.originals = torch.cat(
            [maker.clean(photos.cache.batch(some.numpy(), maker.device), view_px) for some in shown]
        )
        self.originals = self.originals.half().cpu()
        self.copies = torch.empty(len(self.owner), 3, view_px, view_px, dtype=torch.float16)
        generator = torch.Generator().manual_seed(SEED)
        for start in range(0, len(rows), BLOCK):
            some = rows[start : start + BLOCK]
            batch = photos.cache.batch(some, maker.device, beside=beside)
            for number in range(count):
                views = maker.render(batch, how, view_px, generator)
                place = number * len(rows) + start
                self.copies[place : place + len(some)] = views.half().cpu()

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
        with mixed_precision(device):
            tokens = backbone.forward_features(some.to(device).float())  # type: ignore[operator]
        prefix = int(backbone.num_prefix_tokens)  # type: ignore[arg-type]
        parts.append(describe_tokens(tokens, prefix_tokens=prefix, gem_power=spec.gem_power).cpu())
    backbone.train(was_training)
    return torch.cat(parts)


def retrieval(originals: Tensor, copies: Tensor, owner: Tensor) -> Retrieval:
    """Look each copy up among the originals; ``owner`` is the row of its own original."""
    return look_up(originals, copies, owner).retrieval()


@dataclass(frozen=True)
class LookUp:
    """What came of each copy; the first three fields have shape (copies,).

    ``place`` counts the other photos that are at least as similar as its original, ``precision`` is
    that of the ranking of all pairs down to the pair of the copy and its original: its mean is
    micro AP. ``first`` is the row of the photo, its original excepted, that is most similar.
    ``originals`` are the descriptors that were searched.
    """

    place: Tensor
    precision: Tensor
    first: Tensor
    originals: Tensor

    def retrieval(self) -> Retrieval:
        """Return the shares over all copies."""
        return Retrieval(
            recall_at_1=float((self.place < 1).double().mean()),
            recall_at_10=float((self.place < 10).double().mean()),
            micro_ap=float(self.precision.mean()),
        )


def look_up(
    originals: Tensor, copies: Tensor, owner: Tensor, ignored: Tensor | None = None
) -> LookUp:
    """Look each copy up among the originals.

    Ties count against the model, and what is not a number is least similar: descriptors that are
    all alike find nothing.

    Args:
        originals: L2-normalised descriptors, (originals, dimensions).
        copies: Those of the copies, (copies, dimensions).
        owner: The row of each copy's own original, (copies,).
        ignored: Pairs that count neither way, booleans (copies, originals).
    """
    lowest = float("-inf")
    similarity = (copies @ originals.T).nan_to_num(nan=lowest)
    if ignored is not None:
        similarity = similarity.masked_fill(ignored, lowest)
    rows = torch.arange(len(copies))
    own = similarity[rows, owner]
    is_own = torch.zeros_like(similarity, dtype=torch.bool)
    is_own[rows, owner] = True
    is_above = similarity >= own[:, None]
    if ignored is not None:
        is_above &= ~ignored
    place = (is_above & ~is_own).sum(dim=1)
    precision = precisions(similarity.flatten(), is_own.flatten())
    first = similarity.masked_fill(is_own, lowest).argmax(dim=1)
    return LookUp(place, precision.view_as(similarity)[rows, owner], first, originals)


def precisions(score: Tensor, is_true: Tensor) -> Tensor:
    """Return the precision of the ranking down to each pair; its mean over true pairs is micro AP.

    Of pairs with the same score, the wrong ones come first. Both arguments have shape (pairs,).

    Source: DISC21 (arXiv 2106.09672), micro average precision.
    """
    wrong_first = is_true.to(torch.uint8).argsort(stable=True)
    order = wrong_first[score[wrong_first].argsort(descending=True, stable=True)]
    hits = is_true[order].double()
    found = torch.empty(len(score), dtype=torch.float64)
    found[order] = hits.cumsum(0) / torch.arange(1, len(hits) + 1, dtype=torch.float64)
    return found
