"""Make an album of look-alikes: series of pictures that are no copies, with easy copies of some.

    python benchmarks/make_lookalikes.py ALBUM --photos ~/Pictures
    dupfind find ALBUM/photos

``photos/SERIES/NAME`` shows SERIES, a kind of ``dupfind.photos.lookalikes``. Each sixth picture has
three copies (saved again, half as large, cut). The same seed makes the same album.
"""

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from make_set import Pixels, checked, readable_photos, rows_of
from PIL import Image

from dupfind.photos.edits.geometry import crop
from dupfind.photos.lookalikes import LOOKALIKES, make_series

COLUMNS = ("path", "group_id", "kind", "is_original")
SERIES = (
    *("receipt", "invoice", "activity", "settings", "slide_build", "chess_board", "drawing"),
    *("stars", "gradient", "fixed_camera", "captions", "other_print", "repeated", "near_view"),
    *("next_frame", "portrait", "pan"),
)
COPIED_EACH = 6
BESIDE = 24


@dataclass
class Album:
    """The album being written: where, its randomness, and the rows of ``truth.csv``."""

    folder: Path
    rng: np.random.Generator
    rows: list[tuple[object, ...]] = field(default_factory=list)

    def add_series(self, series: str, pictures: list[Pixels]) -> None:
        """Write the pictures of one series, and copies of each ``COPIED_EACH``-th."""
        for number, pixels in enumerate(pictures):
            group = f"{series}{number:03d}"
            self._save(pixels, series, group, "original", quality=92)
            if number % COPIED_EACH == 0:
                height, width = pixels.shape[:2]
                half = Image.fromarray(pixels).resize((max(1, width // 2), max(1, height // 2)))
                cut = crop(pixels, self.rng, low=0.86, high=0.94).pixels
                self._save(pixels, series, group, "jpeg", quality=60)
                self._save(np.asarray(half), series, group, "half", quality=88)
                self._save(cut, series, group, "crop", quality=88)

    def _save(self, pixels: Pixels, series: str, group: str, kind: str, *, quality: int) -> None:
        ending = "" if kind == "original" else f"-{kind}"
        name = f"photos/{series}/{group}{ending}.jpg"
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, quality=quality)
        self.rows.append((name, group, kind, int(kind == "original")))

    def write(self) -> None:
        """Write the labels; no pair of such a series counts neither way."""
        for name, columns, rows in (
            ("truth.csv", COLUMNS, self.rows),
            ("neutral.csv", ("path_a", "path_b"), []),
        ):
            with (self.folder / name).open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([columns, *rows])


def main() -> None:
    arguments = parse()
    album = Album(arguments.album, np.random.default_rng(arguments.seed))
    photos = readable_photos(arguments.photos, album.rng, arguments.rows)
    others = [pixels for (_, pixels), _ in zip(photos, range(BESIDE), strict=False)]
    for series in arguments.series:
        count = min(arguments.pictures, LOOKALIKES[series].longest)
        album.add_series(series, pictures_of(series, count, photos, album.rng, others))
    album.write()
    print(f"{len(album.rows)} files in {len(arguments.series)} series in {album.folder}")


def pictures_of(
    series: str,
    count: int,
    photos: Iterator[tuple[Path, Pixels]],
    rng: np.random.Generator,
    others: list[Pixels],
) -> list[Pixels]:
    """Make one series, of the first further photo that it can be made of."""
    if LOOKALIKES[series].family == "made":
        return make_series(series, rng, count) or []
    for _, pixels in photos:
        made = make_series(series, rng, count, pixels, other=others)
        if made is not None:
            return made
    raise SystemExit(f"no photo left that {series} can be made of; give more photos")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("album", type=Path, help="folder to make; must not exist")
    parser.add_argument("--photos", type=Path, required=True, help="folder of photos, no copies")
    parser.add_argument("--rows", type=rows_of, default=slice(None), help="FROM:TO of the photos")
    parser.add_argument("--series", nargs="+", choices=sorted(LOOKALIKES), default=SERIES)
    parser.add_argument("--pictures", type=int, default=20, help="of each series, at most")
    parser.add_argument("--seed", type=int, default=1)
    return checked(parser)


if __name__ == "__main__":
    main()
