"""Measure on altered copies of a folder's photos what a group keeps, and what it would give up.

    python benchmarks/originals.py ~/Pictures --originals 60 --edits 9
    python benchmarks/originals.py ALBUM --labelled

Makes an album (``make_set.py``: every kind of ``dupfind.photos.edits`` about equally often), or takes one with
a ``truth.csv``, finds its groups and prints for each kind how many of its copies are in the group of their
original, are kept in its place, and may go. Right is: the original is kept; of those that were only saved anew
or reduced nearly all may go, of others none. What went wrong is listed below.
"""

import csv
import itertools
import json
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import click
import numpy as np
from make_set import Album, add_copies, readable_photos
from PIL import Image

from dupfind.library import Library
from dupfind.photos.edits import EDITS
from dupfind.records import Advice, Group, Relation
from dupfind.records import Member as GroupMember

BESIDE = 12  # photos for collages and backgrounds, that are not in the album themselves
FREE_TO_GO = frozenset({Relation.REENCODED, Relation.RESIZED})
ALTERED = frozenset({"enlarge", "stretch", "squeeze"})  # resized, but not only reduced
# As other labelled albums name them.
ALSO_FREE = frozenset(
    {"byte_copy", "jpeg_lossless_rewrite", "exif_orient", "reenc_png", "reenc_avif", "reenc_webp",
     "jpeg_q10", "jpeg_q30", "jpeg_q75", "resize_1_2", "resize_1_4"}
)  # fmt: skip
FREE = {name for name, edit in EDITS.items() if edit.relation in FREE_TO_GO} - ALTERED | ALSO_FREE
OF_COLOUR = ("grey", "hue", "pale", "saturated")  # they do nothing to a grey photo
GREY_LEVELS = 3  # that the channels of a grey photo differ by, but for one pixel in a hundred
NOTHING_DONE = 0.999  # share of a picture that a crop of one of that shape shows
Member = tuple[str, str, GroupMember]  # group and kind by the labels


@click.command()
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--originals", default=60, show_default=True)
@click.option("--edits", default=9, show_default=True, help="Copies of each original.")
@click.option("--seed", default=1, show_default=True)
@click.option("--labelled", is_flag=True, help="PHOTOS is an album with a truth.csv; make none.")
def main(photos: Path, originals: int, edits: int, seed: int, labelled: bool) -> None:
    """Measure which photo is kept, and what may go, on altered copies of PHOTOS."""
    with tempfile.TemporaryDirectory() as folder:
        if not labelled:
            album = Album(Path(folder) / "album", np.random.default_rng(seed))
            found = readable_photos(photos, album.rng)
            others = [pixels for _, pixels in itertools.islice(found, BESIDE)]
            add_copies(album, itertools.islice(found, originals), edits, others)
            album.write()
            photos = album.folder
        measure(photos, Path(folder) / "library")


def measure(album: Path, folder: Path) -> None:
    """Find the groups of a labelled album, and print the table."""
    with Library(folder) as library:
        library.index([album / "photos"])
        library.cluster()
        report(album, library.groups(), {photo.id: photo.path for photo in library.photos()})


def report(album: Path, groups: list[Group], paths: dict[int, Path]) -> None:
    """Print the table of kinds and the totals."""
    with (album / "truth.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    grey = {row["group_id"] for row in rows if row["kind"] in OF_COLOUR}
    grey &= {
        row["group_id"]
        for row in rows
        if row["kind"] == "original" and row["group_id"] in grey and _is_grey(album / row["path"])
    }
    kind_of = {(album / row["path"]).resolve(): (row["group_id"], _kind(row, grey)) for row in rows}
    total = Counter(kind for _, kind in kind_of.values())
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    wrong = []
    for one in groups:
        members = [(*kind_of[paths[member.photo_id].resolve()], member) for member in one.members]
        originals = {name for name, kind, _ in members if kind == "original"}
        kept = next(kind for _, kind, member in members if member.keep)
        for name, kind, member in members:
            counts[kind]["grouped"] += name in originals
            counts[kind]["kept"] += member.keep and name in originals
            counts[kind]["may go"] += member.advice is Advice.REMOVE
            wrong += _wrong((name, kind, member), kept)
    print(f"{'kind':28}{'copies':>8}{'grouped':>9}{'kept':>6}{'may go':>8}")
    for kind in sorted(total, key=lambda kind: (kind != "original", kind)):
        found = counts[kind]
        print(f"{kind:28}{total[kind]:8}{found['grouped']:9}{found['kept']:6}{found['may go']:8}")
    _totals(counts)
    print("\n".join(sorted(wrong)))


def _is_grey(path: Path) -> bool:
    with Image.open(path) as image:
        channels = np.asarray(image.convert("RGB")).astype(np.int16)
    apart = channels.max(axis=2) - channels.min(axis=2)
    return float(np.percentile(apart, 99)) <= GREY_LEVELS


def _kind(row: dict[str, str], grey: set[str]) -> str:
    """Return the kind of a copy.

    A square crop of a square picture, and the grey or another hue of a grey one, are copies saved anew.
    """
    kind, params = row["kind"], row.get("params", "")
    shares = json.loads(params) if params.startswith("{") else {}
    nothing_done = kind.startswith("crop") and shares.get("share", 0.0) >= NOTHING_DONE
    nothing_done |= kind in OF_COLOUR and row["group_id"] in grey
    return "webp" if nothing_done else kind


def _wrong(one: Member, kept: str) -> list[str]:
    """Return what to say of a member of which the advice is not as it should be."""
    name, kind, member = one
    reasons = ", ".join(member.reasons)
    if member.advice is Advice.REMOVE and kind not in FREE | ALTERED | {"original", "distractor"}:
        return [f"goes:  {name} {kind}, kept {kept}: {reasons}"]
    if member.advice is Advice.LOOK and kind in FREE:
        return [f"stays: {name} {kind}, kept {kept}: {reasons}"]
    if member.keep and kind not in FREE | {"original"}:
        return [f"kept:  {name} {kind}"]
    return []


def _totals(counts: dict[str, Counter[str]]) -> None:
    kept = sum(found["kept"] for found in counts.values())
    equal = sum(counts[kind]["kept"] for kind in ("original", *ALSO_FREE))
    print(
        f"the original is kept in {counts['original']['kept']} of {kept} groups, or an equal in {equal}"
    )
    grouped, gone = (sum(counts[kind][name] for kind in FREE) for name in ("grouped", "may go"))
    kept = sum(counts[kind]["kept"] for kind in FREE)
    print(f"of those saved anew or reduced {gone} of {grouped - kept} may go")
    others = [kind for kind in counts if kind not in FREE | ALTERED | {"original", "distractor"}]
    print(f"of all others {sum(counts[kind]['may go'] for kind in others)} may go")


if __name__ == "__main__":
    main()
