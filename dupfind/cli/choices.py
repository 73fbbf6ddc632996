"""Options that several commands take; their defaults are those of ``dupfind.options``."""

from pathlib import Path

import click

from dupfind.options import (
    ClusterOptions,
    EngineKind,
    IndexKind,
    IndexOptions,
    ReportFormat,
    ReportOptions,
)
from dupfind.records import Level

_CLUSTER = ClusterOptions()
_INDEX = IndexOptions()
_REPORT = ReportOptions()

exclude_option = click.option(
    "--exclude",
    metavar="GLOB",
    multiple=True,
    help="Leave out files and folders whose name matches (with a slash: whose path does). Repeatable.",
)
reference_option = click.option(
    "--reference",
    metavar="DIR",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Index this folder too, and prefer its photos as the ones to keep. Repeatable.",
)
precision_option = click.option(
    "--precision",
    type=click.FloatRange(0.5, 0.9999),
    default=_CLUSTER.precision,
    show_default=True,
    help="Share of the grouped pairs that must be right; the cut is found from it.",
)
level_option = click.option(
    "--level",
    type=click.Choice([str(level) for level in Level]),
    default=str(_CLUSTER.level),
    show_default=True,
    help="exact: same bytes or pixels. copy: every proven copy. similar: look-alikes too.",
)
keep_option = click.option(
    "--keep",
    metavar="RULES",
    default=_CLUSTER.keep,
    show_default=True,
    help="Which photo of a group to keep: rules that stack, the first that tells decides. Also "
    "newest, biggest, smallest, smallest-resolution, name, folder:PATH.",
)
index_kind_option = click.option(
    "--index-kind",
    type=click.Choice([str(kind) for kind in IndexKind]),
    default=str(_CLUSTER.index_kind),
    show_default=True,
    help="How descriptors are compared. exact: all with all. lists: each with the lists nearest to it, "
    "which is faster and finds nearly all. auto: lists from 50,000 photos on.",
)
index_engine_option = click.option(
    "--engine",
    type=click.Choice([str(kind) for kind in EngineKind]),
    default=str(_INDEX.engine),
    show_default=True,
    help="Where photos are described. local: here. processes: in processes of this machine. ray: on the "
    "cluster that RAY_ADDRESS names, else on one started here. array: by `dupfind shard` commands that you "
    "start (Slurm); this one writes their plan, and takes in what they made.",
)
shards_option = click.option(
    "--shards",
    metavar="PLACE",
    help="Where the described shards go as Parquet files, and stay: a folder that all machines reach, or "
    "an address such as s3://bucket/folder [default: the library's cache, until they are taken in].",
)
shard_photos_option = click.option(
    "--shard-photos",
    type=click.IntRange(min=1),
    default=_INDEX.shard_photos,
    show_default=True,
    help="Photos in a shard: what a lost machine costs at most.",
)
cluster_engine_option = click.option(
    "--engine",
    type=click.Choice([str(kind) for kind in EngineKind if kind is not EngineKind.ARRAY]),
    default=str(_CLUSTER.engine),
    show_default=True,
    help="Where lists are joined, and pairs proven and looked at: as for `dupfind index`.",
)
format_option = click.option(
    "--format",
    "format_",
    type=click.Choice([str(format_) for format_ in ReportFormat]),
    default=str(_REPORT.format),
    show_default=True,
    help="For a person: terminal, html. For scripts: json, csv (a row a photo), pairs (every scored "
    "pair, best first). For other tools: fiftyone (samples.json), imagededup, fastdup "
    "(similarity.csv).",
)
output_option = click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Write to this file, whole or not at all [default: standard output].",
)
limit_option = click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=_REPORT.limit,
    show_default=True,
    help="Groups to show on the terminal, those that free most; 0 shows all.",
)
settled_option = click.option(
    "--all", "settled", is_flag=True, help="Show the groups too that you settled (keep-all)."
)
format_json_option = click.option(
    "--json", "as_json", is_flag=True, help="The same as --format json."
)
