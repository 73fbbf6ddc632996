"""Random faults between and during random commands: nothing of them stays."""

import os
import time
from pathlib import Path

import pytest
from fault_rounds import make_album, play_round, scene

ROUNDS = 10


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs what only Unix has")
def test_nothing_stays_of_random_faults(tmp_path: Path, small_model: Path) -> None:
    seed = int(os.environ.get("DUPFIND_FAULT_SEED") or time.time_ns() % 10**9)
    print(f"DUPFIND_FAULT_SEED={seed}")  # noqa: T201 - pytest shows it when the test fails
    make_album(tmp_path / "made")
    with scene(tmp_path, small_model, tmp_path / "made", seed) as made:
        for _ in range(ROUNDS):
            play_round(made)
