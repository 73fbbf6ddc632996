"""How two pictures laid on each other agree: block by block, after a fit of tone and a last nudge.

In:  two grey pictures of one shape and a mask. Out: shares and numbers for ``compare``.
No disk, database or model.
"""

from collections.abc import Callable
from threading import local

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.channels import highest, lowest
from dupfind.matching.levels import middle_values
from dupfind.matching.spread import percentile

BLOCK_PX = 12
STEP_PX = 6
TEXTURE_STD = 6.0  # grey levels of 255: a block below it is flat
AGREE_CORRELATION = 0.75
STRIPE_STD = 3.0  # grey levels that must be left of a block without its profiles, to be compared
STRIPE_MARGIN = 0.45  # how much less these may correlate than the whole block must
PAPER_TONE = 8  # grey levels that paper may vary by
PAPER_LIGHT = 160  # grey level from which on a background is taken for paper
PHOTO_BELOW, PAPER_RAMP = 0.35, 0.25  # from these shares of background on, paper by degrees
INK_WEIGHT = 16.0
TONE_LEVELS, TONE_LEVEL_PIXELS = 17, 20  # of a tone curve; pixels that one of them needs
TONE_LEVEL_WIDTH = 15  # grey levels
TONE_PIXELS, TONE_CURVE_PIXELS = 16_000, 32_000  # looked at for the fits of tone
SOFTEN_PX = 0.8  # standard deviation of the blur before blocks are correlated
FLAT_TOLERANCE = 12.0  # grey levels that flat blocks may differ by after the fit of tone


def block_agreement(
    grey_a: NDArray[np.float32],
    grey_b: NDArray[np.float32],
    mask: NDArray[np.bool_],
    difference: NDArray[np.float32],
    *,
    negative: bool,
) -> dict[str, float]:
    """Correlate overlapping blocks of ``BLOCK_PX`` and sum up which agree."""

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        blurred = cv2.blur(values, (BLOCK_PX, BLOCK_PX), borderType=cv2.BORDER_REFLECT)
        return np.asarray(blurred[BLOCK_PX // 2 :: STEP_PX, BLOCK_PX // 2 :: STEP_PX], np.float32)

    whole = mean(mask.astype(np.float32)) > 0.95
    mean_a, mean_b = mean(grey_a), mean(grey_b)
    std_a = np.sqrt(np.maximum(mean(grey_a * grey_a) - mean_a**2, 0))
    std_b = np.sqrt(np.maximum(mean(grey_b * grey_b) - mean_b**2, 0))
    covariance = mean(grey_a * grey_b) - mean_a * mean_b
    correlation = covariance / np.maximum(std_a * std_b, 4.0)
    if negative:
        correlation = -correlation
    correlation = np.minimum(correlation, _across_stripes(grey_a, grey_b, mean, negative=negative))
    # A photo of low contrast still has texture: measure it against the photo's own.
    rough_a = std_a > TEXTURE_STD * min(1.0, _spread(grey_a[mask]) / 45)
    rough_b = std_b > TEXTURE_STD * min(1.0, _spread(grey_b[mask]) / 45)
    textured, flat = whole & (rough_a | rough_b), whole & ~(rough_a | rough_b)
    agrees = correlation > AGREE_CORRELATION
    wrong = textured & ~agrees
    two_sided = (wrong & rough_a & rough_b).astype(np.uint8)
    values = correlation[textured]
    same_tone = mean(difference) < FLAT_TOLERANCE
    changed = wrong | (flat & ~same_tone)
    independent = (STEP_PX / BLOCK_PX) ** 2
    return {
        "agree": share_of(agrees, textured),
        "correlation": float(values.mean()) if values.size else 0.0,
        "low_correlation": float(np.percentile(values, 20)) if values.size else 0.0,
        "flat_agree": share_of(same_tone, flat),
        "changed": share_of(changed, whole) if whole.any() else 1.0,
        "textured": float(textured.sum() * independent),
        "textured_share": float(textured.sum() / max(1, whole.sum())),
        "two_sided": share_of(two_sided > 0, textured) if textured.any() else 0.0,
        "largest_wrong": _largest(two_sided) / max(1, int(whole.sum())),
    }


def _across_stripes(
    grey_a: NDArray[np.float32],
    grey_b: NDArray[np.float32],
    mean: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    *,
    negative: bool,
) -> NDArray[np.float32]:
    """Return an upper bound on each block's correlation from what is no upright stripe in it.

    Lines of text, blinds and tables correlate whatever is written there, once the lines meet. What is
    left after the profiles along x and y are taken out must correlate too, if less; 1 where too
    little is left to tell.
    """
    rest_a, rest_b = _without_profiles(grey_a), _without_profiles(grey_b)
    std_a, std_b = (np.sqrt(np.maximum(mean(rest * rest), 0)) for rest in (rest_a, rest_b))
    rest = mean(rest_a * rest_b) / np.maximum(std_a * std_b, 1.0)
    told = (std_a > STRIPE_STD) & (std_b > STRIPE_STD)
    bound = (-rest if negative else rest) + STRIPE_MARGIN
    return np.where(told, bound, np.float32(1))


def _without_profiles(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    for size in ((BLOCK_PX, 1), (1, BLOCK_PX)):
        grey = grey - cv2.blur(grey, size, borderType=cv2.BORDER_REFLECT)
    return grey


def settle(
    grey_a: NDArray[np.float32], grey_b: NDArray[np.float32], mask: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Take out the alignment's last error with one smooth motion; what is left is parallax.

    Returns:
        Picture a moved by the smooth part of the optical flow (at most 2 px), and the length of
        the flow that the smooth part does not explain, in pixels, both (height, width).
    """
    gain, offset = fit_tone(grey_a[mask], grey_b[mask])
    toned = np.clip(gain * grey_a + offset, 0, 255).astype(np.uint8)
    flow = _FLOW.between(np.clip(grey_b, 0, 255).astype(np.uint8), toned)
    smooth = np.clip(_smooth(flow, mask), -2, 2)
    height, width = grey_a.shape
    moved = cv2.remap(
        grey_a,
        smooth[..., 0] + np.arange(width, dtype=np.float32),
        smooth[..., 1] + np.arange(height, dtype=np.float32)[:, None],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    apart = flow - smooth
    return moved, cv2.magnitude(apart[..., 0], apart[..., 1])


def _smooth(flow: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Fit a quadratic surface to each axis of the flow within ``mask``, (height, width, 2)."""
    height, width = mask.shape
    y = (np.arange(height, dtype=np.float32) / height - 0.5)[:, None]
    x = np.arange(width, dtype=np.float32) / width - 0.5
    rows, columns = (places[::7] for places in np.nonzero(mask))
    at_y, at_x = y[rows, 0], x[columns]
    points = np.stack([np.ones_like(at_x), at_x, at_y, at_x * at_y, at_x**2, at_y**2])
    points = points.astype(np.float64)  # for normal equations
    smooth = np.empty_like(flow)
    for axis in (0, 1):
        one, c_x, c_y, c_xy, c_xx, c_yy = _quadratic(points, flow[rows, columns, axis])
        smooth[..., axis] = (one + c_y * y + c_yy * y * y) + x * (c_x + c_xy * y) + c_xx * x * x
    return smooth


def _quadratic(points: NDArray[np.float64], wanted: NDArray[np.float32]) -> NDArray[np.float32]:
    """Solve for the coefficients, (6,); outliers are cut off twice."""
    keep = np.abs(wanted) < 4
    solution = np.zeros(len(points))
    for _ in range(2):
        if keep.sum() < 30:
            return np.zeros(len(points), np.float32)
        part = points.compress(keep, axis=1)
        solution = np.linalg.pinv(part @ part.T, hermitian=True) @ (part @ wanted[keep])
        keep = np.abs(solution @ points - wanted) < 0.7
    return np.asarray(solution, np.float32)


class _Flow(local):
    """The optical flow of each thread: it keeps its memory from one pair to the next."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._flow.setFinestScale(0)

    def between(self, one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return how far each pixel of one is found from its place in the other, (height, width, 2)."""
        return np.asarray(self._flow.calc(one, other, None), np.float32)


_FLOW = _Flow()


def fit_tone(values_a: NDArray[np.float32], values_b: NDArray[np.float32]) -> tuple[float, float]:
    """Return gain and offset of b = gain * a + offset, fitted twice, without the worst third."""
    values_a, values_b = _some(values_a, TONE_PIXELS), _some(values_b, TONE_PIXELS)
    line = _line(values_a, values_b)
    if line is not None:
        error = np.abs(line[0] * values_a + line[1] - values_b)
        keep = np.flatnonzero(error <= percentile(error, 67))
        line = _line(values_a[keep], values_b[keep])
    return line or (1.0, float(np.median(values_b) - np.median(values_a)))


def _line(
    values_a: NDArray[np.float32], values_b: NDArray[np.float32]
) -> tuple[float, float] | None:
    """Return gain and offset from a to b; None where a hardly varies."""
    mean = values_a.mean()
    centred = values_a - mean
    deviation = float(np.sqrt((centred * centred).mean()))
    if deviation < 1.0:
        return None
    gain = float(np.clip(float((centred * values_b).mean() / deviation**2), -3, 5))
    return gain, float(values_b.mean() - gain * mean)


def _some(values: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """Return values spread over all of them, about ``most``: a fit of two numbers needs no more."""
    return values[:: max(1, len(values) // most)]


def ink_weight(grey_a: NDArray[np.float32], grey_b: NDArray[np.float32]) -> float:
    """Return how much more a changed block says than in a photo: 1 of photos, up to ``INK_WEIGHT``.

    On paper and screens most is background, and print or chrome may be shared by hundreds: what is
    written there is all that tells two of them apart. ``grey_a`` and ``grey_b`` are the grey levels
    of the overlap, (pixels,).
    """
    share = min(_background_share(grey_a), _background_share(grey_b))
    return 1 + (INK_WEIGHT - 1) * float(np.clip((share - PHOTO_BELOW) / PAPER_RAMP, 0, 1))


def _background_share(values: NDArray[np.float32]) -> float:
    """Return the share of the pixels within ``PAPER_TONE`` of the most frequent light grey level."""
    levels = np.bincount(np.clip(values, 0, 255).astype(np.uint8), minlength=256)
    near = np.convolve(levels, np.ones(2 * PAPER_TONE + 1), mode="same")
    # A night sky or the space around a planet is dark, and has no writing on it.
    return float(near[PAPER_LIGHT:].max() / max(1, levels.sum()))


def saturation(values: NDArray[np.float32]) -> float:
    return float((highest(values) - lowest(values)).mean())


def colour_shift(values_a: NDArray[np.float32], values_b: NDArray[np.float32]) -> float:
    """Return the mean difference of the channels' offsets from grey, in grey levels."""
    chroma = [values - values.mean(axis=1, keepdims=True) for values in (values_a, values_b)]
    return float(np.abs(chroma[0] - chroma[1]).mean())


def detail(grey: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Return the mean strength of fine structure within ``mask``, in grey levels.

    Finer than two pixels, but not so fine that laying one picture on the other blurs it.
    """
    band = cv2.GaussianBlur(grey, (0, 0), SOFTEN_PX) - cv2.GaussianBlur(grey, (0, 0), 2.0)
    return float(np.abs(band[mask]).mean())


def toned(
    grey_a: NDArray[np.float32], grey_b: NDArray[np.float32], mask: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return picture a with the tone of b: the median of b at each level of a, interpolated."""
    values_a, values_b = (_some(grey[mask], TONE_CURVE_PIXELS) for grey in (grey_a, grey_b))
    known, medians = _tone_curve(values_a, values_b)
    if len(known) < 2:
        gain, offset = fit_tone(values_a, values_b)
        return np.asarray(gain * grey_a + offset, np.float32)
    return np.interp(grey_a, known, medians).astype(np.float32)


def _tone_curve(
    values_a: NDArray[np.float32], values_b: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of a in each of its levels that has enough pixels, and the median of b there."""
    level = np.divide(values_a, TONE_LEVEL_WIDTH, dtype=np.float64)
    place = np.clip(level, 0, TONE_LEVELS - 1).astype(np.int64)
    low, high, count = middle_values(place, values_b, TONE_LEVELS)
    known = np.flatnonzero(count >= TONE_LEVEL_PIXELS)
    means = np.bincount(place, values_a, minlength=TONE_LEVELS)[known] / count[known]
    return means, (low[known] + high[known]) / 2


def soften(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), SOFTEN_PX), np.float32)


def _largest(marked: NDArray[np.uint8]) -> int:
    """Return the size of the largest connected region, in blocks."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(marked, connectivity=4)
    return int(stats[1:, cv2.CC_STAT_AREA].max()) if count > 1 else 0


def _spread(values: NDArray[np.float32]) -> float:
    return float(values.std()) if values.size else 0.0


def share_of(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float:
    count = int(whole.sum())
    return float((part & whole).sum() / count) if count else 1.0
