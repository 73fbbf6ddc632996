"""Measure peak memory: it must not grow with the number of photos, nor with the square of anything.

    python benchmarks/memory.py [--photos 500 5000] [--vectors 50000 200000] [--model NAME]

Makes tiny pictures and random clustered vectors on the spot. Each figure is a process of its own.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from processes import Cost, run, table

LIMIT_MIB = 1536

MAKE_PHOTOS = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
folder, count = Path(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(0)
for number in range(count):
    pixels = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((320, 240)).save(folder / f"{number}.jpg", quality=80)
"""

JOIN = """
import sys, time
import numpy as np
from dupfind.index import build, self_join_blocks
count, dimensions = int(sys.argv[1]), 384
rng = np.random.default_rng(0)
vectors = np.empty((count, dimensions), np.float16)
# Photos vary in far fewer ways than a descriptor has numbers, and copies come in small clusters;
# in plain noise, which has neither, no index finds neighbours.
ways = rng.standard_normal((24, dimensions), np.float32)
for start in range(0, count, 4096):
    rows = min(4096, count - start)
    scenes = rng.standard_normal((rows // 4 + 1, 24), np.float32) @ ways
    block = np.repeat(scenes, 4, axis=0)[:rows]
    block += 0.7 * rng.standard_normal(block.shape, np.float32)
    vectors[start : start + rows] = block / np.linalg.norm(block, axis=1, keepdims=True)
started = time.monotonic()
index = build(vectors)
built = time.monotonic()
found = 0
for start, similarity, neighbour in self_join_blocks(vectors, 10, index=index):
    rows = np.arange(start, start + len(neighbour))[:, None]
    found += int(((neighbour // 4 == rows // 4) & (neighbour >= 0)).sum())
joined = time.monotonic()
print(f"{index.kind},{index.probes},{index.recall:.3f},{built - started:.1f},"
      f"{joined - built:.1f},{found / (3 * count):.3f}")
"""


def main() -> None:
    """Measure, and print the tables; exit with status 1 when the limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--photos", type=int, nargs="*", default=[500, 5000])
    parser.add_argument("--vectors", type=int, nargs="*", default=[50_000, 200_000])
    parser.add_argument("--model", default="builtin")
    arguments = parser.parse_args()
    photos = list(index_runs(arguments.photos, arguments.model))
    rows = [[f"{count:,}", f"{cost.peak_mib:.0f}", f"{cost.wall_s:.1f}"] for count, cost in photos]
    print(table("`dupfind index`", ["photos", "peak MiB", "seconds"], rows))
    joins = [(count, run([sys.executable, "-c", JOIN, str(count)])) for count in arguments.vectors]
    columns = [
        "vectors",
        "peak MiB",
        "of it the vectors",
        "kind",
        "lists visited",
        "recall measured",
    ]
    columns += ["seconds to build", "to join", "copies found"]
    print(table("Index and self-join, 384 dimensions, k = 10", columns, list(join_rows(joins))))
    largest = max([cost.peak_mib for _, cost in (*photos, *joins)], default=0.0)
    print(f"largest peak: {largest:.0f} MiB; limit {LIMIT_MIB} MiB")
    raise SystemExit(largest > LIMIT_MIB)


def index_runs(counts: list[int], model: str) -> Iterator[tuple[int, Cost]]:
    """Index folders of so many tiny pictures, each in a fresh library."""
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            photos = Path(folder) / "photos"
            photos.mkdir()
            run([sys.executable, "-c", MAKE_PHOTOS, photos, str(count)])
            program = "from dupfind.cli import main; main()"
            options = ["--library", Path(folder) / "library", "--model", model, "--quiet"]
            yield count, run([sys.executable, "-c", program, "index", photos, *options])


def join_rows(joins: list[tuple[int, Cost]]) -> Iterator[list[str]]:
    """Return one row a join."""
    for count, cost in joins:
        kind, probes, recall, build_s, join_s, found = cost.output.splitlines()[-1].split(",")
        held = f"{count * 384 * 2 / 2**20:.0f}"
        peak = f"{cost.peak_mib:.0f}"
        yield [f"{count:,}", peak, held, kind, probes, recall, build_s, join_s, found]


if __name__ == "__main__":
    main()
