"""Schedules over the progress of a run, which goes from 0 to 1."""

import math


def cosine(start: float, end: float, progress: float) -> float:
    """Go from ``start`` to ``end`` along half a cosine."""
    progress = min(1.0, max(0.0, progress))
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def linear(start: float, end: float, progress: float) -> float:
    """Go from ``start`` to ``end`` along a line, and stay there."""
    return start + (end - start) * min(1.0, max(0.0, progress))


def warmup_cosine(
    peak: float, end: float, warmup: float, progress: float, *, hold: float = 0.0
) -> float:
    """Rise from 0 to ``peak`` over the share ``warmup`` of the run, then fall to ``end``.

    Between, stay at the peak for the share ``hold``: such a run can be ended early at any time, by
    a short fall from where it stands (arXiv 2405.18392).
    """
    if progress < warmup:
        return linear(0.0, peak, progress / warmup)
    falls_at = warmup + hold
    return cosine(peak, end, (progress - falls_at) / max(1e-9, 1 - falls_at))
