"""Many rounds of random faults on a library (tests/fault_rounds.py); prints what was done in each.

    python benchmarks/faults.py --rounds 200 --seed 1

It ends with the first round that leaves something behind, and says how to see it again.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from fault_rounds import make_album, play_round, scene
from library_helpers import save_small_model


def main() -> None:
    """Play the rounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**9)
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="dupfind-faults-") as place:
        folder = Path(place)
        (folder / "model").mkdir()
        save_small_model(folder / "model")
        make_album(folder / "made")
        ends: Counter[str] = Counter()
        with scene(folder, folder / "model", folder / "made", given.seed) as made:
            for number in range(1, given.rounds + 1):
                try:
                    play_round(made)
                finally:
                    print(f"{number}: {'; '.join(made.done)}", flush=True)
                ends.update(step for step in made.done if step in ("killed", "over"))
        print(f"{given.rounds} rounds left nothing behind; {dict(ends)}")


if __name__ == "__main__":
    main()
