"""The command line: each command parses, calls one library function and prints."""

import errno
import importlib
import sys
import traceback
import warnings
from typing import Any

import click

from dupfind import __version__
from dupfind.errors import DupfindError

# Command -> module and function. Modules load only when their command runs, so that
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
# What the list of commands says of each (a test compares it with the command's own words).
SUMMARIES: dict[str, str] = {
    "index": "Bring the library up to date with the photos in folders.",
    "query": "List the photos of the library that are nearest to an image.",
    "cluster": "Find and record the groups of copies.",
    "report": "Show the groups of copies that the last cluster found.",
    "train": "Learn features on your own photos.",
    "calibrate": "Learn from your own photos how probable a copy is.",
    "evaluate": "Measure accuracy on photos whose copies are known.",
    "attention": "Show what the model looks at in an image.",
    "map": "Draw the collection in two dimensions.",
    "models": "List the models that there are, and which one is active.",
    "info": "Show what this machine offers and what the library holds.",
    "demo": "Take a small album through index, cluster, report and query.",
}


class Stopped(click.ClickException):
    """Ends the command with one line and the status of a program stopped by Ctrl-C."""

    exit_code = 130


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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; whatever goes wrong in it is one line, never a traceback."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            raise Stopped(
                "interrupted; what was committed stays, run the command again to go on"
            ) from None
        except DupfindError as error:
            raise click.ClickException(_one_line(error)) from error
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise _unexpected(error) from error
            raise click.ClickException(
                f"no space left to write ({error.filename or 'the output'}); free some, then run the "
                "command again"
            ) from error
        except Exception as error:  # the last line of defence: say it, and how to help
            raise _unexpected(error) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dupfind")
def cli() -> None:
    """Find the near-duplicates in a photo collection.

    Begin with `dupfind index PHOTOS`, then `dupfind cluster`, then `dupfind report`.
    """


def main() -> None:
    """Run the command line; an error of ours is one line and exit status 1, never a traceback."""
    if not sys.warnoptions:
        # Notes of libraries to their developers are no news for a user.
        warnings.simplefilter("ignore")
    try:
        cli()
    except KeyboardInterrupt:
        sys.exit(Stopped.exit_code)


def _unexpected(error: BaseException) -> click.ClickException:
    if _is_verbose():
        traceback.print_exc()
    return click.ClickException(
        f"unexpected {type(error).__name__}: {_one_line(error)}; this is a defect of "
        "dupfind: please report it with what the same command prints with -v"
    )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _is_verbose() -> bool:
    return any(argument in ("-v", "--verbose") for argument in sys.argv[1:])
