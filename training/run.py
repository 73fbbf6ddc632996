"""A whole training run on a list of image files: cache, start, trainer, curves."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dupfind.descriptors.backbone import Model
from dupfind.errors import TrainingError
from dupfind.photos.decode import decode
from dupfind.progress import OnDone
from dupfind.records import FileError, Picture
from dupfind.training.alike import NO_FAMILY, keep_apart, look_alikes, read_families
from dupfind.training.batches import different_photos
from dupfind.training.cache import CACHE_PX, PhotoCache, open_cache
from dupfind.training.checkpoint import Checkpoint, read_checkpoint
from dupfind.training.config import TrainingConfig, from_json
from dupfind.training.defaults import SCRATCH_PATCH_PX, SCRATCH_SPEC, default_config
from dupfind.training.distributed import agree, process_group, rank, wait_for_all, world_size
from dupfind.training.duplicates import collection_groups, describe_collection
from dupfind.training.loop import Listener, Trainer
from dupfind.training.network import patch_size
from dupfind.training.overrides import with_overrides
from dupfind.training.split import Collection, split_again, split_photos
from dupfind.training.views.maker import ViewMaker

FEWEST_PHOTOS = 20
SHORTEST_S = 5.0  # a run that has less than this left for training is refused


@dataclass(frozen=True)
class RunOptions:
    """Where a run lies, what it starts from, and what differs from the defaults.

    ``start`` gives the first weights (None: random). ``resume`` goes on from the newest checkpoint
    of ``folder`` with that run's own options. ``changes`` are ``name=value`` as in
    ``views.global_px=96``. ``threads`` is the number of CPU threads of each process (None: torch's choice).
    ``families`` is a CSV of look-alikes that are no copies (``alike.read_families``). ``anyway`` tunes a
    model even in too few steps to move it (``worth``).
    """

    folder: Path
    cache_folder: Path
    start: Model | None = None
    resume: bool = False
    changes: tuple[str, ...] = ()
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    threads: int | None = None
    families: Path | None = None
    anyway: bool = True


@dataclass(frozen=True)
class Prepared:
    """A run that can begin: its photos, decoded, grouped and split, and what it will run with."""

    config: TrainingConfig
    photos: Collection
    options: RunOptions


@dataclass(frozen=True)
class RunResult:
    """Folder of the trained model, what it ran with and what was measured."""

    model: Path
    config: TrainingConfig
    photos: int
    failures: tuple[FileError, ...]
    history: list[dict[str, Any]]


def train(
    paths: Sequence[Path],
    options: RunOptions,
    *,
    listener: Listener | None = None,
    on_decoded: OnDone | None = None,
) -> RunResult:
    """Train on image files; the defaults fit the number of those that can be read.

    Raises:
        TrainingError: There are too few photos, or a checkpoint does not fit this run.
        CollapseError: The features collapsed; the last good checkpoint stays.
    """
    with process_group(options.device):
        return fit(prepare(paths, options, on_decoded=on_decoded), listener=listener)


def prepare(
    paths: Sequence[Path],
    options: RunOptions,
    *,
    on_decoded: OnDone | None = None,
) -> Prepared:
    """Decode, group and split the photos, and settle the configuration.

    Raises:
        TrainingError: There are too few different photos, or a checkpoint does not fit this run.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    found = read_checkpoint(options.folder) if options.resume else None
    state = found[1] if found else None
    side_px = cache_side(configure(FEWEST_PHOTOS, options, state))
    cache = _shared_cache(paths, options.cache_folder, side_px, on_decoded)
    _check_enough(len(cache), "readable")
    if state is not None and state.collection != cache.digest:
        raise TrainingError(
            "the photos are not those of the run to resume (files came, went or have new names), and "
            "those that it held out would be trained on; train anew under another --name "
            "(--init NAME keeps what was learned)"
        )
    config = configure(len(cache), options, state)
    maker = ViewMaker(device=options.device, mean=config.spec.mean, std=config.spec.std)
    descriptors = describe_collection(cache, maker, options.start)
    groups = collection_groups(cache, maker, options.start, descriptors)
    families = np.full(len(cache), NO_FAMILY, np.int64)
    if options.families is not None:
        families = read_families(options.families, cache.paths)
        groups = keep_apart(groups, families)
    _check_enough(different_photos(np.arange(len(cache)), groups), "different")
    split = split_photos(groups, config) if state is None else split_again(groups, state.held)
    different = different_photos(split.train, groups)
    if different < config.batch_size:
        # A power of two that leaves several batches an epoch, where the default took all photos
        # for different ones.
        fitting = max(world_size(), 1 << (max(different // 2, 2).bit_length() - 1))
        options = replace(options, changes=(*options.changes, f"batch_size={fitting}"))
        config = configure(len(cache), options, state)
    alike = None
    if config.losses.hard_negatives:
        alike = look_alikes(descriptors, groups, families, config.losses.hard_negatives)
    return Prepared(config, Collection(cache, groups, split, alike), options)


def fit(
    prepared: Prepared, *, reserve_s: float = 0.0, listener: Listener | None = None
) -> RunResult:
    """Train as prepared; ``reserve_s`` of a budget of minutes are the caller's.

    Raises:
        TrainingError: The budget leaves no time to train, or too little to be worth it, or a
            checkpoint does not fit this run.
        CollapseError: The features collapsed; the last good checkpoint stays.
    """
    config, options = prepared.config, prepared.options
    photos = replace(prepared.photos, cache=prepared.photos.cache.brought_to(options.device))
    trainer = Trainer(
        config,
        photos,
        options.folder,
        device=options.device,
        backbone=options.start.module if options.start else None,
        reserve_s=agree(reserve_s),
        listener=listener,
        must_be_worth=not (options.anyway or options.resume) and options.start is not None,
    )
    _check_budget(config, trainer.reserve_s)
    if options.resume:
        trainer.resume()
    model = trainer.run()
    if rank() == 0:
        # matplotlib takes a while to import, and only the end of a run needs it.
        from dupfind.training.curves import draw_curves

        draw_curves(trainer.history, options.folder / "curves.png")
    cache = prepared.photos.cache
    return RunResult(model, config, len(cache), cache.failures, trainer.history)


def configure(photos: int, options: RunOptions, resumed: Checkpoint | None) -> TrainingConfig:
    """Return the configuration of a run: the resumed run's or the defaults, with the changes.

    Raises:
        TrainingError: A change names no option, or would train on photos that were held out.
    """
    if resumed is not None:
        before = from_json(resumed.config)
        config = with_overrides(before, options.changes)
        if (config.seed, config.held_out) != (before.seed, before.held_out):
            raise TrainingError(
                f"the run to resume was begun with seed {before.seed} and held_out {before.held_out}; "
                "with others it would train on photos that it held out: resume without them"
            )
        return config
    config = default_config(
        photos,
        options.start.spec if options.start else SCRATCH_SPEC,
        from_scratch=options.start is None,
        on_gpu=options.device.type == "cuda",
        patch_px=patch_size(options.start.module) if options.start else SCRATCH_PATCH_PX,
        batch_size=_given_batch_size(options.changes),
    )
    return with_overrides(config, options.changes)


def cache_side(config: TrainingConfig) -> int:
    """Return the side of the cached pictures: as large as the largest view, in steps of 16 px."""
    largest = max(config.spec.view_px, config.views.global_px_at(1.0))
    return max(CACHE_PX, -(-largest // 16) * 16)


def _given_batch_size(changes: Sequence[str]) -> int | None:
    """Return the batch size that was asked for: the default rate depends on it."""
    given = [change for change in changes if change.startswith("batch_size=")]
    return with_overrides(TrainingConfig(), given).batch_size if given else None


def _check_enough(photos: int, what: str) -> None:
    if photos < FEWEST_PHOTOS:
        found = "1 photo is" if photos == 1 else f"{photos} photos are"
        raise TrainingError(f"only {found} {what}; training needs at least {FEWEST_PHOTOS}")


def _check_budget(config: TrainingConfig, reserve_s: float) -> None:
    if config.minutes is not None and 60 * config.minutes - reserve_s < SHORTEST_S:
        least = np.ceil((reserve_s + 6 * SHORTEST_S) / 6) / 10
        raise TrainingError(
            f"--minutes {config.minutes:g} leaves no time to train: reading, looking and comparing "
            f"take about {reserve_s:.0f} s of it; give at least {least:g}"
        )


def _shared_cache(
    paths: Sequence[Path], folder: Path, side_px: int, on_decoded: OnDone | None
) -> PhotoCache:
    """Let the first process make the cache; the others wait, then open the same one."""
    if rank() == 0:
        open_cache(paths, folder, decode=decode_for_cache, side_px=side_px, on_done=on_decoded)
    wait_for_all()
    return open_cache(paths, folder, decode=decode_for_cache, side_px=side_px)


def decode_for_cache(path: Path, side_px: int) -> Picture:
    """Decode a photo for the cache, as large as its pictures need."""
    return decode(path, needed_px=side_px)
