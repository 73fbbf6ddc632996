"""`dupfind review`."""

import os
import sys
import webbrowser

import click

from dupfind.cli.common import Common, common_options
from dupfind.options import ReviewOptions
from dupfind.reports.words import count


@click.command(short_help="Look at the groups of copies on a local page, and decide.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=ReviewOptions().port,
    help="Where to listen; 0, the default, takes a free port.",
)
@click.option("--browser/--no-browser", default=True, help="Open the page at once.")
@common_options
def review(common: Common, port: int, browser: bool) -> None:
    """Look at the groups of copies on a local page, and decide what may go.

    The page is for this machine only, and for who has its address: it lets in once. What is decided
    is saved at once; no photo is touched. Ctrl-C ends it.

    Example: dupfind review --library album/.dupfind
    """

    def on_ready(address: str, groups: int) -> None:
        click.echo(address)
        common.say(f"{count(groups, 'group')} to look at; Ctrl-C ends it.")
        if browser and _has_screen():
            webbrowser.open(address)

    common.library().review(ReviewOptions(port), on_ready=on_ready)


def _has_screen() -> bool:
    """Without one, a browser of the terminal would take its place."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
