"""`dupfind shard`."""

import click

from dupfind.cli.common import Common, common_options
from dupfind.reports.words import count, safe_name


@click.command(short_help="Describe one shard of photos, as a line of a job array.")
@click.argument("place")
@click.argument("number", type=click.IntRange(min=0))
@common_options
def shard(common: Common, place: str, number: int) -> None:
    """Describe shard NUMBER of the plan in PLACE with all cores of this machine.

    `dupfind index PHOTOS --engine array --shards PLACE` writes the plan, says how many shards there are,
    and takes them in when all are described. PLACE is a folder that all machines reach, or an address
    such as s3://bucket/folder; the photos must be at the same paths everywhere. A shard that is there
    already costs nothing.

    Example: dupfind shard /shared/shards $SLURM_ARRAY_TASK_ID
    """
    from dupfind import describe_shard

    files = describe_shard(place, number)
    common.say(f"Shard {number} in {safe_name(place)} is there: {count(files, 'file')}.")
