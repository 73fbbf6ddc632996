"""`dupfind info`."""

from typing import Any

import click

from dupfind.cli.common import Common, common_options, json_option, print_json
from dupfind.reports.words import safe_name


@click.command(short_help="Show what this machine offers and what the library holds.")
@json_option
@common_options
def info(common: Common, as_json: bool) -> None:
    """Show versions, devices and formats, and what the library holds.

    Example: dupfind info --json
    """
    facts = common.library().info()
    if as_json:
        print_json(facts)
        return
    for heading, values in facts.items():
        click.echo(f"{heading}:")
        for key, value in (values or {"": "none yet: make one with dupfind index PHOTOS"}).items():
            click.echo(f"  {key.replace('_', ' '):12}  {_words(value)}")


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "none"
    if isinstance(value, int):
        return f"{value:,}"
    return "none" if value is None else safe_name(str(value))
