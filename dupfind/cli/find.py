"""`dupfind find`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dupfind.cli.choices import (
    exclude_option,
    format_json_option,
    format_option,
    index_kind_option,
    keep_option,
    level_option,
    limit_option,
    output_option,
    precision_option,
    reference_option,
)
from dupfind.cli.cluster import join_words
from dupfind.cli.common import Common, common_options
from dupfind.cli.index import words_of_index
from dupfind.cli.report import show_report, wanted_format
from dupfind.options import ClusterOptions, IndexKind, IndexOptions, ReportFormat, ReportOptions
from dupfind.records import Level

if TYPE_CHECKING:
    from dupfind import ClusterSummary, IndexSummary

DUPLICATES_STATUS = 3  # of --fail-on-duplicates


@click.command(short_help="Find the copies among the photos in folders and show them.")
@click.argument("photos", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@precision_option
@level_option
@keep_option
@index_kind_option
@exclude_option
@reference_option
@format_option
@output_option
@limit_option
@click.option(
    "--fail-on-duplicates",
    is_flag=True,
    help=f"End with status {DUPLICATES_STATUS} when there are groups of copies that nobody settled.",
)
@format_json_option
@common_options
def find(
    common: Common,
    photos: tuple[Path, ...],
    precision: float,
    level: str,
    keep: str,
    index_kind: str,
    exclude: tuple[str, ...],
    reference: tuple[Path, ...],
    format_: str,
    output: Path | None,
    limit: int,
    fail_on_duplicates: bool,
    as_json: bool,
) -> None:
    """Find the copies among the photos in folders and show them: the everyday command.

    It does what `index`, `cluster` and `report` do, one after the other; those have more options.
    The library remembers: the next time only new and changed photos are read. All photos of the
    library are compared, those of folders that you named another time too.

    \b
    dupfind find ~/Pictures
    dupfind find ~/Pictures --format html -o report.html
    dupfind find new/ --reference ~/Pictures --fail-on-duplicates
    """
    wanted = wanted_format(format_, output, as_json=as_json)
    is_page_of_text = wanted is ReportFormat.TERMINAL and output is None
    indexed, clustered = _search(
        common,
        photos,
        IndexOptions(exclude=exclude, reference=reference),
        ClusterOptions(
            precision=precision, level=Level(level), keep=keep, index_kind=IndexKind(index_kind)
        ),
    )
    if is_page_of_text:
        common.say(f"{words_of_index(indexed)}\n")
        if clustered.join and clustered.join.kind == IndexKind.LISTS:  # else nothing is missed
            common.say(f"{join_words(clustered.join)}.\n")
    show_report(common, output, ReportOptions(wanted, limit))
    if is_page_of_text and clustered.groups:
        page = common.next_command("report --format html -o report.html")
        common.say(f"Next: {page} (with pictures), or {common.next_command('query PHOTO')}")
    if fail_on_duplicates and clustered.groups > clustered.settled:
        click.get_current_context().exit(DUPLICATES_STATUS)


def _search(
    common: Common, photos: tuple[Path, ...], index: IndexOptions, cluster: ClusterOptions
) -> "tuple[IndexSummary, ClusterSummary]":
    from dupfind.cli.progress import ProgressDisplay
    from dupfind.cli.time_left import CLUSTER, INDEX

    with ProgressDisplay(quiet=common.quiet, phases=(*INDEX, *CLUSTER)) as display:
        return common.library().find(photos, index, cluster, on_progress=display)
