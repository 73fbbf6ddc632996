"""`dupfind report`."""

import sys
from pathlib import Path

import click

from dupfind.cli.common import Common, common_options
from dupfind.cli.progress import ProgressDisplay
from dupfind.progress import stage


@click.command(short_help="Show the groups of copies that the last cluster found.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["terminal", "json", "csv", "pairs", "html"]),
    default="terminal",
    show_default=True,
    help="For a person: terminal, html. For scripts: json, csv (a row a photo), pairs (every scored "
    "pair, best first).",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Write to this file, whole or not at all [default: standard output].",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=30,
    show_default=True,
    help="Groups to show on the terminal, those that free most; 0 shows all.",
)
@click.option(
    "--pictures",
    type=click.IntRange(min=0),
    default=8000,
    show_default=True,
    help="The most pictures to put into the HTML page.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@common_options
def report(
    format_: str, output: Path | None, limit: int, pictures: int, as_json: bool, common: Common
) -> None:
    """Show the groups of copies that the last cluster found.

    Each group says which photo to keep, why each other one counts as its copy, and what deleting
    the copies would free. Nothing is deleted.

    \b
    dupfind report
    dupfind report --format html -o report.html
    dupfind report --format pairs -o pairs.csv
    """
    from dupfind.flows.reporting import ReportFormat, ReportOptions, write_report

    wanted = ReportFormat("json" if as_json else format_)
    if wanted == ReportFormat.HTML and output is None and sys.stdout.isatty():
        raise click.UsageError(
            "a page does not fit a terminal; say where to put it: -o report.html"
        )
    options = ReportOptions(wanted, limit, pictures)
    words = {"pictures": "Making the pictures"}
    with ProgressDisplay(words, unit="pictures", quiet=common.quiet) as display:
        write_report(common.root, output, options, stage(display, "pictures"))
    if output is not None and str(output) != "-":
        common.say(f"Wrote {click.format_filename(output)}")
