"""How training goes, without labels: spread of the teacher, use of prototypes, rank, retrieval.

Collapse is recognised here, with its kind and what to change.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from dupfind.training.heldout import Retrieval
from dupfind.training.step import NOT_FINITE, StepResult

# A teacher whose entropy is this close to ln K says the same of every photo; this close to 0,
# it has chosen one prototype for all. Both are seen with hardly any KL to the student.
UNIFORM_SHARE = 0.995
ONE_PROTOTYPE_SHARE = 0.02
ONE_PROTOTYPE_USE = 0.01
RANK_FLOOR = 2.0
PATIENCE = 3
# The centre starts at zero: until it has followed the teacher for a while, one prototype leads.
GRACE_STEPS = 30


@dataclass(frozen=True)
class EpochMetrics:
    """What one look at the run found. None where a measure does not apply to its losses."""

    step: int
    epoch: int
    elapsed_s: float
    progress: float
    photos_per_s: float
    loss: float
    terms: dict[str, float]
    teacher_entropy: float | None
    teacher_entropy_limit: float | None
    divergence: float | None
    prototypes_used: int | None
    teacher_distance: float | None
    rank: float
    recall_at_1: float
    recall_at_10: float
    micro_ap: float

    def as_json(self) -> dict[str, Any]:
        """Return a flat dict: the terms become ``loss_NAME``."""
        flat = asdict(self)
        terms = flat.pop("terms")
        return flat | {f"loss_{name}": value for name, value in terms.items()}


class Window:
    """Gathers the results of steps until the next look."""

    def __init__(self) -> None:
        self.results: list[StepResult] = []

    def add(self, result: StepResult) -> None:
        """Remember one step."""
        self.results.append(result)

    def mean(self, name: str) -> float | None:
        """Return the mean of a field over the steps, or None where it was not measured."""
        values = [getattr(result, name) for result in self.results]
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known else None

    def terms(self) -> dict[str, float]:
        """Return the mean of each loss term."""
        names = self.results[-1].terms if self.results else {}
        return {
            name: sum(result.terms[name] for result in self.results) / len(self.results)
            for name in names
        }

    def prototypes_used(self) -> int | None:
        """Count the prototypes that were the teacher's first choice for some view."""
        tops = [
            result.top_prototypes for result in self.results if result.top_prototypes is not None
        ]
        return len(set(torch.cat(tops).tolist())) if tops else None


def rank_me(descriptors: Tensor) -> float:
    """Return the effective rank: exp of the entropy of the normalised singular values.

    NaN where a descriptor is not finite.

    Source: RankMe (arXiv 2210.02885), equation 1.
    """
    if not bool(torch.isfinite(descriptors).all()):
        return math.nan
    values = torch.linalg.svdvals(descriptors.double())
    shares = values / values.sum() + 1e-7
    return float(torch.exp(-(shares * shares.log()).sum()))


class CollapseDetector:
    """Ends a run whose features have collapsed, after ``PATIENCE`` looks in a row.

    ``at_start`` is given where another loss than DINO's teaches the descriptors too: while those find
    more than at the start, a head that says the same of every photo is no collapse of theirs. On pages
    of one form it does so for some hundred steps, and then learns (EXPERIMENTS.md).
    """

    def __init__(self, *, prototypes: int, at_start: Retrieval | None = None) -> None:
        self.limit = math.log(prototypes)
        self.at_start = at_start
        self.streak = 0

    @property
    def is_suspicious(self) -> bool:
        """Whether the last look saw a collapse: no time to write a checkpoint."""
        return self.streak > 0

    def check(self, metrics: EpochMetrics, *, is_last: bool = False) -> str:
        """Look at the newest figures; return why the run must end, or "".

        The reason names the kind of collapse and what to change. One look is enough at the end
        of a run, and for a loss that is not a number.
        """
        reason = self._reason(metrics)
        self.streak = self.streak + 1 if reason else 0
        if self.streak >= PATIENCE or (reason and is_last) or reason == NOT_FINITE:
            return f"training stopped at step {metrics.step}: {reason}"
        return ""

    def _reason(self, metrics: EpochMetrics) -> str:
        if not (math.isfinite(metrics.loss) and math.isfinite(metrics.rank)):
            return NOT_FINITE
        if metrics.step < GRACE_STEPS:
            return ""
        if metrics.teacher_distance == 0:
            return (
                "student and teacher are one network (their weights are equal), which collapses; "
                "set the teacher momentum (optimiser.momentum) to 0.996"
            )
        entropy = metrics.teacher_entropy
        if entropy is not None and not self._has_learned(metrics):
            if entropy > UNIFORM_SHARE * self.limit:
                return (
                    f"uniform collapse (teacher entropy {entropy:.2f} of at most {self.limit:.2f}): the "
                    "teacher says the same of every photo; lower losses.teacher_temperature to 0.02-0.04"
                )
            few = (metrics.prototypes_used or 0) <= max(1, ONE_PROTOTYPE_USE * math.exp(self.limit))
            if entropy < ONE_PROTOTYPE_SHARE * self.limit and few:
                return (
                    f"collapse to one dimension (teacher entropy {entropy:.2f}, "
                    f"{metrics.prototypes_used} prototypes in use): centring is off or too "
                    "slow; set losses.centre_momentum to 0.9"
                )
        if metrics.rank < RANK_FLOOR:
            return (
                f"all descriptors have become alike (RankMe {metrics.rank:.1f}): the teacher follows the "
                "student too closely, or the rate is too high; raise the teacher momentum towards "
                "0.996, lower the rate, use larger batches"
            )
        return ""

    def _has_learned(self, metrics: EpochMetrics) -> bool:
        if self.at_start is None:
            return False
        return (metrics.recall_at_1 + metrics.micro_ap) / 2 > self.at_start.score


def epoch_metrics(
    window: Window,
    *,
    step: int,
    epoch: int,
    elapsed_s: float,
    progress: float,
    photos_per_s: float,
    prototypes: int | None,
    rank: float,
    found: Retrieval,
    teacher_distance: float | None = None,
) -> EpochMetrics:
    """Put together the figures of one look."""
    return EpochMetrics(
        step=step,
        epoch=epoch,
        elapsed_s=elapsed_s,
        progress=progress,
        photos_per_s=photos_per_s,
        loss=window.mean("loss") or 0.0,
        terms=window.terms(),
        teacher_entropy=window.mean("teacher_entropy"),
        teacher_entropy_limit=math.log(prototypes) if prototypes else None,
        divergence=window.mean("divergence"),
        prototypes_used=window.prototypes_used(),
        teacher_distance=teacher_distance,
        rank=rank,
        recall_at_1=found.recall_at_1,
        recall_at_10=found.recall_at_10,
        micro_ap=found.micro_ap,
    )
