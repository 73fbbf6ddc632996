"""Write docs/commands.md and the man page from what each command's --help says: `make docs`."""

import runpy
import sys
from pathlib import Path

import click

from dupfind.cli import COMMANDS, cli
from dupfind.cli.exit_status import EXIT_STATUSES

FILE = Path(__file__).with_name("commands.md")
WIDTH = 96


def commands_page() -> str:
    """Return the page: the help of every command, as a terminal of 96 columns shows it."""
    parts = [
        "# Commands",
        "What `--help` prints, made by `make docs` (a test holds it up to date).",
        _block(cli, "dupfind", None),
    ]
    context = click.Context(cli, info_name="dupfind")
    for name in COMMANDS:
        command = cli.get_command(context, name)
        if command is not None:
            parts += [f"## dupfind {name}", _block(command, name, context)]
    rows = [f"| {status} | {meaning} |" for status, meaning in EXIT_STATUSES.items()]
    parts += ["## Exit status", "\n".join(["| status | meaning |", "|---|---|", *rows])]
    return "\n\n".join(parts) + "\n"


def _block(command: click.Command, name: str, parent: click.Context | None) -> str:
    context = click.Context(
        command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )  # fmt: skip
    return f"```text\n{command.get_help(context).rstrip()}\n```"


if __name__ == "__main__":
    FILE.write_text(commands_page(), encoding="utf-8")
    sys.stdout.write(f"{FILE} written\n")
    runpy.run_path(str(Path(__file__).with_name("make_man.py")), run_name="__main__")
