"""Vote which of two whole pictures was made from the other by their fine structure and their compression.

In:  two looks and the quarter turn between them. Out: votes. No disk, database or model.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.clues import Clue, Votes
from dupfind.matching.quality import Look, carries
from dupfind.matching.sharpness import Sharpness, hardest_edges, sharpness
from dupfind.matching.turning import turned

RESIZED = 1.015
BLUR_LIKE = 0.72  # of what is lost of the finest structure, also lost of the next
BLURRED = 5.0  # weight


def vote_detail(
    votes: Votes, a: Look, b: Look, turn: NDArray[np.float64], *, same_tones: bool
) -> tuple[float, float | None]:
    """Vote by the fine structure of two whole pictures.

    Returns:
        How much softer a is (logarithm), and the strength of b's hardest edges over a's (None
        where nothing tells).
    """
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
        return 0.0, None
    same_size = max(sizes) <= 1
    _vote_sharpness(votes, found, same_size=same_size, same_tones=same_tones)
    if same_size:
        _vote_saving(votes, a, b, turn)
    return found.finest, hardest_edges(grey_a, levelled)


def _levelled(grey: NDArray[np.uint8], wanted: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return ``grey`` with the tones of ``wanted``: the mean of it at each level."""
    together = cv2.calcHist([grey, wanted], [0, 1], None, [256, 256], [0, 256, 0, 256])
    count = together.sum(axis=1, dtype=np.float64)
    means = (together @ np.arange(256.0)) / np.maximum(count, 1)
    known = np.flatnonzero(count >= 8)
    if len(known) < 2:
        return grey.astype(np.float32)
    curve = np.interp(np.arange(256), known, means[known])
    curve = np.convolve(np.pad(curve, 4, mode="edge"), np.ones(9) / 9, mode="valid")
    return np.asarray(cv2.LUT(grey, curve.astype(np.float32)), np.float32)


def _vote_size(
    votes: Votes, grey_a: NDArray[np.uint8], grey_b: NDArray[np.uint8], axis: int, ratio: float
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
    """Return how much less there is along the rows beyond ``share`` of the finest than expected.

    A natural logarithm of energy, against the straight line that a picture's spectrum follows below.
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


def _vote_sharpness(votes: Votes, found: Sharpness, *, same_size: bool, same_tones: bool) -> None:
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


def _vote_saving(votes: Votes, a: Look, b: Look, turn: NDArray[np.float64]) -> None:
    """Vote by the traces of compression: whose steps the other carries, who has the coarser blocks."""
    laid_a = turned(a.grey, turn)
    for source, other, sign in ((a, b, 1.0), (b, a, -1.0)):
        if source.table is None or not _finer(other, source):
            continue
        back = (
            turned_back(_levelled(b.grey, laid_a), turn) if sign > 0 else _levelled(laid_a, b.grey)
        )
        off = carries(back, source.table)
        if off is not None and off < 0.19:
            votes.add(Clue.RESAVED, sign * float(np.clip((0.2 - off) * 60, 0, 6)))


def turned_back(grey: NDArray[np.float32], turn: NDArray[np.float64]) -> NDArray[np.float32]:
    """Undo ``turned``."""
    return turned(grey, np.asarray(np.linalg.inv(turn), np.float64))


def _finer(look: Look, than: Look) -> bool:
    """Say whether a picture could show the steps of another's compression."""
    if look.table is None:
        return True
    return than.table is not None and float(than.table.mean()) > 1.4 * float(look.table.mean())
