"""`dupfind index`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dupfind.cli.choices import (
    exclude_option,
    index_engine_option,
    reference_option,
    shard_photos_option,
    shards_option,
)
from dupfind.cli.common import Common, common_options, json_option, print_json
from dupfind.options import EngineKind, IndexOptions
from dupfind.reports.words import count, safe_name

if TYPE_CHECKING:
    from dupfind import IndexSummary


@click.command(short_help="Bring the library up to date with the photos in folders.")
@click.argument("photos", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--model",
    metavar="NAME",
    help="What describes the photos: builtin, a model that you trained, a folder with weights, or a "
    "timm name [default: the one in use, at first builtin]. Another one describes all anew.",
)
@exclude_option
@reference_option
@click.option(
    "--max-pixels",
    default=IndexOptions().max_pixels,
    show_default=True,
    type=click.IntRange(min=1),
    help="Refuse to decode pictures larger than this.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    help="Photos in one pass of the model [default: auto].",
)
@click.option(
    "--forget",
    is_flag=True,
    help="Photos of a folder that is all of a sudden empty were deleted: do not keep them as away.",
)
@click.option(
    "--no-features",
    is_flag=True,
    help="Describe only, for queries by descriptor; `cluster` finds the local features then.",
)
@index_engine_option
@shards_option
@shard_photos_option
@json_option
@common_options
def index(
    common: Common,
    photos: tuple[Path, ...],
    model: str | None,
    exclude: tuple[str, ...],
    reference: tuple[Path, ...],
    max_pixels: int,
    batch_size: int | None,
    forget: bool,
    no_features: bool,
    engine: str,
    shards: str | None,
    shard_photos: int,
    as_json: bool,
) -> None:
    """Bring the library up to date with the photos in folders.

    Only what is new or changed is read; moved files are known by their content; deleted ones
    leave the results. A run that is stopped goes on where it was.

    Example: dupfind index ~/Pictures --exclude '*.gif'
    """
    from dupfind.cli.progress import ProgressDisplay
    from dupfind.cli.time_left import INDEX, INDEX_IN_SHARDS

    options = IndexOptions(
        model=model,
        exclude=exclude,
        reference=reference,
        max_pixels=max_pixels,
        batch_size=batch_size,
        forget=forget,
        features=not no_features,
        engine=EngineKind(engine),
        shards=shards,
        shard_photos=shard_photos,
    )
    library = common.library()
    phases = INDEX if options.engine is EngineKind.LOCAL else INDEX_IN_SHARDS
    with ProgressDisplay(quiet=common.quiet or as_json, phases=phases) as display:
        summary = library.index(photos, options, on_progress=display)
    if as_json:
        print_json({"library": str(library.paths.root), **asdict(summary)})
        return
    common.say(words_of_index(summary))
    if summary.errors:
        files = count(summary.errors, "file")
        common.say(f"{files} could not be read; `{common.next_command('report')}` says why.")
    common.say(
        f"{summary.described:,} described with the model '{safe_name(summary.model)}' in "
        f"{summary.seconds:.1f} s. Next: {common.next_command('cluster')}"
    )


def words_of_index(summary: "IndexSummary") -> str:
    """Say what was found in the folders."""
    returned = f"{summary.returned:,} back, " if summary.returned else ""
    words = (
        f"{count(summary.found, 'photo')} found: {summary.new:,} new, {summary.changed:,} changed, "
        f"{summary.moved:,} moved, {returned}{summary.unchanged:,} unchanged; "
        f"{summary.removed:,} removed."
    )
    if summary.away:
        words += f"\n{count(summary.away, 'photo')} away: nothing is left below their folder."
    if summary.came_back:
        photos = count(summary.came_back, "photo")
        words += f"\n{photos} back that you removed before; `dupfind report` names them."
    return words
