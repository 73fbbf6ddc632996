"""How much training on an album helps, and with which options: held-out copies before and after.

    python benchmarks/album_training.py ALBUM [--epochs 30] [--held-out 40] [--copies 40] [--set NAME=VALUE ...]

Trains from the builtin model (or --init) on the photos of a folder but the held-out ones; then both models look
for altered copies of those among all photos. Prints recall@1, recall@10, micro AP, the gain with its interval,
and recall@1 for each group of kinds. CPU seconds are given beside, for a machine that others use too.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch

from dupfind.descriptors.backbone import load_folder, load_model
from dupfind.photos.edits import EDITS
from dupfind.photos.scan import scan
from dupfind.records import ScannedFile
from dupfind.training import comparison
from dupfind.training.heldout import LookUp
from dupfind.training.loop import Listener
from dupfind.training.monitor import EpochMetrics
from dupfind.training.run import RunOptions, fit, prepare


def main() -> None:
    options = parse()
    torch.set_num_threads(1)
    comparison.COPIES = comparison.WANTED_COPIES = options.copies
    paths = [item.path for item in scan([options.album]) if isinstance(item, ScannedFile)]
    start = load_model(options.init)
    with tempfile.TemporaryDirectory() as scratch:
        run = RunOptions(
            Path(scratch) / "run",
            options.cache or Path(scratch) / "cache",
            start,
            changes=(
                f"epochs={options.epochs}",
                f"held_out={options.held_out}",
                f"monitor_minutes={options.look_minutes}",
                *options.changes,
            ),
            threads=1,
        )
        prepared = prepare(paths, run)
        exam = comparison.Exam(prepared.photos, [start.spec.view_px])
        before = exam.sit(start, device="cpu")
        began = time.process_time()
        result = fit(prepared, listener=Listener(on_metrics=say))
        busy_s = time.process_time() - began
        after = exam.sit(load_folder(result.model, name="after"), device="cpu")
    found = exam.compare(before, after)
    split = prepared.photos.split
    print(
        f"{options.changes} {len(split.train)} photos, batch {prepared.config.batch_size}, "
        f"{busy_s:.0f} CPU s, {found.copies} copies of {found.photos} photos, {found.rivals} rivals"
    )
    for name, one in (("before", found.before), ("after", found.after)):
        print(f"{name:7} {one.recall_at_1:.3f} {one.recall_at_10:.3f} {one.micro_ap:.3f}")
    print(f"gain {found.gain:+.3f}, at least {found.least_gain:+.3f}")
    print("by relation: " + ", ".join(by_relation(exam, before, after)), flush=True)


def by_relation(exam: comparison.Exam, before: LookUp, after: LookUp) -> list[str]:
    """Return recall@1 before and after for each group of kinds."""
    names = [str(EDITS[kind].relation) for kind in exam.kinds]
    lines = []
    for name in sorted(set(names)):
        rows = torch.tensor([other == name for other in names])
        one, other = ((found.place[rows] < 1).double().mean() for found in (before, after))
        lines.append(f"{name} {one:.2f} to {other:.2f} ({int(rows.sum())})")
    return lines


def say(metrics: EpochMetrics) -> None:
    print(
        f"  step {metrics.step}, {metrics.elapsed_s / 60:.1f} min, loss {metrics.loss:.3f}, "
        f"monitor {metrics.recall_at_1:.3f} {metrics.micro_ap:.3f}",
        flush=True,
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("album", type=Path)
    parser.add_argument("--init", default="builtin")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--held-out", type=int, default=40)
    parser.add_argument("--copies", type=int, default=40, help="of each held-out photo")
    parser.add_argument("--look-minutes", type=float, default=2.0)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
