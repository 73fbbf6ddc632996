"""Measure accuracy on a labelled folder and make the tables of docs/accuracy.md.

    python benchmarks/accuracy.py dev/truth.csv --hard-negatives dev/hard_negatives.csv \
        --neutral dev/burst_pairs.csv --write docs/accuracy.md
    python benchmarks/accuracy.py dev/truth.csv --model builtin --descriptor-only
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dupfind.config import LibraryPaths
from dupfind.descriptors.embed import Embedder
from dupfind.evaluation.phash import phash_pairs
from dupfind.evaluation.report import figures_of_keys
from dupfind.evaluation.truth import Truth
from dupfind.flows.evaluating import (
    candidate_recall,
    evaluate,
    measure_library,
    precision_promised,
    read_labels,
)
from dupfind.flows.labelled import describe_files, hash_files, report_descriptors
from dupfind.flows.models import open_model
from dupfind.options import EvaluateOptions
from dupfind.reports.accuracy import (
    ALL_KINDS,
    TextTable,
    descriptor_table,
    groups_table,
    kinds_table,
    pairs_table,
    recall_table,
    relations_table,
    share,
)
from dupfind.store.store import Store

PHASH = "64-bit pHash"
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"


def main() -> None:
    arguments = parse()
    truth = read_labels(
        arguments.truth, hard_negatives=arguments.hard_negatives, neutral=arguments.neutral
    )
    with tempfile.TemporaryDirectory() as folder:
        library = arguments.library or LibraryPaths(Path(folder) / "library")
        tables = list(all_tables(truth, arguments, library))
    text = "\n\n".join(f"**{table.title}**\n\n{table.markdown()}" for table in tables)
    if arguments.write:
        replace_tables(arguments.write, text)
    else:
        print(text)


def all_tables(
    truth: Truth, arguments: argparse.Namespace, library: LibraryPaths
) -> Iterator[TextTable]:
    phash = figures_of_keys(truth, *phash_pairs(*hash_files(truth.paths), truth))
    models = arguments.model or ["builtin", "untrained"]
    alone = {name: describe(name, truth, arguments.device, library) for name in models}
    yield descriptor_table({**alone, PHASH: phash})
    ranked = {name: figures["recall_at"]["10"] for name, figures in alone.items()}
    if not arguments.descriptor_only:
        yield from library_tables(truth, arguments, library, models[0], phash)
    yield recall_table("Recall@10 of (original, copy) by kind, descriptor alone", ranked)


def describe(name: str, truth: Truth, device: str, library: LibraryPaths) -> dict[str, Any]:
    embedder = Embedder(open_model(name, library), device=device)
    return report_descriptors(describe_files(embedder, truth.paths).vectors, truth)


def library_tables(
    truth: Truth,
    arguments: argparse.Namespace,
    library: LibraryPaths,
    model: str,
    phash: dict[str, Any],
) -> Iterator[TextTable]:
    if not arguments.reuse:
        with Store.open(library, write=True) as store:
            evaluate(store, truth, EvaluateOptions(model, arguments.device))
    with Store.open(library) as store:
        default = measure_library(store, truth).report
        at_ten = candidate_recall(store, truth)
        promised = precision_promised(store, truth)
    yield pairs_table({"dupfind": default["pairs"], PHASH: phash})
    yield groups_table(default["groups"])
    yield precision_table(promised)
    yield candidates_table(default, at_ten)
    yield kinds_table(default)
    yield relations_table(default["relations"])


def precision_table(promised: list[dict[str, float]]) -> TextTable:
    """Compare the precision that was asked for with the one that the pairs at that cut have."""
    rows = [
        (
            f"{row['asked']:g}",
            f"{row['cut']:.3f}",
            f"{row['low']:.4f} to {row['high']:.4f}",
            f"{row['precision']:.4f}",
            share(row["recall"]),
            f"{round(row['pairs'] * (1 - row['precision']))} of {row['pairs']}",
        )
        for row in promised
    ]
    columns = ("asked for", "cut", "promised", "precision", "recall", "wrong pairs")
    return TextTable("Pairs at the precision asked for", columns, tuple(rows))


def candidates_table(report: dict[str, Any], at_ten: dict[str, Any]) -> TextTable:
    """Show which share of the copies is among the pairs looked at: before any proof, and in the end."""
    scored = report["candidates"]
    rows = [
        ("10 candidates a photo", "", *_recalls(at_ten)),
        (
            "with pairs through a third photo",
            f"{scored['pairs_per_photo']:.1f}",
            *_recalls(scored["recall_by_kind"]),
        ),
    ]
    columns = ("pairs looked at", "a photo", "(original, copy)", "all pairs", "worst kind")
    return TextTable("Candidates: recall of what is looked at", columns, tuple(rows))


def _recalls(table: dict[str, Any]) -> tuple[str, str, str]:
    """Return recall from originals, of all pairs, and the kind with the worst of the former."""
    by_kind = [
        (row["from_original"]["recall"], kind)
        for kind, row in table.items()
        if row["from_original"]["recall"] is not None
        and kind != ALL_KINDS
        and not kind.startswith("real:")
    ]
    worst, kind = min(by_kind)
    over_all = table[ALL_KINDS]
    recalls = [share(over_all[column]["recall"]) for column in ("from_original", "any")]
    return recalls[0], recalls[1], "-" if worst == 1 else f"{kind} {share(worst)}"


def replace_tables(document: Path, text: str) -> None:
    """Put the tables between the two marks of a document."""
    before, rest = document.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    document.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("truth", type=Path, help="truth.csv of a labelled folder")
    parser.add_argument("--hard-negatives", type=Path, help="CSV of look-alike pairs")
    parser.add_argument("--neutral", type=Path, help="CSV of pairs that count neither way")
    parser.add_argument("--model", action="append", help="may be repeated; the first is clustered")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--library", type=lambda text: LibraryPaths(Path(text).absolute()))
    parser.add_argument("--reuse", action="store_true", help="--library is clustered already")
    parser.add_argument("--descriptor-only", action="store_true", help="no library, no proofs")
    parser.add_argument("--write", type=Path, metavar="FILE.md", help="put the tables in here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
