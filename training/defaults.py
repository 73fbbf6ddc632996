"""Defaults that follow the size of the collection, the start, and the machine.

The same command serves 500 photos on a laptop and a million on a GPU.

Source: settings for small collections reported with DINO and its successors (arXiv 2104.14294,
2410.19437), and our own trials (EXPERIMENTS.md).
"""

import math
from dataclasses import replace

from dupfind.descriptors.backbone import ModelSpec
from dupfind.training.config import (
    REFERENCE_BATCH,
    LossOptions,
    OptimiserOptions,
    TrainingConfig,
    ViewOptions,
)
from dupfind.training.worth import FEWEST_STEPS

# What `--init scratch` trains and the package ships: measured best per minute of a CPU.
SCRATCH_SPEC = ModelSpec(
    architecture="dupfind_vit_stem",
    arguments={"embed_dim": 256, "depth": 6, "num_heads": 4, "pos_embed": "none"},
    view_px=160,
)
SCRATCH_PATCH_PX = 16
PROTOTYPES = (
    (20_000, 1024),
    (50_000, 2048),
    (100_000, 4096),
    (200_000, 16384),
    (500_000, 32768),
)
MOST_PROTOTYPES = 65536
SCRATCH_VIEWS = 4_000_000  # photos shown in a run from scratch
LOOK_MINUTES = 0.5  # a look takes seconds, and epochs of a small album no longer
TUNING_PATIENCE = 0.6  # recall rises most while the rate falls
TUNING_MIX = 0.9  # without rehearsal 0.6 was better: it forgets half as much of other photos (EXPERIMENTS.md)
TUNING_STRONG = 0.1  # pages of one form are past recognition when altered in every way at once
TUNING_TEMPERATURE = 0.03  # look-alikes differ by hundredths of cosine
TUNING_REHEARSAL = 30.0
TUNING_DINO = 0.1  # measured over 1,000 steps; of 1 only 400 were (EXPERIMENTS.md)
TUNING_VIEWS = 60_000  # photos shown in a run that starts from trained weights
TUNING_BATCH = 32  # on a CPU: steps move more than photos (EXPERIMENTS.md)


def prototypes_for(photos: int) -> int:
    """Return the number of prototypes for a collection: too many for few photos collapse."""
    return next((count for most, count in PROTOTYPES if photos <= most), MOST_PROTOTYPES)


def teacher_temperature_for(photos: int) -> float:
    """Return the teacher's final temperature: 0.02 up to 20,000 photos, 0.07 from a million on."""
    share = math.log(max(photos, 1) / 20_000) / math.log(1_000_000 / 20_000)
    return 0.02 + 0.05 * min(1.0, max(0.0, share))


def epochs_for(photos: int, *, from_scratch: bool) -> int:
    """Return the epochs of a run without a budget of minutes; fewer for trained weights."""
    shown = SCRATCH_VIEWS if from_scratch else TUNING_VIEWS
    most, least = (400, 10) if from_scratch else (200, 3)
    return min(most, max(least, math.ceil(shown / max(photos, 1))))


def batch_size_for(photos: int, *, on_gpu: bool, from_scratch: bool) -> int:
    """Return a batch that gives at least eight steps an epoch where the collection allows it."""
    most = 512 if on_gpu else 128 if from_scratch else TUNING_BATCH
    return max(2, min(most, 1 << (max(photos // 8, 2).bit_length() - 1)))


def held_out_for(photos: int) -> int:
    """Return how many photos are held out: too few, and chance decides which model is better."""
    return min(512, max(16, photos // 8))


def default_config(
    photos: int,
    spec: ModelSpec,
    *,
    from_scratch: bool,
    on_gpu: bool,
    patch_px: int = SCRATCH_PATCH_PX,
    batch_size: int | None = None,
) -> TrainingConfig:
    """Return the configuration for a collection of ``photos``.

    ``patch_px`` is the side of the model's patches; ``batch_size`` is that of the run (None: chosen).
    """
    batch_size = batch_size or batch_size_for(photos, on_gpu=on_gpu, from_scratch=from_scratch)
    epochs = epochs_for(photos, from_scratch=from_scratch)
    if not from_scratch:  # large batches make few steps, and too few move nothing
        trained_on = max(1, photos - held_out_for(photos))
        epochs = max(epochs, math.ceil(2 * FEWEST_STEPS / max(1, trained_on // batch_size)))
    return TrainingConfig(
        spec=spec,
        views=_views(spec, patch_px, from_scratch=from_scratch, on_gpu=on_gpu),
        losses=_losses(photos, from_scratch=from_scratch),
        optimiser=_optimiser(batch_size, from_scratch=from_scratch, on_gpu=on_gpu),
        batch_size=batch_size,
        epochs=epochs,
        held_out=held_out_for(photos),
        monitor_minutes=LOOK_MINUTES,
        patience=0.0 if from_scratch else TUNING_PATIENCE,
        mix=1.0 if from_scratch else TUNING_MIX,
    )


def _losses(photos: int, *, from_scratch: bool) -> LossOptions:
    temperature = teacher_temperature_for(photos)
    losses = LossOptions(
        prototypes=prototypes_for(photos), teacher_temperature=(min(0.04, temperature), temperature)
    )
    if from_scratch:
        return losses
    return replace(
        losses,
        dino=TUNING_DINO,
        memory=1.0,
        rehearsal=TUNING_REHEARSAL,
        contrastive_temperature=TUNING_TEMPERATURE,
    )


def _views(spec: ModelSpec, patch_px: int, *, from_scratch: bool, on_gpu: bool) -> ViewOptions:
    def whole_patches(px: int) -> int:
        return max(2 * patch_px, px // patch_px * patch_px)

    full = whole_patches(spec.view_px)
    if not from_scratch:
        # Two: the photo as it is, which is what a copy is looked for among, and a copy.
        return ViewOptions(
            local_count=0,
            global_px=full,
            local_px=whole_patches(96),
            global_scale=(0.3, 1.0),
            strong=TUNING_STRONG,
            single=True,
        )
    if on_gpu:
        # DINO's 96 beside 224.
        local_px = whole_patches(spec.view_px * 3 // 7)
        return ViewOptions(global_px=full, local_px=local_px, global_scale=(0.3, 1.0))
    # A CPU has no time for ten views: two small ones, larger near the end.
    small = whole_patches(max(96, spec.view_px * 3 // 5))
    return ViewOptions(
        local_count=0,
        global_px=small,
        local_px=whole_patches(96),
        global_scale=(0.3, 1.0),
        growth=((0.75, max(small, whole_patches(spec.view_px * 4 // 5))), (0.9, full)),
    )


def _optimiser(batch_size: int, *, from_scratch: bool, on_gpu: bool) -> OptimiserOptions:
    # Half of the patches is nearly twice the photos a second, which a CPU needs more than a GPU.
    patch_drop = 0.0 if on_gpu else 0.5
    if from_scratch:
        return OptimiserOptions(
            rate=2e-3,
            weight_decay=(0.04, 0.1),
            momentum=(0.99, 1.0),
            drop_path=0.0,
            patch_drop=patch_drop,
        )
    return OptimiserOptions(
        # Whatever the batch: scaled down to the small batches of a small collection, 55 steps moved
        # nothing (EXPERIMENTS.md).
        rate=4e-4 * REFERENCE_BATCH / batch_size,
        layer_decay=0.9,
        weight_decay=(0.04, 0.04),
        drop_path=0.0,
        momentum=(0.99, 1.0),
        patch_drop=patch_drop,
        frozen_backbone=0.02,
    )
