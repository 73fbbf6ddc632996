"""`dupfind info`."""

import os
import shlex
from pathlib import Path
from typing import Any

import click

from dupfind.cli.common import Common, common_options, json_option, print_json
from dupfind.reports.for_datasette import METADATA, PLUGINS
from dupfind.reports.words import safe_name


@click.command(short_help="Show what this machine offers and what the library holds.")
@click.option(
    "--datasette",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write into this folder what datasette needs to show the library with names and pictures.",
)
@json_option
@common_options
def info(common: Common, datasette: Path | None, as_json: bool) -> None:
    """Show versions, devices and formats, and what the library holds.

    Example: dupfind info --json
    """
    if datasette is not None:
        _write_datasette(common, datasette)
        return
    facts = common.library().info()
    if as_json:
        print_json(facts)
        return
    for heading, values in facts.items():
        click.echo(f"{heading}:")
        for key, value in (values or {"": "none yet: make one with dupfind index PHOTOS"}).items():
            click.echo(f"  {key.replace('_', ' '):12}  {_words(value)}")


def _write_datasette(common: Common, folder: Path) -> None:
    from dupfind.cli.progress import ProgressDisplay

    library = common.library()
    with ProgressDisplay(quiet=common.quiet) as display:
        library.write_datasette(folder, on_progress=display)
    paths = (library.paths.database, folder / METADATA, folder / PLUGINS)
    database, metadata, plugins = (shlex.quote(safe_name(os.fspath(path))) for path in paths)
    common.say(f"Next: datasette {database} --metadata {metadata} --plugins-dir {plugins}")


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "none"
    if isinstance(value, int):
        return f"{value:,}"
    return "none" if value is None else safe_name(str(value))
