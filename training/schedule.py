"""Schedules over the progress of a run, which goes from 0 to 1."""

import math


def cosine(start: float, end: float, progress: float) -> float:
    """Go from ``start`` to ``end`` along half a cosine."""
    progress = min(1.0, max(0.0, progress))
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def linear(start: float, end: float, progress: float) -> float:
    """Go from ``start`` to ``end`` along a line, and stay there."""
    return start + (end - start) * min(1.0, max(0.0, progress))


def warmup_cosine(peak: float, end: float, warmup: float, progress: float) -> float:
    """Rise from 0 to ``peak`` over the share ``warmup`` of the run, then fall to ``end``."""
    if progress < warmup:
        return linear(0.0, peak, progress / warmup)
    return cosine(peak, end, (progress - warmup) / max(1e-9, 1 - warmup))
