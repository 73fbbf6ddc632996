"""Train on a folder of images without a library: ``python -m dupfind.training PHOTOS OUT``.

Under torchrun, with one process for each GPU or CPU core:
``torchrun --nproc-per-node 2 -m dupfind.training PHOTOS OUT --threads 1``.
"""

import argparse
import logging
import sys
from pathlib import Path

from dupfind.descriptors.backbone import load_model
from dupfind.errors import DupfindError
from dupfind.photos.scan import scan
from dupfind.records import ScannedFile
from dupfind.training.distributed import pick_device, rank
from dupfind.training.loop import Listener
from dupfind.training.monitor import EpochMetrics
from dupfind.training.overrides import as_changes
from dupfind.training.run import RunOptions, train

log = logging.getLogger("dupfind.training")


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and train; return the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        _run(options)
    except DupfindError as error:
        log.error("Error: %s", error)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dupfind.training", description=__doc__)
    parser.add_argument("photos", type=Path, nargs="+", help="folders of images")
    parser.add_argument("out", type=Path, help="folder for checkpoints, metrics and the model")
    parser.add_argument("--init", default="scratch", help="scratch, builtin, a timm name, a folder")
    parser.add_argument("--minutes", type=float, help="budget of time that the schedules fit")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch-size", type=int, help="photos in a batch, over all processes")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, help="CPU threads of each process")
    parser.add_argument(
        "--families", type=Path, help="CSV file,family: look-alikes that are different pictures"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes")
    return parser


def _run(options: argparse.Namespace) -> None:
    start = None if options.init == "scratch" else load_model(options.init)
    paths = [found.path for found in scan(options.photos) if isinstance(found, ScannedFile)]
    short = {name: getattr(options, name) for name in ("minutes", "epochs", "batch_size")}
    run_options = RunOptions(
        options.out,
        options.out / "cache",
        start,
        options.resume,
        (*as_changes(short), *options.changes),
        pick_device(options.device),
        options.threads,
        options.families,
    )
    result = train(paths, run_options, listener=Listener(on_metrics=_say))
    if rank() == 0:
        log.info("model in %s; %d photos could not be read", result.model, len(result.failures))


def _say(metrics: EpochMetrics) -> None:
    log.info(
        "step %d, %.0f min, %.0f photos/s, loss %.3f, rank %.0f, recall@1 %.3f, recall@10 %.3f, micro AP %.3f",
        metrics.step,
        metrics.elapsed_s / 60,
        metrics.photos_per_s,
        metrics.loss,
        metrics.rank,
        metrics.recall_at_1,
        metrics.recall_at_10,
        metrics.micro_ap,
    )


if __name__ == "__main__":
    sys.exit(main())
