"""`dupfind cluster`."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from dupfind.cli.common import Common, common_options, json_option, print_json
from dupfind.config import DEFAULT_KEEP

if TYPE_CHECKING:
    from dupfind.flows.clustering import ClusterSummary

WORDS = {
    "features": "Reading parts",
    "prove": "Proving pairs",
    "calibrate": "Calibrating",
    "more": "Proving more pairs",
}


@click.command(short_help="Find and record the groups of copies.")
@click.option(
    "--precision",
    type=click.FloatRange(0.5, 0.9999),
    default=0.99,
    show_default=True,
    help="Share of the grouped pairs that must be right; the cut is found from it.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="Group pairs of at least this probability, instead of --precision.",
)
@click.option(
    "--level",
    type=click.Choice(["exact", "copy", "similar"]),
    default="copy",
    show_default=True,
    help="exact: same bytes or pixels. copy: every proven copy. similar: look-alikes too.",
)
@click.option(
    "--keep",
    metavar="RULES",
    default=DEFAULT_KEEP,
    show_default=True,
    help="Which photo of a group to keep: rules that stack, the first that tells decides. Also "
    "newest, biggest, smallest, smallest-resolution, name, folder:PATH.",
)
@json_option
@common_options
def cluster(
    common: Common,
    precision: float,
    threshold: float | None,
    level: str,
    keep: str,
    as_json: bool,
) -> None:
    """Find and record the groups of copies.

    Candidates are proven one by one: aligned, then compared where they overlap. On the first run
    the probabilities are calibrated on edited copies of your own photos.

    Example: dupfind cluster --precision 0.999 --keep resolution,oldest
    """
    from dupfind.cli.progress import ProgressDisplay
    from dupfind.flows.clustering import ClusterOptions
    from dupfind.records import Level

    options = ClusterOptions(precision, threshold, Level(level), keep)
    library = common.library()
    with ProgressDisplay(WORDS, quiet=common.quiet or as_json) as display:
        summary = library.cluster(options, on_progress=display)
    if as_json:
        print_json({"library": str(library.paths.root), **asdict(summary)})
        return
    if summary.note:
        common.say(f"Note: {summary.note}.")
    common.say(
        f"{summary.groups:,} groups of {summary.grouped_photos:,} photos found among "
        f"{summary.photos:,}; {summary.reclaimable_bytes / 1e6:,.1f} MB could be reclaimed."
    )
    common.say(
        f"{summary.pairs:,} pairs scored; grouped from probability {summary.cut:.2f} on. "
        f"{_expected(summary)}, calibrated on {summary.calibration}."
    )
    common.say("Next: dupfind report")


def _expected(summary: "ClusterSummary") -> str:
    expected = summary.expectation
    if expected is None:
        return "Too few reach it to say how many are right or missed"
    return (
        f"Expected precision {expected.precision:.4f} (at least {expected.precision_low:.3f}), "
        f"recall {expected.recall:.2f}"
    )
