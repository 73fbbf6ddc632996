"""The run: batches to views to steps, with a look, a checkpoint and a saved model now and then."""

import json
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dupfind.descriptors.backbone import save_model
from dupfind.errors import CollapseError
from dupfind.training.batches import epoch_batches
from dupfind.training.cache import PhotoCache
from dupfind.training.checkpoint import (
    Checkpoint,
    load_checkpoint,
    read_checkpoint,
    save_checkpoint,
)
from dupfind.training.config import TrainingConfig, as_json
from dupfind.training.distributed import agree, rank, wait_for_all, world_size
from dupfind.training.heldout import HeldOut, Retrieval
from dupfind.training.monitor import (
    CollapseDetector,
    EpochMetrics,
    Window,
    epoch_metrics,
    rank_me,
)
from dupfind.training.step import Learner, StepResult
from dupfind.training.views.maker import ViewMaker
from dupfind.training.views.recipes import (
    Mixture,
    Recipe,
    copy_mixture,
    dino_recipes,
    original_mixture,
)

CHUNK = 32
BESIDE = 16


@dataclass(frozen=True)
class Progress:
    """Where a run is, for a live line; ``share`` in [0, 1]."""

    step: int
    epoch: int
    share: float
    loss: float
    photos_per_s: float
    remaining_s: float


@dataclass(frozen=True)
class Listener:
    """What a caller wants to hear: each step, and each look of the monitor."""

    on_step: Callable[[Progress], None] | None = None
    on_metrics: Callable[[EpochMetrics], None] | None = None


class Trainer:
    """One training run in ``folder``: checkpoints, metrics and the model lie there."""

    def __init__(
        self,
        config: TrainingConfig,
        cache: PhotoCache,
        folder: Path,
        *,
        device: torch.device,
        backbone: nn.Module | None = None,
        groups: NDArray[np.int64] | None = None,
        listener: Listener | None = None,
    ) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.cache = cache
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.device = device
        self.groups = groups
        self.listener = listener or Listener()
        self.maker = ViewMaker(device=device, mean=config.spec.mean, std=config.spec.std)
        self.learner = Learner(config, device, backbone)
        self.train_rows, self.held_rows = split_rows(len(cache), config)
        self.held_out = None
        if rank() == 0:
            self.held_out = HeldOut(cache, self.held_rows, self.maker, view_px=config.spec.view_px)
        self.detector = CollapseDetector(prototypes=config.losses.prototypes)
        self.window = Window()
        self.history: list[dict[str, Any]] = []
        self.best = "teacher"
        self.step_number = 0
        self.epoch = 0
        self.next_batch = 0
        self.elapsed_s = 0.0

    def resume(self) -> bool:
        """Go on from the newest checkpoint of the folder; False if there is none."""
        found = read_checkpoint(self.folder)
        if found is None:
            return False
        path, state = found
        load_checkpoint(path, self.learner)
        self.step_number, self.epoch, self.next_batch = state.step, state.epoch, state.batch
        self.elapsed_s, self.history = state.elapsed_s, state.history
        return True

    def run(self) -> Path:
        """Train to the end and return the folder of the model.

        Raises:
            CollapseError: The features collapsed; the last good checkpoint stays.
        """
        clock = _Clock(self.elapsed_s)
        for batch, groups in self.batches_with_views():
            result = self._step(groups, len(batch.rows))
            self.epoch, self.next_batch = batch.after
            self.elapsed_s = agree(clock.elapsed_s())
            clock.count(len(batch.rows) * world_size())
            self._report(result, clock.photos_per_s())
            done = self.progress() >= 1
            if done or (batch.ends_epoch and clock.is_due("look", self.config.monitor_minutes)):
                self._look(clock.photos_per_s())
                clock.restart("look")
            if done or clock.is_due("save", self._save_every(batch)):
                self.save()
                clock.restart("save")
            if done:
                break
        return self.folder / "model"

    def _save_every(self, batch: "_Batch") -> float:
        """Minutes between saves: at each epoch's end too, unless epochs pass in no time."""
        return (
            min(1.0, self.config.checkpoint_minutes)
            if batch.ends_epoch
            else self.config.checkpoint_minutes
        )

    def progress(self, step: int | None = None) -> float:
        """Return the share of the run that is done (before ``step``, if given).

        A run with a budget of minutes counts time, another counts steps.
        """
        if self.config.minutes is not None:
            return min(1.0, self.elapsed_s / (60 * self.config.minutes))
        step = self.step_number if step is None else step
        return min(1.0, step / (self.steps_per_epoch() * self.config.epochs))

    def steps_per_epoch(self) -> int:
        """Return the number of full batches in an epoch."""
        return max(1, len(self.train_rows) // self.config.batch_size)

    def save(self) -> None:
        """Write a checkpoint and a usable model, unless it looks collapsed.

        The model is the teacher; at the end of a run, the student if that is better: in a short run
        a teacher whose momentum nears 1 is left behind.
        """
        if rank() == 0 and not self.detector.is_suspicious:
            state = Checkpoint(
                self.step_number,
                self.epoch,
                self.next_batch,
                self.elapsed_s,
                as_json(self.config),
                self.history,
                len(self.cache),
            )
            save_checkpoint(self.folder, self.learner, state)
            details = {
                "training": as_json(self.config),
                "network": self.best,
                "metrics": self.history[-1:],
            }
            network = self.learner.student if self.best == "student" else self.learner.teacher
            save_model(
                self.folder / "model",
                spec=self.config.spec,
                module=network.backbone,
                details=details,
            )
        wait_for_all()

    def _step(self, groups: list[Tensor], photos: int) -> StepResult:
        # Drop path and patch drop draw from the global state: seeded by the step, a resumed run
        # draws the same.
        torch.manual_seed(_seed(self.config.seed, self.step_number, 1 + rank()))
        result = self.learner.step(groups, photos=photos, progress=self.progress())
        self.window.add(result)
        self.step_number += 1
        return result

    def _report(self, result: StepResult, rate: float) -> None:
        if self.listener.on_step is None:
            return
        share = self.progress()
        remaining = self.elapsed_s * (1 - share) / max(share, 1e-6)
        self.listener.on_step(
            Progress(self.step_number, self.epoch, share, result.loss, rate, remaining)
        )

    def _look(self, rate: float) -> None:
        """Measure on the held-out photos, tell the listener, and stop a collapsed run."""
        collapse = ""
        if self.held_out is not None:
            backbone = self.learner.teacher.backbone
            found = self.held_out.evaluate(backbone, self.config.spec, self.device)
            originals, _ = self.held_out.describe(backbone, self.config.spec, self.device)
            has_head = self.config.losses.dino > 0
            metrics = epoch_metrics(
                self.window,
                step=self.step_number,
                epoch=self.epoch,
                elapsed_s=self.elapsed_s,
                progress=self.progress(),
                photos_per_s=rate,
                prototypes=self.config.losses.prototypes if has_head else None,
                rank=rank_me(originals),
                found=found,
                teacher_distance=self.learner.teacher_distance() if has_head else None,
            )
            self.history.append(metrics.as_json())
            with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(metrics.as_json()) + "\n")
            if self.listener.on_metrics is not None:
                self.listener.on_metrics(metrics)
            is_last = self.progress() >= 1
            if is_last:
                self.best = self._better_network(self.held_out, found)
            collapse = self.detector.check(metrics, is_last=is_last)
        self.window = Window()
        if agree(float(bool(collapse))):
            raise CollapseError(collapse or "training stopped: the first process saw a collapse")

    def _better_network(self, held_out: HeldOut, teacher: Retrieval) -> str:
        """Return "student" or "teacher", whichever finds more of the held-out copies."""
        backbone = self.learner.student.backbone
        student = held_out.evaluate(backbone, self.config.spec, self.device)
        return "student" if student.score > teacher.score else "teacher"

    def batches_with_views(self) -> Generator[tuple["_Batch", list[Tensor]], None, None]:
        """Yield batches and their views, made ahead in a thread while the step before runs."""
        plan = self._plan()
        with ThreadPoolExecutor(max_workers=1) as pool:

            def ahead(step: int) -> tuple[_Batch, Future[list[Tensor]]]:
                batch = next(plan)
                return batch, pool.submit(self.make_views, batch.rows, step, self.progress(step))

            batch, pending = ahead(self.step_number)
            while True:
                groups = pending.result()
                following = ahead(self.step_number + 1)
                yield batch, groups
                batch, pending = following

    def _plan(self) -> "Iterator[_Batch]":
        """Yield this process's share of each batch, from where the run stands, without end."""
        share = self.config.batch_size // world_size()
        own = slice(rank() * share, (rank() + 1) * share)
        epoch, first = self.epoch, self.next_batch
        while True:
            batches = epoch_batches(
                self.train_rows,
                batch_size=self.config.batch_size,
                epoch=epoch,
                seed=self.config.seed,
                groups=self.groups,
            )
            for number in range(first, len(batches)):
                ends = number + 1 == len(batches)
                yield _Batch(
                    batches[number][own], ends, (epoch + 1, 0) if ends else (epoch, number + 1)
                )
            epoch, first = epoch + 1, 0

    def make_views(self, rows: NDArray[np.int64], step: int, progress: float) -> list[Tensor]:
        """Render the views of one batch: the global ones, then the local ones if there are any.

        The random numbers depend on the run's seed, the step and the process only.
        """
        options = self.config.views
        sizes = [(self._global_recipes(), options.global_px_at(progress))]
        if options.local_count:
            sizes.append((self._local_recipes(), options.local_px))
        groups = [
            torch.empty(len(recipes), len(rows), 3, px, px, device=self.device)
            for recipes, px in sizes
        ]
        # On a CPU a few photos at a time stay in its caches; a GPU takes the batch as a whole.
        chunk = CHUNK if self.device.type == "cpu" else len(rows)
        for start in range(0, len(rows), chunk):
            seed = _seed(self.config.seed, step, rank(), start)
            generator = torch.Generator().manual_seed(seed)
            beside = np.random.default_rng(seed).choice(self.train_rows, BESIDE)
            photos = self.cache.batch(rows[start : start + chunk], self.device, beside=beside)
            sources = self.maker.prepare(photos)
            for views, (recipes, px) in zip(groups, sizes, strict=True):
                for number, recipe in enumerate(recipes):
                    views[number, start : start + chunk] = self.maker.render(
                        sources, recipe, px, generator
                    )
        return [views.flatten(0, 1) for views in groups]

    def _global_recipes(self) -> list[Recipe | Mixture]:
        options = self.config.views
        scale, strong = options.global_scale, options.strong
        first: Recipe | Mixture
        second: Recipe | Mixture
        if options.copies:
            first = original_mixture(scale, light=options.light, strong=strong)
            second = copy_mixture(scale, strong=strong)
        else:
            first, second, _ = dino_recipes(global_scale=scale, local_scale=options.local_scale)
        return [first] + [second] * (options.global_count - 1)

    def _local_recipes(self) -> list[Recipe | Mixture]:
        options = self.config.views
        local = dino_recipes(global_scale=options.global_scale, local_scale=options.local_scale)[2]
        return [local] * options.local_count


@dataclass(frozen=True)
class _Batch:
    """Rows of the cache, whether they end their epoch, and the (epoch, batch) that follows."""

    rows: NDArray[np.int64]
    ends_epoch: bool
    after: tuple[int, int]


class _Clock:
    """Time since the start of the run, over all its sessions, and since the last look and save."""

    def __init__(self, elapsed_s: float) -> None:
        self._start = time.monotonic() - elapsed_s
        self._marks = {"look": time.monotonic(), "save": time.monotonic()}
        self._photos = 0

    def elapsed_s(self) -> float:
        return time.monotonic() - self._start

    def count(self, photos: int) -> None:
        self._photos += photos

    def photos_per_s(self) -> float:
        return self._photos / max(1e-9, time.monotonic() - self._marks["look"])

    def is_due(self, name: str, minutes: float) -> bool:
        return agree(time.monotonic() - self._marks[name]) >= 60 * minutes

    def restart(self, name: str) -> None:
        self._marks[name] = time.monotonic()
        if name == "look":
            self._photos = 0


def split_rows(photos: int, config: TrainingConfig) -> tuple[NDArray[np.int64], list[int]]:
    """Split the photos into those to train on and those held out: the same for the same seed."""
    order = np.random.default_rng((config.seed, photos)).permutation(photos)
    held = min(config.held_out, photos // 5)
    return np.sort(order[held:]), sorted(order[:held].tolist())


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)
