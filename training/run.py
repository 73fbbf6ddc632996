"""A whole training run on a list of image files: cache, start, trainer, curves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dupfind.descriptors.backbone import Model
from dupfind.errors import TrainingError
from dupfind.photos.decode import decode
from dupfind.progress import OnDone
from dupfind.records import FileError, Picture
from dupfind.training.cache import PhotoCache, open_cache
from dupfind.training.checkpoint import Checkpoint, read_checkpoint
from dupfind.training.config import TrainingConfig, from_json
from dupfind.training.defaults import SCRATCH_SPEC, default_config
from dupfind.training.distributed import process_group, rank, wait_for_all
from dupfind.training.duplicates import collection_groups
from dupfind.training.loop import Listener, Trainer
from dupfind.training.overrides import with_overrides
from dupfind.training.views import ViewMaker

FEWEST_PHOTOS = 20
MOST_RIVALS = 500


@dataclass(frozen=True)
class RunOptions:
    """Where a run lies, what it starts from, and what differs from the defaults.

    ``start`` gives the first weights (None: random). ``resume`` goes on from the newest checkpoint
    of ``folder`` with that run's own options. ``changes`` are ``name=value`` as in
    ``views.global_px=96``. ``threads`` is the number of CPU threads of each process (None: torch's choice).
    """

    folder: Path
    cache_folder: Path
    start: Model | None = None
    resume: bool = False
    changes: tuple[str, ...] = ()
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    threads: int | None = None


@dataclass(frozen=True)
class RunResult:
    """Folder of the trained model, what was measured, and the photos that could not be read.

    ``held_out`` are photos that the run never trained on, ``rivals`` a sample of the others that are no
    copies of them; ``config`` is what it ran with.
    """

    model: Path
    config: TrainingConfig
    photos: int
    held_out: tuple[Path, ...]
    rivals: tuple[Path, ...]
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
    if options.threads:
        torch.set_num_threads(options.threads)
    with process_group(options.device):
        cache = _shared_cache(paths, options.cache_folder, on_decoded)
        if len(cache) < FEWEST_PHOTOS:
            raise TrainingError(
                f"only {len(cache)} photos could be read; training needs at least {FEWEST_PHOTOS}"
            )
        found = read_checkpoint(options.folder) if options.resume else None
        config = configure(len(cache), options, found[1] if found else None)
        maker = ViewMaker(device=options.device, mean=config.spec.mean, std=config.spec.std)
        groups = collection_groups(cache, maker, options.start)
        trainer = Trainer(
            config,
            cache,
            options.folder,
            device=options.device,
            backbone=options.start.module if options.start else None,
            groups=groups,
            listener=listener,
        )
        if found:
            trainer.resume()
        model = trainer.run()
        if rank() == 0:
            # matplotlib takes a while to import, and only the end of a run needs it.
            from dupfind.training.curves import draw_curves

            draw_curves(trainer.history, options.folder / "curves.png")
        held_out = tuple(cache.paths[row] for row in trainer.held_rows)
        rivals = tuple(cache.paths[row] for row in _rivals(trainer, groups))
        return RunResult(
            model, config, len(cache), held_out, rivals, cache.failures, trainer.history
        )


def _rivals(trainer: Trainer, groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sample photos trained on, none of them in a held-out one's group of duplicates."""
    rows = trainer.train_rows
    rows = rows[~np.isin(groups[rows], groups[trainer.held_rows])]
    if len(rows) <= MOST_RIVALS:
        return rows
    return np.random.default_rng(trainer.config.seed).choice(rows, MOST_RIVALS, replace=False)


def configure(photos: int, options: RunOptions, resumed: Checkpoint | None) -> TrainingConfig:
    """Return the configuration of a run: the resumed run's or the defaults, with the changes.

    Raises:
        TrainingError: A change names no option, or the collection is not the resumed run's.
    """
    if resumed is not None:
        if resumed.photos not in (0, photos):
            raise TrainingError(
                f"the collection has {photos} photos but the run to resume had {resumed.photos}; "
                "train anew without --resume (--init FOLDER keeps what was learned)"
            )
        return with_overrides(from_json(resumed.config), options.changes)
    spec = options.start.spec if options.start else SCRATCH_SPEC
    config = default_config(
        photos,
        spec,
        from_scratch=options.start is None,
        on_gpu=options.device.type == "cuda",
    )
    return with_overrides(config, options.changes)


def _shared_cache(paths: Sequence[Path], folder: Path, on_decoded: OnDone | None) -> PhotoCache:
    """Let the first process make the cache; the others wait, then open the same one."""
    if rank() == 0:
        open_cache(paths, folder, decode=decode_for_cache, on_done=on_decoded)
    wait_for_all()
    return open_cache(paths, folder, decode=decode_for_cache)


def decode_for_cache(path: Path, side_px: int) -> Picture:
    """Decode a photo for the cache, as large as its pictures need."""
    return decode(path, needed_px=side_px)
