"""A whole training run on a list of image files: cache, start, trainer, result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from dupfind.descriptors.backbone import Model
from dupfind.errors import TrainingError
from dupfind.photos.decode import decode
from dupfind.records import FileError, Picture
from dupfind.training.cache import PhotoCache, open_cache
from dupfind.training.config import TrainingConfig, as_json
from dupfind.training.distributed import process_group, rank, wait_for_all
from dupfind.training.loop import Listener, Trainer

FEWEST_PHOTOS = 20


@dataclass(frozen=True)
class RunOptions:
    """Where a run lies and what it starts from.

    ``start`` gives the first weights (None: random). ``resume`` goes on from the newest checkpoint
    of ``folder``. ``threads`` is the number of CPU threads of each process (None: torch's choice).
    """

    folder: Path
    cache_folder: Path
    start: Model | None = None
    resume: bool = False
    device: torch.device = torch.device("cpu")  # noqa: RUF009 - devices are immutable
    threads: int | None = None


@dataclass(frozen=True)
class RunResult:
    """Folder of the trained model, and the photos that could not be read."""

    model: Path
    failures: tuple[FileError, ...]


def train(
    paths: Sequence[Path],
    configure: Callable[[int], TrainingConfig],
    options: RunOptions,
    *,
    listener: Listener | None = None,
    on_decoded: Callable[[int, int], None] = lambda done, total: None,
) -> RunResult:
    """Train on image files; ``configure(photos)`` gives the configuration for so many.

    Raises:
        TrainingError: There are too few photos, or the checkpoint does not fit.
        CollapseError: The features collapsed.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    with process_group(options.device):
        cache = _shared_cache(paths, options.cache_folder, on_decoded)
        if len(cache) < FEWEST_PHOTOS:
            raise TrainingError(
                f"only {len(cache)} photos could be read; training needs at least {FEWEST_PHOTOS}"
            )
        config = configure(len(cache))
        trainer = Trainer(
            config,
            cache,
            options.folder,
            device=options.device,
            backbone=options.start.module if options.start else None,
            listener=listener,
        )
        if options.resume:
            trainer.resume()
        return RunResult(trainer.run(), cache.failures)


def _shared_cache(
    paths: Sequence[Path], folder: Path, on_decoded: Callable[[int, int], None]
) -> PhotoCache:
    """Let the first process make the cache; the others wait, then open the same one."""
    if rank() == 0:
        open_cache(paths, folder, decode=_decode, on_progress=on_decoded)
    wait_for_all()
    return open_cache(paths, folder, decode=_decode)


def _decode(path: Path, side_px: int) -> Picture:
    return decode(path, needed_px=side_px)


__all__ = ["RunOptions", "RunResult", "as_json", "train"]
