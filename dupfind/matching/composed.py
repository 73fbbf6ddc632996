"""Describe a pair that follows through a hub: what was found of the hub's pairs, put together.

In:  the hub's pairs with both photos. Out: a ``Proven`` pair. No disk, database or model.

Nothing is compared: what is said of tones and changes is what either of the two differs by from the hub.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dupfind.evidence import BY_HUB, Evidence, Tone, Which
from dupfind.matching.calibrate import shipped_calibration
from dupfind.matching.hubs import Followed, Spoke
from dupfind.matching.proven import Proven
from dupfind.matching.relation import WHOLE, Sized, geometry, in_order, shape_of
from dupfind.matching.shared import Shared
from dupfind.records import Relation

_PLAIN = Tone(1.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Sides:
    """The upright sides of a photo in pixels."""

    width: int
    height: int

    @property
    def size(self) -> tuple[float, float]:
        """Width and height as fractions of the long side."""
        long_px = max(self.width, self.height)
        return self.width / long_px, self.height / long_px


def composed(pair: Followed, a: Sized, b: Sized) -> Proven:
    """Return the pair of two photos that follows through their hub, as proven.

    Args:
        pair: How it follows.
        a, b: The sides of the two photos.
    """
    one, other = (_from_hub(spoke, pair.hub) for spoke in (pair.to_a, pair.to_b))
    matrix = _in_fractions(pair.shared.matrix, a, b)
    shape = shape_of(matrix, a, b, mirrored=one.mirrored != other.mirrored)
    inliers = min(one.inliers or 0, other.inliers or 0)
    whole = Evidence(BY_HUB, inliers, matrix=tuple(pair.shared.matrix.ravel().tolist()))
    found, holds = geometry(whole, shape, mirrored=one.mirrored != other.mirrored)
    found = _with_changes(_with_tones(found, one, other), one, other)
    if not (one.frame or other.frame):
        found = _with_extent(found, pair.shared)
    holds |= _named(found, one, other)
    relations = in_order({Relation.REENCODED} | holds)
    found = replace(found, relations=relations)
    signals = _less_likely(pair.to_a.pair, pair.to_b.pair)
    return Proven(pair.a, pair.b, relations[-1], found, signals, matrix=matrix)


def _from_hub(spoke: Spoke, hub: int) -> Evidence:
    return spoke.pair.evidence if spoke.pair.a == hub else spoke.pair.evidence.reversed()


def _in_fractions(matrix: NDArray[np.float64], a: Sized, b: Sized) -> NDArray[np.float64]:
    """Return what leads between shares of the sides as one between fractions of the long sides."""
    whole = np.diag([*b.size, 1.0]) @ matrix @ np.diag([1 / a.size[0], 1 / a.size[1], 1.0])
    return np.asarray(whole / whole[2, 2], np.float64)


def _with_extent(found: Evidence, shared: Shared) -> Evidence:
    share_a, share_b = shared.share_a, shared.share_b
    if min(share_a, share_b) >= WHOLE:
        return found
    part_is_a = share_a > share_b
    return replace(
        found,
        part="a" if part_is_a else "b",
        crop_box=shared.box_b if part_is_a else shared.box_a,
        crop_share=min(share_a, share_b),
        part_share=max(share_a, share_b),
    )


def _with_tones(found: Evidence, one: Evidence, other: Evidence) -> Evidence:
    """Say how the tones of two copies of a hub follow from each other."""
    if one.tones is None and other.tones is None:
        return found
    first = (one.tones or _plain(other.tones)).reversed()
    second = other.tones or _plain(one.tones)
    tones = Tone(
        first.gain * second.gain,
        second.gain * first.offset + second.offset,
        first.colour_a,
        second.colour_b,
        max(first.colour_shift, second.colour_shift),
    )
    return replace(found, tones=tones, grey=tones.loses_colour) if tones.differs else found


def _plain(beside: Tone | None) -> Tone:
    """Return the tones of a copy that has its hub's colours."""
    if beside is None:
        return _PLAIN
    return Tone(1.0, 0.0, beside.colour_a, beside.colour_a, 0.0)


def _with_changes(found: Evidence, one: Evidence, other: Evidence) -> Evidence:
    detail = None
    if one.detail_ratio is not None or other.detail_ratio is not None:
        detail = (other.detail_ratio or 1.0) / (one.detail_ratio or 1.0)
    frame: Which | None = None
    if (one.frame == "b") != (other.frame == "b"):
        frame = "a" if one.frame == "b" else "b"
    return replace(
        found,
        changed_share=max(one.changed_share or 0.0, other.changed_share or 0.0),
        warped=one.warped or other.warped,
        detail_ratio=detail,
        frame=frame,
    )


def _named(found: Evidence, one: Evidence, other: Evidence) -> set[Relation]:
    holds = set()
    if found.part is not None:
        holds.add(Relation.CROPPED)
    if found.tones is not None:
        holds.add(Relation.RECOLOURED)
    if Relation.EDITED in {*one.relations, *other.relations}:
        holds.add(Relation.EDITED)
    return holds


def _less_likely(one: Proven, other: Proven) -> NDArray[np.float64]:
    """Return the signals of the proof that says less for a copy."""
    odds = shipped_calibration().log_odds(np.array([one.signals, other.signals]))
    return one.signals if odds[0] <= odds[1] else other.signals
