"""What the teacher said of earlier photos: more photos to be told apart than one batch holds.

On an album of pages of one form every other page is a hard negative, but a batch that a CPU can afford shows
16 of them. The teacher's descriptors of the batches before are kept, and each copy must find its
photo among all of those; they cost no forward pass of their own where DINO's loss is used.

Source: Momentum Contrast (MoCo, arXiv 1911.05722); DINO's teacher is its momentum encoder.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from dupfind.training.distributed import gather_rows, rank

NOBODY = -1


@dataclass(frozen=True)
class Shown:
    """Which photos this process's views show, as numbers that near-duplicates share.

    ``photos`` has one number for each photo of the batch, ``beside`` those of the photos that stand beside
    them in collages and backgrounds: a view is no worse for being like those.
    """

    photos: Tensor
    beside: Tensor


class Memory(nn.Module):
    """The last ``size`` descriptors of the teacher, and of which photos they are.

    The same in all processes: each adds what all of them have described.
    """

    keys: Tensor
    photos: Tensor
    place: Tensor

    def __init__(self, size: int, dimensions: int) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(size, dimensions))
        self.register_buffer("photos", torch.full((size,), NOBODY))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))

    def loss(self, copies: Tensor, keys: Tensor, shown: Shown, *, temperature: float) -> Tensor:
        """Return InfoNCE: each copy must find its photo among the batch's and all that are kept.

        Args:
            copies: The student's descriptors of one view of each photo, (photos, dimensions),
                L2-normalised.
            keys: The teacher's descriptors of another view, in the same order.
            shown: What the batch shows; neither that nor its near-duplicates count as others.
            temperature: Divides the cosines.
        """
        device = self.photos.device
        photos = shown.photos.to(device)
        everyone, keys = gather_rows(photos), gather_rows(keys.detach())
        own = rank() * len(photos) + torch.arange(len(photos), device=device)
        is_same = photos[:, None] == everyone[None, :]
        is_same[torch.arange(len(photos), device=device), own] = False
        is_out = (photos[:, None] == self.photos[None, :]) | (self.photos == NOBODY)
        is_out |= torch.isin(self.photos, shown.beside.to(device))
        cosines = torch.cat([copies @ keys.T, copies @ self.keys.T], dim=1)
        left_out = torch.cat([is_same, is_out], dim=1)
        logits = (cosines / temperature).masked_fill(left_out, float("-inf"))
        return functional.cross_entropy(logits, own)

    @torch.no_grad()
    def add(self, keys: Tensor, shown: Shown) -> None:
        """Keep the keys of all processes in place of the oldest."""
        keys, photos = gather_rows(keys.detach()), gather_rows(shown.photos.to(keys.device))
        size = len(self.photos)
        places = (self.place + torch.arange(len(keys), device=keys.device)) % size
        # A batch larger than the memory would write a place twice, in any order.
        self.keys[places[-size:]] = keys[-size:].to(self.keys.dtype)
        self.photos[places[-size:]] = photos[-size:]
        self.place.copy_((self.place + len(keys)) % size)
