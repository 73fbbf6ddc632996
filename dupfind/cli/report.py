"""`dupfind report`."""

import os
import sys
from pathlib import Path

import click

from dupfind.cli.choices import (
    format_json_option,
    format_option,
    limit_option,
    output_option,
    settled_option,
)
from dupfind.cli.common import Common, common_options
from dupfind.options import ReportFormat, ReportOptions
from dupfind.reports.words import safe_name


@click.command(short_help="Show the groups of copies that the last cluster found.")
@format_option
@output_option
@limit_option
@click.option(
    "--pictures",
    type=click.IntRange(min=0),
    default=ReportOptions().pictures,
    show_default=True,
    help="The most pictures to put into the HTML page.",
)
@settled_option
@format_json_option
@common_options
def report(
    format_: str,
    output: Path | None,
    limit: int,
    pictures: int,
    settled: bool,
    as_json: bool,
    common: Common,
) -> None:
    """Show the groups of copies that the last cluster found.

    Each group says which photo to keep, why each other one counts as its copy, and what deleting
    the copies would free. Nothing is deleted.

    \b
    dupfind report
    dupfind report --format html -o report.html
    dupfind report --format pairs -o pairs.csv
    """
    wanted = wanted_format(format_, output, as_json=as_json)
    show_report(common, output, ReportOptions(wanted, limit, pictures, settled))


def wanted_format(format_: str, output: Path | None, *, as_json: bool) -> ReportFormat:
    """Return the format that was asked for; refuse a page that a terminal would show as text."""
    wanted = ReportFormat("json" if as_json else format_)
    if wanted == ReportFormat.HTML and output is None and sys.stdout.isatty():
        raise click.UsageError(
            "a page does not fit a terminal; say where to put it: -o report.html"
        )
    return wanted


def show_report(common: Common, output: Path | None, options: ReportOptions) -> None:
    """Write the report of the command's library, and say where it lies."""
    from dupfind.cli.progress import ProgressDisplay

    with ProgressDisplay(quiet=common.quiet) as display:
        common.library().report(output, options, on_progress=display)
    if output is not None and str(output) != "-":
        common.say(f"Wrote {safe_name(os.fspath(output))}")
