"""KoLeo: spreads descriptors over the sphere by pushing nearest neighbours apart."""

import torch
from torch import Tensor

SMALLEST = 1e-8


def koleo_loss(descriptors: Tensor) -> Tensor:
    """Return minus the mean log distance to the nearest neighbour in the batch.

    ``descriptors`` is L2-normalised, float32, (batch, dimensions), one view of each photo.

    Source: KoLeo (arXiv 1806.03198), as used by DINOv2 and SSCD.
    """
    with torch.no_grad():
        similarity = descriptors @ descriptors.T
        similarity.fill_diagonal_(-2)
        nearest = similarity.argmax(dim=1)
    squared = (descriptors - descriptors[nearest]).pow(2).sum(dim=1)
    return -(squared + SMALLEST).sqrt().log().mean()
