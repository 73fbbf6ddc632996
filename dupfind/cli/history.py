"""`dupfind history`."""

from typing import TYPE_CHECKING

import click

from dupfind.cli.common import Common, common_options, json_option, print_json
from dupfind.reports.words import count, readable_bytes, readable_date, safe_name

if TYPE_CHECKING:
    from dupfind import PastRun


@click.command(short_help="List what was applied, and what can be undone.")
@json_option
@common_options
def history(common: Common, as_json: bool) -> None:
    """List what was applied, the newest first: what went, what it freed, what can be undone.

    Example: dupfind history
    """
    runs = common.library().history()
    if as_json:
        print_json({"runs": [run.to_json() for run in runs]})
        return
    for run in runs:
        click.echo(_line(run))
        for place in run.places:
            click.echo(f"      in {safe_name(str(place))}")
    if not runs:
        click.echo("Nothing was applied yet.")


def _line(run: "PastRun") -> str:
    ended = "" if run.status == "done" else f" ({run.status})"
    if run.undone == run.files:
        state = "undone"
    else:
        state = f"{run.undoable:,} can be undone" + (f", {run.undone:,} are" if run.undone else "")
    return (
        f"{run.run_id:4}  {readable_date(run.started_at)}  {run.action}{ended}: "
        f"{count(run.photos, 'photo')}, {count(run.files, 'file')}, "
        f"{readable_bytes(run.freed_bytes)}; {state}"
    )
