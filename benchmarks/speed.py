"""Measure the speed of `dupfind index` next to its floors and to other tools, in one run.

    python benchmarks/speed.py PHOTOS [--model NAME] [--with-python PATH ...] [--rounds 3]
    python benchmarks/speed.py CAMERA_PHOTOS --copies 300

Floors: decoding alone and the model alone, each with all cores. Other tools (czkawka, imagededup,
fastdup) run when this Python, or one named by --with-python, has them installed. They find pairs by
hash or descriptor alone, so what they do compares with `index`; `cluster` proves each pair besides.
Every figure is the best of the rounds; the rounds are interleaved, so that other work on the machine
hits all alike.
"""

import argparse
import itertools
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from processes import CommandError, Cost, run, table

HERE = Path(__file__).parent
PEERS = ("czkawka", "imagededup", "fastdup")
START = "start-up and one photo"
WHOLE = "dupfind index"
AGAIN = "dupfind index, nothing new"
CLUSTER = "dupfind cluster, with proofs"
OURS = (START, WHOLE, AGAIN, CLUSTER)


@dataclass
class Results:
    """The best of the rounds: processes by name, floors by name, and the tools that are missing."""

    costs: dict[str, Cost] = field(default_factory=dict)
    floors: dict[str, dict[str, float]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, cost: Cost) -> None:
        """Keep the faster of two rounds."""
        if name not in self.costs or cost.wall_s < self.costs[name].wall_s:
            self.costs[name] = cost
        print(f"{name}: {cost.wall_s:.1f} s, CPU {cost.cpu_s:.1f} s", file=sys.stderr, flush=True)

    def add_floor(self, name: str, found: dict[str, float]) -> None:
        """Keep the faster of two rounds."""
        if name not in self.floors or found["wall_s"] < self.floors[name]["wall_s"]:
            self.floors[name] = found
        line = f"{name} alone: {found['wall_s']:.1f} s, CPU {found['cpu_s']:.1f} s"
        print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, and print the tables."""
    arguments = parse()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        photos = arguments.photos.absolute()
        if arguments.copies:
            photos = copies(photos, work / "photos", arguments.copies)
        results = Results()
        for round_ in range(arguments.rounds):
            one_round(results, photos, arguments, work / str(round_))
        stages = json.loads(floor("stages", photos, arguments.model))
        count = int(results.floors["decode"]["photos"])
    print(table(f"By stage, one core ({photos.name})", ["stage", "ms a photo"], stage_rows(stages)))
    print(table(f"{count} photos", WHOLE_COLUMNS, whole_rows(results, count)))
    print(ratios(results))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", default="builtin", help="as for `dupfind index`")
    parser.add_argument(
        "--copies", type=int, help="copy the photos, each with other bytes, to so many"
    )
    parser.add_argument("--peers", nargs="*", default=PEERS, choices=PEERS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--with-python", type=Path, action="append", default=[], metavar="PATH")
    return parser.parse_args()


def copies(photos: Path, target: Path, count: int) -> Path:
    """Copy photos round and round until there are ``count``, with a byte or more added to each."""
    target.mkdir()
    files = sorted(path for path in photos.rglob("*") if path.is_file())
    for number, path in zip(range(count), itertools.cycle(files), strict=False):
        copy = target / f"{number:05}{path.suffix}"
        shutil.copyfile(path, copy)
        with copy.open("ab") as file:
            file.write(number.to_bytes(4, "big"))
    return target


def one_round(results: Results, photos: Path, arguments: argparse.Namespace, work: Path) -> None:
    """Run everything once."""
    work.mkdir()
    (work / "one").mkdir()
    files = sorted(path for path in photos.rglob("*") if path.is_file())
    pictures = [path for path in files if path.suffix.lower() in (".jpg", ".jpeg", ".png")]
    shutil.copy((pictures or files)[0], work / "one")
    results.add_floor("decode", json.loads(floor("decode", photos)))
    count = int(results.floors["decode"]["photos"])
    results.add_floor("model", json.loads(floor("model", str(count), arguments.model)))
    model = ["--model", arguments.model]
    results.add(START, dupfind(work / "small", "index", work / "one", *model))
    results.add(WHOLE, dupfind(work / "library", "index", photos, *model))
    results.add(AGAIN, dupfind(work / "library", "index", photos, *model))
    try:
        results.add(CLUSTER, dupfind(work / "library", "cluster"))
    except CommandError as error:  # too few photos to calibrate on, say
        results.missing[CLUSTER] = str(error)
    for name in arguments.peers:
        peer(results, name, photos, arguments.with_python, work)


def floor(*arguments: str | Path) -> str:
    """Run one of ``speed_floor.py`` and return the JSON that it printed."""
    return run([sys.executable, HERE / "speed_floor.py", *arguments]).output.splitlines()[-1]


def dupfind(library: Path, *arguments: str | Path) -> Cost:
    """Run a command of dupfind as a user does."""
    command = [sys.executable, "-m", "dupfind.cli", *arguments, "--library", library, "--quiet"]
    return run(command)


def peer(results: Results, name: str, photos: Path, pythons: Sequence[Path], work: Path) -> None:
    """Run another tool under the first Python that has it, with caches of its own."""
    here = {"HOME": str(work), "XDG_CACHE_HOME": str(work / "cache"), "TQDM_DISABLE": "1"}
    for python in (*pythons, Path(sys.executable)):
        try:
            run([python, "-c", f"import {name}"])
        except CommandError as error:
            results.missing[name] = str(error)
            continue
        script = HERE / "speed_peer.py"
        try:
            cost = run([python, script, name, photos, work / name], here)
        except CommandError as error:
            results.missing[name] = str(error)
            return
        results.missing.pop(name, None)
        results.add(f"{name} {cost.output.splitlines()[-1]}", cost)
        return


def stage_rows(stages: dict[str, float]) -> list[list[str]]:
    """Return one row a stage, and their sum."""
    rows = [[stage, f"{value:.2f}"] for stage, value in stages.items()]
    return [*rows, ["together", f"{sum(stages.values()):.2f}"]]


WHOLE_COLUMNS = ["", "seconds", "photos/s", "CPU ms a photo", "peak MiB"]


def whole_rows(results: Results, count: int) -> list[list[str]]:
    """Return the floors, then whole processes."""
    rows = []
    for name, found in results.floors.items():
        rows.append(_row(f"{name} alone, all cores", found["wall_s"], found["cpu_s"], count, None))
    for name, cost in results.costs.items():
        rows.append(_row(name, cost.wall_s, cost.cpu_s, count, cost.peak_mib))
    return rows


def _row(name: str, wall_s: float, cpu_s: float, count: int, peak_mib: float | None) -> list[str]:
    peak = "" if peak_mib is None else f"{peak_mib:.0f}"
    per_photo = f"{1000 * cpu_s / count:.2f}"
    return [name, f"{wall_s:.2f}", f"{count / wall_s:.0f}", per_photo, peak]


def ratios(results: Results) -> str:
    """Return the comparison with the floors and with each other tool, and what was skipped."""
    whole, start = results.costs[WHOLE], results.costs[START]
    walls = [found["wall_s"] for found in results.floors.values()]
    work_s = whole.wall_s - start.wall_s
    floors_cpu_s = sum(found["cpu_s"] for found in results.floors.values())
    rows: list[list[Any]] = [
        ["seconds without start-up / larger floor", work_s / max(walls)],
        ["seconds without start-up / sum of the floors", work_s / sum(walls)],
        ["CPU without start-up / sum of the floors", (whole.cpu_s - start.cpu_s) / floors_cpu_s],
    ]
    rows += [
        [f"{name}: its seconds / ours", cost.wall_s / whole.wall_s]
        for name, cost in results.costs.items()
        if name not in OURS
    ]
    rows += [
        [f"{name}: its CPU / ours", cost.cpu_s / whole.cpu_s]
        for name, cost in results.costs.items()
        if name not in OURS
    ]
    text = table("Ratios", ["", "ratio"], [[name, f"{value:.2f}"] for name, value in rows])
    skipped = [f"skipped {name}: {reason}" for name, reason in results.missing.items()]
    return "\n".join([text, *skipped])


if __name__ == "__main__":
    main()
