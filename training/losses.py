"""The three losses: DINO's on prototypes, a contrastive one and KoLeo on the descriptor itself."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from dupfind.training.distributed import mean_over_processes

SMALLEST = 1e-8


class DinoLoss(nn.Module):
    """Cross entropy over all pairs of different views, with centring and sharpening.

    Source: DINO (arXiv 2104.14294), algorithm 1 and equation 3.
    """

    centre: Tensor

    def __init__(
        self, prototypes: int, *, student_temperature: float, centre_momentum: float
    ) -> None:
        super().__init__()
        self.student_temperature = student_temperature
        self.centre_momentum = centre_momentum
        self.register_buffer("centre", torch.zeros(1, prototypes))

    def forward(
        self, student: Tensor, teacher: Tensor, *, photos: int, teacher_temperature: float
    ) -> Tensor:
        """Return the mean loss over pairs (teacher view, student view) of different views.

        Args:
            student: Logits of all views, view by view: (views * photos, prototypes); the first
                views are those that the teacher saw.
            teacher: Logits of the global views, in the same order: (globals * photos, prototypes).
            photos: How many photos the batch holds.
            teacher_temperature: Lower is sharper.
        """
        targets = self.targets(teacher, teacher_temperature).view(-1, photos, teacher.shape[1])
        predicted = functional.log_softmax(student.float() / self.student_temperature, dim=-1)
        predicted = predicted.view(-1, photos, student.shape[1])
        # All pairs at once; the pairs of a view with itself are the diagonal.
        losses = -torch.einsum("tpk,spk->ts", targets, predicted) / photos
        same = torch.eye(len(targets), len(predicted), dtype=torch.bool, device=losses.device)
        return losses[~same].mean()

    def targets(self, teacher: Tensor, teacher_temperature: float) -> Tensor:
        """Return the teacher's probabilities: centred, then sharpened."""
        return functional.softmax((teacher.float() - self.centre) / teacher_temperature, dim=-1)

    @torch.no_grad()
    def update_centre(self, teacher: Tensor) -> None:
        """Follow the mean of the teacher's logits over all processes, after the loss."""
        mean = mean_over_processes(teacher.float().mean(dim=0, keepdim=True))
        self.centre.lerp_(mean, 1 - self.centre_momentum)


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
