"""Make the builtin model: continue from the shipped weights on photos and on made-up pages.

    python benchmarks/make_builtin.py PHOTOS OUT [more options of python -m dupfind.training]

Writes the pages into OUT/pages and the model into OUT/run/model. Goes on from the newest checkpoint when
it is started again; ``--epochs N`` with N little above the epoch reached lets the rate fall and ends the
run early. One core, for days if need be: ``chrt -i 0 nice -n 19`` before it takes only what is idle.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from dupfind.training.__main__ import main as train

FORMS, CONTENTS = 2200, 3
RECIPE = (
    "held_out=409",
    "losses.hard_negatives=3",
    "losses.head_hidden=512",
    "views.global_px=96",
    "views.growth=[[0.3, 128]]",
    "optimiser.rate=0.002",
    "optimiser.warmup=0.02",
    "optimiser.hold=0.5",
    "optimiser.layer_decay=1",
    "optimiser.frozen_backbone=0.01",
    "optimiser.patch_drop=0.5",
    "optimiser.patch_drop_until=0.93",
    "checkpoint_minutes=5",
    "monitor_minutes=20",
)


def main() -> int:
    """Write the pages, then train; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="folder of photos without copies")
    parser.add_argument("out", type=Path, help="folder for pages, checkpoints and the model")
    options, more = parser.parse_known_args()
    pages, run = options.out / "pages", options.out / "run"
    size = ["--forms", str(FORMS), "--contents", str(CONTENTS)]
    subprocess.run([sys.executable, "-m", "dupfind.training.pages", str(pages), *size], check=True)
    changes = [part for change in RECIPE for part in ("--set", change)]
    resume = ["--resume"] if any(run.glob("step-*")) else []
    size = ["--batch-size", "64", "--epochs", "40", "--threads", "1"]
    start = ["--init", "builtin", "--families", str(pages / "families.csv")]
    return train(
        [str(options.photos), str(pages), str(run), *start, *size, *resume, *changes, *more]
    )


if __name__ == "__main__":
    sys.exit(main())
