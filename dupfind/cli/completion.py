"""`dupfind completion`."""

from typing import Any

import click
from click.shell_completion import get_completion_class

from dupfind.cli.common import shared_options

PROGRAM = "dupfind"
VARIABLE = "_DUPFIND_COMPLETE"  # click answers to it before any command runs


@click.command(short_help="Print what makes a shell complete commands and options.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@shared_options
def completion(shell: str, **_: Any) -> None:
    """Print what makes a shell complete commands, options and their values.

    \b
    eval "$(dupfind completion bash)"       # in ~/.bashrc
    eval "$(dupfind completion zsh)"        # in ~/.zshrc, after compinit
    dupfind completion fish > ~/.config/fish/completions/dupfind.fish
    """
    complete = get_completion_class(shell)
    if complete is None:  # a click that knows fewer shells
        raise click.UsageError(f"this click has no completion for {shell}")
    root = click.get_current_context().find_root().command
    click.echo(complete(root, {}, PROGRAM, VARIABLE).source())
