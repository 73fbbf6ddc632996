"""Compare what two aligned photos share: block by block, after a fit of tone.

In:  the features of two photos and the matrix that lays one on the other.
Out: a ``Comparison`` of numbers, for ``evidence`` and ``calibrate``. No disk, database or model.

Two shots of one scene can agree on many keypoints; after alignment their blocks do not agree: parallax,
people that moved, other light. A copy's blocks agree but where it was written over.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.agreement import (
    block_agreement,
    colour_shift,
    detail,
    fit_tone,
    ink_weight,
    saturation,
    settle,
    share_of,
    soften,
    toned,
)
from dupfind.matching.channels import highest
from dupfind.matching.features import LocalFeatures, lifted
from dupfind.matching.spread import median, percentile

Box = tuple[float, float, float, float]

SAME_EXTENT = 0.97  # share of two photos that the other covers where both have the same frame
SAME_BORDER_LEVELS = (
    8.0  # that what is in the one a border differs by in the other, of three in four pixels
)
MIN_OVERLAP_PX = 24  # both sides of the overlap; less than this proves nothing


@dataclass(frozen=True)
class Comparison:
    """How well the overlap of two aligned photos agrees; shares are in [0, 1].

    Attributes:
        agree: Share of the overlap's blocks with texture in which the two pictures correlate.
        correlation: Mean correlation over the blocks with texture.
        low_correlation: Its 20th percentile.
        flat_agree: Share of flat blocks with the same tone after the fit.
        textured: Number of independent blocks with texture.
        textured_share: Their share of the overlap.
        residual: Median absolute difference after the fit of tone, in grey levels of 255.
        parallax: 90th percentile of the remaining motion in agreeing places, in pixels of the frame.
        two_sided: Share of the blocks with texture that disagree although both photos have texture
            there: other content, where a text or logo over a plain part is one-sided. On paper and
            screens it counts several times (``agreement.ink_weight``) and may exceed 1.
        largest_wrong: The largest connected region of those, as a share of the overlap.
        changed: Share of the overlap's blocks, textured or flat, that differ.
        detail: Strength of fine structure in b over that in a, after the fit of tone; 1 is equal.
        framed_a, framed_b: Whether the photo has a plain border (``features.content_mask``) that
            begins where the other ends. A plain sky that the other shows too is no border.
        peak: Largest difference of a small spot after the fit of tone, in grey levels.
        share_a, share_b: Share of each photo's content that the overlap covers.
        grey_gain, grey_offset: Fitted tone, b = gain * a + offset, in grey levels.
        colour_a, colour_b: Mean saturation of the overlap in each, in grey levels of 255.
        colour_shift: Mean difference of the colour channels after the fit of grey, in grey levels.
        box_a: left, top, right, bottom of the overlap in a, as fractions of a's width and height.
        box_b: The same in b.
    """

    agree: float
    correlation: float
    low_correlation: float
    flat_agree: float
    textured: float
    textured_share: float
    residual: float
    parallax: float
    changed: float
    detail: float
    peak: float
    framed_a: bool
    framed_b: bool
    two_sided: float
    largest_wrong: float
    share_a: float
    share_b: float
    grey_gain: float
    grey_offset: float
    colour_a: float
    colour_b: float
    colour_shift: float
    box_a: Box
    box_b: Box


def compare(
    a: LocalFeatures,
    b: LocalFeatures,
    matrix: NDArray[np.float64],
    *,
    within: NDArray[np.bool_] | None = None,
    lift: bool = False,
) -> Comparison | None:
    """Lay photo a over photo b and compare the overlap; None when it is too small to tell.

    Args:
        a, b: The two photos; their small pictures and what of them is content are used.
        within: Where in a to look, of the shape of its small picture; None for everywhere.
        matrix: (3, 3) homography from points of a to points of b, in fractions of the long sides.
        lift: Whether to compare the faint structure of soft pictures (``features.lifted``).
    """
    seen_a = a.content if within is None else a.content & within
    # The photo that shows the overlap smaller gives the frame: enlarging would compare blur.
    if _zoom(_in_pixels(matrix, a.picture, b.picture)) <= 1:
        return _compare_in_b(a, b, matrix, (seen_a, b.content), lift=lift)
    inverse = np.linalg.inv(matrix)
    turned = _compare_in_b(b, a, inverse / inverse[2, 2], (b.content, seen_a), lift=lift)
    return None if turned is None else swapped(turned)


def project_content(
    source: LocalFeatures, target: LocalFeatures, matrix: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return where in ``target``'s small picture the content of ``source`` lies.

    ``matrix`` maps points of source to points of target, in fractions of the long sides.
    """
    pixels = _in_pixels(matrix, source.picture, target.picture)
    return _overlap(source.content, np.ones(target.picture.shape[:2], bool), pixels)


def _compare_in_b(
    a: LocalFeatures,
    b: LocalFeatures,
    matrix: NDArray[np.float64],
    seen: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    *,
    lift: bool,
) -> Comparison | None:
    picture_a, picture_b = a.picture, b.picture
    seen_a, seen_b = seen
    pixels = _in_pixels(matrix, picture_a, picture_b)
    zoom = _zoom(pixels)
    warped = _warp(picture_a, pixels, picture_b.shape[:2], zoom)
    mask = _overlap(seen_a, seen_b, pixels)
    box = _mask_box(mask)
    if box is None:
        return None
    left, top, right, bottom = box
    cut = np.s_[top:bottom, left:right]
    inverse = np.asarray(np.linalg.inv(pixels), np.float64)
    share_a = share_of(_overlap(seen_b, seen_a, inverse), a.content)
    shares = share_a, share_of(mask, b.content)
    boxes = _box_in(inverse, box, picture_a.shape), _box_in(np.eye(3), box, picture_b.shape)
    framed = _is_framed(a, b, inverse), _is_framed(b, a, pixels)
    extent = _Extent(shares, boxes, framed)
    return _measure(warped[cut], picture_b[cut], mask[cut], extent, lift=lift)


@dataclass(frozen=True, slots=True)
class _Extent:
    """Of a and of b: share of the content in the overlap, its box, and whether there is a border."""

    shares: tuple[float, float]
    boxes: tuple[Box, Box]
    framed: tuple[bool, bool]


def _measure(
    warped: NDArray[np.uint8],
    target: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    extent: "_Extent",
    *,
    lift: bool,
) -> Comparison:
    grey_a = cv2.cvtColor(warped, cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey_b = cv2.cvtColor(target, cv2.COLOR_RGB2GRAY).astype(np.float32)
    if lift:  # a clear sky agrees with any other; what little there is in it does not
        grey_a, grey_b = lifted(grey_a), lifted(grey_b)
    settled, motion = settle(grey_a, grey_b, mask)
    gain, offset = fit_tone(settled[mask], grey_b[mask])
    difference = np.abs(toned(settled, grey_b, mask) - grey_b)
    # Noise and the last half pixel are no difference in content.
    blocks = block_agreement(
        soften(settled), soften(grey_b), mask, soften(difference), negative=gain < -0.3
    )
    blocks["two_sided"] *= ink_weight(grey_a[mask], grey_b[mask])
    # Colours are looked at in every fourth pixel: their means need no more.
    places = np.flatnonzero(mask)[::4]
    colours_a, colours_b = (
        picture.reshape(-1, 3)[places].astype(np.float32) for picture in (warped, target)
    )
    return Comparison(
        **blocks,
        residual=median(difference[mask]),
        peak=_peak(difference, mask),
        parallax=percentile(motion[mask], 90),
        detail=detail(grey_b, mask) / max(abs(gain) * detail(settled, mask), 0.3),
        framed_a=extent.framed[0],
        framed_b=extent.framed[1],
        share_a=extent.shares[0],
        share_b=extent.shares[1],
        grey_gain=gain,
        grey_offset=offset,
        colour_a=saturation(colours_a),
        colour_b=saturation(colours_b),
        colour_shift=colour_shift(colours_a, colours_b),
        box_a=extent.boxes[0],
        box_b=extent.boxes[1],
    )


def _peak(difference: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    inner = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0) > 0
    spots = cv2.blur(difference, (5, 5))[inner]
    return percentile(spots, 99.95) if spots.size else 0.0


def _zoom(matrix: NDArray[np.float64]) -> float:
    return float(abs(np.linalg.det(matrix[:2, :2])) ** 0.5)


def _in_pixels(
    matrix: NDArray[np.float64], picture_a: NDArray[np.uint8], picture_b: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Return the matrix between pixels as OpenCV counts them: from the middle of the first one."""
    side_a, side_b = max(picture_a.shape[:2]), max(picture_b.shape[:2])
    return np.asarray(_from_fractions(side_b) @ matrix @ np.linalg.inv(_from_fractions(side_a)))


def _from_fractions(side_px: int) -> NDArray[np.float64]:
    return np.array([[side_px, 0, -0.5], [0, side_px, -0.5], [0, 0, 1.0]])


def _warp(
    picture: NDArray[np.uint8], matrix: NDArray[np.float64], shape: tuple[int, int], zoom: float
) -> NDArray[np.uint8]:
    """Draw ``picture`` in the other's frame, smoothed first when it shrinks."""
    sigma = 0.5 * max(0.0, 1 / max(zoom, 1e-3) ** 2 - 1) ** 0.5
    if sigma > 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    size = (shape[1], shape[0])
    warped = cv2.warpPerspective(
        picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, np.uint8)


def _overlap(
    content_a: NDArray[np.bool_], content_b: NDArray[np.bool_], matrix: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return where in b's frame both photos have content, a pixel short of the border."""
    size = (content_b.shape[1], content_b.shape[0])
    seen = cv2.warpPerspective(content_a.astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST)
    both = cv2.bitwise_and(seen, content_b.astype(np.uint8))
    return np.asarray(cv2.erode(both, np.ones((3, 3), np.uint8), borderValue=0) > 0)


def is_same_border(a: LocalFeatures, b: LocalFeatures, matrix: NDArray[np.float64]) -> bool:
    """Say whether two photos of the same extent show the same where only one of them seems to have a border.

    A sky or a wall may or may not pass for a plain border, by a level or two that saving changed.
    """
    pixels = _in_pixels(matrix, a.picture, b.picture)
    shape = b.picture.shape[:2]
    everything = np.ones(a.picture.shape[:2], np.uint8)
    covered = cv2.warpPerspective(everything, pixels, shape[::-1], flags=cv2.INTER_NEAREST) > 0
    beyond = _zoom(pixels) ** 2 * everything.size / covered.size
    if covered.mean() < SAME_EXTENT or beyond > 1 / SAME_EXTENT:
        return False
    seen = cv2.warpPerspective(
        a.content.astype(np.uint8), pixels, shape[::-1], flags=cv2.INTER_NEAREST
    )
    doubtful = covered & ((seen > 0) != b.content)
    if not doubtful.any():
        return False
    drawn = _warp(a.picture, pixels, (shape[0], shape[1]), _zoom(pixels))
    one, other = (cv2.blur(picture, (3, 3)) for picture in (drawn, b.picture))  # dots of a palette
    apart = highest(np.asarray(cv2.absdiff(one, other)))[doubtful]
    return percentile(apart, 75) <= SAME_BORDER_LEVELS


def _is_framed(photo: LocalFeatures, other: LocalFeatures, from_other: NDArray[np.float64]) -> bool:
    """Say whether most of the photo's plain border lies outside of the other photo."""
    border = ~photo.content
    if not border.any():
        return False
    everything = np.ones(other.picture.shape[:2], np.uint8)
    size = (border.shape[1], border.shape[0])
    covered = cv2.warpPerspective(everything, from_other, size, flags=cv2.INTER_NEAREST) > 0
    return bool((border & ~covered).sum() > 0.5 * border.sum())


def _mask_box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if (
        len(rows) < MIN_OVERLAP_PX
        or len(columns) < MIN_OVERLAP_PX
        or mask.sum() < MIN_OVERLAP_PX**2
    ):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _box_in(
    matrix: NDArray[np.float64], box: tuple[int, int, int, int], shape: tuple[int, ...]
) -> Box:
    left, top, right, bottom = box
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)
    mapped = cv2.perspectiveTransform(corners[None] - 0.5, matrix)[0] + 0.5
    x, y = np.clip(mapped[:, 0] / shape[1], 0, 1), np.clip(mapped[:, 1] / shape[0], 0, 1)
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def swapped(comparison: Comparison) -> Comparison:
    """Return the comparison as seen from the other photo."""
    values = dict(vars(comparison))
    gain = values["grey_gain"] if abs(values["grey_gain"]) > 0.05 else 0.05
    values.update(
        share_a=comparison.share_b,
        share_b=comparison.share_a,
        colour_a=comparison.colour_b,
        colour_b=comparison.colour_a,
        box_a=comparison.box_b,
        box_b=comparison.box_a,
        grey_gain=1 / gain,
        detail=1 / max(comparison.detail, 1e-3),
        framed_a=comparison.framed_b,
        framed_b=comparison.framed_a,
        grey_offset=-comparison.grey_offset / gain,
    )
    return Comparison(**values)
