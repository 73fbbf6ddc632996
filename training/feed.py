"""What a run learns from: batches of photos in order, and their views, made ahead of the step."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dupfind.errors import TrainingError
from dupfind.training.batches import different_photos, epoch_batches
from dupfind.training.config import TrainingConfig
from dupfind.training.distributed import rank, world_size
from dupfind.training.memory import Shown
from dupfind.training.split import Collection
from dupfind.training.views.maker import ViewMaker
from dupfind.training.views.recipes import (
    WHOLE,
    Mixture,
    Recipe,
    copy_mixture,
    dino_recipes,
    original_mixture,
    single_mixture,
)

CHUNK = 32
BESIDE = 16


@dataclass(frozen=True)
class Batch:
    """``rows`` of the cache for this process, ``everyone`` those of all processes.

    ``after`` is the (epoch, batch) that follows, ``ends_epoch`` whether it is another epoch's.
    """

    rows: NDArray[np.int64]
    everyone: NDArray[np.int64]
    ends_epoch: bool
    after: tuple[int, int]


class Feed:
    """Batches and their views; the same for the same seed and step, however often a run stops.

    Raises:
        TrainingError: The photos do not fill one batch.
    """

    def __init__(self, config: TrainingConfig, photos: Collection, maker: ViewMaker) -> None:
        self.config = config
        self.photos = photos
        self.maker = maker
        # A stream of its own on a GPU, or the views would wait for the step that runs beside them.
        self.stream = None
        if maker.device.type == "cuda":
            self.stream = torch.cuda.Stream(maker.device)  # type: ignore[no-untyped-call]
        different = different_photos(photos.split.train, photos.groups)
        if different < config.batch_size:
            raise TrainingError(
                f"a batch holds {config.batch_size} photos but there are only {different} different ones "
                "to train on; give a smaller --batch-size, or more photos"
            )

    def batches(
        self, step: int, epoch: int, first: int, progress: Callable[[int], float]
    ) -> Generator[tuple[Batch, list[Tensor]], None, None]:
        """Yield batches and their views without end, from a step, an epoch and its batch on.

        The views of a batch are made in a thread while the step before runs; ``progress(step)`` is
        the share of the run that is done then.
        """
        plan = self.plan(epoch, first)
        with ThreadPoolExecutor(max_workers=1) as pool:

            def ahead(step: int) -> tuple[Batch, Future[list[Tensor]]]:
                batch = next(plan)
                return batch, pool.submit(self._beside_step, batch, step, progress(step))

            batch, pending = ahead(step)
            while True:
                groups = pending.result()
                step += 1
                following = ahead(step)
                yield batch, groups
                batch, pending = following

    def plan(self, epoch: int, first: int) -> Iterator[Batch]:
        """Yield this process's share of each batch, without end."""
        share = self.config.batch_size // world_size()
        own = slice(rank() * share, (rank() + 1) * share)
        while True:
            batches = epoch_batches(
                self.photos.split.train,
                batch_size=self.config.batch_size,
                epoch=epoch,
                seed=self.config.seed,
                groups=self.photos.groups,
                alike=self.photos.alike,
            )
            for number in range(first, len(batches)):
                everyone = batches[number]
                ends = number + 1 == len(batches)
                after = (epoch + 1, 0) if ends else (epoch, number + 1)
                yield Batch(everyone[own], everyone, ends, after)
            epoch, first = epoch + 1, 0

    def views(self, batch: Batch, step: int, progress: float) -> list[Tensor]:
        """Render the views of one batch: the global ones, then the local ones if there are any.

        The random numbers depend on the run's seed, the step and the process only.
        """
        options, rows, device = self.config.views, batch.rows, self.maker.device
        sizes = [(self._global_recipes(), options.global_px_at(progress))]
        if options.local_count:
            sizes.append((self._local_recipes(), options.local_px))
        groups = [
            torch.empty(len(recipes), len(rows), 3, px, px, device=device) for recipes, px in sizes
        ]
        # On a CPU a few photos at a time stay in its caches; a GPU takes the batch as a whole.
        chunk = self._chunk(batch)
        for start in range(0, len(rows), chunk):
            seed = self._seed(step, start)
            generator = torch.Generator().manual_seed(seed)
            beside = self.beside(batch, seed)
            photos = self.photos.cache.batch(rows[start : start + chunk], device, beside=beside)
            sources = self.maker.prepare(photos)
            for views, (recipes, px) in zip(groups, sizes, strict=True):
                for number, recipe in enumerate(recipes):
                    views[number, start : start + chunk] = self.maker.render(
                        sources, recipe, px, generator
                    )
        return [views.flatten(0, 1) for views in groups]

    def shown(self, batch: Batch, step: int) -> Shown:
        """Return which photos the views of a batch show, by their groups of near-duplicates."""
        starts = range(0, len(batch.rows), self._chunk(batch))
        beside = [self.beside(batch, self._seed(step, start)) for start in starts]
        groups = self.photos.groups
        return Shown(
            torch.from_numpy(groups[batch.rows]),
            torch.from_numpy(np.unique(groups[np.concatenate(beside)])),
        )

    def _chunk(self, batch: Batch) -> int:
        return CHUNK if self.maker.device.type == "cpu" else len(batch.rows)

    def _seed(self, step: int, start: int) -> int:
        return seed_of(self.config.seed, step, rank(), start)

    def beside(self, batch: Batch, seed: int) -> NDArray[np.int64]:
        """Draw photos for collages and backgrounds: none of the batch's, nor their duplicates.

        A collage that shows another photo of its batch is a copy of that one too, and would be
        pushed away from it. Where the batch is the whole collection there is no other choice.
        """
        rows, groups = self.photos.split.train, self.photos.groups
        random, taken = np.random.default_rng(seed), groups[batch.everyone]
        drawn = random.choice(rows, 4 * BESIDE)
        free = drawn[~np.isin(groups[drawn], taken)]
        if len(free) < BESIDE:
            others = rows[~np.isin(groups[rows], taken)]
            free = random.choice(others if len(others) else rows, BESIDE)
        return free[:BESIDE]

    def _beside_step(self, batch: Batch, step: int, progress: float) -> list[Tensor]:
        """Render views while a step runs, finished for the stream of that step."""
        if self.stream is None:
            return self.views(batch, step, progress)
        with torch.cuda.stream(self.stream):
            views = self.views(batch, step, progress)
        self.stream.synchronize()
        for group in views:  # their memory is the step's until the step is done with it
            group.record_stream(torch.cuda.default_stream(self.stream.device))
        return views

    def _global_recipes(self) -> list[Recipe | Mixture]:
        options = self.config.views
        scale, strong = options.global_scale, options.strong
        first: Recipe | Mixture
        second: Recipe | Mixture
        if options.single:
            first = WHOLE
            second = single_mixture(scale, strong=strong)
        elif options.copies:
            first = original_mixture(scale, light=options.light, strong=strong)
            second = copy_mixture(scale, strong=strong)
        else:
            first, second, _ = dino_recipes(global_scale=scale, local_scale=options.local_scale)
        return [first] + [second] * (options.global_count - 1)

    def _local_recipes(self) -> list[Recipe | Mixture]:
        options = self.config.views
        local = dino_recipes(global_scale=options.global_scale, local_scale=options.local_scale)[2]
        return [local] * options.local_count


def seed_of(*parts: int) -> int:
    """Mix numbers into one seed for torch."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)
