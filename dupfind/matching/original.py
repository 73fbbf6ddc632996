"""Judge which of two pictures was made from the other.

In:  ``Look`` of the pictures and the matrix that lays one on the other. Out: a ``Verdict``. No disk, database or
model.

Every clue is a trace that an alteration leaves in the altered picture: a vote with a weight. The votes of a
pair add up to its margin; where they balance nothing is said.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.extent import Extent, extent_of
from dupfind.matching.overlay import changed_in, written_over
from dupfind.matching.quality import Look, carries
from dupfind.matching.sharpness import Sharpness, sharpness
from dupfind.matching.tones import Tones, tones

CLEAR = 1.0  # margin from which on a verdict says which one is the source


class Clue(StrEnum):
    """A trace that says a picture was made from the other one."""

    CONTAINS = "contains"  # it shows the other inside a frame, a page, a collage
    PART = "part"
    WRITTEN = "written-over"
    ONE_TONE = "one-tone"  # grey, sepia, duotone
    CLIPPED = "clipped"
    DIMMED = "dimmed"
    FLATTER = "less-contrast"
    STEPS = "fewer-tones"
    UNEVEN = "uneven-light"
    OVERCOLOURED = "stronger-colours"
    SOFTER = "softer"
    SHARPENED = "sharpened"
    NOISY = "noisy"
    FLAT = "flattened"  # pixelated, painted
    COARSE = "coarser-saved"
    RESAVED = "saved-from-it"  # it carries the steps of the other's compression
    ENLARGED = "enlarged"
    REDUCED = "reduced"
    TURNED = "turned"
    EDITOR = "editor"
    NO_CAMERA = "no-camera"
    MINORITY = "minority"  # most of the group are like the other


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the clues say of a pair.

    Attributes:
        against_a: Clues that a was made from b, with their weights.
        against_b: Clues that b was made from a.
        alike: Whether the two show the same in the same colours, the same way round.
        changed_share: Share of the overlap that differs by more than saving anew explains.
    """

    against_a: Mapping[Clue, float] = field(default_factory=dict)
    against_b: Mapping[Clue, float] = field(default_factory=dict)
    alike: bool = False
    changed_share: float = 0.0

    @property
    def margin(self) -> float:
        """How clearly b was made from a; negative the other way round."""
        return sum(self.against_b.values()) - sum(self.against_a.values())

    def reversed(self) -> "Verdict":
        """Return the verdict of (b, a)."""
        return Verdict(self.against_b, self.against_a, self.alike, self.changed_share)

    def weight(self, *clues: Clue) -> float:
        """Return how much the clues weigh against b, less what they weigh against a."""
        return sum(self.against_b.get(c, 0.0) - self.against_a.get(c, 0.0) for c in clues)


def judge(
    a: Look, b: Look, matrix: NDArray[np.float64], *, container: str | None = None
) -> Verdict:
    """Say which of two pictures was made from the other.

    Args:
        a, b: The two pictures.
        matrix: (3, 3) leads from (x, y) in [0, 1] of a to the same of b (``relation.in_shares``).
        container: ``a`` or ``b`` where that one is known to hold the other among other things.
    """
    votes = _Votes()
    extent = extent_of(a.colour, b.colour, matrix)
    exact = matrix if extent.turn is None else extent.turn
    colour_a, seen = _laid(a.colour, b.colour, exact)
    found = tones(colour_a, b.colour, seen)
    if container is not None:
        votes.add(Clue.CONTAINS, 4.0 if container == "b" else -4.0)
    _vote_extent(votes, extent)
    alike = extent.turn is not None and np.allclose(extent.turn, np.eye(3))
    if found is not None:
        _vote_tones(votes, found, a, b)
        alike = alike and found.changed < SAME_TONES
    softness = 0.0
    if extent.turn is not None:
        same_tones = found is None or found.changed < SAME_TONES
        softness = _vote_detail(votes, a, b, extent.turn, same_tones=same_tones)
    if abs(softness) < 0.5 and Clue.ONE_TONE not in votes.against_a | votes.against_b:
        score = written_over(colour_a, b.colour, seen)
        votes.add(Clue.WRITTEN, float(np.clip(2.5 * score, -4, 4)) * (1 - abs(softness) / 0.5))
    if alike and votes.strongest < 0.3 and a.grey.shape == b.grey.shape:
        votes.add(Clue.COARSE, _coarser(a, b))
    votes.add(Clue.EDITOR, 1.1 * (float(b.edited) - float(a.edited)))
    votes.add(Clue.NO_CAMERA, 0.6 * (float(a.camera) - float(b.camera)))
    changed_share = changed_in(colour_a, b.colour, seen)
    return Verdict(votes.against_a, votes.against_b, alike, changed_share)


SAME_TONES = 5.0  # grey levels that the colours of re-encoded copies differ by at most
UNTOLD_STEPS = 2.6  # logarithm of the steps of a good JPEG


class _Votes:
    """Collects clues: those against b have a positive weight, those against a a negative one."""

    def __init__(self) -> None:
        self.against_a: dict[Clue, float] = {}
        self.against_b: dict[Clue, float] = {}

    @property
    def strongest(self) -> float:
        """The largest weight of any clue."""
        return max((*self.against_a.values(), *self.against_b.values()), default=0.0)

    def add(self, clue: Clue, weight: float) -> None:
        side = self.against_b if weight > 0 else self.against_a
        if abs(weight) > 0.05:
            side[clue] = round(side.get(clue, 0.0) + abs(weight), 2)


def _laid(
    a: NDArray[np.uint8], b: NDArray[np.uint8], matrix: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return a drawn as it lies in b's frame, and where in that frame it is seen."""
    high, wide = b.shape[:2]
    half = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1.0]])  # OpenCV counts from pixel centres
    warp = (
        half
        @ np.diag([wide, high, 1.0])
        @ matrix
        @ np.diag([1 / a.shape[1], 1 / a.shape[0], 1.0])
        @ np.linalg.inv(half)
    )
    zoom = float(abs(np.linalg.det(warp[:2, :2])) ** 0.5)
    if zoom < 1:
        sigma = 0.5 * max(0.1, 1 / max(zoom, 1e-3) ** 2 - 1) ** 0.5
        a = np.asarray(cv2.GaussianBlur(a, (0, 0), sigma), np.uint8)
    size = (wide, high)
    drawn = cv2.warpPerspective(
        a, warp, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    all_of_it = np.ones(a.shape[:2], np.uint8)
    seen = cv2.warpPerspective(all_of_it, warp, size, flags=cv2.INTER_NEAREST)
    inner = cv2.erode(seen, np.ones((5, 5), np.uint8), borderValue=0) > 0
    return np.asarray(drawn, np.uint8), np.asarray(inner)


def _vote_extent(votes: _Votes, extent: Extent) -> None:
    votes.add(Clue.CONTAINS, 8.0 * (extent.around_b - extent.around_a))
    votes.add(Clue.PART, 6.0 * (extent.more_a - extent.more_b))


def _vote_tones(votes: _Votes, found: Tones, a: Look, b: Look) -> None:
    low, high = sorted((found.line_a, found.line_b))
    if high > 2 and high > 2.2 * low and low < 3:
        votes.add(Clue.ONE_TONE, math.copysign(6.0, found.line_a - found.line_b))
    elif found.changed > SAME_TONES and high > 1.15 * low:
        more = math.log(found.line_b / max(found.line_a, 0.1))
        votes.add(Clue.OVERCOLOURED, float(np.clip(more, -0.5, 0.5)))
    lost = found.lost_b - found.lost_a
    if abs(lost) > 0.002:
        votes.add(Clue.CLIPPED, math.copysign(min(4.0, 1.0 + 40 * abs(lost)), lost))
    dimmed = found.dimmed_b - found.dimmed_a
    if abs(dimmed) > 0.002:
        votes.add(Clue.DIMMED, math.copysign(min(4.0, 1.0 + 40 * abs(dimmed)), dimmed))
    if found.changed > SAME_TONES and abs(found.contrast) > 0.08 and abs(lost) < 0.002:
        votes.add(Clue.FLATTER, float(np.clip(-2 * found.contrast, -0.8, 0.8)))
    if found.changed > SAME_TONES and found.uneven:
        votes.add(Clue.UNEVEN, float(np.clip(found.uneven, -2.5, 2.5)))
    comb = b.comb - a.comb
    if abs(comb) > 0.08:
        votes.add(Clue.STEPS, float(np.clip(comb * 15, -4, 4)))
    few = min(a, b, key=lambda look: look.colours)
    if max(a.colours, b.colours) > 2000 and few.colours <= 256 and few.off_line > 3:
        votes.add(Clue.STEPS, math.copysign(3.0, a.colours - b.colours))


def _vote_detail(
    votes: _Votes, a: Look, b: Look, turn: NDArray[np.float64], *, same_tones: bool
) -> float:
    """Vote by the fine structure of two whole pictures; return how much softer a is (logarithm)."""
    grey_a, grey_b = turned(a.grey, turn), b.grey
    wide, high = grey_b.shape[1] / grey_a.shape[1], grey_b.shape[0] / grey_a.shape[0]
    sizes = (max(wide, 1 / wide), max(high, 1 / high))
    if max(sizes) > RESIZED:
        for axis, ratio in ((1, wide), (0, high)):
            _vote_size(votes, grey_a, grey_b, axis, ratio)
    smaller = grey_a if wide * high > 1 else grey_b
    size = smaller.shape[::-1]
    if grey_a.shape[::-1] != size:
        grey_a = np.asarray(cv2.resize(grey_a, size, interpolation=cv2.INTER_AREA), np.uint8)
    if grey_b.shape[::-1] != size:
        grey_b = np.asarray(cv2.resize(grey_b, size, interpolation=cv2.INTER_AREA), np.uint8)
    levelled = _levelled(grey_b, grey_a)
    found = sharpness(grey_a.astype(np.float32), levelled)
    if found is None:
        return 0.0
    same_size = max(sizes) <= 1
    _vote_sharpness(votes, found, same_size=same_size, same_tones=same_tones)
    if same_size:
        _vote_saving(votes, a, b, turn)
    return found.finest


RESIZED = 1.015
BLUR_LIKE = 0.72  # of what is lost of the finest structure, also lost of the next
BLURRED = 5.0  # weight


def turned(grey: NDArray[np.uint8], turn: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return a picture turned by quarters and mirrored as ``turn`` (3 x 3, in shares) says."""
    linear = np.rint(turn[:2, :2]).astype(int)
    if linear[0, 0] == 0:
        grey = grey.T
        linear = linear[:, ::-1]
    if linear[0, 0] < 0:
        grey = grey[:, ::-1]
    if linear[1, 1] < 0:
        grey = grey[::-1]
    return np.ascontiguousarray(grey)


def _levelled(grey: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return ``grey`` with the tones of ``wanted``: the mean of it at each level."""
    count = np.bincount(grey.ravel(), minlength=256).astype(np.float64)
    means = np.bincount(grey.ravel(), wanted.ravel(), 256) / np.maximum(count, 1)
    known = np.flatnonzero(count >= 8)
    if len(known) < 2:
        return grey.astype(np.float32)
    curve = np.interp(np.arange(256), known, means[known])
    curve = np.convolve(np.pad(curve, 4, mode="edge"), np.ones(9) / 9, mode="valid")
    return np.asarray(curve[grey], np.float32)


def _vote_size(
    votes: _Votes, grey_a: NDArray[np.uint8], grey_b: NDArray[np.uint8], axis: int, ratio: float
) -> None:
    """Vote whether the one with more pixels along an axis has more to show for it."""
    if max(ratio, 1 / ratio) < RESIZED:
        return
    larger, smaller = (grey_b, grey_a) if ratio > 1 else (grey_a, grey_b)
    if axis == 0:
        larger, smaller = larger.T, smaller.T
    softer = enlarged(larger, smaller)
    sign = 1.0 if ratio > 1 else -1.0
    clue = Clue.ENLARGED if softer > 0 else Clue.REDUCED
    votes.add(clue, sign * float(np.clip(softer, -3, 3)))


def enlarged(larger: NDArray[np.uint8], smaller: NDArray[np.uint8]) -> float:
    """Return how clearly a picture is an enlargement along its rows; negative where it has the detail."""
    # The other axis to the same size first, by the same means for both.
    rows = min(larger.shape[0], smaller.shape[0])
    one, two = (
        np.asarray(
            cv2.resize(
                np.ascontiguousarray(grey), (grey.shape[1], rows), interpolation=cv2.INTER_AREA
            ),
            np.uint8,
        )
        for grey in (larger, smaller)
    )
    reduced = cv2.resize(one, (two.shape[1], rows), interpolation=cv2.INTER_AREA)
    share = two.shape[1] / one.shape[1]
    # Reducing by area softens by itself, most at factors near 1.
    usual = -0.1 - 0.12 * float(np.clip((share - 0.5) / 0.35, 0, 1.1))
    soft = _fine_along(np.asarray(reduced, np.uint8), two)
    return 18.0 * (usual - soft) + 0.6 * (_missing_beyond(one, share) - 1.3)


def _missing_beyond(grey: NDArray[np.uint8], share: float) -> float:
    """Return how much less there is along the rows beyond ``share`` of the finest than below it leads to expect.

    A natural logarithm of energy, against the straight line that a picture's spectrum follows.
    """
    values = grey.astype(np.float32)
    window = np.hanning(values.shape[1]).astype(np.float32)
    centred = (values - values.mean(axis=1, keepdims=True)) * window
    power = np.asarray((np.abs(np.fft.rfft(centred, axis=1)) ** 2).mean(axis=0) + 1e-6)
    frequency = np.fft.rfftfreq(values.shape[1])
    cut = 0.5 * share
    below = (frequency > 0.04) & (frequency < 0.8 * cut)
    above = frequency > min(cut * 1.08, 0.46)
    if below.sum() < 4 or above.sum() < 2:
        return 1.3
    slope, offset = np.polyfit(np.log(frequency[below]), np.log(power[below]), 1)
    expected = slope * np.log(frequency[above]) + offset
    return float((expected - np.log(power[above])).mean())


def _fine_along(one: NDArray[np.uint8], two: NDArray[np.uint8]) -> float:
    """Return the logarithm of the finest structure along the rows of one over that of two."""
    energies = []
    for grey in (one, two):
        values = grey.astype(np.float32)
        fine = values - cv2.GaussianBlur(values, (0, 0), 0.6, sigmaY=0.001)
        coarse = cv2.GaussianBlur(values, (0, 0), 2.0) - cv2.GaussianBlur(values, (0, 0), 4.0)
        energies.append(
            [cv2.blur(band * band, (17, 17))[8::8, 8::8] + 0.3 for band in (fine, coarse)]
        )
    (fine_one, coarse_one), (fine_two, coarse_two) = energies
    busy = coarse_two >= np.median(coarse_two)
    level = np.median(np.log(coarse_one[busy] / coarse_two[busy]))
    return float(np.median(np.log(fine_one[busy] / fine_two[busy])) - level) / 2


def _vote_sharpness(votes: _Votes, found: Sharpness, *, same_size: bool, same_tones: bool) -> None:
    scale, least = (1.0, 0.06) if same_size else (0.5, 0.25)
    rising = math.copysign(1.0, found.finest)
    noise = rising * (
        _noise(found.noise_b, found.noise_a, found.white_b)
        if rising > 0
        else _noise(found.noise_a, found.noise_b, found.white_a)
    )
    blurred = abs(found.fine) > 0.68 * abs(found.finest) and abs(found.middle) > 0.15 * abs(
        found.finest
    )
    if abs(found.finest) < 0.08 or blurred:
        noise = 0.0
    votes.add(Clue.NOISY, scale * noise)
    if abs(noise) > 1:
        return
    flat = found.flat_b - found.flat_a
    if same_tones and abs(flat) > 0.12:
        votes.add(Clue.FLAT, scale * float(np.clip(12 * flat, -4, 4)))
        if flat * found.finest > 0:
            return
    middle = rising * found.middle
    if middle > max(0.1, 0.3 * abs(found.finest)) and found.shared > 0.75:
        votes.add(Clue.SHARPENED, scale * rising * min(4.0, 12 * middle))
    elif abs(found.finest) > least:
        weight = min(6.0, 8 * abs(found.finest))
        if abs(found.finest) > 0.1 and rising * found.fine > BLUR_LIKE * abs(found.finest):
            weight = max(weight, BLURRED)  # saving coarsely spares what is less fine
        votes.add(Clue.SOFTER, -scale * rising * weight)


def _noise(own: float, other: float, white: float) -> float:
    """Return how clearly a picture got noise, by what it has that the other does not explain."""
    if own < 2.5 or own < other:
        return 0.0
    sure = float(
        np.clip((white - 0.6) / 0.12, 0, 1) * np.clip((own / max(other, 0.1) - 1) / 0.1, 0, 1)
    )
    loud = float(np.clip((own - 8) / 6, 0, 1)) if own < 8 * other else 0.0  # a screen of dots
    return 4.0 * max(sure, loud)


def _vote_saving(votes: _Votes, a: Look, b: Look, turn: NDArray[np.float64]) -> None:
    """Vote by the traces of compression: whose steps the other carries, who has the coarser blocks."""
    laid_a = turned(a.grey, turn)
    for source, other, sign in ((a, b, 1.0), (b, a, -1.0)):
        if source.table is None or not _finer(other, source):
            continue
        back = turned_back(_levelled(b.grey, laid_a), turn) if sign > 0 else _levelled(laid_a, b.grey)
        off = carries(back, source.table)
        if off is not None and off < 0.19:
            votes.add(Clue.RESAVED, sign * float(np.clip((0.2 - off) * 60, 0, 6)))


def turned_back(grey: NDArray[np.float32], turn: NDArray[np.float64]) -> NDArray[np.float32]:
    """Undo ``turned``."""
    return turned(grey, np.linalg.inv(turn))  # type: ignore


def _coarser(a: Look, b: Look) -> float:
    """Return how clearly b was saved with coarser steps than a."""
    coarser = math.log(b.step / a.step)
    # What a file without a table went through before, nobody knows.
    untold = UNTOLD_STEPS if (a.table is None) != (b.table is None) else 0.7
    coarser = math.copysign(max(0.0, abs(coarser) - untold), coarser)
    return float(np.clip(coarser, -3, 3))


def _finer(look: Look, than: Look) -> bool:
    """Say whether a picture could show the steps of another's compression."""
    if look.table is None:
        return True
    return than.table is not None and float(than.table.mean()) > 1.4 * float(look.table.mean())
