"""The figures of an evaluation as tables, for a terminal (rich) and for documents (Markdown)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from dupfind.reports.words import safe_name

ALL_KINDS = "(all)"
_REAL = "real:"


@dataclass(frozen=True)
class TextTable:
    """A table of text: what it shows, its columns, its rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def is_text(self, column: int) -> bool:
        """Say whether a column holds words, to be set to the left."""
        return not any(row[column][:1].isdigit() or row[column][:2] == ">0" for row in self.rows)

    def markdown(self) -> str:
        """Return it as a Markdown table without its title."""
        lines = [self.columns, ("---",) * len(self.columns), *self.rows]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def print_accuracy(report: Mapping[str, Any], console: Console) -> None:
    """Print every table of ``accuracy_tables``."""
    truth = report["truth"]
    console.print(
        f"{truth['files']:,} files, {truth['pairs']:,} pairs of copies in {truth['groups']:,} groups, "
        f"{truth['look_alikes']['all']:,} look-alike pairs; model '{report['model']}'"
    )
    for missed in report["not_indexed"]:
        console.print(f"Not indexed: {safe_name(missed['path'])}: {missed['error']}")
    for table in accuracy_tables(report):
        console.print()
        print_table(table, console)


def print_table(table: TextTable, console: Console) -> None:
    """Print one table: boxed by a rule under its heading."""
    drawn = Table(title=table.title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(table.columns):
        drawn.add_column(name, justify="left" if table.is_text(number) else "right")
    for row in table.rows:
        drawn.add_row(*row)
    console.print(drawn)


def accuracy_tables(report: Mapping[str, Any]) -> list[TextTable]:
    """Return the tables of a report of ``flows.evaluating`` (those that it has figures for)."""
    tables = []
    if "pairs" in report:
        methods = {"dupfind": report["pairs"], **report.get("compare", {})}
        tables += [pairs_table(methods), groups_table(report["groups"]), kinds_table(report)]
    if "relations" in report:
        tables.append(relations_table(report["relations"]))
    if "descriptor" in report:
        tables.append(descriptor_table({report.get("model", "descriptor"): report["descriptor"]}))
    return tables


def pairs_table(methods: Mapping[str, Mapping[str, Any]]) -> TextTable:
    """Compare scored pairs: micro AP, recall at each precision, best F1, look-alikes at 0.99."""
    points = ["0.9", "0.99", "0.999"]
    columns = ("scored pairs", "micro AP", *(f"recall at {p}" for p in points), "best F1")
    rows = []
    for name, figures in methods.items():
        recalls = [share(figures["recall_at_precision"][point]["recall"]) for point in points]
        alike = figures["recall_at_precision"]["0.99"]["look_alikes"]["all"]
        f1 = figures["best_f1"]["f1"]
        rows.append((name, share(figures["micro_ap"]), *recalls, share(f1), str(alike)))
    return TextTable("Pairs, ranked by probability", (*columns, "look-alikes at 0.99"), tuple(rows))


def groups_table(groups: Mapping[str, Any]) -> TextTable:
    """Show how the groups do: precision, recall, F1 of their pairs, B-cubed, look-alikes."""
    columns = ("groups", "precision", "recall", "F1", "B-cubed F1", "largest", "look-alikes")
    alike = ", ".join(f"{number} {reason}" for reason, number in groups["look_alikes"].items())
    figures = [share(groups[name]) for name in ("precision", "recall", "f1")]
    b_cubed = share(groups["b_cubed"]["f1"])
    row = (str(groups["groups"]), *figures, b_cubed, str(groups["largest"]), alike)
    return TextTable("Groups", columns, (row,))


def kinds_table(report: Mapping[str, Any]) -> TextTable:
    """Show by kind what is found, and why the rest is not: never a candidate, or not proven."""
    columns = ("kind", "pairs", "recall at 0.99", "in a group", "not candidates", "not proven")
    at_precision = report["pairs"]["recall_by_kind"]
    rows = []
    for kind, fate in report["bounds"].items():
        rows.append(
            (
                kind or "(none)",
                str(fate["pairs"]),
                share(at_precision[kind]["any"]["recall"]),
                share(fate["found"] / fate["pairs"] if fate["pairs"] else None),
                str(fate["not_candidate"]),
                str(fate["not_proven"]),
            )
        )
    return TextTable("By kind of alteration (all pairs of copies)", columns, tuple(rows))


def relations_table(relations: Mapping[str, Any]) -> TextTable:
    """Show how the pairs (original, copy) of each kind were named."""
    rows = []
    for kind, row in relations["kinds"].items():
        named = ", ".join(f"{relation} {count}" for relation, count in row["named"].items())
        rows.append((kind, " or ".join(row["expected"]), f"{row['right']}/{row['pairs']}", named))
    summary = relations[ALL_KINDS]
    title = f"Named relation, right for {share(summary['share'])} of the scored pairs"
    return TextTable(title, ("kind", "expected", "right", "named"), tuple(rows))


def descriptor_table(models: Mapping[str, Mapping[str, Any]]) -> TextTable:
    """Compare descriptors alone: recall of (original, copy) and micro AP, nothing proven."""
    columns = (
        "descriptor alone",
        "recall@1",
        "recall@10",
        "micro AP",
        "normalised",
        "recall at 0.9",
        "0.99",
    )
    rows = []
    for name, figures in models.items():
        ranks = figures.get("recall_at", {})
        recalls = [share(ranks[k][ALL_KINDS]["recall"]) if ranks else "" for k in ("1", "10")]
        points = [share(figures["recall_at_precision"][p]["recall"]) for p in ("0.9", "0.99")]
        normalised = figures.get("micro_ap_normalised")
        aps = [share(figures["micro_ap"]), "" if normalised is None else share(normalised)]
        rows.append((name, *recalls, *aps, *points))
    return TextTable("Descriptor alone (cosine, nothing proven)", columns, tuple(rows))


def knn_table(report: Mapping[str, Any]) -> TextTable:
    """Show k-NN classification: accuracy of each class, over all, and of always guessing the largest."""
    rows = [
        (safe_name(name), str(row["files"]), share(row["accuracy"]))
        for name, row in report["classes"].items()
    ]
    rows.append((ALL_KINDS, str(report["files"]), share(report["accuracy"])))
    chance = f"guessing the largest class is right for {share(report['chance'])}"
    title = f"k-NN classification, k {report['k']}, temperature {report['temperature']}; {chance}"
    return TextTable(title, ("class", "files", "right"), tuple(rows))


def recall_table(title: str, methods: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> TextTable:
    """Compare recall by kind: {method: {kind: {found, pairs, recall}}}, real copies in one row."""
    rows = []
    together = {name: with_real_copies_together(table) for name, table in methods.items()}
    for kind in sorted({kind for table in together.values() for kind in table}):
        cells = [table.get(kind) for table in together.values()]
        pairs = max(cell["pairs"] for cell in cells if cell)
        recalls = [share(cell["recall"]) if cell else "" for cell in cells]
        rows.append((kind, str(pairs), *recalls))
    return TextTable(title, ("kind", "pairs", *together), tuple(rows))


def with_real_copies_together(table: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Add up the kinds that begin with ``real:``: each of them has too few files to say much."""
    kept = {kind: dict(cell) for kind, cell in table.items() if not kind.startswith(_REAL)}
    real = [cell for kind, cell in table.items() if kind.startswith(_REAL)]
    if real:
        found, pairs = _sums(real, ("found", "pairs"))
        kept["real copies"] = {
            "found": found,
            "pairs": pairs,
            "recall": found / pairs if pairs else None,
        }
    return kept


def share(value: float | None) -> str:
    """Return a share in [0, 1] with three digits, a dash for none; 1.000 is all of it."""
    if value is None:
        return "-"
    return ">0.999" if 0.9995 <= value < 1 else f"{value:.3f}"


def _sums(cells: Iterable[Mapping[str, Any]], names: Sequence[str]) -> list[int]:
    cells = list(cells)
    return [sum(cell[name] for cell in cells) for name in names]
