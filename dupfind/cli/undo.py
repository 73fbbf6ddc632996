"""`dupfind undo`."""

import click

from dupfind.cli.common import Common, common_options, json_option, print_json
from dupfind.reports.words import count, safe_name


@click.command(short_help="Bring back what an apply did.")
@click.argument("run", type=int, required=False)
@json_option
@common_options
def undo(common: Common, run: int | None, as_json: bool) -> None:
    """Bring back what an apply did: bytes, names and times; without RUN the last one.

    Nothing is overwritten: where another file has the name by now, the copy stays where it is, and
    a line says where. `dupfind history` shows the runs.

    Example: dupfind undo 12
    """
    from dupfind.cli.progress import ProgressDisplay

    library = common.library()
    with ProgressDisplay(quiet=common.quiet or as_json) as display:
        summary = library.undo(run, on_progress=display)
    if as_json:
        print_json(summary.to_json())
    else:
        for left in summary.left_alone:
            click.echo(f"left  {safe_name(str(left.path))}\n      {safe_name(left.reason)}")
        click.echo(
            f"Run {summary.run_id}: {count(summary.files, 'file')} brought back"
            + (f"; {len(summary.left_alone):,} could not be." if summary.left_alone else ".")
        )
    if summary.left_alone:
        click.get_current_context().exit(1)
