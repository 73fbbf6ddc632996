"""One training step: views in, losses out, student and teacher moved."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from dupfind.descriptors.backbone import create_backbone, suit_attention
from dupfind.errors import CollapseError, TrainingError
from dupfind.training import schedule
from dupfind.training.config import REFERENCE_BATCH, TrainingConfig
from dupfind.training.distributed import gather_rows, mean_over_processes, world_size
from dupfind.training.losses import DinoLoss, contrastive_loss, koleo_loss
from dupfind.training.memory import Memory, Shown
from dupfind.training.network import (
    DinoHead,
    Network,
    Outputs,
    make_pair,
    mixed_precision,
    patch_size,
    update_teacher,
)
from dupfind.training.optimiser import clip_gradients, freeze_layers, make_optimiser, set_rates
from dupfind.training.rehearsal import Rehearsed, rehearsal_loss

NOT_FINITE = (
    "the loss is not a finite number, which would destroy all weights; lower optimiser.rate, or "
    "train in larger batches"
)


@dataclass(frozen=True)
class StepResult:
    """What one step measured: plain numbers, averaged over all processes."""

    loss: float
    terms: dict[str, float]
    teacher_entropy: float | None
    divergence: float | None
    top_prototypes: Tensor | None


class Learner:
    """Student, teacher, loss and optimiser; ``step`` moves them all once.

    Raises:
        TrainingError: Views of these sizes do not consist of whole patches.
    """

    def __init__(
        self,
        config: TrainingConfig,
        device: torch.device,
        backbone: nn.Module | None = None,
        *,
        photos: int | None = None,
    ) -> None:
        self.config = config
        self.device = device
        options = config.optimiser
        head = _make_head(config) if config.losses.dino > 0 else None
        self.student, self.teacher = make_pair(
            config.spec,
            backbone=backbone,
            head=head,
            drop_path=options.drop_path,
            patch_drop=options.patch_drop,
        )
        _check_sizes(config, patch_size(self.student.backbone))
        for network in (self.student, self.teacher):
            suit_attention(network, device)
        self.student.to(device)
        self.teacher.to(device)
        self.dino = DinoLoss(
            config.losses.prototypes,
            student_temperature=config.losses.student_temperature,
            centre_momentum=config.losses.centre_momentum,
        ).to(device)
        self.memory = _make_memory(config, self.student, photos)
        if self.memory is not None:
            self.memory.to(device)
        freeze_layers(self.student, options.frozen_layers)
        self.optimiser = make_optimiser(self.student, options)
        self.parallel: nn.Module = self.student
        if world_size() > 1:
            self.parallel = DistributedDataParallel(self.student)

    def step(
        self,
        groups: list[Tensor],
        *,
        photos: int,
        progress: float,
        shown: Shown | None = None,
        rehearsed: Rehearsed | None = None,
    ) -> StepResult:
        """Learn from the views of one batch.

        Args:
            groups: Global views, then local ones if any: (views * photos, 3, side, side) each, view
                by view, normalised.
            photos: How many photos of the batch this process holds.
            progress: Share of the run that is done, in [0, 1].
            shown: Which photos those are; the memory needs it.
            rehearsed: Views that are to be described as they were at the start.

        Raises:
            CollapseError: The loss or a gradient is not finite; nothing has moved.
        """
        self._schedule(progress)
        self.student.train()
        centre = self.dino.centre.clone()
        loss, terms, student, teacher = self._forward(groups, photos, progress, shown, rehearsed)
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        is_finite = clip_gradients(self.student.parameters(), self.config.optimiser.clip)
        # Of all processes, so that all of them stop.
        if not is_finite or not bool(torch.isfinite(mean_over_processes(loss.detach()))):
            self.dino.centre.copy_(centre)
            raise CollapseError(NOT_FINITE)
        self.optimiser.step()
        if self.memory is not None and shown is not None and teacher is not None:
            self.memory.add(teacher.descriptors[:photos], shown)
        update_teacher(
            self.teacher, self.student, schedule.cosine(*self.config.optimiser.momentum, progress)
        )
        return self._measured(loss, terms, student, teacher, progress)

    @torch.no_grad()
    def is_finite(self) -> bool:
        """Tell whether all weights of student and teacher are numbers."""
        weights: list[Tensor] = [*self.student.parameters(), *self.teacher.parameters()]
        return bool(torch.isfinite(torch.stack(torch._foreach_norm(weights))).all())

    @torch.no_grad()
    def teacher_distance(self) -> float:
        """Return how far the teacher's weights are from the student's, relative to their size."""
        pairs = zip(self.teacher.parameters(), self.student.parameters(), strict=True)
        squares = [
            torch.stack([(one - other).square().sum(), other.square().sum()])
            for one, other in pairs
        ]
        apart, size = torch.stack(squares).sum(dim=0).tolist()
        return float((apart / max(size, 1e-12)) ** 0.5)

    def teacher_temperature(self, progress: float) -> float:
        """Return the teacher's temperature: a linear warm-up, then constant."""
        losses = self.config.losses
        share = progress / max(1e-9, losses.teacher_temperature_warmup)
        return schedule.linear(*losses.teacher_temperature, share)

    def _schedule(self, progress: float) -> None:
        options = self.config.optimiser
        if options.patch_drop > 0:
            drops = progress < options.patch_drop_until
            self.student.backbone.patch_drop.prob = options.patch_drop if drops else 0.0  # type: ignore[union-attr]
        frozen = set()
        if progress < options.frozen_last_layer:
            frozen.add("last")
        if progress < options.frozen_backbone:
            frozen.add("backbone")
        peak = options.rate * self.config.batch_size / REFERENCE_BATCH
        set_rates(
            self.optimiser,
            rate=schedule.warmup_cosine(
                peak, options.final_rate, options.warmup, progress, hold=options.hold
            ),
            weight_decay=schedule.cosine(*options.weight_decay, progress),
            frozen=frozen,
        )

    def _forward(
        self,
        groups: list[Tensor],
        photos: int,
        progress: float,
        shown: Shown | None,
        rehearsed: Rehearsed | None,
    ) -> tuple[Tensor, dict[str, Tensor], Outputs, Outputs | None]:
        seen = groups if rehearsed is None else [*groups, rehearsed.views]
        with mixed_precision(self.device):
            student: Outputs = self.parallel(seen)
        again = None
        if rehearsed is not None:
            student, again = _apart(student, len(student.descriptors) - len(rehearsed.views))
        teacher = None
        if self.config.losses.dino > 0 or self.memory is not None:
            # The memory asks for first views only.
            views = groups[:1] if self.config.losses.dino > 0 else [groups[0][:photos]]
            with torch.no_grad(), mixed_precision(self.device):
                teacher = self.teacher(views)
        terms = self._terms(student, teacher, photos, progress)
        if self.memory is not None and shown is not None and teacher is not None:
            terms["memory"] = self.memory.loss(
                student.descriptors[photos : 2 * photos],
                teacher.descriptors[:photos],
                shown,
                temperature=self.config.losses.contrastive_temperature,
            )
        if again is not None and rehearsed is not None:
            terms["rehearsal"] = rehearsal_loss(again.descriptors, rehearsed.descriptors)
        weights = self.config.losses
        loss = sum(
            (getattr(weights, name) * term for name, term in terms.items()),
            torch.zeros((), device=self.device),
        )
        if teacher is not None and teacher.logits is not None:
            self.dino.update_centre(teacher.logits)
        return loss, terms, student, teacher

    def _terms(
        self, student: Outputs, teacher: Outputs | None, photos: int, progress: float
    ) -> dict[str, Tensor]:
        """Compute each loss term that is switched on, in float32."""
        weights = self.config.losses
        terms: dict[str, Tensor] = {}
        if teacher is not None and teacher.logits is not None and student.logits is not None:
            terms["dino"] = self.dino(
                student.logits,
                teacher.logits,
                photos=photos,
                teacher_temperature=self.teacher_temperature(progress),
            )
        if weights.koleo > 0 or weights.contrastive > 0:
            first, second = (
                gather_rows(student.descriptors[view * photos : (view + 1) * photos])
                for view in range(2)
            )
            if weights.koleo > 0:
                terms["koleo"] = (koleo_loss(first) + koleo_loss(second)) / 2
            if weights.contrastive > 0:
                terms["contrastive"] = contrastive_loss(
                    first, second, temperature=weights.contrastive_temperature
                )
        return terms

    @torch.no_grad()
    def _measured(
        self,
        loss: Tensor,
        terms: dict[str, Tensor],
        student: Outputs,
        teacher: Outputs | None,
        progress: float,
    ) -> StepResult:
        names = list(terms)
        numbers = torch.stack([loss.detach(), *[terms[name].detach() for name in names]])
        entropy = divergence = top = None
        if teacher is not None and teacher.logits is not None and student.logits is not None:
            targets = self.dino.targets(teacher.logits, self.teacher_temperature(progress))
            own = student.logits[: len(targets)].float() / self.config.losses.student_temperature
            logs = targets.clamp(min=1e-12).log()
            numbers = torch.cat(
                [
                    numbers,
                    -(targets * logs).sum(dim=1).mean()[None],
                    (targets * (logs - own.log_softmax(dim=-1))).sum(dim=1).mean()[None],
                ]
            )
            top = gather_rows(targets.argmax(dim=1)).cpu()
        values = mean_over_processes(numbers.float()).tolist()
        if top is not None:
            entropy, divergence = values[-2:]
        return StepResult(
            values[0], dict(zip(names, values[1:], strict=False)), entropy, divergence, top
        )


def _apart(outputs: Outputs, count: int) -> tuple[Outputs, Outputs]:
    """Return what was said of the first ``count`` views, and of the others."""
    descriptors, logits = outputs
    return (
        Outputs(descriptors[:count], None if logits is None else logits[:count]),
        Outputs(descriptors[count:], None if logits is None else logits[count:]),
    )


def _check_sizes(config: TrainingConfig, patch_px: int) -> None:
    views = config.views
    sizes = {"views.global_px": views.global_px, "views.growth": views.global_px_at(1.0)}
    if views.local_count:
        sizes["views.local_px"] = views.local_px
    for name, px in sizes.items():
        if px % patch_px:
            raise TrainingError(
                f"{name} is {px}, but this model sees patches of {patch_px} px; give a multiple, "
                f"such as {max(1, round(px / patch_px)) * patch_px}"
            )


def _make_memory(config: TrainingConfig, student: Network, photos: int | None) -> Memory | None:
    """Make a memory of at most ``photos`` descriptors, in whole batches; None where it is off."""
    losses = config.losses
    if losses.memory <= 0:
        return None
    size = min(losses.memory_size, photos or losses.memory_size)
    size = max(1, size // config.batch_size) * config.batch_size
    return Memory(size, 2 * int(student.backbone.num_features))  # type: ignore[arg-type]


def _make_head(config: TrainingConfig) -> DinoHead:
    width = int(create_backbone(config.spec).num_features)  # type: ignore[arg-type]
    losses = config.losses
    return DinoHead(
        width,
        hidden=losses.head_hidden,
        bottleneck=losses.head_bottleneck,
        prototypes=losses.prototypes,
    )
