"""What several commands share: options, and how they speak to a person.

@click.command()
@common_options
@json_option
def command(common: Common, as_json: bool) -> None: ...
"""

import functools
import json
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dupfind.config import find_library

if TYPE_CHECKING:
    from dupfind.library import Library

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Common:
    """The options that every command has. ``root`` is the library folder."""

    root: Path
    device: str
    quiet: bool
    verbose: bool

    def library(self) -> "Library":
        """Return the library of this command."""
        from dupfind.library import Library

        return Library(self.root, device=self.device)

    def say(self, text: str) -> None:
        """Print a line for a person, unless ``-q``."""
        if not self.quiet:
            click.echo(text)


def common_options(function: Function) -> Function:
    """Add --library, --device, -q and -v; the command gets them as ``common: Common``."""

    @click.option(
        "--library",
        "root",
        envvar="DUPFIND_LIBRARY",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="The library folder [default: the nearest .dupfind from here upwards, else a new one "
        "here; variable DUPFIND_LIBRARY].",
    )
    @click.option(
        "--device",
        default="auto",
        show_default=True,
        metavar="auto|cpu|cuda[:N]",
        help="Where the model runs.",
    )
    @click.option("-q", "--quiet", is_flag=True, help="Print results and errors only.")
    @click.option("-v", "--verbose", is_flag=True, help="Print what is done, and tracebacks.")
    @functools.wraps(function)
    def wrapped(
        *args: Any, root: Path | None, device: str, quiet: bool, verbose: bool, **kwargs: Any
    ) -> Any:
        set_up_logging(quiet=quiet, verbose=verbose)
        root = find_library(Path.cwd()) if root is None else root
        common = Common(root, device, quiet, verbose)
        return function(*args, common=common, **kwargs)

    return wrapped  # type: ignore[return-value]


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(value: Any) -> None:
    """Print JSON on standard output, ASCII only: paths survive ``json.loads`` exactly."""
    click.echo(json.dumps(value, indent=2))


def set_up_logging(*, quiet: bool, verbose: bool) -> None:
    """Send what dupfind logs to standard error: warnings, with -v all, with -q errors only."""
    logger = logging.getLogger("dupfind")
    logger.setLevel(logging.INFO if verbose else logging.ERROR if quiet else logging.WARNING)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Words())
    logger.handlers = [handler]
    logger.propagate = False


class _Words(logging.Formatter):
    """``Warning: text`` for warnings, plain text for what -v shows."""

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        return f"{record.levelname.title()}: {text}" if record.levelno >= logging.WARNING else text
