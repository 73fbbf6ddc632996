"""`dupfind calibrate`."""

import click

from dupfind.cli.common import Common, common_options, json_option, print_json
from dupfind.options import CalibrateOptions


@click.command(short_help="Learn from your own photos how probable a copy is.")
@click.option(
    "--photos",
    "sample",
    type=click.IntRange(min=30),
    default=CalibrateOptions().photos,
    show_default=True,
    help="How many photos to take, four copies and look-alikes of each.",
)
@json_option
@common_options
def calibrate(common: Common, sample: int, as_json: bool) -> None:
    """Learn from your own photos how probable a copy is.

    No labels are needed: copies are made by editing a sample of the photos in a hundred ways, and
    look-alikes that are no copies are made of the same photos. Nothing is written but the library.

    Example: dupfind calibrate --photos 400
    """
    from dupfind.cli.progress import ProgressDisplay

    library = common.library()
    with ProgressDisplay(quiet=common.quiet or as_json) as display:
        calibration = library.calibrate(CalibrateOptions(photos=sample), on_progress=display)
    found = library.expectations(calibration)
    if as_json:
        print_json({"library": str(library.paths.root), **found})
        return
    common.say(f"Calibrated on {calibration.source}.")
    for row in found["cuts"]:
        common.say(
            f"precision {row['asked']}: cut {row['cut']:.3f}, expected precision "
            f"{row['precision']:.4f} ({row['precision_low']:.4f} to {row['precision_high']:.4f}), "
            f"recall {row['recall']:.3f}"
        )
    common.say("Recall at precision 0.99 by kind of edit:")
    for kind, recall in sorted(found["recall_by_kind"].items(), key=lambda item: item[1]):
        common.say(f"  {kind:<22} {recall:.2f}")
