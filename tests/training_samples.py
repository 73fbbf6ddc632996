"""Tiny runs for the tests of training: a two-layer network on 32 px views of made-up photos."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from conftest import picture
from numpy.typing import NDArray

from dupfind.descriptors.backbone import Model, ModelSpec
from dupfind.training.cache import PhotoCache
from dupfind.training.config import LossOptions, OptimiserOptions, TrainingConfig, ViewOptions
from dupfind.training.duplicates import collection_groups, describe_collection
from dupfind.training.views.maker import ViewMaker

TINY = ModelSpec(
    "dupfind_vit_stem",
    {"embed_dim": 64, "depth": 2, "num_heads": 2, "pos_embed": "none"},
    view_px=32,
)


def made_up_cache(photos: int = 40, side: int = 48) -> PhotoCache:
    """Return a cache of pictures that were never in a file."""
    pixels = np.stack([picture(seed, (side, side)).transpose(2, 0, 1) for seed in range(photos)])
    names = tuple(Path(f"{number}.png") for number in range(photos))
    return PhotoCache(np.ascontiguousarray(pixels), np.ones(photos, np.float32), names, ())


def grouped(cache: PhotoCache, maker: ViewMaker, start: Model | None) -> NDArray[np.int64]:
    """Describe the photos of a cache and group its near-duplicates."""
    return collection_groups(cache, maker, start, describe_collection(cache, maker, start))


def tiny_config(**changes: object) -> TrainingConfig:
    """Return a run of seconds: every part of the recipe, at its smallest."""
    config = TrainingConfig(
        spec=TINY,
        views=ViewOptions(local_count=1, global_px=32, local_px=16, global_scale=(0.5, 1.0)),
        losses=LossOptions(prototypes=32, head_hidden=64, head_bottleneck=32),
        optimiser=OptimiserOptions(rate=8e-3, drop_path=0.1, momentum=(0.9, 1.0), warmup=0.05),
        batch_size=8,
        epochs=2,
        held_out=8,
        checkpoint_minutes=0.0,
    )
    return replace(config, **changes)  # type: ignore[arg-type]
