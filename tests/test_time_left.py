"""The time left of a run, followed by a clock of the test."""

from collections.abc import Iterator

import pytest

from dupfind.cli.time_left import CLUSTER, INDEX, TimeLeft, words_of
from dupfind.progress import Step


class Run:
    """A run whose phases take given seconds a unit."""

    def __init__(self, *phases: tuple[str, int, float]) -> None:
        self.phases = phases
        self.now_s = 0.0
        self.time = TimeLeft((*INDEX, *CLUSTER), lambda: self.now_s)

    def steps(self) -> Iterator[Step]:
        """Yield a hundred steps a phase, and let the time pass."""
        for phase, total, unit_s in self.phases:
            for hundredth in range(101):
                step = Step(phase, total * hundredth // 100, total)
                self.time.note(step)
                yield step
                self.now_s += total * unit_s / 100


# Milliseconds as on the processor that the usual costs were taken from, and as on a slower one.
@pytest.mark.parametrize("slowness", [1, 3])
def test_after_a_minute_the_time_left_is_right_within_a_fifth(slowness: int) -> None:
    ms = slowness / 1000
    photos, pairs = 60_000, 18_000
    run = Run(
        ("describe", photos, 15 * ms),
        ("features", photos, 0.3 * ms),
        ("votes", photos, 5 * ms),
        ("prove", pairs, 60 * ms),
        ("look", pairs // 2, 60 * ms),
    )
    told = [(run.now_s, run.time.seconds()) for _ in run.steps()]
    end_s = run.now_s
    late = [(now_s, left_s) for now_s, left_s in told if 60 < now_s < end_s - 60]
    assert len(late) > 100
    for now_s, left_s in late:
        assert left_s is not None
        assert left_s + now_s == pytest.approx(end_s, rel=0.2)


def test_the_bar_never_goes_back_and_ends_full() -> None:
    run = Run(("describe", 1000, 0.02), ("votes", 1000, 0.001), ("prove", 9000, 0.05))
    shares = [share for _ in run.steps() if (share := run.time.share()) is not None]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.2
    run.time.note(Step("look", 5, 5))
    run.time.note(Step("group", 5, 5))
    assert run.time.share() == pytest.approx(1.0)


def test_nothing_is_told_before_anything_is_known() -> None:
    time = TimeLeft(INDEX)
    assert time.seconds() is None
    time.note(Step("scan", 500, None))
    assert time.seconds() is None
    assert time.share() is None


def test_pairs_are_called_pairs() -> None:
    assert words_of(Step("prove", 576, 13620)) == "Proving: 576 of 13,620 pairs"
    assert words_of(Step("scan", 1500, None)) == "Scanning: 1,500 files"
    assert words_of(Step("describe", 1, 2)) == "Describing: 1 of 2 photos"


def test_what_is_done_at_the_first_word_of_a_phase_took_time_too() -> None:
    run = Run()
    run.time.note(Step("features", 9, 9))
    run.now_s += 2
    run.time.note(Step("prove", 64, 128))
    assert run.time.rate == pytest.approx(32)
    run.now_s += 2
    run.time.note(Step("look", 0, 10))
    run.now_s += 1
    assert run.time.rate == 0
    run.time.note(Step("look", 5, 10))
    assert run.time.rate == pytest.approx(5)
