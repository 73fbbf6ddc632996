"""Make the builtin model: continue from the shipped weights on photos and on made-up pages.

    python benchmarks/make_builtin.py PHOTOS OUT [more options of python -m dupfind.training]

Writes the pages into OUT/pages and the model into OUT/run/model. Goes on from the newest checkpoint when
it is started again. One core, for days if need be: ``chrt -i 0 nice -n 19`` before it takes only what is
idle, and ``--epochs N`` with N little above the epoch reached lets the rate fall and ends the run early.
With a GPU ten minutes are enough: ``--device cuda --minutes 9``.
"""

import argparse
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import torch

from dupfind.descriptors.backbone import create_backbone, load_model, save_model
from dupfind.system import usable_cores
from dupfind.training.__main__ import main as train

FORMS, CONTENTS = 2200, 3
REGISTERS = 4
COMMON = (
    "held_out=256",
    "mix=1",
    "patience=0",
    "losses.hard_negatives=3",
    "views.global_px=96",
    "views.growth=[[0.3, 128]]",
    "views.local_count=0",
    "optimiser.layer_decay=1",
    "optimiser.frozen_backbone=0.01",
)
ON_CPU = (
    "batch_size=64",
    "losses.head_hidden=512",
    "optimiser.rate=0.002",
    "optimiser.warmup=0.02",
    "optimiser.hold=0.5",
    "optimiser.patch_drop=0.5",
    "optimiser.patch_drop_until=0.93",
    "checkpoint_minutes=5",
    "monitor_minutes=20",
)
ON_GPU = (
    "batch_size=1024",
    "views.global_scale=[0.2, 1.0]",
    "optimiser.rate=0.0004",
    "optimiser.warmup=0.05",
    "optimiser.hold=0.2",
    "checkpoint_minutes=2",
    "monitor_minutes=0.7",
)


def main() -> int:
    """Write the pages and the first weights, then train; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="folder of photos without copies")
    parser.add_argument("out", type=Path, help="folder for pages, checkpoints and the model")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    options, more = parser.parse_known_args()
    pages, run, start = (options.out / name for name in ("pages", "run", "start"))
    size = ["--forms", str(FORMS), "--contents", str(CONTENTS), "--processes", str(usable_cores())]
    subprocess.run([sys.executable, "-m", "dupfind.training.pages", str(pages), *size], check=True)
    with_registers(start, "builtin")
    recipe = ON_CPU if options.device == "cpu" else ON_GPU
    changes = [part for change in (*COMMON, *recipe) for part in ("--set", change)]
    arguments = [str(options.photos), str(pages), str(run), "--init", str(start)]
    arguments += ["--families", str(pages / "families.csv"), "--device", options.device]
    if options.device == "cpu":
        arguments += ["--threads", "1", "--epochs", "40"]
    if any(run.glob("step-*")):
        arguments.append("--resume")
    return train([*arguments, *changes, *more])


def with_registers(folder: Path, name: str) -> None:
    """Save a model again with ``REGISTERS`` register tokens, which begin as noise."""
    model = load_model(name)
    spec = replace(model.spec, arguments=model.spec.arguments | {"reg_tokens": REGISTERS})
    torch.manual_seed(0)
    module = create_backbone(spec)
    weights = dict(model.module.state_dict())
    size = float(weights["cls_token"].std())
    # Without positions equal registers would stay equal for ever.
    weights.setdefault("reg_token", torch.randn(1, REGISTERS, module.num_features) * size)
    module.load_state_dict(weights)
    save_model(folder, spec=spec, module=module, details={})


if __name__ == "__main__":
    sys.exit(main())
