"""Measure what people wait for in a large library: `report`, what `query` and `review` read, `index` again.

    python benchmarks/database.py [--photos 1000000] [--pairs 10000000] [--groups 100000]

Makes a database of so many photos, scored pairs and groups by itself (no picture files), 2.5 GB at a million
photos and ten million pairs. Each figure is a process of its own, its start included.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from processes import run, table

MAKE = """
import sys
from pathlib import Path
import numpy as np
from dupfind.config import LibraryPaths
from dupfind.store.store import Store
root, photos, pairs, groups = Path(sys.argv[1]), *map(int, sys.argv[2:])
rng = np.random.default_rng(0)
with Store.open(LibraryPaths(root), write=True) as store:
    model = store.add_model("builtin", "0" * 64, spec={}, dimensions=512)
    store.set_active_model(model.id)
    with store.run("cluster", {"level": "copy", "precision": 0.99}, model_id=model.id) as made:
        pass
    connection = store.db.conn
    with store.db.atomic():
        connection.executemany(
            "INSERT INTO photos (id, path, sha256, size_bytes, mtime_ns, width, height, format, exif_tags, "
            "pixels_sha256, is_reference, frames, device, inode, ctime_ns) "
            "VALUES (?, ?, ?, 2000000, 1, 4000, 3000, 'JPEG', 30, ?, 0, 1, 1, ?, 1)",
            ((n, f"/photos/{n // 1000:05}/{n:09}.jpg", f"{n:064x}", f"{n:064x}", n)
             for n in range(1, photos + 1)))
        each = max(1, pairs // photos)
        connection.executemany(
            "INSERT OR IGNORE INTO pairs VALUES (?, ?, ?, ?, ?, 'similar', '{\\"method\\": \\"none\\"}')",
            ((a, b, made.id, 0.5, float(p))
             for a in range(1, photos)
             for b, p in zip((a + 1 + rng.integers(0, photos - a, each)).tolist(), rng.random(each))))
        for first in range(1, 3 * groups, 3):
            store.db.execute("INSERT INTO duplicate_groups (id, run_id, keep_photo_id, lowest_similarity, "
                             "reclaimable_bytes, evidence) VALUES (?, ?, ?, 0.9, 4000000, '{}')",
                             [first, made.id, first])
            connection.executemany(
                "INSERT INTO group_members (group_id, position, photo_id, keep, relation, similarity, "
                "probability, evidence, advice) "
                "VALUES (?, ?, ?, ?, ?, 0.9, 0.99, '{\\"method\\": \\"keypoints\\"}', ?)",
                [(first, n, first + n, int(n == 0), "original" if n == 0 else "resized",
                  "keep" if n == 0 else "remove") for n in range(3)])
print(LibraryPaths(root).database.stat().st_size)
"""
READ = """
import sys, time
from pathlib import Path
from dupfind.config import LibraryPaths
from dupfind.store.store import Store
with Store.open(LibraryPaths(Path(sys.argv[1]))) as store:
    started = time.monotonic()
    BODY
    print(time.monotonic() - started)
"""
# What a query reads of the photos that it found, besides the index and the proofs of these.
QUERY = """
    for photo_id in range(1000, 1040):
        store.pairs_of(photo_id)
        store.pair_between(photo_id, photo_id + 1)
        store.photos_of_content(f"{photo_id:064x}")
    store.photos_by_id(range(1000, 1040))
"""
REVIEW = """
    from dupfind.review.filters import Filters
    from dupfind.review.queries import Cards
    cards = Cards(store)
    cards.build()
    if "page" in sys.argv:
        started = time.monotonic()
        cards.page(Filters(), None, 50)
        cards.progress()
"""
REPORT = "from dupfind.cli import main; main()"


def main() -> None:
    """Make the library, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--photos", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=10_000_000)
    parser.add_argument("--groups", type=int, default=100_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / ".dupfind"
        sizes = [str(size) for size in (arguments.photos, arguments.pairs, arguments.groups)]
        made = run([sys.executable, "-c", MAKE, root, *sizes])
        rows = [
            report(root, "terminal"),
            report(root, "json"),
            read("what `query` reads of 40 photos", QUERY, root),
            read("`review`: its list, at the start", REVIEW, root),
            read("`review`: a page of the list", REVIEW, root, "page"),
        ]
    size = f"{int(made.output) / 2**30:.2f} GiB"
    title = f"{sizes[0]} photos, {sizes[1]} pairs, {sizes[2]} groups of three: {size}"
    print(table(title, ["", "seconds", "CPU seconds with start-up", "peak MiB"], rows))


def report(root: Path, kind: str) -> list[str]:
    """Return the row of one format of the report."""
    words = ["report", "--format", kind, "--library", root]
    cost = run([sys.executable, "-c", REPORT, *words])
    return [
        f"`report --format {kind}`",
        f"{cost.wall_s:.2f}",
        f"{cost.cpu_s:.2f}",
        f"{cost.peak_mib:.0f}",
    ]


def read(name: str, body: str, root: Path, *words: str) -> list[str]:
    """Return the row of a program that reads the library."""
    program = READ.replace("    BODY\n", body.strip("\n") + "\n")
    cost = run([sys.executable, "-c", program, root, *words])
    return [name, f"{float(cost.output):.2f}", f"{cost.cpu_s:.2f}", f"{cost.peak_mib:.0f}"]


if __name__ == "__main__":
    main()
