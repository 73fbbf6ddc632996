"""Measure accuracy on a labelled folder and print the tables of docs/accuracy.md as Markdown.

python benchmarks/accuracy.py ../shared/data/dev/truth.csv --model builtin --descriptor-only
"""

import argparse
from pathlib import Path
from typing import Any

from dupfind.descriptors.backbone import load_model
from dupfind.descriptors.embed import Embedder
from dupfind.evaluation.phash import phash_pairs
from dupfind.evaluation.report import figures_of_keys
from dupfind.evaluation.retrieval import descriptor_report
from dupfind.evaluation.truth import Truth, read_truth
from dupfind.flows.labelled import describe_files, hash_files


def main() -> None:
    arguments = parse()
    truth = read_labels(arguments.truth)
    reports: dict[str, dict[str, Any]] = {}
    for name in arguments.model or ["builtin", "untrained"]:
        embedder = Embedder(load_model(name), device=arguments.device)
        reports[name] = descriptor_report(describe_files(embedder, truth.paths).vectors, truth)
    pairs = phash_pairs(*hash_files(truth.paths), truth)
    reports["64-bit pHash"] = {"recall_at": None, **figures_of_keys(truth, *pairs)}
    print_descriptor_tables(reports)


def read_labels(path: Path) -> Truth:
    """Read a truth file with the pair files that lie beside it, as in the shared photos."""
    beside = {name: path.with_name(f"{name}.csv") for name in ("hard_negatives", "burst_pairs")}
    present = {name: file if file.is_file() else None for name, file in beside.items()}
    return read_truth(
        path, hard_negatives=present["hard_negatives"], neutral=present["burst_pairs"]
    )


def print_descriptor_tables(reports: dict[str, dict[str, Any]]) -> None:
    print("| descriptor alone | recall@1 | recall@10 | micro AP | recall at precision 0.9 | 0.99 |")
    print("|---|---|---|---|---|---|")
    for name, report in reports.items():
        ranks = report["recall_at"]
        cells = [show(ranks[k]["(all)"]["recall"]) if ranks else "" for k in ("1", "10")]
        cells.append(show(report["micro_ap"]))
        cells += [show(report["recall_at_precision"][p]["recall"]) for p in ("0.9", "0.99")]
        print(f"| {name} | {' | '.join(cells)} |")
    ranked = {name: report for name, report in reports.items() if report["recall_at"]}
    print(f"\n| recall@10 by kind | {' | '.join(ranked)} |")
    print(f"|---|{'---|' * len(ranked)}")
    kinds = next(iter(ranked.values()))["recall_at"]["10"]
    for kind in kinds:
        cells = [show(report["recall_at"]["10"][kind]["recall"]) for report in ranked.values()]
        print(f"| {kind} | {' | '.join(cells)} |")


def show(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("truth", type=Path, help="truth.csv of a labelled folder")
    parser.add_argument("--model", action="append", help="model to measure; may be repeated")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--descriptor-only", action="store_true", help="no library, no proofs")
    return parser.parse_args()


if __name__ == "__main__":
    main()
