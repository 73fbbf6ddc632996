"""Measure the way from a folder to groups, stage by stage, beside other tools in the same run.

    python benchmarks/groups.py PHOTOS [--with-python PATH ...] [--rounds 3]

`dupfind find` is run as a process of its own, then once more with nothing new; fastdup and czkawka run
when this Python, or one named by --with-python, has them installed. What each stage takes is read from the
progress that a caller sees: seconds, CPU seconds, and the share of the cores that it kept busy. Every figure
is that of the round with the fewest seconds; the rounds are interleaved, so that other work on the machine hits
all alike, and ratios are of figures of one run.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from processes import CommandError, Cost, run, table

HERE = Path(__file__).parent
PEERS = ("fastdup", "czkawka")
FIRST, AGAIN = "dupfind, folder to groups", "dupfind, nothing new"
TOOL_COLUMNS = ["", "seconds", "CPU ms a photo", "peak MiB", "its seconds / ours", "its CPU / ours"]
STAGE_COLUMNS = ["stage", "seconds", "of all", "CPU s", "CPU ms a photo", "cores busy"]


def main() -> None:
    """Measure, and print the tables."""
    arguments = parse()
    if arguments.stages:
        print(json.dumps(stages(arguments.photos, arguments.stages)))
        return
    best: dict[str, Cost] = {}
    missing: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.rounds):
            one_round(best, missing, arguments, Path(folder) / str(number))
    first = json.loads(best[FIRST].output.splitlines()[-1])
    photos = int(first["photos"])
    print(table(f"{photos} photos, stage by stage", STAGE_COLUMNS, stage_rows(first, photos)))
    print(f"{first['pairs'] / photos:.2f} proofs a photo, {first['groups']} groups\n")
    print(table("Folder to groups", TOOL_COLUMNS, tool_rows(best, photos)))
    for name, reason in missing.items():
        print(f"{name}: not installed ({reason})")


def one_round(
    best: dict[str, Cost], missing: dict[str, str], arguments: argparse.Namespace, work: Path
) -> None:
    """Run everything once and keep the faster of two rounds."""
    work.mkdir()
    photos = arguments.photos.absolute()
    ours = [sys.executable, __file__, photos, "--stages", work / "library"]
    costs = {FIRST: run(ours), AGAIN: run(ours)}
    for name in arguments.peers:
        cost = peer(missing, name, photos, arguments.with_python, work)
        if cost is not None:
            costs[f"{name} {cost.output.splitlines()[-1]}"] = cost
    for name, cost in costs.items():
        print(f"{name}: {cost.wall_s:.1f} s, CPU {cost.cpu_s:.1f} s", file=sys.stderr, flush=True)
        if name not in best or cost.wall_s < best[name].wall_s:
            best[name] = cost


def peer(
    missing: dict[str, str], name: str, photos: Path, pythons: Sequence[Path], work: Path
) -> Cost | None:
    """Run another tool under the first Python that has it; None where none has."""
    home = {"HOME": str(work), "XDG_CACHE_HOME": str(work / "cache"), "TQDM_DISABLE": "1"}
    for python in (*pythons, Path(sys.executable)):
        try:
            run([python, "-c", f"import {name}"])
        except CommandError as error:
            missing[name] = str(error)
            continue
        missing.pop(name, None)
        try:
            return run([python, HERE / "speed_peer.py", name, photos, work / name], home)
        except CommandError as error:
            missing[name] = f"it failed: {error}"
            return None
    return None


def stages(photos: Path, library: Path) -> dict[str, Any]:
    """Find the groups of a folder and return what each phase cost, in seconds and CPU seconds."""
    from dupfind import Library
    from dupfind.progress import Step

    spent: dict[str, list[float]] = {}
    phase, wall_s, cpu_s = "start-up", time.monotonic(), time.process_time()
    began_s = wall_s

    def note(name: str) -> None:
        nonlocal phase, wall_s, cpu_s
        now = time.monotonic(), time.process_time()
        entry = spent.setdefault(phase, [0.0, 0.0])
        entry[0] += now[0] - wall_s
        entry[1] += now[1] - cpu_s
        phase, wall_s, cpu_s = name, *now

    def on_progress(step: Step) -> None:
        if step.phase != phase:
            note(step.phase)

    _, found = Library(library).find([photos], on_progress=on_progress)
    note("end")
    return {
        "photos": found.photos,
        "pairs": found.candidates,
        "groups": found.groups,
        "seconds": time.monotonic() - began_s,
        "stages": spent,
    }


def stage_rows(found: dict[str, Any], photos: int) -> list[list[str]]:
    """Return one row a stage: what it took of all, and of the cores."""
    from dupfind.system import usable_cores

    rows = []
    for name, (wall_s, cpu_s) in found["stages"].items():
        busy = cpu_s / max(wall_s * usable_cores(), 1e-9)
        share = wall_s / found["seconds"]
        figures = f"{wall_s:.1f}", f"{share:.0%}", f"{cpu_s:.1f}", f"{1e3 * cpu_s / photos:.1f}"
        rows.append([name, *figures, f"{busy:.0%}"])
    return rows


def tool_rows(best: dict[str, Cost], photos: int) -> list[list[str]]:
    """Return one row a tool, with its ratio to ours."""
    ours = best[FIRST]
    return [
        [
            name,
            f"{cost.wall_s:.1f}",
            f"{1e3 * cost.cpu_s / photos:.1f}",
            f"{cost.peak_mib:.0f}",
            f"{cost.wall_s / ours.wall_s:.2f}",
            f"{cost.cpu_s / ours.cpu_s:.2f}",
        ]
        for name, cost in best.items()
    ]


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--peers", nargs="*", default=PEERS, choices=PEERS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--with-python", type=Path, action="append", default=[], metavar="PATH")
    parser.add_argument("--stages", type=Path, metavar="LIBRARY", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
