"""`dupfind apply`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dupfind.acts import Action, PlanOptions
from dupfind.cli.common import Common, common_options, json_option, print_json
from dupfind.reports.words import count, readable_bytes, reasons_in_words, safe_name

if TYPE_CHECKING:
    from dupfind import ActSummary, LeftAlone, Plan, PlannedRemoval

DELETE_WORDS = "these photos are deleted for good"
_DOES: dict[Action, str] = {
    Action.TRASH: "trash",
    Action.MOVE: "move",
    Action.HARDLINK: "link",
    Action.REFLINK: "share",
    Action.DELETE: "delete",
}
_DONE: dict[Action, str] = {
    Action.TRASH: "put into the trash (their bytes are free when it is emptied)",
    Action.MOVE: "moved",
    Action.HARDLINK: "replaced by another name of the photo that stays",
    Action.REFLINK: "made to share their blocks with the photo that stays",
    Action.DELETE: "deleted",
}


@click.command(short_help="Act on the copies that may go; without --yes show what would be done.")
@click.option(
    "--action",
    type=click.Choice([action.value for action in Action]),
    default=Action.TRASH.value,
    show_default=True,
    help="trash: the system's trash. move: into the folder of --to. hardlink: another name of the "
    "photo that stays. reflink: share its blocks (btrfs, XFS). delete: for good. The two links are "
    "for the same bytes only.",
)
@click.option(
    "--to",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where --action move puts them; the folders are kept.",
)
@click.option("--yes", is_flag=True, help="Do it; without this the plan is shown, and that is all.")
@click.option(
    "--i-know",
    metavar="WORDS",
    help=f"Needed for --action delete with --yes: the words '{DELETE_WORDS}'.",
)
@click.option("--group", "groups", type=int, multiple=True, help="Only this group. Repeatable.")
@click.option(
    "--carry-metadata",
    is_flag=True,
    help="Carry date, place, rating and tags that only the other one has into a sidecar "
    "(photo.jpg.xmp) of the photo that stays.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="How many photos of the plan to show; 0 for all.",
)
@json_option
@common_options
def apply(
    common: Common,
    action: str,
    to: Path | None,
    yes: bool,
    i_know: str | None,
    groups: tuple[int, ...],
    carry_metadata: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Act on the copies that may go: by advice (nothing would be lost) or by your decision.

    Without --yes it shows the plan and stops. Both photos of each pair are read again right
    before; what changed meanwhile is left alone. Never touched: photos of reference folders, the
    last file of a content, links. What belongs to a photo (film, RAW, sidecars) goes with it.
    `dupfind undo` brings everything back but what was deleted for good. The exit status is 1
    when nothing of a plan could be done.

    \b
    dupfind apply
    dupfind apply --yes
    dupfind apply --action move --to /media/old/copies --yes
    """
    wanted = Action(action)
    if (wanted is Action.MOVE) != (to is not None):
        raise click.UsageError("--action move and --to DIR belong together")
    if wanted is Action.DELETE and yes and i_know != DELETE_WORDS:
        raise click.UsageError(
            f"deleting cannot be undone; if you want it, add --i-know '{DELETE_WORDS}'"
        )
    options = PlanOptions(
        to,
        groups=frozenset(groups) or None,
        carry_metadata=carry_metadata,
    )
    library = common.library()
    plan = library.plan_removal(wanted, options)
    if not yes:
        _show_plan(common, plan, limit, as_json=as_json)
        return
    from dupfind.cli.progress import ProgressDisplay

    with ProgressDisplay(quiet=common.quiet or as_json) as display:
        summary = library.apply(plan, on_progress=display)
    _show_summary(common, plan, summary, limit, as_json=as_json)
    if plan.removals and not summary.photos:
        click.get_current_context().exit(1)


def _show_plan(common: Common, plan: "Plan", limit: int, *, as_json: bool) -> None:
    if as_json:
        print_json(plan.to_json())
        return
    if not plan.removals:
        click.echo("Nothing may go.")
    for removal in plan.removals[: limit or None]:
        for line in _lines(plan, removal):
            click.echo(line)
    if limit and len(plan.removals) > limit:
        click.echo(f"... and {len(plan.removals) - limit:,} more: --limit 0 shows all of them")
    _say_left(common, plan.left_alone, limit)
    if plan.removals:
        files = sum(len(removal.parts) for removal in plan.removals)
        more = f" ({count(files, 'file')})" if files > len(plan.removals) else ""
        common.say(
            f"\nPlan: {_DOES[plan.action]} {count(len(plan.removals), 'photo')}{more}, "
            f"{readable_bytes(plan.freed_bytes)}. Nothing is done yet: add --yes to do it."
        )


def _lines(plan: "Plan", removal: "PlannedRemoval") -> Iterator[str]:
    part = removal.photo
    to = f" -> {safe_name(str(part.destination))}" if part.destination else ""
    yield f"{_DOES[plan.action]}  {safe_name(str(part.file.path))}{to}"
    for other in removal.parts[1:]:
        yield f"       with {safe_name(other.file.path.name)}"
    why = "you decided so" if removal.decided else reasons_in_words(removal.reasons)
    yield f"       {why}" if why else "       by advice"
    if part.kept is not None:
        yield f"       stays: {safe_name(str(part.kept.path))}"


def _say_left(common: Common, left: "tuple[LeftAlone, ...]", limit: int) -> None:
    for one in left[: limit or None]:
        common.say(f"left   {safe_name(str(one.path))}\n       {safe_name(one.reason)}")
    if limit and len(left) > limit:
        common.say(f"... and {len(left) - limit:,} more left alone")


def _show_summary(
    common: Common, plan: "Plan", summary: "ActSummary", limit: int, *, as_json: bool
) -> None:
    if as_json:
        print_json(summary.to_json())
        return
    left_alone = (*plan.left_alone, *summary.left_alone)
    _say_left(common, left_alone, limit)
    if summary.settled:
        common.say(f"{count(summary.settled, 'file')} of a run that was stopped put in order.")
    if not summary.photos:
        click.echo("Nothing was done." if plan.removals else "Nothing may go.")
        return
    left = f"; {len(left_alone):,} left alone" if left_alone else ""
    click.echo(
        f"{count(summary.photos, 'photo')} {_DONE[plan.action]}, "
        f"{readable_bytes(summary.freed_bytes)}{left}."
    )
    what = (
        "bring back those of which the same bytes stay"
        if plan.action is Action.DELETE
        else "take it back"
    )
    undo = common.next_command(f"undo {summary.run_id}")
    common.say(f"Run {summary.run_id}. To {what}: {undo}")
