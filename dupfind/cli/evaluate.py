"""`dupfind evaluate`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dupfind.cli.common import Common, common_options, json_option, print_json
from dupfind.options import EvaluateOptions, LabelLayout

if TYPE_CHECKING:
    from dupfind import Evaluation

_DEFAULTS = EvaluateOptions()
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Measure accuracy on photos whose copies are known.")
@click.argument("truth", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--format",
    "layout",
    type=click.Choice([str(layout) for layout in LabelLayout]),
    default=str(_DEFAULTS.layout),
    show_default=True,
    help="How TRUTH is laid out: a CSV file path,group_id[,kind,is_original], or the folder of a "
    "published data set.",
)
@click.option("--hard-negatives", type=_FILE, help="CSV path_a,path_b[,reason] of look-alikes.")
@click.option("--neutral", type=_FILE, help="CSV path_a,path_b of pairs to leave out of account.")
@click.option("--model", metavar="NAME", help="What describes the photos [default: builtin].")
@click.option(
    "--precision",
    type=click.FloatRange(0.5, 0.9999),
    default=_DEFAULTS.precision,
    show_default=True,
    help="Share of right pairs to ask of the groups.",
)
@click.option(
    "--descriptor-only", is_flag=True, help="Measure the model alone: no proof, no groups."
)
@click.option("--compare", is_flag=True, help="Measure a 64-bit pHash on the same files beside it.")
@click.option(
    "--knn", is_flag=True, help="TRUTH is a folder with a subfolder a class: classify it."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.png",
    help="Draw precision against recall.",
)
@json_option
@common_options
def evaluate(
    common: Common,
    truth: Path,
    layout: str,
    hard_negatives: Path | None,
    neutral: Path | None,
    model: str | None,
    precision: float,
    descriptor_only: bool,
    compare: bool,
    knn: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Measure accuracy on photos whose copies are known.

    The labelled files are indexed and clustered in a temporary library, or in the one of
    --library, which keeps their descriptors for the next time.

    Example: dupfind evaluate album/truth.csv --compare -o curve.png
    """
    from dupfind.cli.progress import ProgressDisplay
    from dupfind.cli.time_left import CLUSTER, INDEX

    if output is not None and (knn or (descriptor_only and not compare)):
        raise click.UsageError("-o draws scored pairs; --knn and --descriptor-only have none")
    if knn:
        _classify(truth, model, common, as_json=as_json)
        return
    options = EvaluateOptions(
        model=model,
        precision=precision,
        descriptor_only=descriptor_only,
        compare=compare,
        layout=LabelLayout(layout),
        hard_negatives=hard_negatives,
        neutral=neutral,
        keep=common.is_named,
    )
    phases = INDEX if descriptor_only else (*INDEX, *CLUSTER)
    with ProgressDisplay(quiet=common.quiet or as_json, phases=phases) as display:
        result = common.library().evaluate(truth, options, on_progress=display)
    _show(result, output, as_json=as_json)


def _classify(folder: Path, model: str | None, common: Common, *, as_json: bool) -> None:
    from dupfind.reports.accuracy import knn_table, print_table
    from dupfind.reports.terminal import make_console

    report = common.library().classify(folder, model=model)
    if as_json:
        print_json(report)
    else:
        print_table(knn_table(report), make_console(sys.stdout))


def _show(result: "Evaluation", output: Path | None, *, as_json: bool) -> None:
    from dupfind.reports.accuracy import print_accuracy
    from dupfind.reports.terminal import make_console

    if output is not None:
        result.draw(output)
    if as_json:
        print_json(result.report)
    else:
        print_accuracy(result.report, make_console(sys.stdout))
