"""The command line: each command parses, calls one library function and prints."""

import errno
import importlib
import sys
import traceback
import warnings
from typing import Any

import click

from dupfind import __version__
from dupfind.cli.common import shared_options
from dupfind.cli.memory import is_out_of_memory, too_little_memory
from dupfind.cli.streams import (
    CLOSED_READER_STATUS,
    fill_standard_streams,
    give_up_standard_output,
)
from dupfind.errors import DupfindError
from dupfind.reports.words import safe_name

# Command -> module and function. Modules load only when their command runs, so that
# `dupfind --help` stays fast: torch and FAISS take seconds to import.
COMMANDS: dict[str, str] = {
    "find": "dupfind.cli.find:find",
    "index": "dupfind.cli.index:index",
    "shard": "dupfind.cli.shard:shard",
    "query": "dupfind.cli.query:query",
    "cluster": "dupfind.cli.cluster:cluster",
    "report": "dupfind.cli.report:report",
    "review": "dupfind.cli.review:review",
    "decide": "dupfind.cli.decide:decide",
    "apply": "dupfind.cli.apply:apply",
    "undo": "dupfind.cli.undo:undo",
    "history": "dupfind.cli.history:history",
    "train": "dupfind.cli.train:train",
    "calibrate": "dupfind.cli.calibrate:calibrate",
    "evaluate": "dupfind.cli.evaluate:evaluate",
    "attention": "dupfind.cli.attention:attention",
    "map": "dupfind.cli.map:map_",
    "models": "dupfind.cli.models:models",
    "info": "dupfind.cli.info:info",
    "demo": "dupfind.cli.demo:demo",
    "completion": "dupfind.cli.completion:completion",
}
# What the list of commands says of each (a test compares it with the command's own words).
SUMMARIES: dict[str, str] = {
    "find": "Find the copies among the photos in folders and show them.",
    "index": "Bring the library up to date with the photos in folders.",
    "shard": "Describe one shard of photos, as a line of a job array.",
    "query": "List the photos of the library that are nearest to an image.",
    "cluster": "Find and record the groups of copies.",
    "report": "Show the groups of copies that the last cluster found.",
    "review": "Look at the groups of copies on a local page, and decide.",
    "decide": "Say what is to be kept, removed or left in peace.",
    "apply": "Act on the copies that may go; without --yes show what would be done.",
    "undo": "Bring back what an apply did.",
    "history": "List what was applied, and what can be undone.",
    "train": "Learn features on your own photos.",
    "calibrate": "Learn from your own photos how probable a copy is.",
    "evaluate": "Measure accuracy on photos whose copies are known.",
    "attention": "Show what the model looks at in an image.",
    "map": "Draw the collection in two dimensions.",
    "models": "List the models that there are, and which one is active.",
    "info": "Show what this machine offers and what the library holds.",
    "demo": "Take a small album through index, cluster, report and query.",
    "completion": "Print what makes a shell complete commands and options.",
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
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except click.ClickException as error:
            # Click prints names of files as they are, and calls the attribute final.
            error.__dict__["message"] = safe_name(error.message)
            raise
        except (click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:  # who reads has had enough: no error of ours
            give_up_standard_output()
            ctx.exit(CLOSED_READER_STATUS)
        except KeyboardInterrupt:
            raise Stopped(
                "interrupted; what was committed stays, run the command again to go on"
            ) from None
        except DupfindError as error:
            raise click.ClickException(_one_line(error)) from error
        except OSError as error:
            raise _explained(error) from error
        except Exception as error:  # the last line of defence: say it, and how to help
            if is_out_of_memory(error):
                raise too_little_memory(_one_line(error)) from error
            raise _unexpected(error) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dupfind")
@shared_options
def cli(**_: Any) -> None:
    """Find the near-duplicates in a photo collection.

    Begin with `dupfind find PHOTOS`. The options below may also stand after the command.
    """


def main() -> None:
    """Run the command line; an error of ours is one line and exit status 1, never a traceback."""
    fill_standard_streams()
    if not sys.warnoptions:
        # Notes of libraries to their developers are no news for a user.
        warnings.simplefilter("ignore")
    try:
        cli()
    except KeyboardInterrupt:
        sys.exit(Stopped.exit_code)
    except OSError as error:  # what --help and --version print goes nowhere
        trouble = _explained(error)
        trouble.show()
        sys.exit(trouble.exit_code)


def _explained(error: OSError) -> click.ClickException:
    """Say what the system refused; what cannot happen to a sound program is unexpected."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        give_up_standard_output()
        return click.ClickException(
            f"no space left to write ({safe_name(str(error.filename or 'the output'))}); free some, "
            "then run the command again"
        )
    if error.errno == errno.EBADF and error.filename is None:
        give_up_standard_output()
        return click.ClickException(
            "standard output is closed; leave it open, or write to a file with -o"
        )
    return _unexpected(error)


def _unexpected(error: BaseException) -> click.ClickException:
    if _is_verbose():
        traceback.print_exc()
    return click.ClickException(
        f"unexpected {type(error).__name__}: {_one_line(error)}; this is a defect of "
        "dupfind: please report it with what the same command prints with -v"
    )


def _one_line(error: BaseException) -> str:
    return safe_name(" ".join(str(error).split())) or type(error).__name__


def _is_verbose() -> bool:
    return any(argument in ("-v", "--verbose") for argument in sys.argv[1:])
