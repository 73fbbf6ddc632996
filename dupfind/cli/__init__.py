"""The command line: each command parses, calls one library function and prints."""

import importlib
import sys

import click

from dupfind import __version__
from dupfind.errors import DupfindError

# Command -> (module, function, one-line help). Modules load only when their command runs, so that
# `dupfind --help` stays fast: torch and FAISS take seconds to import.
COMMANDS: dict[str, str] = {
    "index": "dupfind.cli.index:index",
    "query": "dupfind.cli.query:query",
    "cluster": "dupfind.cli.cluster:cluster",
    "report": "dupfind.cli.report:report",
    "train": "dupfind.cli.train:train",
    "calibrate": "dupfind.cli.calibrate:calibrate",
    "evaluate": "dupfind.cli.evaluate:evaluate",
    "attention": "dupfind.cli.attention:attention",
    "map": "dupfind.cli.map:map_",
    "models": "dupfind.cli.models:models",
    "info": "dupfind.cli.info:info",
    "demo": "dupfind.cli.demo:demo",
}


class LazyGroup(click.Group):
    """A click group that imports a command's module only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order a person meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command, or None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, function = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), function)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dupfind")
def cli() -> None:
    """Find the near-duplicates in a photo collection."""


def main() -> None:
    """Run the command line; an error of ours is one line and exit status 1, never a traceback."""
    try:
        cli()
    except DupfindError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
