"""Random albums, plans and mishaps against a model of the file system: what is lost must be nothing.

    python benchmarks/random_plans.py --plans 10000 --folder /dev/shm/plans --other /tmp/plans

``--other`` should lie on another disk: plans move files there too.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from act_random import run_cases


def main() -> None:
    """Run the plans and print what was done and what went wrong, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plans", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="The first seed.")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--other", type=Path, required=True)
    parser.add_argument("--kills", type=float, default=0.25, help="Share of runs that are killed.")
    options = parser.parse_args()
    for folder in (options.folder, options.other):
        folder.mkdir(parents=True)  # a new one: nothing of somebody else's is ever touched
    seeds = range(options.first, options.first + options.plans)
    counts, problems = run_cases(seeds, options.folder, options.other, kills=options.kills)
    print(json.dumps({"done": dict(counts), "problems": problems}, indent=2))
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
