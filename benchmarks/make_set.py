"""Make a labelled album from any folder of photos, to measure accuracy on other photos than usual.

    python benchmarks/make_set.py ~/Pictures ALBUM --originals 300 --edits 4 --distractors 700
    dupfind evaluate ALBUM/truth.csv --hard-negatives ALBUM/hard_negatives.csv --neutral ALBUM/neutral.csv

The album holds originals, altered copies of them (each kind of ``dupfind.photos.edits`` about
equally often), distractors, and two sorts of look-alikes that are no copies: parts of one photo
that share nothing, and different photos in the same frame. The same seed makes the same album.
"""

import argparse
import csv
import itertools
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dupfind.errors import PhotoError
from dupfind.photos.decode import FULL_SIZE_PX, decode, fit
from dupfind.photos.edits import EDITS, apply_edit
from dupfind.photos.scan import scan
from dupfind.records import ScannedFile

Pixels = NDArray[np.uint8]

COLUMNS = ("path", "group_id", "kind", "is_original", "params", "source")
FRAMES = ("polaroid", "screenshot_phone", "reshared_post", "letterbox", "frame")
FOLDERS = ("Camera", "2019/summer", "2021", "Downloads", "Screenshots")
LONG_SIDE_PX = 1024
PART_SHARE = 0.46


@dataclass
class Album:
    """The album being written: where, its randomness, and the rows of its CSV files.

    ``beside`` holds, for each photo shown beside others, the names and groups of the files it is in.
    """

    folder: Path
    rng: np.random.Generator
    rows: list[tuple[object, ...]] = field(default_factory=list)
    look_alikes: list[tuple[str, str, str]] = field(default_factory=list)
    beside: dict[int, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, pixels: Pixels, group: str, kind: str, *, source: Path, params: str = "") -> str:
        """Write one picture under a name that tells nothing; return its path in the album."""
        name = self._save(pixels)
        original = int(kind in ("original", "distractor", "look_alike"))
        self.rows.append((name, group, kind, original, params, source.name))
        return name

    def add_original(self, pixels: Pixels, group: str, source: Path) -> Pixels:
        """Write an original; return what its file shows: that is what copies are made from."""
        name = self.add(pixels, group, "original", source=source)
        return decode(self.folder / name, needed_px=FULL_SIZE_PX).pixels

    def _save(self, pixels: Pixels) -> str:
        number = int(self.rng.integers(0, 2**48))
        folder = self.rng.choice(FOLDERS)
        ending, options = _encoding(self.rng)
        name = f"photos/{folder}/{number:012x}.{ending}"
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, **options)
        return name

    def write(self) -> None:
        """Write the labels, the files in an order that tells nothing."""
        order = self.rng.permutation(len(self.rows))
        _write(self.folder / "truth.csv", COLUMNS, [self.rows[row] for row in order])
        columns = ("path_a", "path_b", "reason")
        _write(self.folder / "hard_negatives.csv", columns, self.look_alikes)
        shared = {
            tuple(sorted((name, other)))
            for files in self.beside.values()
            for (name, group), (other, other_group) in itertools.combinations(files, 2)
            if group != other_group
        }
        _write(self.folder / "neutral.csv", ("path_a", "path_b"), sorted(shared))


def main() -> None:
    arguments = parse()
    album = Album(arguments.album, np.random.default_rng(arguments.seed))
    photos = readable_photos(arguments.photos, album.rng)
    # Pictures beside and behind come from photos that are not in the album: a collage of two of
    # its photos would be a copy of both.
    others = [pixels for _, pixels in itertools.islice(photos, 40)]
    add_copies(album, itertools.islice(photos, arguments.originals), arguments.edits, others)
    for source, pixels in itertools.islice(photos, arguments.distractors):
        album.add(pixels, f"d{len(album.rows)}", "distractor", source=source)
    add_parts(album, itertools.islice(photos, arguments.look_alikes // 2))
    add_same_frames(album, itertools.islice(photos, arguments.look_alikes))
    album.write()
    print(
        f"{len(album.rows)} files and {len(album.look_alikes)} look-alike pairs in {album.folder}"
    )


def readable_photos(
    folder: Path, rng: np.random.Generator, rows: slice = slice(None)
) -> Iterator[tuple[Path, Pixels]]:
    """Yield photos in random order, at most ``LONG_SIDE_PX`` long; each at most once.

    ``rows`` keeps a part of them, by the order of their paths.
    """
    paths = sorted(found.path for found in scan([folder]) if isinstance(found, ScannedFile))[rows]
    for row in rng.permutation(len(paths)):
        try:
            picture = decode(paths[row], needed_px=LONG_SIDE_PX)
        except PhotoError:
            continue
        yield paths[row], fit(picture.pixels, LONG_SIDE_PX)


def rows_of(text: str) -> slice:
    """Read FROM:TO, a part of the photos."""
    start, _, end = text.partition(":")
    return slice(int(start), int(end))


def add_copies(
    album: Album, photos: Iterator[tuple[Path, Pixels]], edits: int, others: Sequence[Pixels]
) -> None:
    """Add originals with ``edits`` copies each; every kind of edit comes about equally often."""
    names = itertools.cycle(album.rng.permutation(sorted(EDITS)).tolist())
    for number, (source, pixels) in enumerate(photos):
        group = f"g{number:04d}"
        # Copies are made of the file: made of what was before it, they would be the better ones.
        pixels = album.add_original(pixels, group, source)
        for name in itertools.islice(names, edits):
            chosen = album.rng.permutation(len(others))[: EDITS[name].others].tolist()
            edited = apply_edit(name, pixels, album.rng, other=[others[row] for row in chosen])
            params = json.dumps(edited.parameters, default=str)
            written = album.add(edited.pixels, group, name, source=source, params=params)
            for row in chosen:
                album.beside[row].append((written, group))


def add_parts(album: Album, photos: Iterator[tuple[Path, Pixels]]) -> None:
    """Add the two ends of each photo: one scene, one light, and no pixel in common."""
    for source, pixels in photos:
        long_axis = int(pixels.shape[1] > pixels.shape[0])
        part = int(pixels.shape[long_axis] * PART_SHARE)
        ends = [np.take(pixels, range(part), axis=long_axis)]
        ends.append(np.take(pixels, range(-part, 0), axis=long_axis))
        names = [album.add(end, f"h{len(album.rows)}", "look_alike", source=source) for end in ends]
        album.look_alikes.append((names[0], names[1], "other part of one photo"))


def add_same_frames(album: Album, photos: Iterator[tuple[Path, Pixels]]) -> None:
    """Add pairs of different photos in the same frame, as one app or one form makes them."""
    for (source_a, a), (source_b, b) in zip(photos, photos, strict=False):
        frame, seed = str(album.rng.choice(FRAMES)), int(album.rng.integers(2**32))
        square = [np.asarray(Image.fromarray(pixels).resize((480, 480))) for pixels in (a, b)]
        framed = [apply_edit(frame, pixels, np.random.default_rng(seed)) for pixels in square]
        names = [
            album.add(edited.pixels, f"h{len(album.rows)}", "look_alike", source=source)
            for edited, source in zip(framed, (source_a, source_b), strict=True)
        ]
        album.look_alikes.append((names[0], names[1], f"same {frame}"))


def _encoding(rng: np.random.Generator) -> tuple[str, dict[str, int | str]]:
    draw = rng.random()
    if draw < 0.1:
        return "png", {"format": "PNG"}
    if draw < 0.25:
        return "webp", {"format": "WEBP", "quality": int(rng.integers(75, 95))}
    return "jpg", {"format": "JPEG", "quality": int(rng.integers(80, 96))}


def _write(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def checked(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Return the arguments; ends with a clear word where ``album`` exists or ``photos`` does not."""
    arguments = parser.parse_args()
    if arguments.album.exists():
        parser.error(f"{arguments.album} exists; name a new folder")
    if not arguments.photos.is_dir():
        parser.error(f"{arguments.photos} is no folder")
    if not any(isinstance(found, ScannedFile) for found in scan([arguments.photos])):
        parser.error(f"{arguments.photos} holds no photos")
    return arguments


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photos", type=Path, help="folder of photos, no two of them copies")
    parser.add_argument("album", type=Path, help="folder to make; must not exist")
    parser.add_argument("--originals", type=int, default=300)
    parser.add_argument("--edits", type=int, default=4, help="copies of each original")
    parser.add_argument("--distractors", type=int, default=700)
    parser.add_argument("--look-alikes", type=int, default=100, help="pairs, about")
    parser.add_argument("--seed", type=int, default=1)
    return checked(parser)


if __name__ == "__main__":
    main()
