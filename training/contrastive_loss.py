"""A contrastive loss on the descriptor itself: copies together, other photos apart."""

import torch
from torch import Tensor
from torch.nn import functional


def contrastive_loss(first: Tensor, second: Tensor, *, temperature: float) -> Tensor:
    """InfoNCE: each view must find the other view of its photo among all views of the batch.

    Args:
        first: L2-normalised descriptors of one view of each photo, (photos, dimensions).
        second: Those of another view, in the same order.
        temperature: Divides the cosines; SSCD uses 0.05.

    Source: SSCD (arXiv 2202.10261), equation 1; SimCLR (2002.05709).
    """
    photos = len(first)
    views = torch.cat([first, second])
    logits = views @ views.T / temperature
    itself = torch.eye(2 * photos, dtype=torch.bool, device=views.device)
    logits = logits.masked_fill(itself, float("-inf"))
    target = (torch.arange(2 * photos, device=views.device) + photos) % (2 * photos)
    return functional.cross_entropy(logits, target)
