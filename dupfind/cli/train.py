"""`dupfind train`."""

import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dupfind.cli.common import Common, common_options, json_option, print_json
from dupfind.options import TrainOptions
from dupfind.reports.words import count, safe_name

if TYPE_CHECKING:
    from dupfind import TrainSummary

_DEFAULTS = TrainOptions()


@click.command(short_help="Learn features on your own photos.")
@click.argument("photos", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--init",
    default=_DEFAULTS.init,
    show_default=True,
    metavar="builtin|scratch|NAME|PATH",
    help="What to start from: the builtin model, random weights, a model of this library or of timm, "
    "or a folder with weights.",
)
@click.option("--name", default=_DEFAULTS.name, show_default=True, help="Name of the new model.")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    help="A budget for all that the command does; the schedules fit themselves to it.",
)
@click.option(
    "--epochs", type=click.IntRange(min=1), help="[default: fits the size of the collection]"
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=2),
    help="Photos in a step, over all processes [default: fits the collection].",
)
@click.option("--resume", is_flag=True, help="Go on with the run of this name that was stopped.")
@click.option("--global-views", type=click.IntRange(min=2), help="Large views of each photo.")
@click.option("--local-views", type=click.IntRange(min=0), help="Small views of each photo.")
@click.option("--view-px", type=click.IntRange(min=32), help="Side of the large views.")
@click.option("--local-px", type=click.IntRange(min=32), help="Side of the small views.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any other option of training by name, such as losses.koleo=0 (docs/training.md lists them). "
    "Repeatable.",
)
@click.option(
    "--anyway", is_flag=True, help="Train even where it is known beforehand that it will not help."
)
@click.option("--exclude", metavar="GLOB", multiple=True, help="Leave out files. Repeatable.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads of each process.")
@click.option("--seed", type=click.IntRange(min=0), help="Another one gives another run.")
@json_option
@common_options
def train(
    common: Common, photos: tuple[Path, ...], changes: tuple[str, ...], as_json: bool, **given: Any
) -> None:
    """Learn features on your own photos, without labels, and use them if they are better.

    Starts from the builtin model. At the end the new model and those before look for altered copies
    of photos that were held out; if it is better, and not by chance, `dupfind index` uses it next.
    A run that is stopped goes on with --resume. Under torchrun it uses every GPU or process.

    Example: dupfind train ~/Pictures --minutes 20
    """
    from dupfind.cli.training_display import TrainingDisplay

    views = {
        "views.global_count": given.pop("global_views"),
        "views.local_count": given.pop("local_views"),
        "views.global_px": given.pop("view_px"),
        "views.local_px": given.pop("local_px"),
    }
    named = tuple(f"{name}={value}" for name, value in views.items() if value is not None)
    options = TrainOptions(changes=(*named, *changes), **given)
    with TrainingDisplay(quiet=common.quiet or as_json) as display:
        summary = common.library().train(photos, options, display.callbacks)
    if summary is None:
        return  # one of torchrun's other processes: the first one speaks
    if as_json:
        print_json({**asdict(summary), "folder": str(summary.folder), "page": str(summary.page)})
    else:
        _say(common, summary)


def _say(common: Common, summary: "TrainSummary") -> None:
    minutes = max(1, math.ceil(summary.seconds / 60))
    common.say(
        f"Trained '{summary.name}' on {count(summary.photos, 'photo')} in {minutes} min; "
        f"{summary.errors:,} could not be read."
    )
    common.say("Held-out photos and altered copies of them:")
    for name, found in ((summary.compared_with, summary.before), (summary.name, summary.after)):
        common.say(
            f"  {name:<12} recall@1 {found['recall_at_1']:.3f}   "
            f"recall@10 {found['recall_at_10']:.3f}   micro AP {found['micro_ap']:.3f}"
        )
    common.say("Copies found first:")
    for row in summary.relations:
        common.say(
            f"  {row.kind:<24} {row.before / row.copies:>6.0%} -> {row.after / row.copies:>4.0%}   "
            f"of {row.copies:,}"
        )
    common.say(f"Before and after in pictures: {summary.page}")
    gain = f"{summary.gain:+.3f}, at least {summary.least_gain:+.3f} at 95% confidence"
    if summary.is_better:
        common.say(
            f"'{summary.name}' is better ({gain}). Run `dupfind index PHOTOS` to describe your photos "
            f"with it; until then '{summary.active}' stays active."
        )
    else:
        folder = safe_name(os.fspath(summary.folder))
        common.say(
            f"The new model is not better ({gain}), so nothing changes: '{summary.active}' stays "
            f"active. It lies in {folder}; more photos or more minutes may help."
        )
