"""Compare the groups with pHash and PDQ on the same files, series by series, and the promise with the truth.

    python benchmarks/against_hashes.py alike/truth.csv
    python benchmarks/against_hashes.py alike/truth.csv cases/star-sky cases/sunsets --write docs/accuracy.md

A folder without labels is read by its names: ``NAME__kind`` is a copy of ``NAME``, all else is different.
A series is the folder of a file. Two labels of one file (the same bytes) are one label; pairs that a
``neutral.csv`` beside the labels lists count neither way. PDQ is there when the package pdqhash is installed,
which is built from its source.
"""

import argparse
import csv
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dupfind import Library
from dupfind.evaluation.phash import phash
from dupfind.options import ClusterOptions, IndexOptions
from dupfind.photos.decode import decode
from dupfind.records import Photo
from dupfind.reports.accuracy import TextTable

PRECISIONS = (0.9, 0.99, 0.999)
PHASH_BITS, PDQ_BITS = 10, 31  # how many bits may differ, as their makers advise
HASHED_PX = 512
ALL = "(all)"
ENDS = ("path_a", "path_b")
PROMISE = ("asked for", "promised", "precision", "recall", "wrong pairs")
BEGIN, END = "<!-- look-alikes: begin -->", "<!-- look-alikes: end -->"

Pair = tuple[int, int]


@dataclass(frozen=True)
class Labelled:
    """The photos of a library with their labels, by row, and the pairs that count neither way."""

    photos: list[Photo]
    groups: list[str]
    series: list[str]
    neutral: set[Pair]

    def counted(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Leave out what counts neither way."""
        return (pair for pair in pairs if pair not in self.neutral)

    def is_copy(self, pair: Pair) -> bool:
        """Say whether both show one picture."""
        return self.groups[pair[0]] == self.groups[pair[1]]


def main() -> None:
    arguments = parse()
    promised: list[tuple[str, ...]] = []
    by_series: list[tuple[str, ...]] = []
    ways: tuple[str, ...] = ()
    for labels in arguments.labels:
        name = labels.name if labels.is_dir() else labels.parent.name
        rows, found = measured(labels, name, arguments.device)
        promised += rows
        ways = tuple(found.ways)
        by_series += found.rows
    tables = (
        TextTable("Pairs in groups", ("photos", *PROMISE), tuple(promised)),
        TextTable("Pairs by series", ("series", "copies", *ways), tuple(by_series)),
    )
    text = "\n\n".join(f"**{table.title}**\n\n{table.markdown()}" for table in tables)
    print(text)
    if arguments.write:
        write_between(arguments.write, text)


def measured(labels: Path, name: str, device: str) -> "tuple[list[tuple[str, ...]], BySeries]":
    """Cluster one folder; return the rows of both tables."""
    with tempfile.TemporaryDirectory() as folder:
        root = labels if labels.is_dir() else labels.parent
        library = Library(Path(folder) / "library", device=device)
        library.index([root], IndexOptions(device=device))
        labelled = read_labels(library, labels, root.resolve())
        promised, found = clusterings(library, labelled)
        found["pHash"] = close(labelled, "phash")
        if find_spec("pdqhash"):
            found["PDQ"] = close(labelled, "pdq")
        return [(name, *row) for row in promised], BySeries(
            list(found), series_rows(labelled, found, name)
        )


@dataclass(frozen=True)
class BySeries:
    """Right and wrong pairs of each way, rows by series."""

    ways: list[str]
    rows: list[tuple[str, ...]]


def write_between(file: Path, text: str) -> None:
    """Put the tables between their marks in a document."""
    old = file.read_text(encoding="utf-8")
    before, rest = old.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    file.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def read_labels(library: Library, labels: Path, root: Path) -> Labelled:
    """Read ``truth.csv``, or the names of a folder of pictures."""
    known = {}
    if labels.is_file():
        with labels.open(newline="", encoding="utf-8") as file:
            known = {row["path"]: row["group_id"] for row in csv.DictReader(file)}
    photos = sorted(library.photos(), key=lambda photo: photo.path)
    if not photos:
        sys.exit(f"{root} holds no photos that can be read")
    short = [photo.path.resolve().relative_to(root).as_posix() for photo in photos]
    groups = [
        (known.get(name) or name) if known else Path(name).stem.split("__")[0] for name in short
    ]
    row = {name: place for place, name in enumerate(short)}
    return Labelled(
        photos,
        united(groups, [photo.sha256 for photo in photos]),
        [Path(name).parent.name or root.name for name in short],
        neutral_pairs(labels, row),
    )


def united(groups: list[str], contents: list[str]) -> list[str]:
    """Return the labels with those that stand on the same bytes made one."""
    name = {group: group for group in groups}

    def last(group: str) -> str:
        while name[group] != group:
            group = name[group]
        return group

    first: dict[str, str] = {}
    for group, content in zip(groups, contents, strict=True):
        name[last(group)] = last(first.setdefault(content, group))
    return [last(group) for group in groups]


def neutral_pairs(labels: Path, row: dict[str, int]) -> set[Pair]:
    """Read ``neutral.csv`` (path_a, path_b) beside the labels, if there is one."""
    file = labels.parent / "neutral.csv"
    if labels.is_dir() or not file.exists():
        return set()
    with file.open(newline="", encoding="utf-8") as lines:
        found = [sorted(row[line[end]] for end in ENDS) for line in csv.DictReader(lines)]
    return {(a, b) for a, b in found}


def clusterings(
    library: Library, labelled: Labelled
) -> tuple[list[tuple[str, ...]], dict[str, set[Pair]]]:
    """Cluster at each precision: the promise beside the truth, and the pairs of the default groups."""
    rows, default = [], set[Pair]()
    copies = Counter(labelled.groups)
    total = sum(count * (count - 1) // 2 for count in copies.values())
    for asked in PRECISIONS:
        summary = library.cluster(ClusterOptions(precision=asked))
        pairs = grouped(library, labelled)
        right = sum(map(labelled.is_copy, pairs))
        promise = summary.expectation
        low = "nothing" if promise is None else f"at least {promise.precision_low:.4f}"
        precision = f"{right / len(pairs):.4f}" if pairs else "-"
        wrong = f"{len(pairs) - right} of {len(pairs)}"
        rows.append((f"{asked:g}", low, precision, f"{right / max(1, total):.3f}", wrong))
        if asked == ClusterOptions().precision:
            default = pairs
    return rows, {"dupfind": default}


def grouped(library: Library, labelled: Labelled) -> set[Pair]:
    """Return the pairs of rows that stand in one group."""
    row = {photo.id: place for place, photo in enumerate(labelled.photos)}
    pairs = (
        pair
        for group in library.groups()
        for pair in combinations(sorted(row[member.photo_id] for member in group.members), 2)
    )
    return set(labelled.counted(pairs))


def close(labelled: Labelled, kind: str) -> set[Pair]:
    """Return the pairs whose hashes differ in few bits."""
    table = np.array([hash_of(photo, kind) for photo in labelled.photos], np.int64)
    most = PHASH_BITS if kind == "phash" else PDQ_BITS
    near = np.abs(table[:, None] - table[None]).sum(axis=2) <= most
    rows, columns = np.nonzero(np.triu(near, 1))
    return set(labelled.counted(zip(rows.tolist(), columns.tolist(), strict=True)))


def hash_of(photo: Photo, kind: str) -> NDArray[np.uint8]:
    """Return the bits of a photo's hash."""
    pixels = decode(photo.path, needed_px=HASHED_PX // 2).pixels
    if kind == "phash":
        return np.unpackbits(phash(pixels))
    import pdqhash

    bits, _quality = pdqhash.compute(np.ascontiguousarray(pixels))
    return np.asarray(bits, np.uint8)


def series_rows(
    labelled: Labelled, found: dict[str, set[Pair]], name: str
) -> list[tuple[str, ...]]:
    """Count right and wrong pairs of each way by series; a pair of two series counts in both."""
    pairs = combinations(range(len(labelled.photos)), 2)
    copies = Counter(
        series for pair in pairs if labelled.is_copy(pair) for series in names(labelled, pair)
    )
    counts = {
        way: Counter(
            (series, labelled.is_copy(pair)) for pair in pairs for series in names(labelled, pair)
        )
        for way, pairs in found.items()
    }
    several = sorted(set(labelled.series))
    shown = {ALL: name} | {one: f"{name}: {one}" for one in several if len(several) > 1}
    return [
        (
            title,
            str(copies[one]),
            *(f"{c[one, True]}, {c[one, False]} wrong" for c in counts.values()),
        )
        for one, title in shown.items()
    ]


def names(labelled: Labelled, pair: Pair) -> set[str]:
    """Return the series that a pair counts in."""
    return {ALL, *series(labelled, pair)}


def series(labelled: Labelled, pair: Pair) -> set[str]:
    """Return the series of a pair."""
    return {labelled.series[row] for row in pair}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "labels", type=Path, nargs="+", help="truth.csv of a folder, or a folder of NAME__kind"
    )
    parser.add_argument("--write", type=Path, help="Document to put the tables into.")
    parser.add_argument("--device", default="auto")
    return parser.parse_args()


if __name__ == "__main__":
    main()
