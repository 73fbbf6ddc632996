"""Find collages by all of their pairs: two proven parts tell what the others are."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dupfind.evidence import Box
from dupfind.matching.proven import Proven
from dupfind.records import Relation

APART = 0.2  # share of the smaller of two boxes that they may have in common


def mark_collages(pairs: Sequence[Proven], sure: NDArray[np.bool_]) -> list[Proven]:
    """Return the pairs, with those named composite that show another place of a known collage.

    One picture can run on into the next without a visible seam, and then looks like a crop of the
    collage. But where a photo is a collage by two of its parts, what lies in another place of it is a
    part too.

    Args:
        pairs: Proven pairs.
        sure: (pairs,) which of them are likely enough to go by.
    """
    parts: list[tuple[int, Box]] = [
        (pair.container, pair.evidence.crop_box)
        for pair, likely in zip(pairs, sure.tolist(), strict=True)
        if likely and pair.container >= 0 and pair.evidence.crop_box is not None
    ]
    places: dict[int, list[Box]] = defaultdict(list)
    # The largest first: two crops of one framed photo are not two photos.
    for container, box in sorted(parts, key=lambda part: -_area(part[1])):
        if all(_common(box, other) <= APART for other in places[container]):
            places[container].append(box)
    known = {row: boxes for row, boxes in places.items() if len(boxes) >= 2}
    return [_marked(pair, known) for pair in pairs]


def _marked(pair: Proven, places: Mapping[int, list[Box]]) -> Proven:
    box = pair.evidence.crop_box
    if pair.container >= 0 or box is None:
        return pair
    larger = pair.b if pair.evidence.part == "a" else pair.a
    if larger not in places or min(_common(box, known) for known in places[larger]) > APART:
        return pair
    others = (other for other in pair.evidence.relations if other is not Relation.CROPPED)
    evidence = replace(pair.evidence, relations=(*others, Relation.COMPOSITE))
    return replace(pair, relation=Relation.COMPOSITE, evidence=evidence, container=larger)


def _common(one: Box, other: Box) -> float:
    """Return the common area of two boxes as a share of the smaller one."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height) / max(min(_area(one), _area(other)), 1e-6)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
