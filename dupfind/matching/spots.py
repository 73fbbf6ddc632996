"""Find a small place where two pictures differ by more than saving makes: a word, a retouched spot, an eye.

In:  two looks that show the same the same way round. Out: whether there is one. No disk, database or model.

Whatever a picture is saved as, what that changes grows with what is to be seen in a place, everywhere alike:
of the places with as much to see one in a hundred differs by the usual most, and none by three times that. Of
copies that were only saved, once or several times, or reduced, none reached 2.7 times. Where most pixels are
the very same, nothing was rounded: what little differs in a place was changed there.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.quality import Look
from dupfind.matching.reducing import reduced_as

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Limits:
    """What counts as a spot.

    Attributes:
        times: The usual most.
        levels: Grey levels, the mean of 3 x 3 pixels.
        pixels: That are beside each other, at least.
        rounded: Levels that rounding adds everywhere.
    """

    times: float
    levels: float
    pixels: int
    rounded: float


LONG_PX = 1024  # side up to which places are compared
_USUAL = Limits(times=3.2, levels=8.0, pixels=3, rounded=1.5)
# Of copies in few colours dots stand out by themselves: of 168 one reached 4.5 times.
_PALETTE = Limits(times=4.75, levels=16.0, pixels=6, rounded=1.5)
# Of those that are the very same but in that place. Another decoder may round otherwise.
_SAME = Limits(times=3.2, levels=2.0, pixels=3, rounded=0.5)
_BESIDE_TIMES = 0.69  # as many, of the pixels beside
MOSTLY_SAME = 0.75  # share of the pixels that are the very same
_MOST = 99  # percentile
_KINDS = 6  # of places, by how much is to be seen
_SEEN_PX = 9
_EVERY = 7  # pixel that tells how much is to be seen


def has_spot(a: Look, b: Look, *, palette: bool = False) -> bool:
    """Say whether b differs from a, which is as large or larger, by much in one small place.

    ``palette``: b is in few colours.
    """
    one, other = _of_one_size(a, b)
    if one.shape != other.shape or min(other.shape) < 2 * _SEEN_PX:
        return False
    rest = other - one
    limits = _PALETTE if palette else _SAME if (rest == 0).mean() >= MOSTLY_SAME else _USUAL
    apart = np.abs(cv2.blur(rest - float(np.median(rest)), (3, 3)))
    times = np.asarray(apart / (_usual_most(one, apart) + limits.rounded), np.float32)
    beside = (times > _BESIDE_TIMES * limits.times) & (apart > limits.levels)
    count, places, boxes, _ = cv2.connectedComponentsWithStats(
        beside.astype(np.uint8), connectivity=8
    )
    strong = np.unique(places[(times > limits.times) & beside])
    return bool(count > 1 and (boxes[strong, cv2.CC_STAT_AREA] >= limits.pixels).any())


def _of_one_size(a: Look, b: Look) -> tuple[Floats, Floats]:
    """Return both as large as b, at most ``LONG_PX``."""
    scale = LONG_PX / max(b.grey.shape)
    if scale < 1:
        size = round(b.width * scale), round(b.height * scale)
        one, other = (cv2.resize(look.grey, size, interpolation=cv2.INTER_AREA) for look in (a, b))
    elif a.grey.shape == b.grey.shape or any(
        x < y for x, y in zip(a.grey.shape, b.grey.shape, strict=True)
    ):
        one, other = a.grey, b.grey
    else:
        one, other = reduced_as(a.grey, b.grey), b.grey
    return np.asarray(one, np.float32), np.asarray(other, np.float32)


def _usual_most(picture: Floats, apart: Floats) -> Floats:
    """Return what places with as much to see differ by at most, but for one in a hundred."""
    fine = np.abs(picture - cv2.GaussianBlur(picture, (0, 0), 1.5))
    seen = cv2.blur(fine, (_SEEN_PX, _SEEN_PX))
    seen = cv2.dilate(seen, np.ones((_SEEN_PX, _SEEN_PX), np.uint8))
    edges = np.quantile(seen.ravel()[::_EVERY], np.linspace(0, 1, _KINDS + 1)[1:-1])
    kind = np.searchsorted(edges, seen)
    found = [apart[kind == one] for one in range(_KINDS)]
    most = [float(np.percentile(one, _MOST)) if len(one) else 0.0 for one in found]
    return np.asarray(np.maximum.accumulate(most)[kind], np.float32)
