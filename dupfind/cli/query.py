"""`dupfind query`."""

import os
from pathlib import Path

import click

from dupfind import JoinFacts
from dupfind.cli.choices import index_kind_option
from dupfind.cli.cluster import join_words
from dupfind.cli.common import Common, common_options, json_option, print_json
from dupfind.options import DEFAULT_MATCHES, IndexKind
from dupfind.reports.decided import removed_words
from dupfind.reports.words import relation_name, safe_name


@click.command(short_help="List the photos of the library that are nearest to an image.")
@click.argument("image", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--k", default=DEFAULT_MATCHES, show_default=True, type=click.IntRange(min=1), help="How many."
)
@index_kind_option
@json_option
@common_options
def query(common: Common, image: Path, k: int, index_kind: str, as_json: bool) -> None:
    """List the photos of the library that are nearest to an image, which need not be in it.

    Example: dupfind query holiday.jpg --k 5
    """
    library = common.library()
    joins: list[JoinFacts] = []
    matches = library.query(image, k=k, index_kind=IndexKind(index_kind), on_join=joins.append)
    removed_at = library.removed_on(image)
    if as_json:
        print_json(
            {
                "query": os.fspath(image.absolute()),
                "removed_at": removed_at,
                "matches": [
                    {
                        "path": os.fspath(match.photo.path),
                        "similarity": match.similarity,
                        "probability": match.probability,
                        "relation": str(match.relation),
                        "evidence": match.evidence.to_json(),
                        "told_apart": match.told_apart,
                    }
                    for match in matches
                ],
            }
        )
        return
    if joins and joins[0].kind == IndexKind.LISTS:
        common.say(f"{join_words(joins[0])}.")
    if removed_at:
        common.say(f"Note: {removed_words(removed_at)}.")
    if not matches:
        common.say("The library holds no other photo.")
    width = max((len(relation_name(match.relation)) for match in matches), default=0)
    for match in matches:
        name = safe_name(os.fspath(match.photo.path))
        apart = "  (no duplicate, you said)" if match.told_apart else ""
        click.echo(
            f"{match.similarity:.3f}  {relation_name(match.relation):{width}}  {name}{apart}"
        )
