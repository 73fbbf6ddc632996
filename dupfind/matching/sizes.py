"""At what size to work on a picture: by its long side, and by its area where it is very wide or tall.

In:  the shape of a picture. Out: sizes in pixels. No disk, database or model.
"""

WIDE = 3.0  # long side over short side, up to which the long side alone gives the size


def stretch(shape: tuple[int, ...]) -> float:
    """Return how much longer than of an ordinary picture the long side may be; 1 up to ``WIDE``.

    Beyond it the short side keeps as many pixels as at ``WIDE``, until the area is ``WIDE`` times that
    of a square picture; from there on the area stays: a strip costs three pictures at most.

    Args:
        shape: Height and width, and what else there may be.
    """
    ratio = max(shape[:2]) / max(1, min(shape[:2]))
    return min(ratio / WIDE, (WIDE * ratio) ** 0.5) if ratio > WIDE else 1.0


def long_side(shape: tuple[int, ...], ordinary_px: int) -> int:
    """Return the long side to work at, where that of an ordinary picture is ``ordinary_px``."""
    return round(ordinary_px * stretch(shape))
