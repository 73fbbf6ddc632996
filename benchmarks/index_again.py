"""Measure `dupfind index` where nothing changed: how long does a large library take to say so?

    python benchmarks/index_again.py [--counts 100000 1000000]

Makes so many small files and a library that knows them, with a descriptor each (no picture is decoded: files
whose size, times and number are as they were are not opened). A million want 7 GB of disk. Prints the time,
the memory, and how the time grows; fails where `index` found anything new.
"""

import argparse
import itertools
import math
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from processes import Cost, run, table

IN_A_FOLDER = 1000
MAKE = """
import os, sys
from dataclasses import asdict
from pathlib import Path
from dupfind.config import LibraryPaths
from dupfind.flows.models import identify_model
from dupfind.store.store import Store
root, photos, count, each = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])
PHOTO = ("INSERT INTO photos (id, path, sha256, size_bytes, mtime_ns, width, height, format, exif_tags, "
         "pixels_sha256, is_reference, frames, device, inode, ctime_ns) "
         "VALUES (?, ?, ?, ?, ?, 4000, 3000, 'JPEG', 30, ?, 0, 1, ?, ?, ?)")
VECTOR = "INSERT INTO vectors (sha256, model_id, vector) VALUES (?, ?, ?)"
with Store.open(LibraryPaths(root), write=True) as store:
    found = identify_model("builtin", store.paths)
    model = store.add_model(found.name, found.fingerprint, spec=asdict(found.spec), dimensions=found.dimensions)
    store.set_active_model(model.id)
    for first in range(1, count + 1, each):
        folder = photos / f"{first // each:05}"
        folder.mkdir(parents=True)
        rows = []
        for number in range(first, min(first + each, count + 1)):
            path, content = folder / f"DSC_{number:07}.jpg", f"{number:064x}"
            path.write_bytes(number.to_bytes(8, "big"))
            is_now = os.stat(path)
            rows.append((number, str(path), content, is_now.st_size, is_now.st_mtime_ns, content,
                         is_now.st_dev, is_now.st_ino, is_now.st_ctime_ns))
        with store.db.atomic():
            store.db.conn.executemany(PHOTO, rows)
            vectors = ((row[2], model.id, os.urandom(2 * model.dimensions)) for row in rows)
            store.db.conn.executemany(VECTOR, vectors)
"""
INDEX = "from dupfind.cli import main; main()"


def main() -> None:
    """Measure each size, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[100_000, 1_000_000])
    counts = sorted(parser.parse_args().counts)
    costs = [measure(count) for count in counts]
    rows = [
        [f"{count:,}", f"{cost.wall_s:.1f}", f"{cost.cpu_s:.1f}", f"{cost.peak_mib:.0f}"]
        for count, cost in zip(counts, costs, strict=True)
    ]
    columns = ["photos, none changed", "seconds", "CPU seconds", "peak MiB"]
    print(table("`dupfind index`, nothing new", columns, rows))
    for (few, cost), (many, more) in itertools.pairwise(zip(counts, costs, strict=True)):
        grown = math.log(more.cpu_s / cost.cpu_s) / math.log(many / few)
        print(f"from {few:,} to {many:,} photos: exponent {grown:.2f} in CPU seconds")


def measure(count: int) -> Cost:
    """Return what `index` costs on so many photos that it knows."""
    with tempfile.TemporaryDirectory() as folder:
        root, photos = Path(folder) / ".dupfind", Path(folder) / "photos"
        run([sys.executable, "-c", MAKE, root, photos, str(count), str(IN_A_FOLDER)])
        words = ["index", photos, "--library", root, "--no-features"]
        cost = run([sys.executable, "-c", INDEX, *words])
    said = re.search(r"([\d,]+) unchanged", cost.output)
    if said is None or int(said[1].replace(",", "")) != count:
        raise SystemExit(f"not all of {count:,} photos were unchanged: {cost.output[-300:]}")
    return cost


if __name__ == "__main__":
    main()
