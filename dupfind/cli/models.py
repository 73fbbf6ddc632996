"""`dupfind models`."""

from dataclasses import asdict

import click

from dupfind.cli.common import Common, common_options, json_option, print_json
from dupfind.reports.words import count, safe_name


@click.command(short_help="List the models that there are, and which one is active.")
@json_option
@common_options
def models(common: Common, as_json: bool) -> None:
    """List the models that `dupfind index --model` takes; * marks the one that the library uses.

    Besides these, any model of timm can be named, and any folder with weights.safetensors.

    Example: dupfind models
    """
    found = common.library().models()
    if as_json:
        print_json([asdict(model) for model in found])
        return
    width = max(len(safe_name(model.name)) for model in found)
    for model in found:
        mark = "*" if model.active else " "
        described = f"{count(model.photos, 'photo')} described" if model.photos else ""
        facts = "; ".join(text for text in (safe_name(model.about), described) if text)
        line = f"{mark} {safe_name(model.name):{width}}  {model.origin:9}  {facts}"
        click.echo(line.rstrip())
