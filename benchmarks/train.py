"""How long the network waits for data: training on photos beside the network on random tensors.

    python benchmarks/train.py PHOTOS [--device cuda] [--steps 20] [--set NAME=VALUE]

Prints photos a second of the whole loop (cache, views, step), of the step alone on views that are
already there, and of making views alone. The loop should reach 85% of the step alone on a CPU,
60% on a large GPU. On a machine that others use too, compare by CPU time.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import torch

from dupfind.descriptors.backbone import ModelSpec
from dupfind.photos.scan import scan
from dupfind.records import ScannedFile
from dupfind.training.cache import open_cache
from dupfind.training.defaults import SCRATCH_SPEC, default_config
from dupfind.training.distributed import pick_device
from dupfind.training.loop import Trainer
from dupfind.training.overrides import with_overrides
from dupfind.training.run import decode_for_cache
from dupfind.training.split import split_collection

WARMUP = 2


def main() -> None:
    options = parse()
    if options.threads:
        torch.set_num_threads(options.threads)
    device = pick_device(options.device)
    paths = [item.path for item in scan([options.photos]) if isinstance(item, ScannedFile)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.cache or Path(scratch) / "cache"
        started = time.perf_counter()
        cache = open_cache(paths, folder, decode=decode_for_cache).brought_to(device)
        print(f"cache: {len(cache):,} photos in {time.perf_counter() - started:.1f} s")
        spec = ModelSpec(options.model) if options.model else SCRATCH_SPEC
        config = default_config(len(cache), spec, from_scratch=True, on_gpu=device.type == "cuda")
        config = with_overrides(config, options.changes)
        photos = split_collection(cache, config)
        trainer = Trainer(config, photos, Path(scratch) / "run", device=device)
        measure(trainer, options.steps)


def measure(trainer: Trainer, steps: int) -> None:
    """Time the three rates one after the other and print them."""
    batch = trainer.config.batch_size
    first = next(trainer.feed.plan(0, 0))
    groups = [torch.randn_like(views) for views in trainer.feed.views(first, 0, 0.0)]
    synchronise = torch.cuda.synchronize if trainer.device.type == "cuda" else lambda: None

    def step() -> None:
        trainer.learner.step(groups, photos=batch, progress=0.5)

    def views() -> None:
        trainer.feed.views(first, 0, 0.0)

    batches = trainer.feed.batches(0, 0, 0, trainer.progress)

    def loop() -> None:
        for _, made in islice(batches, 1):
            trainer.learner.step(made, photos=batch, progress=0.5)

    rates = {}
    for name, action in (("step alone", step), ("views alone", views), ("whole loop", loop)):
        rates[name] = rate(action, steps, batch, synchronise)
        wall, busy = rates[name]
        print(f"{name:12} {wall:10,.1f} photos/s {busy:10,.1f} photos a CPU second")
    batches.close()
    shares = [
        whole / alone for whole, alone in zip(rates["whole loop"], rates["step alone"], strict=True)
    ]
    print(f"whole loop / step alone: {shares[0]:.1%} by the clock, {shares[1]:.1%} by CPU time")


def rate(
    action: Callable[[], None], steps: int, batch: int, wait: Callable[[], None]
) -> tuple[float, float]:
    """Return photos a second over ``steps`` calls, and photos a second of CPU time."""
    for _ in range(WARMUP):
        action()
    wait()
    started, busy = time.perf_counter(), time.process_time()
    for _ in range(steps):
        action()
    wait()
    photos = steps * batch
    return photos / (time.perf_counter() - started), photos / (time.process_time() - busy)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--cache", type=Path, help="keep the cache here")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--model", help="a timm name [default: the builtin's architecture]")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--set", action="append", default=[], dest="changes", metavar="NAME=VALUE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
