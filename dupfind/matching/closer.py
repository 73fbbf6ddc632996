"""A second, closer look at a pair that is about to be called a copy: at the finest detail both have.

In:  the pixels of two photos, decoded anew, and the matrix of their proof. Out: a ``CloserLook`` of numbers,
for ``judge``. No disk, database or model.

The proof compares small pictures: the digits of a receipt are not there to be seen. Here the two are laid
on each other at up to ``frame.FRAME_PX``, aligned anew by patches to a fraction of a pixel, and compared
window by window, pixel by pixel, and in the motion that is left.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.align import transform
from dupfind.matching.disagree import Disagreement, deviation_of, disagreement
from dupfind.matching.features import lifted
from dupfind.matching.fine import compare_fine, correlation
from dupfind.matching.frame import FRAME_PX, Frame, make_frame
from dupfind.matching.laid_over import Over, one_shade, what_lies_over
from dupfind.matching.motion import Patches, find_patches, fit_motion
from dupfind.matching.parallax import drift_of
from dupfind.matching.same_tones import laid_by_tones, light_apart
from dupfind.matching.sizes import stretch
from dupfind.matching.spread import median, percentile, spread

COARSE_PX = 400
MIN_OVERLAP_PIXELS = 400
SOFTEN_PX = 0.8
SOFTER_PX = (1.2, 1.7, 2.4, 3.3)  # how much the sharper one is softened, step by step
SHARPER = 1.25  # more fine structure than the other by this factor wants softening
GROUND_LEVELS = 13  # grey levels, the most frequent one in the middle, that are plain ground
FEW_FOR_HOMOGRAPHY = 16
SMALL_SIDE_PX = 480  # of a frame in which letters are too small for any window to disagree
FOUND_AGAIN = 0.5  # share of the patches that must be clear, and of these explained, to go by it


@dataclass(frozen=True)
class CloserLook:
    """What the closer look at two photos found; shares are in [0, 1].

    Attributes:
        windows: Windows with texture that were compared; 0 where there was too little to see.
        textured_share: Their share of the overlap.
        median: Median correlation of the windows; low: their 5th percentile.
        agree: Share of them with a correlation above 0.8.
        wrong: Share of them that disagree.
        two_sided: What both show of their own in the same places, summed over the places.
        largest_two_sided: The same in the worst place.
        crossed: The lesser of what is foreign in one and what is foreign in the other.
        one_sided: What one shows where the other shows nothing, summed.
        plain_two_sided, plain_one_sided: The same on plain ground (paper, screens, skies).
        background: Share of the overlap that is plain ground of one tone, in both.
        clear_share: Share of the patches that are found at one place only.
        explained_share: Share of these that the motion explains.
        apart_px: 90th percentile of how far these are from the motion, in pixels of the frame.
        moved_share: Share of these that are more than a pixel from it.
        fine: Correlation of the pixels in four bands, the finest first; noise of its own has none.
        side_px: Long side of the frame.
        grain: Correlation of the grain where nothing else is to be seen (``fine.Fine``).
        two_sided_texture: ``two_sided`` without what is a flat thing over the other's texture.
        overlaid: Share of the overlap where one shows such a thing: writing, a bar, a sticker.
        sound: ``fine`` where the windows do not disagree: the picture beneath what was laid over it.
        laid_over: Share of the overlap where something lies over one of two that are the same else
            (``laid_over.Over``).
        over_both: Whether each of the two has something of its own, and they are the same else.
        drift_px, jitter_px, unsure_px: How windows lie apart from the motion (``parallax.Drift``).
        same_tones: Whether they were laid corner on corner because they have the same light everywhere
            (``same_tones``), where no patch was found again.
        light_apart: How far their light lies apart, where no patch was found again.
    """

    windows: int
    textured_share: float
    median: float
    low: float
    agree: float
    wrong: float
    two_sided: float
    largest_two_sided: float
    crossed: float
    one_sided: float
    plain_two_sided: float
    plain_one_sided: float
    background: float
    clear_share: float
    explained_share: float
    apart_px: float
    moved_share: float
    fine: tuple[float, float, float, float]
    side_px: int
    two_sided_texture: float
    overlaid: float
    sound: tuple[float, float, float, float]
    grain: float = 1.0
    laid_over: float = 0.0
    over_both: bool = False
    drift_px: float = 0.0
    jitter_px: float = 0.0
    unsure_px: float = 0.0
    same_tones: bool = False
    light_apart: float = 0.0


def look_closer(
    pixels_a: NDArray[np.uint8],
    pixels_b: NDArray[np.uint8],
    matrix: NDArray[np.float64],
    *,
    long_side_px: int = FRAME_PX,
) -> CloserLook | None:
    """Compare two photos at full detail; None where they share too little to be looked at.

    Args:
        pixels_a, pixels_b: (height, width, 3) uint8 sRGB, upright, as large as can be had.
        matrix: (3, 3) from points of a to points of b, as fractions of the long sides.
        long_side_px: Size of the frame at most.
    """
    frame = make_frame(pixels_a, pixels_b, matrix, long_side_px=long_side_px)
    if frame is None:
        return None
    frame = _upright(frame)
    laid = _settled(_realigned(frame))
    if laid is None:
        return None
    look = _measured(laid, max(frame.shape))
    if not look.windows:
        look = _faint_look(frame) or look
    if look.explained_share > 0:
        return look
    by_tones = laid_by_tones(pixels_a, pixels_b, matrix)
    laid = None if by_tones is None else _settled(by_tones)
    return (
        look if laid is None else replace(_measured(laid, max(laid.target.shape)), same_tones=True)
    )


def _faint_look(frame: Frame) -> CloserLook | None:
    """Lay two soft pictures on each other by their faint structure; None where that is not found again.

    What is measured are the pictures as they are: with their noise lifted no two would agree.
    """
    faint = replace(frame, target=lifted(frame.target), source=lifted(frame.source))
    aligned = _realigned(faint)
    laid = _settled(aligned)
    if laid is None or min(laid.clear_share, laid.explained_share) < FOUND_AGAIN:
        return None
    drawn, _ = replace(frame, matrix=aligned.matrix).draw(laid.motion)
    return _measured(replace(laid, drawn=drawn, target=frame.target), max(frame.shape))


@dataclass(frozen=True)
class _Laid:
    """Two pictures on each other after the last motion, and the patches it was measured by."""

    drawn: NDArray[np.float32]
    target: NDArray[np.float32]
    mask: NDArray[np.bool_]
    motion: NDArray[np.float32]
    clear_share: float
    explained_share: float
    apart_px: float
    moved_share: float


def _upright(frame: Frame) -> Frame:
    """Turn the source of a negative about."""
    small = frame.reduced(COARSE_PX // 2)
    drawn, mask = small.draw()
    if int(mask.sum()) < 50 or correlation(drawn[mask], small.target[mask]) > -0.3:
        return frame
    return Frame(frame.target, 255 - frame.source, frame.matrix, frame.swapped)


def _realigned(frame: Frame) -> Frame:
    """Take out an error of the first alignment of up to a line of text or two: by large patches."""
    small = frame.reduced(COARSE_PX)
    drawn, mask = small.draw()
    patches = find_patches(drawn, small.target, mask, per_side=7, half_px=12, reach_px=18)
    clear = patches.clear(score=0.6, margin=0.05)
    motion = fit_motion(patches, clear, small.shape, tolerance_px=2.5, bent=False)
    if motion is None:
        return frame
    moved = _as_matrix(patches, motion.inside, flat=stretch(small.shape) > 1)
    if moved is None:
        return frame
    scale = np.diag([frame.shape[1] / small.shape[1], frame.shape[0] / small.shape[0], 1.0])
    return frame.moved(scale @ moved @ np.linalg.inv(scale))


def _as_matrix(
    patches: Patches, inside: NDArray[np.bool_], *, flat: bool
) -> NDArray[np.float64] | None:
    """Return the homography of the patches' motion; with few patches, or ``flat``, the affine map.

    Across a strip there is too little to measure a perspective by.
    """
    start, end = patches.places[inside], patches.places[inside] + patches.shifts[inside]
    if flat or len(start) < FEW_FOR_HOMOGRAPHY:
        affine, _ = cv2.estimateAffine2D(start, end, method=cv2.LMEDS)
        return None if affine is None else np.vstack([affine, [0, 0, 1.0]])
    matrix, _ = cv2.findHomography(start, end, cv2.LMEDS)
    if matrix is None:
        return None
    apart = np.linalg.norm(transform(matrix, start.astype(np.float32)) - end, axis=1)
    return np.asarray(matrix, np.float64) if median(apart) < 2 else None


def _settled(frame: Frame) -> _Laid | None:
    """Draw the source after two smooth motions measured by small patches; what is left is parallax."""
    drawn, mask = frame.draw()
    if int(mask.sum()) < MIN_OVERLAP_PIXELS:
        return None
    total = np.zeros((*frame.shape, 2), np.float32)
    figures = (0.0, 0.0, 0.0, 0.0)
    for per_side, reach_px, tolerance_px in ((10, 6, 1.5), (12, 5, 1.0)):
        patches = find_patches(
            drawn, frame.target, mask, per_side=per_side, half_px=10, reach_px=reach_px
        )
        clear = patches.clear(score=0.6, margin=0.05)
        clear_share = float(clear.mean()) if len(patches) else 0.0
        motion = fit_motion(patches, clear, frame.shape, tolerance_px=tolerance_px)
        if motion is None:
            figures = (clear_share, 0.0, 0.0, 0.0)
            break
        apart = motion.apart[clear]
        figures = (
            clear_share,
            float((apart <= tolerance_px).mean()),
            percentile(apart, 90),
            float((apart > 1).mean()),
        )
        total -= motion.field(frame.shape)
        drawn, mask = frame.draw(total)
    mask = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0) > 0
    if int(mask.sum()) < MIN_OVERLAP_PIXELS:
        return None
    return _Laid(drawn, frame.target, np.asarray(mask), total, *figures)


def _measured(laid: _Laid, side_px: int) -> CloserLook:
    noise = noise_of(laid.drawn, laid.mask), noise_of(laid.target, laid.mask)
    soft_a, soft_b = _equally_sharp(laid)
    found = disagreement(soft_a, soft_b, laid.mask, noise=noise)
    regions = found.regions if found else ()
    both = [region.share * min(region.own_a, region.own_b) for region in regions]
    one = [region.share * abs(region.own_a - region.own_b) for region in regions]
    plain = np.array([region.on_plain for region in regions])
    over = np.array([region.laid_over for region in regions])
    nowhere = np.zeros_like(laid.mask)
    seen = found or Disagreement(0, 0.0, 0.0, 0.0, 0.0, 0.0, (), nowhere)
    lying = Over()
    if regions or side_px < SMALL_SIDE_PX:
        lying = what_lies_over(laid.drawn, laid.target, laid.mask)
    drift = drift_of(soft_a, soft_b, laid.mask)
    fine = compare_fine(laid.drawn, laid.target, laid.mask, seen.is_wrong)
    return CloserLook(
        windows=seen.windows,
        textured_share=seen.textured_share,
        median=seen.median,
        low=seen.low,
        agree=seen.agree,
        wrong=seen.wrong,
        two_sided=float(sum(both)),
        largest_two_sided=float(max(both, default=0.0)),
        crossed=float(
            min(
                sum(region.share * region.foreign_a for region in regions),
                sum(region.share * (1 - region.foreign_a) for region in regions),
            )
        ),
        one_sided=float(sum(one)),
        plain_two_sided=float(np.dot(both, plain)) if both else 0.0,
        plain_one_sided=float(np.dot(one, plain)) if one else 0.0,
        background=min(
            one_shade(picture[laid.mask], GROUND_LEVELS) for picture in (laid.drawn, laid.target)
        ),
        clear_share=laid.clear_share,
        explained_share=laid.explained_share,
        apart_px=laid.apart_px,
        moved_share=laid.moved_share,
        fine=fine.bands,
        side_px=side_px,
        two_sided_texture=float(np.dot(both, 1 - over)) if both else 0.0,
        overlaid=float(sum(r.share * r.laid_over for r in regions)),
        sound=fine.sound,
        grain=fine.grain,
        laid_over=lying.share if regions else 0.0,
        over_both=lying.both,
        drift_px=drift.drift_px,
        jitter_px=drift.jitter_px,
        unsure_px=drift.unsure_px,
        light_apart=0.0
        if laid.explained_share > 0
        else light_apart(laid.drawn, laid.target, laid.mask),
    )


def noise_of(picture: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Return the deviation of a picture's noise in grey levels.

    Source: Immerkær 1996, "Fast noise variance estimation"; the median instead of the mean bears
    texture.
    """
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    values = cv2.filter2D(picture, -1, kernel).ravel()[spread(np.flatnonzero(mask))]
    return median(np.abs(values)) / 0.6745 / 6 if values.size else 0.0


def _equally_sharp(laid: _Laid) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return both pictures softened a little, and the sharper one until it is as soft as the other."""
    deviations = [deviation_of(picture, laid.mask) for picture in (laid.drawn, laid.target)]
    gain = deviations[1] / max(deviations[0], 1.0)
    soft_a, soft_b = _soften(laid.drawn, SOFTEN_PX), _soften(laid.target, SOFTEN_PX)
    for sigma in SOFTER_PX:
        detail_a, detail_b = gain * _detail(soft_a, laid.mask), _detail(soft_b, laid.mask)
        if detail_a > SHARPER * detail_b:
            soft_a = _soften(laid.drawn, sigma)
        elif detail_b > SHARPER * detail_a:
            soft_b = _soften(laid.target, sigma)
        else:
            break
    return soft_a, soft_b


def _detail(picture: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    fine = cv2.absdiff(picture, _soften(picture, 1.6))
    return float(cv2.mean(fine, mask.view(np.uint8))[0]) + 1e-3


def _soften(picture: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)
