"""`dupfind map`."""

import os
from pathlib import Path

import click

from dupfind.cli.common import Common, common_options, json_option, print_json
from dupfind.options import MapOptions
from dupfind.reports.words import count, safe_name


@click.command("map", short_help="Draw the collection in two dimensions.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("map.html"),
    show_default=True,
    metavar="FILE",
    help="The page to write.",
)
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=MapOptions().most,
    show_default=True,
    help="Above this many photos show a sample, those in groups first.",
)
@json_option
@common_options
def map_(output: Path, most: int, as_json: bool, common: Common) -> None:
    """Draw the collection in two dimensions.

    Writes one HTML page with every photo at its place: photos that the model finds alike lie near
    each other, groups of copies are coloured. Zoom, move, point at a photo, search names.

    \b
    dupfind map
    dupfind map -o album.html
    """
    from dupfind.cli.progress import ProgressDisplay

    with ProgressDisplay(quiet=common.quiet) as display:
        summary = common.library().map(output, MapOptions(most), on_progress=display)
    if as_json:
        told = {"output": str(output.absolute()), "shown": summary.shown, "total": summary.total}
        print_json(told)
        return
    sample = f" of {summary.total:,}, a sample" if summary.shown < summary.total else ""
    common.say(f"Wrote {safe_name(os.fspath(output))}: {count(summary.shown, 'photo')}{sample}")
