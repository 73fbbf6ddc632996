"""`dupfind evaluate`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from dupfind.cli.cluster import WORDS
from dupfind.cli.common import Common, common_options, json_option, print_json
from dupfind.cli.progress import ProgressDisplay
from dupfind.config import DEFAULT_MODEL, LibraryPaths

if TYPE_CHECKING:
    from dupfind.flows.evaluating import Evaluation

_WORDS = {"scan": "Scanning", "describe": "Describing", **WORDS}
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Measure accuracy on photos whose copies are known.")
@click.argument("truth", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--format",
    "layout",
    type=click.Choice(["csv", "copydays", "disc21"]),
    default="csv",
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
    default=0.99,
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
    from dupfind.flows.evaluating import EvaluateOptions, evaluate, read_labels

    if output is not None and (knn or (descriptor_only and not compare)):
        raise click.UsageError("-o draws scored pairs; --knn and --descriptor-only have none")
    model = _findable(model, common)
    if knn:
        _classify(truth, model, common, as_json=as_json)
        return
    labels = read_labels(truth, layout, hard_negatives=hard_negatives, neutral=neutral)
    options = EvaluateOptions(model, common.device, precision, descriptor_only, compare)
    with ProgressDisplay(_WORDS, quiet=common.quiet or as_json) as display:
        result = evaluate(labels, options, library=_given_library(common), on_progress=display)
    _show(result, output, as_json=as_json)


def _given_library(common: Common) -> LibraryPaths | None:
    """Return the library that --library or its variable names; otherwise a temporary one serves."""
    source = click.get_current_context().get_parameter_source("root")
    given = source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
    return LibraryPaths(common.root.absolute()) if given else None


def _findable(model: str | None, common: Common) -> str | None:
    """Return the folder of a model that the library here trained: a temporary one has no models."""
    if model is not None and Path(model).name == model:
        folder = LibraryPaths(common.root.absolute()).models / model
        if (folder / "model.json").is_file():
            return str(folder)
    return model


def _classify(folder: Path, model: str | None, common: Common, *, as_json: bool) -> None:
    from dupfind.flows.classifying import classify_folder
    from dupfind.reports.accuracy import knn_table, print_table
    from dupfind.reports.terminal import make_console

    report = classify_folder(
        folder,
        model=model or DEFAULT_MODEL,
        library=LibraryPaths(common.root.absolute()),
        device=common.device,
    )
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
