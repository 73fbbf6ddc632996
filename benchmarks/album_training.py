"""How much training on an album helps, and with which options: held-out copies before and after.

    python benchmarks/album_training.py ALBUM [--epochs 30] [--held-out 40] [--copies 40] [--set NAME=VALUE ...]
                                        [--forgets TRUTH.csv] [--shares 0.7 1] [--steps 1000] [--device cuda]

Trains from the builtin model (or --init) on the photos of a folder but the held-out ones; then both models look
for altered copies of those among all photos. Prints recall@1, recall@10, micro AP, the gain with its interval,
and recall@1 for each group of kinds. CPU seconds are given beside, for a machine that others use too.
With --forgets TRUTH.csv (path,group_id,is_original) it says what both find of that set, which is not trained
on; with --shares the same for weights at shares of the way from the start to the run's end. --steps takes the
place of --epochs. --device says where the steps run: the options are those of a CPU's run all the same, so a
GPU tells in a minute what many steps of a CPU would give.
"""

import argparse
import csv
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dupfind.descriptors.backbone import Model, load_folder, load_model
from dupfind.descriptors.embed import Embedder
from dupfind.descriptors.views import make_view
from dupfind.photos.decode import decode
from dupfind.photos.edits import EDITS
from dupfind.photos.scan import scan
from dupfind.records import ScannedFile
from dupfind.training import comparison
from dupfind.training.distributed import pick_device
from dupfind.training.heldout import LookUp, Retrieval, look_up
from dupfind.training.loop import Listener
from dupfind.training.mixing import mixed
from dupfind.training.monitor import EpochMetrics
from dupfind.training.run import Prepared, RunOptions, fit, prepare


def main() -> None:
    options = parse()
    torch.set_num_threads(1)
    comparison.COPIES = comparison.WANTED_COPIES = options.copies
    paths = [item.path for item in scan([options.album]) if isinstance(item, ScannedFile)]
    start = load_model(options.init)
    device = pick_device(options.device)
    with tempfile.TemporaryDirectory() as scratch:
        run = RunOptions(
            Path(scratch) / "run",
            options.cache or Path(scratch) / "cache",
            start,
            changes=(
                f"epochs={options.epochs}",
                f"held_out={options.held_out}",
                f"monitor_minutes={options.look_minutes}",
                *(["mix=1"] if options.shares else []),
                *options.changes,
            ),
            threads=1,
            families=options.families,
        )
        prepared = prepare(paths, run)
        prepared = on_device(prepared, device, options.steps)
        exam = comparison.Exam(prepared.photos, [start.spec.view_px])
        before = exam.sit(start, device="cpu")
        began = time.process_time()
        result = fit(prepared, listener=Listener(on_metrics=say))
        busy_s = time.process_time() - began
        end = load_folder(result.model, name="after")
        after = exam.sit(end, device="cpu")
    found = exam.compare(before, after)
    split = prepared.photos.split
    print(
        f"{options.changes} {len(split.train)} photos, batch {prepared.config.batch_size}, "
        f"{busy_s:.0f} CPU s, {found.copies} copies of {found.photos} photos, {found.rivals} rivals"
    )
    for name, one in (("before", found.before), ("after", found.after)):
        print(f"{name:7} {figures(one)}")
    print(f"gain {found.gain:+.3f}, at least {found.least_gain:+.3f}")
    print("by relation: " + ", ".join(by_relation(exam, before, after)), flush=True)
    others = labelled(options.forgets, start.spec.view_px) if options.forgets else None
    for share in (0.0, *(options.shares or [1.0])):
        module = mixed(start.module, end.module, share).eval()
        model = Model("between", start.spec, module, "")
        line = f"share {share}: {figures(exam.sit(model, device='cpu').retrieval())}"
        if others is not None:
            line += f", of {options.forgets} {figures(others.sit(model))}"
        print(line, flush=True)


def on_device(prepared: Prepared, device: torch.device, steps: int | None) -> Prepared:
    """Let a run that was prepared with a CPU's options run elsewhere, and as many steps as are wanted."""
    config = prepared.config
    if steps is not None:
        an_epoch = max(1, len(prepared.photos.split.train) // config.batch_size)
        config = replace(config, epochs=-(-steps // an_epoch))
    return replace(prepared, config=config, options=replace(prepared.options, device=device))


@dataclass(frozen=True)
class Labelled:
    """Views of a labelled set: originals and distractors first, then the copies of ``owners``."""

    views: NDArray[np.uint8]
    owners: list[int]

    def sit(self, model: Model) -> Retrieval:
        """Let a model look up each copy among all others but copies."""
        vectors = Embedder(model, device="cpu").describe_unchecked(self.views)
        described = torch.from_numpy(vectors.astype(np.float32))
        originals = len(described) - len(self.owners)
        owners = torch.tensor(self.owners)
        return look_up(described[:originals], described[originals:], owners).retrieval()


def labelled(truth: Path, view_px: int) -> Labelled:
    """Read the photos that a table of path, group_id and is_original names."""
    with truth.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    originals = [row for row in rows if row["is_original"] == "1"]
    number = {row["group_id"]: place for place, row in enumerate(originals)}
    copies = [row for row in rows if row["is_original"] != "1" and row["group_id"] in number]
    views = [
        make_view(decode(truth.parent / row["path"], needed_px=2 * view_px).pixels, view_px)
        for row in (*originals, *copies)
    ]
    return Labelled(np.stack(views), [number[row["group_id"]] for row in copies])


def figures(found: Retrieval) -> str:
    """Write recall@1, recall@10 and micro AP."""
    return f"{found.recall_at_1:.3f} {found.recall_at_10:.3f} {found.micro_ap:.3f}"


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
    parser.add_argument("--steps", type=int, help="instead of epochs, rounded up to whole ones")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--held-out", type=int, default=40)
    parser.add_argument("--copies", type=int, default=40, help="of each held-out photo")
    parser.add_argument("--look-minutes", type=float, default=2.0)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--families", type=Path, help="CSV file,family: look-alikes, no duplicates")
    parser.add_argument("--forgets", type=Path, help="truth.csv of a set that is not trained on")
    parser.add_argument("--shares", type=float, nargs="+", default=[])
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
