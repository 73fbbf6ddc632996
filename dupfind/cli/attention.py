"""`dupfind attention`."""

import os
from pathlib import Path

import click

from dupfind.cli.common import Common, common_options, json_option, print_json
from dupfind.options import AttentionOptions
from dupfind.reports.words import safe_name


@click.command(short_help="Show what the model looks at in an image.")
@click.argument("image", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The PNG to write [default: NAME-attention.png in the current folder].",
)
@click.option("--layer", type=int, metavar="N", help="The layer, from 1 [default: the last].")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True),
    default=AttentionOptions().share,
    show_default=True,
    help="The share of the attention that the masks keep.",
)
@click.option("--model", metavar="NAME", help="The model [default: the one in use].")
@json_option
@common_options
def attention(
    image: Path,
    output: Path | None,
    layer: int | None,
    threshold: float,
    model: str | None,
    as_json: bool,
    common: Common,
) -> None:
    """Show what the model looks at in an image.

    Draws, as the figures of the DINO paper do, the attention of the CLS token to each patch: every
    head, their mean, and the fewest patches that hold 60% of it.

    \b
    dupfind attention photo.jpg
    dupfind attention photo.jpg -o out.png --layer 6 --threshold 0.8
    """
    target = Path(f"{image.stem}-attention.png") if output is None else output
    options = AttentionOptions(layer, threshold, model)
    maps = common.library().attention(image, target, options)
    told = {
        "output": os.fspath(target.absolute()),
        "layer": maps.layer,
        "heads": len(maps.heads),
        "grid": list(maps.grid),
    }
    if as_json:
        print_json(told)
    else:
        rows, columns = maps.grid
        common.say(
            f"Wrote {safe_name(os.fspath(target))}: {len(maps.heads)} heads of layer {maps.layer} of "
            f"{maps.depth}, {columns} x {rows} patches"
        )
