"""All options of a training run, and the defaults that follow the size of the collection."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from dupfind.descriptors.backbone import ModelSpec
from dupfind.errors import TrainingError

# The batch that a rate is given for; the rate scales linearly with the batch.
REFERENCE_BATCH = 256


@dataclass(frozen=True)
class ViewOptions:
    """Multi-crop: counts, sizes in pixels, and the share of the photo's area that a view shows.

    ``growth`` enlarges the global views during the run: pairs of (progress in [0, 1], pixels); from
    that progress on views have at least that size. ``copies`` makes global views as altered copies
    (turns, text, frames, collages, ...) instead of DINO's milder views; ``light`` is the chance
    that a first view is hardly altered, as the original of a copy would be; ``strong`` the chance
    that a copy is altered in every way at once rather than in one. ``single`` makes the first view the
    photo as it is, and alters one thing of the others (those of ``strong`` excepted).
    """

    global_count: int = 2
    local_count: int = 8
    global_px: int = 224
    local_px: int = 96
    global_scale: tuple[float, float] = (0.4, 1.0)
    local_scale: tuple[float, float] = (0.05, 0.4)
    growth: tuple[tuple[float, int], ...] = ()
    copies: bool = True
    light: float = 0.8
    strong: float = 0.3
    single: bool = False

    def global_px_at(self, progress: float) -> int:
        """Return the size of global views at ``progress`` through the run."""
        return max([self.global_px] + [px for start, px in self.growth if progress >= start])


@dataclass(frozen=True)
class LossOptions:
    """Weights of the loss terms (0 switches one off) and their constants.

    ``dino``: cross entropy of the 2021 recipe. ``koleo``: spreads descriptors (DINOv2: 0.1).
    ``contrastive``: two views of a photo against all others of the batch (SSCD), at
    ``contrastive_temperature``. ``hard_negatives`` look-alikes of a photo share its batch (half of
    the photos bring theirs). ``memory``: a copy against what the teacher said of the last
    ``memory_size`` photos (MoCo), at the same temperature; never more than there are to train on.
    ``rehearsal``: made-up scenes, described as the start did; half as many as photos a step.
    """

    dino: float = 1.0
    koleo: float = 0.1
    contrastive: float = 1.0
    contrastive_temperature: float = 0.05
    prototypes: int = 1024
    head_hidden: int = 2048
    head_bottleneck: int = 256
    student_temperature: float = 0.1
    teacher_temperature: tuple[float, float] = (0.04, 0.04)
    teacher_temperature_warmup: float = 0.3
    centre_momentum: float = 0.9
    hard_negatives: int = 0
    memory: float = 0.0
    memory_size: int = 4096
    rehearsal: float = 0.0


@dataclass(frozen=True)
class OptimiserOptions:
    """AdamW and its schedules; shares are of the whole run, in [0, 1].

    ``rate`` is for a batch of 256 and scales linearly with the batch. ``layer_decay`` multiplies
    the rate once for each layer below the top. After the warm-up the rate holds for the share
    ``hold`` of the run before it falls. ``frozen_last_layer`` and ``frozen_backbone`` are
    the shares of the run in which those do not move; ``frozen_layers`` are as many of the lowest layers that
    never do (1: the embedding of patches, 2: the first block too). ``patch_drop`` is the share of a view's
    patches that the student does not see until ``patch_drop_until``: twice the photos a second at
    one half (FLIP, arXiv 2212.00794).
    """

    rate: float = 5e-4
    final_rate: float = 1e-6
    warmup: float = 0.1
    hold: float = 0.0
    weight_decay: tuple[float, float] = (0.04, 0.4)
    clip: float = 3.0
    layer_decay: float = 1.0
    drop_path: float = 0.1
    patch_drop: float = 0.0
    patch_drop_until: float = 0.8
    frozen_last_layer: float = 0.01
    frozen_backbone: float = 0.0
    frozen_layers: int = 0
    momentum: tuple[float, float] = (0.996, 1.0)


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that a run needs besides the photos.

    ``minutes``, if given, is the budget of time that all schedules fit themselves to; otherwise
    ``epochs`` is. ``batch_size`` counts photos over all processes. ``checkpoint_minutes`` is the time between
    checkpoints within an epoch, ``monitor_minutes`` the least between two looks. ``patience`` is the share
    of the run after which it ends when no look was better than the best one (0: never). The model's
    weights are the share ``mix`` of the way from those of the start to those of the end (1: the end).
    ``held_out`` photos are never trained on: the monitor's and the comparison's.
    """

    spec: ModelSpec = field(default_factory=ModelSpec)
    views: ViewOptions = field(default_factory=ViewOptions)
    losses: LossOptions = field(default_factory=LossOptions)
    optimiser: OptimiserOptions = field(default_factory=OptimiserOptions)
    batch_size: int = 64
    epochs: int = 100
    minutes: float | None = None
    seed: int = 0
    held_out: int = 256
    checkpoint_minutes: float = 5.0
    monitor_minutes: float = 0.0
    patience: float = 0.0
    mix: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot work, before any time is spent.

        Raises:
            TrainingError: An option is out of its range.
        """
        if self.batch_size < 2:
            raise TrainingError(f"the batch size is {self.batch_size}; it must be at least 2")
        if self.views.global_count < 2:
            raise TrainingError("two global views are needed: each learns from the other")
        if self.minutes is not None and self.minutes <= 0:
            raise TrainingError(f"--minutes is {self.minutes:g}; it must be above 0")
        if self.epochs < 1:
            raise TrainingError(f"--epochs is {self.epochs}; it must be at least 1")
        if not (self.losses.dino > 0 or self.losses.contrastive > 0):
            raise TrainingError(
                "both the DINO and the contrastive loss are off; nothing would be learned"
            )


def as_json(config: TrainingConfig) -> dict[str, Any]:
    """Turn a configuration into plain dicts, lists and numbers."""
    return asdict(config)


def from_json(described: dict[str, Any]) -> TrainingConfig:
    """Read a configuration back from ``as_json``; options that are no more are left out."""
    parts = {}
    for option in fields(TrainingConfig):
        if option.name not in described:
            continue
        value = described[option.name]
        kind = PARTS.get(option.name)
        parts[option.name] = value if kind is None else _part(kind, value)
    return TrainingConfig(**parts)


def _part(kind: type[Any], described: dict[str, Any]) -> Any:
    known = {option.name for option in fields(kind)}
    return kind(**{key: _tuples(value) for key, value in described.items() if key in known})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


PARTS: dict[str, type[Any]] = {
    "spec": ModelSpec,
    "views": ViewOptions,
    "losses": LossOptions,
    "optimiser": OptimiserOptions,
}
