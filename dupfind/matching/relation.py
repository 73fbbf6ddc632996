"""Name how two proven photos are related, with the evidence: what was scaled, cut, turned, toned, changed.

In:  a proof and the sizes of two photos. Out: relations and ``Evidence`` (docs/matching.md).
No disk, database or model.

Evidence describes photo b as made from photo a. Which of the two came first is nothing that pixels
tell: a crop is named ``cropped`` from either side.
"""

import math
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.evidence import Evidence, Tone, Which
from dupfind.matching.align import transform
from dupfind.matching.compare import Comparison, is_same_border
from dupfind.matching.features import LocalFeatures
from dupfind.matching.tile_proof import TileProof
from dupfind.matching.verify import Proof
from dupfind.records import Relation

WHOLE = 0.95  # an overlap that covers more of a photo covers it all: borders are never exact
TURN_DEGREES = 1.5
SAME_SCALE = 0.02
STRETCH = 0.04
PERSPECTIVE = 0.02
SKEW = 0.035
CHANGED = 0.025
CHANGED_TONED = 0.12
PEAK = 32.0  # grey levels
SOFTER, SHARPER = 0.87, 1.16
SHARPER_TURNED = 1.4  # a turn by an odd angle is drawn anew, which softens the one it is drawn from
SEAM = 1.8
MOSTLY_SEEN = 0.8
PART_OF_COMPOSITE = 0.6
PART_OF_PAGE = 0.78  # with other things around it: a post, a page
BUSY = 0.15

# Strongest alteration last: a crop that was also saved again is a crop.
_WEAKEST_FIRST = (
    Relation.REENCODED,
    Relation.RESIZED,
    Relation.CROPPED,
    Relation.ROTATED,
    Relation.MIRRORED,
    Relation.RECOLOURED,
    Relation.EDITED,
    Relation.COMPOSITE,
)


class Sized(Protocol):
    """The upright sides of a photo in pixels, and as fractions of the long one."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def size(self) -> tuple[float, float]: ...


@dataclass(frozen=True, slots=True)
class Side:
    """What ``relate`` needs to know of a photo besides its features: the upright size in pixels."""

    features: LocalFeatures
    width: int
    height: int

    @property
    def size(self) -> tuple[float, float]:
        """Width and height as fractions of the long side, as the features count."""
        return self.features.size


def relate(proof: Proof, a: Side, b: Side) -> tuple[Relation, Evidence]:
    """Return the strongest relation of a proven pair and its evidence, of b as made from a.

    Args:
        proof: From ``verify(a.features, b.features)``; it must have a matrix and a comparison.
        a, b: The two photos.

    Raises:
        ValueError: The proof has no alignment to read the relation from.
    """
    if proof.matrix is None or proof.comparison is None:
        raise ValueError("a pair without an alignment has no relation; call it similar")
    shape = shape_of(proof.matrix, a, b, mirrored=proof.mirrored)
    in_shares = _in_shares(proof.matrix, a.features.size, b.features.size)
    evidence = Evidence(proof.method, proof.inliers, matrix=in_shares)
    evidence, moved = geometry(evidence, shape, mirrored=proof.mirrored)
    evidence, cut = _extent(evidence, proof, a, b, turned=shape.turned)
    evidence, toned = _tone(evidence, proof.comparison)
    evidence, changed = _changes(evidence, proof.comparison, shape, toned=bool(toned))
    holds = {Relation.REENCODED} | moved | cut | toned | changed
    if Relation.COMPOSITE in holds:
        holds.discard(Relation.CROPPED)
    ordered = in_order(holds)
    return ordered[-1], replace(evidence, relations=ordered)


def in_order(relations: set[Relation]) -> tuple[Relation, ...]:
    """Return relations, the strongest last."""
    return tuple(relation for relation in _WEAKEST_FIRST if relation in relations)


def _in_shares(
    matrix: NDArray[np.float64], size_a: tuple[float, float], size_b: tuple[float, float]
) -> tuple[float, ...]:
    """Return an alignment between shares of the sides, row by row.

    Args:
        matrix: 3 x 3, leads from a's frame to b's.
        size_a, size_b: Width and height of the photos in their frames.

    Returns:
        9 numbers of a matrix that leads from (x, y) in [0, 1] of a to the same of b.
    """
    shares = np.diag([1 / size_b[0], 1 / size_b[1], 1.0]) @ matrix @ np.diag([*size_a, 1.0])
    return tuple((shares / shares[2, 2]).ravel().tolist())


@dataclass(frozen=True, slots=True)
class Shape:
    """The matrix taken apart: scale in pixels, degrees anticlockwise, stretch, skew, perspective."""

    scale: float
    degrees: float
    stretch: float
    skew: float
    perspective: float

    @property
    def turned(self) -> bool:
        """Whether it is turned by other than quarter turns."""
        return abs((self.degrees + 45) % 90 - 45) > TURN_DEGREES


def shape_of(matrix: NDArray[np.float64], a: Sized, b: Sized, *, mirrored: bool) -> Shape:
    """Take apart a matrix between fractions of the long sides of two photos."""
    linear = _pixels(b) @ _linear_at_centre(matrix, a) @ np.linalg.inv(_pixels(a))
    if mirrored:
        linear = linear @ np.diag([-1.0, 1.0])
    # QR: a turn, then scales along the photo's own axes and a skew between them.
    turn = math.atan2(linear[1, 0], linear[0, 0])
    unturned = (
        np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]]) @ linear
    )
    scale_x, scale_y = abs(unturned[0, 0]), max(abs(unturned[1, 1]), 1e-6)
    degrees = -math.degrees(turn)  # y points down: a positive turn of the matrix is clockwise
    return Shape(
        scale=float(math.sqrt(scale_x * scale_y)),
        degrees=float((degrees + 180) % 360 - 180),
        stretch=float(abs(math.log(scale_x / scale_y))),
        skew=float(abs(unturned[0, 1]) / scale_y),
        perspective=float(np.abs(matrix[2, :2]).max() / abs(matrix[2, 2])),
    )


def _pixels(side: Sized) -> NDArray[np.float64]:
    """Return what makes pixels of the photo of fractions of its small picture's long side."""
    width, height = side.size
    return np.diag([side.width / width, side.height / height])


def _linear_at_centre(matrix: NDArray[np.float64], a: Sized) -> NDArray[np.float64]:
    width, height = a.size
    centre = np.array([width / 2, height / 2, 1.0])
    x, y, depth = matrix @ centre
    top = matrix[:2, :2] * depth - np.outer([x, y], matrix[2, :2])
    return np.asarray(top / depth**2)


def geometry(evidence: Evidence, shape: Shape, *, mirrored: bool) -> tuple[Evidence, set[Relation]]:
    """Return the evidence with what the shape of the matrix tells, and the relations that follow."""
    stretched, turned = shape.stretch > STRETCH, abs(shape.degrees) > TURN_DEGREES
    holds = set()
    if abs(math.log(max(shape.scale, 1e-6))) > SAME_SCALE or stretched:
        holds.add(Relation.RESIZED)
    if turned:
        holds.add(Relation.ROTATED)
    if mirrored:
        holds.add(Relation.MIRRORED)
    found = replace(
        evidence,
        scale=shape.scale,
        stretch=math.exp(shape.stretch) if stretched else None,
        degrees=shape.degrees if turned else None,
        mirrored=mirrored,
    )
    return found, holds


def _extent(
    evidence: Evidence, proof: Proof, a: Side, b: Side, *, turned: bool
) -> tuple[Evidence, set[Relation]]:
    """Tell a crop from a part of a collage: a crop's picture goes on beyond its border."""
    if proof.tile is not None:
        return _in_collage(evidence, proof.tile), {Relation.COMPOSITE}
    comparison = proof.comparison
    assert comparison is not None and proof.matrix is not None  # noqa: PT018 - relate() checked
    share_a, share_b = comparison.share_a, comparison.share_b
    if min(share_a, share_b) >= WHOLE or is_same_border(a.features, b.features, proof.matrix):
        return evidence, set()
    part_is_a = share_a > share_b
    larger, box, share = (
        (b, comparison.box_b, share_b) if part_is_a else (a, comparison.box_a, share_a)
    )
    part = a if part_is_a else b
    to_larger = proof.matrix if part_is_a else np.linalg.inv(proof.matrix)
    seam = _seam(part.features, larger.features, np.asarray(to_larger, np.float64))
    evidence = replace(
        evidence,
        part="a" if part_is_a else "b",
        crop_box=box,
        crop_share=share,
        part_share=max(share_a, share_b),
    )
    if max(share_a, share_b) < MOSTLY_SEEN or seam < SEAM:
        return evidence, {Relation.CROPPED}
    if share < PART_OF_COMPOSITE or (
        share < PART_OF_PAGE and _busy_around(larger.features.picture, box) > BUSY
    ):
        return evidence, {Relation.COMPOSITE}
    if turned:  # the corners that a turn leaves empty are no frame
        return evidence, set()
    # A frame, a caption, a banner: the photo with something around it.
    return replace(evidence, frame="b" if part_is_a else "a"), {Relation.EDITED}


def _in_collage(evidence: Evidence, tile: TileProof) -> Evidence:
    shown = tile.comparison.share_b if tile.collage == "a" else tile.comparison.share_a
    return replace(
        evidence,
        part="b" if tile.collage == "a" else "a",
        crop_box=tile.box,
        crop_share=tile.share,
        part_share=shown,
    )


def _seam(part: LocalFeatures, larger: LocalFeatures, matrix: NDArray[np.float64]) -> float:
    """Return how much harsher the larger picture changes across the part's border than beside it.

    About 1 where the picture goes on; several where another picture, a frame or a page begins. The
    median over the sides of the part that do not lie at the larger picture's own border.
    """
    grey = cv2.cvtColor(larger.picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    side = max(grey.shape)
    # One pixel of the larger picture, in units of the part.
    zoom = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    step = 1 / max(side * zoom, 1e-3)
    width, height = part.size
    ratios = []
    for start, end, outward in (
        ((0.0, 0.0), (width, 0.0), (0.0, -1.0)),
        ((0.0, height), (width, height), (0.0, 1.0)),
        ((0.0, 0.0), (0.0, height), (-1.0, 0.0)),
        ((width, 0.0), (width, height), (1.0, 0.0)),
    ):
        along = np.linspace(0.04, 0.96, 48)[:, None]
        border = np.array(start) * (1 - along) + np.array(end) * along
        lines = {
            shift: _sample(
                grey, transform(matrix, border + np.array(outward) * shift * step) * side
            )
            for shift in (-10, -4, -3, 3, 4, 10)
        }
        ratio = _step_across(lines)
        if ratio is not None:
            ratios.append(ratio)
    return float(np.median(ratios)) if ratios else 0.0


def _busy_around(picture: NDArray[np.uint8], box: tuple[float, float, float, float]) -> float:
    """Return the share of a picture's blocks outside a box that have texture: low in a plain frame."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mean = cv2.blur(grey, (8, 8))
    deviation = np.sqrt(np.maximum(cv2.blur(grey * grey, (8, 8)) - mean**2, 0))
    height, width = grey.shape
    outside = np.ones(grey.shape, bool)
    # A little more than the box: its own border is a step.
    left, top = round(box[0] * width) - 8, round(box[1] * height) - 8
    right, bottom = round(box[2] * width) + 8, round(box[3] * height) + 8
    outside[max(0, top) : bottom, max(0, left) : right] = False
    return float((deviation[outside] > 12).mean()) if outside.any() else 0.0


def _sample(grey: NDArray[np.float32], places: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the grey levels at (n, 2) places, NaN outside the picture."""
    maps = places.astype(np.float32)
    values = cv2.remap(
        grey,
        maps[:, :1],
        maps[:, 1:],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=-999,
    )[:, 0]
    return np.where(values < 0, np.nan, values).astype(np.float32)


def _step_across(lines: dict[int, NDArray[np.float32]]) -> float | None:
    across = np.abs(lines[3] - lines[-3])
    if np.isfinite(across).mean() < 0.5:
        return None
    beside = np.concatenate([np.abs(lines[-4] - lines[-10]), np.abs(lines[4] - lines[10])])
    return float(np.nanmean(across)) / max(float(np.nanmean(beside)), 3.0)


def _tone(evidence: Evidence, comparison: Comparison) -> tuple[Evidence, set[Relation]]:
    tones = Tone(
        comparison.grey_gain,
        comparison.grey_offset,
        comparison.colour_a,
        comparison.colour_b,
        comparison.colour_shift,
    )
    if not tones.differs:
        return evidence, set()
    return replace(evidence, tones=tones, grey=tones.loses_colour), {Relation.RECOLOURED}


def _changes(
    evidence: Evidence, comparison: Comparison, shape: Shape, *, toned: bool
) -> tuple[Evidence, set[Relation]]:
    # Tones that clip take texture away: with them only a large change is one of content.
    written_over = comparison.changed > (CHANGED_TONED if toned else CHANGED) or (
        comparison.peak > PEAK and not toned
    )
    frame = _frame(comparison, turned=shape.turned)
    warped = shape.perspective > PERSPECTIVE or shape.skew > SKEW
    detail = comparison.detail if _is_drawn_otherwise(comparison.detail, shape) else None
    found = replace(
        evidence,
        changed_share=comparison.changed,
        frame=frame or evidence.frame,
        warped=warped,
        detail_ratio=detail,
    )
    altered = written_over or warped or frame is not None or detail is not None
    return found, {Relation.EDITED} if altered else set()


def _frame(comparison: Comparison, *, turned: bool) -> Which | None:
    """Return which of the two has a plain border around the whole of the other."""
    whole = comparison.share_a if comparison.framed_a else comparison.share_b
    if comparison.framed_a == comparison.framed_b or whole < WHOLE or turned:
        return None
    return "b" if comparison.framed_b else "a"


def _is_drawn_otherwise(detail: float, shape: Shape) -> bool:
    """Say whether fine structure was lost or gained by more than drawing the photo anew explains."""
    same_scale = abs(math.log(max(shape.scale, 1e-6))) < 0.1
    drawn_as_is = same_scale and abs(shape.degrees) < TURN_DEGREES
    if drawn_as_is:
        return not SOFTER <= detail <= SHARPER
    return not detail <= SHARPER_TURNED
