"""What several commands share: options, and how they speak to a person.

@click.command()
@common_options
@json_option
def command(common: Common, as_json: bool) -> None: ...
"""

import functools
import json
import logging
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from dupfind.cli.memory import check_address_space
from dupfind.config import find_library
from dupfind.reports.words import safe_name

if TYPE_CHECKING:
    from dupfind.library import Library

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Common:
    """The options that every command has. ``root`` is the library folder.

    ``is_named``: whether --library or its variable named that folder.
    """

    root: Path
    device: str
    quiet: bool
    verbose: bool
    is_named: bool

    def library(self) -> "Library":
        """Return the library of this command."""
        from dupfind.library import Library

        return Library(self.root, device=self.device)

    def say(self, text: str) -> None:
        """Print a line for a person, unless ``-q``."""
        if not self.quiet:
            click.echo(text)

    def next_command(self, words: str) -> str:
        """Return the command to type next, for this library: ``dupfind WORDS``."""
        context = click.get_current_context()
        typed = _source(context, "root") is ParameterSource.COMMANDLINE
        library = f" --library {shlex.quote(safe_name(os.fspath(self.root)))}" if typed else ""
        return f"dupfind {words}{library}"


def shared_options(function: Function) -> Function:
    """Add --library, --device, -q and -v as they are; they stand before a command or after it."""
    for option in reversed(_SHARED):
        function = option(function)
    return function


def common_options(function: Function) -> Function:
    """Add the shared options; the command gets them as ``common: Common``."""

    @shared_options
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        context = click.get_current_context()
        root, device, quiet, verbose = (
            _chosen(context, name, kwargs.pop(name)) for name in _SHARED_NAMES
        )
        set_up_logging(quiet=quiet, verbose=verbose)
        check_address_space(context.info_name or "")
        is_named = root is not None
        common = Common(root or find_library(Path.cwd()), device, quiet, verbose, is_named)
        return function(*args, common=common, **kwargs)

    return wrapped  # type: ignore[return-value]


_SHARED_NAMES = ("root", "device", "quiet", "verbose")
_SHARED = (
    click.option(
        "--library",
        "root",
        envvar="DUPFIND_LIBRARY",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="The library folder [default: the nearest .dupfind from here upwards, else a new one "
        "here; variable DUPFIND_LIBRARY].",
    ),
    click.option(
        "--device",
        default="auto",
        show_default=True,
        metavar="auto|cpu|cuda[:N]",
        help="Where the model runs.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Print results and errors only."),
    click.option("-v", "--verbose", is_flag=True, help="Print what is done, and tracebacks."),
)


def _chosen(context: click.Context, name: str, value: Any) -> Any:
    """Return an option as it was typed after the command, or else before it."""
    root = context.find_root()
    if context.get_parameter_source(name) is ParameterSource.COMMANDLINE or name not in root.params:
        return value
    return root.params[name]


def _source(context: click.Context, name: str) -> ParameterSource | None:
    """Return where an option's value comes from, before or after the command."""
    source = context.get_parameter_source(name)
    if source is ParameterSource.COMMANDLINE:
        return source
    return context.find_root().get_parameter_source(name)


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
        text = safe_name(record.getMessage())
        return f"{record.levelname.title()}: {text}" if record.levelno >= logging.WARNING else text
