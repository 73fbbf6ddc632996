"""`dupfind demo`."""

import os
import shlex
from pathlib import Path
from typing import Any

import click

from dupfind.cli.common import Common, common_options
from dupfind.reports.words import safe_name


@click.command(short_help="Take a small album through index, cluster, report and query.")
@click.argument(
    "photos",
    required=False,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option(
    "--folder",
    default=Path("dupfind-demo"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the album, its library and the report are written.",
)
@common_options
@click.pass_context
def demo(context: click.Context, common: Common, photos: Path | None, folder: Path) -> None:
    """Take a small album through index, cluster, report and query.

    The album is made on the spot from pictures that scikit-image ships and altered copies of
    them. With PHOTOS, a folder of yours, the same is done for that one; nothing in it is changed.

    Example: dupfind demo ~/Pictures
    """
    example: Path | None = None
    if photos is None:
        album = common.library().sample_album(folder / "album")
        common.say(
            f"Made an album of {album.files} photos in {safe_name(os.fspath(album.folder))}.\n"
        )
        photos, example = album.folder, album.example
    report = folder / "report.html"
    for command in _steps(photos, report, example):
        _run(context, command, folder / "library", common)
    common.say(f"The report with pictures: {safe_name(os.fspath(report.absolute()))}")


def _steps(photos: Path, report: Path, example: Path | None) -> list[list[str]]:
    steps = [
        ["index", str(photos)],
        ["cluster"],
        ["report"],
        ["report", "--format", "html", "--output", str(report)],
    ]
    return [*steps, ["query", str(example), "--k", "5"]] if example else steps


def _run(context: click.Context, arguments: list[str], library: Path, common: Common) -> None:
    """Run a command of dupfind in this process, as if it had been typed."""
    typed = [*arguments, "--library", str(library)]
    common.say(f"$ dupfind {safe_name(shlex.join(typed))}")
    options = ["--device", common.device]
    options += ["--quiet"] * common.quiet + ["--verbose"] * common.verbose
    group: Any = context.find_root().command
    command = group.get_command(context, arguments[0])
    with command.make_context(arguments[0], [*typed[1:], *options], parent=context) as step:
        command.invoke(step)
    common.say("")
