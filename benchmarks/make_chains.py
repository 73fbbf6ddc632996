"""Make an album of strong copies: two to four edits at once on each, and strangers altered alike.

    python benchmarks/make_chains.py ALBUM --photos ~/Pictures --originals 150 --distractors 600
    dupfind evaluate ALBUM/truth.csv --neutral ALBUM/neutral.csv

Each original has one copy. Strangers are altered photos whose original is not in the album, so
that being altered tells nothing. The same seed makes the same album.
"""

import argparse
import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from make_set import Album, Pixels, checked, readable_photos, rows_of

from dupfind.photos.edits import EDITS, apply_edit

# A chain takes at most one edit of each stage, in this order: what is cut and bent is written
# over before it is put on a page, and what is saved is saved last.
STAGES: tuple[tuple[str, ...], ...] = (
    ("crop_85", "crop_70", "crop_50", "crop_side", "crop_square", "crop_centre"),
    ("flip", "rotate_90", "rotate_180", "tilt_black", "rotate_any", "flip_vertical"),
    ("shear", "perspective", "affine", "squeeze", "stretch"),
    (
        "grey",
        "colour_cast",
        "brighter",
        "darker",
        "contrast_less",
        "saturated",
        "hue",
        "see_through",
    ),
    ("blur", "motion_blur", "noise", "salt_and_pepper", "pixelate", "sharpen", "painted"),
    (
        "text",
        "meme",
        "stickers",
        "sticker_large",
        "stripes",
        "watermark_tiled",
        "blocks",
        "scribble",
    ),
    ("pad_uneven", "border", "letterbox_blurred", "rounded_corners"),
    ("on_background", "small_on_background", "screenshot_phone", "small_on_screen", "inlay"),
    ("jpeg_coarse", "jpeg_worst", "shrink_half", "few_colours", "thumbnail"),
)
BESIDE = 40


def main() -> None:
    arguments = parse()
    album = Album(arguments.album, np.random.default_rng(arguments.seed))
    photos = readable_photos(arguments.photos, album.rng, arguments.rows)
    # Pictures beside and behind come from photos that are not in the album.
    others = [pixels for _, pixels in islice(photos, BESIDE)]
    for number, (source, pixels) in enumerate(islice(photos, arguments.originals)):
        group = f"g{number:04d}"
        pixels = album.add_original(pixels, group, source)
        add_altered(album, pixels, group, source, others)
    for number, (source, pixels) in enumerate(islice(photos, arguments.strangers)):
        add_altered(album, pixels, f"s{number:04d}", source, others, stranger=True)
    for number, (source, pixels) in enumerate(islice(photos, arguments.distractors)):
        album.add(pixels, f"d{number:04d}", "distractor", source=source)
    album.write()
    print(f"{len(album.rows)} files in {album.folder}")


def add_altered(
    album: Album,
    pixels: Pixels,
    group: str,
    source: Path,
    others: Sequence[Pixels],
    *,
    stranger: bool = False,
) -> None:
    """Add a picture that went through two to four edits; its kind names them."""
    names, beside = chain_of(album.rng), []
    for name in names:
        chosen = album.rng.permutation(len(others))[: EDITS[name].others].tolist()
        pixels = apply_edit(name, pixels, album.rng, other=[others[row] for row in chosen]).pixels
        beside += chosen
    kind = "stranger" if stranger else "chain"
    written = album.add(pixels, group, kind, source=source, params=json.dumps(names))
    for row in beside:
        album.beside[row].append((written, group))


def chain_of(rng: np.random.Generator) -> list[str]:
    """Draw the names of two to four edits, each of another stage, in the order of the stages."""
    stages = sorted(rng.permutation(len(STAGES))[: int(rng.integers(2, 5))].tolist())
    return [str(rng.choice(STAGES[stage])) for stage in stages]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("album", type=Path, help="folder to make; must not exist")
    parser.add_argument("--photos", type=Path, required=True, help="folder of photos, no copies")
    parser.add_argument("--originals", type=int, default=150, help="each with one copy")
    parser.add_argument("--strangers", type=int, default=100, help="altered, without an original")
    parser.add_argument("--distractors", type=int, default=600)
    parser.add_argument("--rows", type=rows_of, default=slice(None), help="FROM:TO of the photos")
    parser.add_argument("--seed", type=int, default=1)
    return checked(parser)


if __name__ == "__main__":
    main()
