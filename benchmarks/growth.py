"""Measure how the way from a folder to groups grows with the photos, and what a small change costs.

    python benchmarks/growth.py PHOTOS --sizes 1000 2000 4000 8000

For each size so many photos of the folder are linked into an empty one; then `dupfind find` runs on it as a
process of its own: for the first time, with nothing new, and with one photo in a hundred new. CPU seconds are
those of all threads, so that other work on the machine hardly matters; the exponent is that of a power of the
number of photos, fitted between the smallest and the largest size.
"""

import argparse
import json
import math
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from processes import Cost, run, table

HERE = Path(__file__).parent
COLUMNS = [
    "photos",
    "seconds",
    "CPU s",
    "CPU ms a photo",
    "peak MiB",
    "proofs a photo",
    "nothing new",
    "1% new",
]


@dataclass(frozen=True)
class Runs:
    """What one size cost: the first run, one with nothing new, and one with a hundredth new."""

    photos: int
    first: Cost
    again: Cost
    new: Cost

    def row(self) -> list[str]:
        """Return the row of the table; later runs as a share of the first one's CPU time."""
        pairs = json.loads(self.first.output.splitlines()[-1])["pairs"]
        return [
            f"{self.photos:,}",
            f"{self.first.wall_s:.0f}",
            f"{self.first.cpu_s:.0f}",
            f"{1e3 * self.first.cpu_s / self.photos:.1f}",
            f"{max(cost.peak_mib for cost in (self.first, self.again, self.new)):.0f}",
            f"{pairs / self.photos:.2f}",
            f"{self.again.cpu_s / self.first.cpu_s:.1%}",
            f"{self.new.cpu_s / self.first.cpu_s:.1%}",
        ]


def main() -> None:
    """Measure, and print the table."""
    arguments = parse()
    photos = sorted(path for path in arguments.photos.rglob("*") if path.is_file())
    needed = max(arguments.sizes) * 101 // 100
    if len(photos) < needed:
        sys.exit(f"{arguments.photos} has {len(photos)} files; {needed} are needed")
    found = []
    for size in sorted(arguments.sizes):
        found.append(measured(photos, size, arguments.photos.parent))
        print(" | ".join(found[-1].row()), file=sys.stderr, flush=True)
    print(table("Growth", COLUMNS, [runs.row() for runs in found]))
    small, large = found[0], found[-1]
    if large.photos > small.photos:
        ratio = math.log(large.first.cpu_s / small.first.cpu_s)
        print(f"exponent of CPU time: {ratio / math.log(large.photos / small.photos):.2f}")


def measured(photos: list[Path], size: int, beside: Path) -> Runs:
    """Run one size in a folder beside the photos, where they can be linked."""
    step = len(photos) / (size * 101 // 100)
    chosen = [photos[int(place * step)] for place in range(size * 101 // 100)]
    with tempfile.TemporaryDirectory(dir=beside) as folder:
        album, library = Path(folder) / "album", Path(folder) / "library"
        album.mkdir()
        command = [sys.executable, HERE / "groups.py", album, "--stages", library]
        link(chosen[:size], album)
        first, again = run(command), run(command)
        link(chosen[size:], album)
        return Runs(size, first, again, run(command))


def link(photos: list[Path], album: Path) -> None:
    """Give photos a second name in a folder."""
    for photo in photos:
        os.link(photo, album / photo.name)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("photos", type=Path, help="Folder of at least so many photos.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 2000, 4000, 8000])
    return parser.parse_args()


if __name__ == "__main__":
    main()
