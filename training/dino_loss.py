"""DINO's loss: the student predicts, from each view, what the teacher says of the others."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from dupfind.training.distributed import mean_over_processes


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
