"""Judge which of two pictures was made from the other.

In:  ``Look`` of the pictures and the matrix that lays one on the other. Out: a ``Verdict``.
No disk, database or model.

Every clue is a trace that an alteration leaves in the altered picture: a vote with a weight. The votes of a
pair add up to its margin; where they balance nothing is said.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.altered import alterations, shift
from dupfind.matching.bounds import Beyond, beyond
from dupfind.matching.clues import Clue, Verdict, Votes
from dupfind.matching.detail import vote_detail
from dupfind.matching.extent import Extent, extent_of
from dupfind.matching.overlay import changed_in, changed_mask, written_over
from dupfind.matching.palette import is_palette
from dupfind.matching.quality import Look
from dupfind.matching.resaved import WRITTEN_OVER, Laid, is_noise, is_noisier, only_saved, signs
from dupfind.matching.tones import Tones, toned, tones

SAME_TONES = 5.0  # grey levels that the colours of re-encoded copies differ by at most
COARSE_STEPS = 40.0  # mean step of a JPEG's luma: a quality of about 65
BLOCKS = 1.8  # how much the steps between 8 x 8 blocks stand out in what was once saved coarsely
BLOCKS_OF_OTHER = 1.4  # and how much more than in the other picture
SAVED_EDGES = 0.2  # of their strength that the hardest edges keep however coarse; mosaics keep 0.05
MORE_PIXELS = 1.03
COARSE_BYTES = 0.05  # for a pixel of a WebP or AVIF
FEW_COLOURS = 3.0  # weight
UNTOLD_STEPS = 2.6  # logarithm of the steps of a good JPEG


def judge(
    a: Look, b: Look, matrix: NDArray[np.float64], *, container: str | None = None
) -> Verdict:
    """Say which of two pictures was made from the other.

    Args:
        a, b: The two pictures.
        matrix: (3, 3) leads from (x, y) in [0, 1] of a to the same of b (``relation.in_shares``).
        container: ``a`` or ``b`` where that one is known to hold the other among other things.
    """
    votes = Votes()
    extent = extent_of(a.colour, b.colour, matrix)
    exact = matrix if extent.turn is None else extent.turn
    colour_a, seen = _laid(a.colour, b.colour, exact)
    found = tones(colour_a, b.colour, seen)
    if container is not None:
        votes.add(Clue.CONTAINS, 4.0 if container == "b" else -4.0)
    _vote_extent(votes, extent)
    alike = extent.turn is not None and np.allclose(extent.turn, np.eye(3))
    # What is larger is no reduced copy: whether it has more to show for it is asked by itself.
    comparable = alike and b.grey.size <= MORE_PIXELS * a.grey.size
    if found is not None:
        _vote_tones(votes, found, a, b)
        alike = alike and found.changed < SAME_TONES
    changed = changed_mask(colour_a, b.colour, seen)
    softness: float = 0.0
    edges: float | None = None
    if extent.turn is not None:
        same_tones = found is None or found.changed < SAME_TONES
        softness, edges = vote_detail(votes, a, b, extent.turn, same_tones=same_tones)
    if abs(softness) < 0.5 and Clue.ONE_TONE not in votes.against_a | votes.against_b:
        score = written_over(colour_a, b.colour, seen, changed)
        votes.add(Clue.WRITTEN, float(np.clip(2.5 * score, -4, 4)) * (1 - abs(softness) / 0.5))
    if alike and votes.strongest < 0.3 and a.grey.shape == b.grey.shape:
        votes.add(Clue.COARSE, _coarser(a, b))
    votes.add(Clue.EDITOR, 1.1 * (float(b.edited) - float(a.edited)))
    votes.add(Clue.NO_CAMERA, 0.6 * (float(a.camera) - float(b.camera)))
    by = toned(colour_a, b.colour, seen)
    laid = Laid(colour_a, seen, found, by)
    moved = shift(colour_a, b.colour, seen) if comparable else None
    palette = moved is not None and is_palette(a, b, moved.light, moved.colour)
    votes.add(Clue.STEPS, FEW_COLOURS * palette)
    done = alterations(a, b, moved, palette=palette) if comparable else ()
    palette |= votes.against_b.get(Clue.STEPS, 0.0) >= FEW_COLOURS  # as a GIF has
    only, bounds = _only_saved(a, b, laid, palette=palette) if comparable else (None, None)
    changed_share, largest_change = changed_in(changed, seen)
    return Verdict(
        votes.against_a,
        votes.against_b,
        alike,
        changed_share=changed_share,
        largest_change=largest_change,
        toned=by,
        edges=edges,
        saved=min(only, WRITTEN_OVER) if done and only is not None else only,
        within=bounds is not None and bounds.is_within and not done,
        twice=bounds is not None and bounds.was_saved_before,
        altered=done,
        coarse=_is_coarse(b) or _was_coarse(a, b, edges),
    )


def _only_saved(a: Look, b: Look, laid: Laid, *, palette: bool) -> tuple[float, Beyond | None]:
    """Return the log odds that b was only saved or reduced, and how far it is beyond its steps.

    ``palette``: b is in few colours, whose dots move what is saved by chance.
    """
    bounds = beyond(a, b, laid.colour_a, laid.seen)
    numbers = signs(a, b, laid)
    odds = only_saved(numbers)
    disturbed = bounds is not None and bounds.is_disturbed and is_noisier(numbers, odds)
    noisy = disturbed or is_noise(numbers, odds)
    altered = (noisy and not palette) or (bounds is not None and bounds.is_beyond_in_places)
    return min(odds, WRITTEN_OVER) if altered else odds, bounds


def toned_by(a: Look, b: Look, matrix: NDArray[np.float64]) -> float:
    """Return by how many grey levels all colours of b differ from those of a (``tones.toned``)."""
    colour_a, seen = _laid(a.colour, b.colour, matrix)
    return toned(colour_a, b.colour, seen)


def saving_signs(a: Look, b: Look) -> NDArray[np.float32]:
    """Number what differs in b from a where each shows all of the other (``resaved.signs``)."""
    colour_a, seen = _laid(a.colour, b.colour, np.eye(3))
    found, by = tones(colour_a, b.colour, seen), toned(colour_a, b.colour, seen)
    return signs(a, b, Laid(colour_a, seen, found, by))


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


def _vote_extent(votes: Votes, extent: Extent) -> None:
    votes.add(Clue.CONTAINS, 8.0 * (extent.around_b - extent.around_a))
    votes.add(Clue.PART, 6.0 * (extent.more_a - extent.more_b))


def _vote_tones(votes: Votes, found: Tones, a: Look, b: Look) -> None:
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
        votes.add(Clue.STEPS, math.copysign(FEW_COLOURS, a.colours - b.colours))


def _coarser(a: Look, b: Look) -> float:
    """Return how clearly b was saved with coarser steps than a."""
    coarser = math.log(b.step / a.step)
    # What a file without a table went through before, nobody knows.
    untold = UNTOLD_STEPS if (a.table is None) != (b.table is None) else 0.7
    coarser = math.copysign(max(0.0, abs(coarser) - untold), coarser)
    return float(np.clip(coarser, -3, 3))


def _is_coarse(look: Look) -> bool:
    """Say whether a picture was saved with a loss that is plain to see."""
    if look.table is not None:
        return float(look.table.mean()) >= COARSE_STEPS
    return look.modern and look.bytes_per_pixel < COARSE_BYTES


def _was_coarse(a: Look, b: Look, edges: float | None) -> bool:
    """Say whether b shows the blocks of a coarse saving before its last, which a does not."""
    if edges is None or edges < SAVED_EDGES:
        return False
    return b.blocked >= max(BLOCKS, BLOCKS_OF_OTHER * a.blocked)
