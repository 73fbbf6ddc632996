"""Time the parts of a proof on one core: finding local features, proving copies, rejecting others.

python benchmarks/proof.py PHOTOS --sample 100
"""

import argparse
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from dupfind.errors import PhotoError
from dupfind.matching.features import LocalFeatures, extract, use_one_thread
from dupfind.matching.relation import Side, relate
from dupfind.matching.verify import verify
from dupfind.photos.decode import decode
from dupfind.photos.edits import EDITS, apply_edit
from dupfind.photos.scan import scan
from dupfind.records import ScannedFile


def main() -> None:
    options = parse()
    use_one_thread()
    with threadpool_limits(1):
        measure(list(islice(pictures(options.photos), options.sample)))


def measure(photos: list[np.ndarray]) -> None:  # type: ignore[type-arg]
    """Print CPU milliseconds, mean and 95th percentile, of each part."""
    generator = np.random.default_rng(1)
    names = list(EDITS)
    copies = [
        apply_edit(names[row % len(names)], photo, generator).pixels
        for row, photo in enumerate(photos)
    ]
    found: list[LocalFeatures] = []
    report("local features of a photo", timed(lambda photo: found.append(extract(photo)), photos))
    edited = [extract(copy) for copy in copies]
    for features in (*found, *edited):  # what a proof keeps for the next one is ready
        _ = features.root, features.mirrored_root, features.variants, features.content
    rows = range(len(found))
    report("proof, original and copy", timed(lambda row: named(found[row], edited[row]), rows))
    report("proof, different photos", timed(lambda row: verify(found[row], edited[row - 1]), rows))


def named(a: LocalFeatures, b: LocalFeatures) -> None:
    """Prove a pair and name its relation."""
    proof = verify(a, b)
    if proof.comparison is not None:
        relate(proof, Side(a, 1000, 1000), Side(b, 1000, 1000))


def timed(part: Callable[[object], object], items: Iterable[object]) -> list[float]:
    """Return the CPU milliseconds of each call."""
    spent = []
    for item in items:
        start = time.process_time()
        part(item)
        spent.append((time.process_time() - start) * 1e3)
    return spent


def report(name: str, spent: list[float]) -> None:
    print(f"{name:<28} {np.mean(spent):6.1f} ms mean {np.percentile(spent, 95):6.1f} ms 95%")


def pictures(folder: Path) -> Iterable[np.ndarray]:  # type: ignore[type-arg]
    """Yield the photos of a folder."""
    for file in scan([folder]):
        if isinstance(file, ScannedFile):
            try:
                yield decode(file.path, needed_px=200).pixels
            except PhotoError:
                continue


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--sample", type=int, default=100, help="photos to try")
    return parser.parse_args()


if __name__ == "__main__":
    main()
