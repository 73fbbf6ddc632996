"""Measure the join of many descriptors: time, memory, what it finds, and how it grows.

    python benchmarks/scale.py ../shared/data/dev/truth.csv [--counts 10000 100000]

Descriptors are made like those of the labelled album (`planted.py`). In one run, for each size: the
join by lists, the same with 1,000 new photos, exact search (of all up to --exact-up-to photos, else of
the sampled pairs only, its time for all then computed from these), and the rate at which this machine
multiplies matrices. Of the sampled planted pairs those count that exact search has among the ten nearest
of either photo: recall is the share of them that the join has. --library keeps the described album.
A million photos take 3 GB of disk; ten million want a GPU.
"""

import argparse
import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import itertools

from processes import Cost, run, table

HERE = Path(__file__).parent
NEW = 1000
NEIGHBOURS = 10

JOIN = """
import json, resource, sys, time
from pathlib import Path
import numpy as np
from dupfind.index import join
from dupfind.options import IndexKind
folder, count, kind, k = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
whole = np.load(folder / "vectors.npy", mmap_mode="r")
# What is new comes from the middle: the planted copies stand at the end.
vectors = np.concatenate([whole[: len(whole) // 2], whole[len(whole) // 2 + len(whole) - count :]])
planted = np.load(folder / "planted.npy")
def used():
    now = resource.getrusage(resource.RUSAGE_SELF)
    return now.ru_utime + now.ru_stime
cpu, started = used(), time.monotonic()
found = join(vectors, k, kind=IndexKind(kind), folder=folder / "join" if kind == "lists" else None)
facts = {"wall_s": time.monotonic() - started, "cpu_s": used() - cpu, "kind": found.facts.kind,
         "lists": found.facts.lists, "probes": found.facts.probes, "joined": found.facts.joined,
         "measured": found.facts.recall}
if count == len(whole):
    sample = np.load(folder / "sample.npy")
    a, b = planted[sample].T
    is_found = (found.neighbour[a] == b[:, None]).any(axis=1)
    is_found |= (found.neighbour[b] == a[:, None]).any(axis=1)
    facts["found"] = is_found.tolist()
print(json.dumps(facts))
"""

SAMPLE = """
import json, resource, sys, time
from pathlib import Path
import faiss, numpy as np
folder, k = Path(sys.argv[1]), int(sys.argv[2])
vectors = np.load(folder / "vectors.npy", mmap_mode="r")
planted = np.load(folder / "planted.npy")
sample = np.sort(np.random.default_rng(0).choice(len(planted), min(2000, len(planted)), replace=False))
np.save(folder / "sample.npy", sample)
rows = planted[sample].T.ravel()
queries = vectors[rows].astype(np.float32)
heap = faiss.ResultHeap(len(rows), k + 1, keep_max=True)
started, spent, cpu = time.monotonic(), 0.0, time.process_time()
for start in range(0, len(vectors), 65536):
    block = vectors[start : start + 65536].astype(np.float32)
    heap.add_result(*(lambda d, i: (d, i + start))(
        *faiss.knn(queries, block, min(k + 1, len(block)), metric=faiss.METRIC_INNER_PRODUCT)))
heap.finalize()
wall, cpu = time.monotonic() - started, time.process_time() - cpu
partner = planted[sample][:, ::-1].T.ravel()
is_found = (heap.I == partner[:, None]).any(axis=1).reshape(2, -1).any(axis=0)
one = np.random.default_rng(0).standard_normal((4096, vectors.shape[1]), np.float32)
many = [time.monotonic()]
for _ in range(6):
    one @ one.T
    many.append(time.monotonic())
rate = len(one) ** 2 / float(np.diff(many)[1:].min())
print(json.dumps({"found": is_found.tolist(), "wall_s": wall, "cpu_s": cpu, "queries": len(rows),
                  "million_products_s": rate / 1e6}))
"""


def main() -> None:
    """Measure each size, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("truth", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    parser.add_argument("--exact-up-to", type=int, default=100_000)
    parser.add_argument(
        "--descriptors", type=Path, metavar="FILE.npz", help="where those of the album are kept"
    )
    arguments = parser.parse_args()
    kept: Path | None = arguments.descriptors
    if kept and (kept.suffix != ".npz" or not kept.parent.is_dir()):
        parser.error(
            f"--descriptors {kept}: name a file that ends with .npz, in a folder that is there"
        )
    with tempfile.TemporaryDirectory() as folder:
        album = kept or Path(folder) / "album.npz"
        if not album.exists():
            python("planted.py", "describe", arguments.truth.resolve(), album)
        rows = [measure(album, count, arguments.exact_up_to) for count in arguments.counts]
    print(
        table(
            f"Join, k = {NEIGHBOURS}, by lists and exactly", COLUMNS, [words(row) for row in rows]
        )
    )
    for small, large in itertools.pairwise(rows):
        grown = math.log(large["count"] / small["count"])
        wall, cpu = (
            math.log(large["join"][key] / small["join"][key]) / grown for key in ("wall_s", "cpu_s")
        )
        print(
            f"from {small['count']:,} to {large['count']:,} photos: exponent {wall:.2f} by the clock, "
            f"{cpu:.2f} in CPU seconds"
        )


COLUMNS = [
    "photos", "lists visited", "seconds", "CPU seconds", "peak MiB", "recall of planted pairs",
    "recall told", f"{NEW:,} new: seconds", "exact: seconds", "CPU seconds", "peak MiB",
    "exact has of planted", "products, million a second",
]  # fmt: skip


def measure(album: Path, count: int, exact_up_to: int) -> dict[str, Any]:
    """Return what one size cost and found."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python("planted.py", "make", album, folder, "--count", str(count))
        sample, _ = program(SAMPLE, folder, NEIGHBOURS)
        # First without what is new, then with it: the second run brings the first up to date.
        join, cost = program(JOIN, folder, count - NEW, "lists", NEIGHBOURS)
        grown, _ = program(JOIN, folder, count, "lists", NEIGHBOURS)
        exact = exact_cost = None
        if count <= exact_up_to:
            exact, exact_cost = program(JOIN, folder, count, "exact", NEIGHBOURS)
    true = sum(sample["found"])
    both = sum(one and other for one, other in zip(sample["found"], grown["found"], strict=True))
    row = {
        "count": count, "join": join, "peak_mib": cost.peak_mib, "grown": grown, "exact": exact,
        "exact_mib": exact_cost.peak_mib if exact_cost else None, "sample": sample,
        "recall": both / max(true, 1), "ceiling": true / len(sample["found"]),
    }  # fmt: skip
    print(json.dumps({**row, "grown": {**grown, "found": 0}, "sample": {**sample, "found": 0},
                      "exact": exact and {**exact, "found": 0}}), file=sys.stderr, flush=True)  # fmt: skip
    return row


def words(row: dict[str, Any]) -> list[str]:
    """Return one row of the table; what was computed instead of measured has a tilde."""
    join, grown, exact, sample = (row[key] for key in ("join", "grown", "exact", "sample"))
    all_of = row["count"] / sample["queries"]
    costs = [f"~{all_of * sample['wall_s']:.0f}", f"~{all_of * sample['cpu_s']:.0f}", "-"]
    if exact:
        costs = [f"{exact['wall_s']:.1f}", f"{exact['cpu_s']:.1f}", f"{row['exact_mib']:.0f}"]
    return [
        f"{row['count']:,}", f"{join['probes']} of {join['lists']}", f"{join['wall_s']:.1f}",
        f"{join['cpu_s']:.1f}", f"{row['peak_mib']:.0f}", f"{row['recall']:.4f}",
        f"{join['measured']:.4f}", f"{grown['wall_s']:.1f}", *costs, f"{row['ceiling']:.3f}",
        f"{sample['million_products_s']:.0f}",
    ]  # fmt: skip


def python(script: str, *arguments: object) -> Cost:
    """Run a script beside this one."""
    return run([sys.executable, HERE / script, *map(str, arguments)])


def program(text: str, *arguments: object) -> tuple[dict[str, Any], Cost]:
    """Run a program; return the facts that it printed last, and its cost."""
    cost = run([sys.executable, "-c", text, *map(str, arguments)])
    return json.loads(cost.output.splitlines()[-1]), cost


if __name__ == "__main__":
    main()
