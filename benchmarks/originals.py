"""Measure on altered copies of a folder's photos what a group keeps, and what it would give up.

    python benchmarks/originals.py ~/Pictures --originals 60 --edits 9

Makes an album (``make_set.py``: every kind of ``dupfind.photos.edits`` about equally often), finds its
groups and prints for each kind how many of its copies are in the group of their original, are kept in its
place, and may go. Right is: the original is kept; of those that were only saved anew or reduced nearly
all may go, of others none.
"""

import csv
import itertools
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import click
import numpy as np
from make_set import Album, add_copies, readable_photos

from dupfind.library import Library
from dupfind.photos.edits import EDITS
from dupfind.records import Advice, Group, Relation

BESIDE = 12  # photos for collages and backgrounds, that are not in the album themselves
FREE_TO_GO = frozenset({Relation.REENCODED, Relation.RESIZED})
ALTERED = frozenset({"enlarge", "stretch", "squeeze"})  # resized, but not only reduced


@click.command()
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--originals", default=60, show_default=True)
@click.option("--edits", default=9, show_default=True, help="Copies of each original.")
@click.option("--seed", default=1, show_default=True)
def main(photos: Path, originals: int, edits: int, seed: int) -> None:
    """Measure which photo is kept, and what may go, on altered copies of PHOTOS."""
    with tempfile.TemporaryDirectory() as folder:
        album = Album(Path(folder) / "album", np.random.default_rng(seed))
        found = readable_photos(photos, album.rng)
        others = [pixels for _, pixels in itertools.islice(found, BESIDE)]
        add_copies(album, itertools.islice(found, originals), edits, others)
        album.write()
        with Library(Path(folder) / "library") as library:
            library.index([album.folder / "photos"])
            library.cluster()
            paths = {photo.id: photo.path for photo in library.photos()}
            report(album.folder, library.groups(), paths)


def report(album: Path, groups: list[Group], paths: dict[int, Path]) -> None:
    """Print the table of kinds and the totals."""
    with (album / "truth.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kind_of = {(album / row["path"]).resolve(): (row["group_id"], row["kind"]) for row in rows}
    total = Counter(row["kind"] for row in rows)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for one in groups:
        members = [(kind_of[paths[member.photo_id].resolve()], member) for member in one.members]
        originals = {name for (name, kind), _ in members if kind == "original"}
        for (name, kind), member in members:
            counts[kind]["grouped"] += name in originals
            counts[kind]["kept"] += member.keep and name in originals
            counts[kind]["may go"] += member.advice is Advice.REMOVE
    print(f"{'kind':24}{'copies':>8}{'grouped':>9}{'kept':>6}{'may go':>8}")
    for kind in sorted(total, key=lambda kind: (kind != "original", kind)):
        found = counts[kind]
        print(f"{kind:24}{total[kind]:8}{found['grouped']:9}{found['kept']:6}{found['may go']:8}")
    _totals(counts)


def _totals(counts: dict[str, Counter[str]]) -> None:
    free = {name for name, edit in EDITS.items() if edit.relation in FREE_TO_GO} - ALTERED
    kept = sum(found["kept"] for found in counts.values())
    print(f"the original is kept in {counts['original']['kept']} of {kept} groups")
    grouped, gone = (sum(counts[kind][name] for kind in free) for name in ("grouped", "may go"))
    print(f"of those saved anew or reduced {gone} of {grouped} may go")
    wrong = sum(found["may go"] for kind, found in counts.items() if kind not in free | ALTERED)
    print(f"of all others {wrong} may go")


if __name__ == "__main__":
    main()
