"""What one collage's pairs say about each other."""

import numpy as np

from dupfind.evidence import Box, Evidence
from dupfind.matching.calibrate import SIGNALS
from dupfind.matching.collages import mark_collages
from dupfind.matching.proven import Proven
from dupfind.records import Relation

LEFT, MIDDLE, RIGHT = ((at, 0.0, at + 0.33, 1.0) for at in (0.0, 0.33, 0.67))


def shown(part: int, box: Box, *, composite: bool, collage: int = 9) -> Proven:
    relation = Relation.COMPOSITE if composite else Relation.CROPPED
    evidence = Evidence(part="a", crop_box=box, relations=(Relation.REENCODED, relation))
    signals = np.zeros(len(SIGNALS))
    return Proven(part, collage, relation, evidence, signals, collage if composite else -1)


def marked(*pairs: Proven, sure: bool = True) -> list[Relation]:
    return [pair.relation for pair in mark_collages(pairs, np.full(len(pairs), sure))]


def test_two_parts_of_a_collage_tell_what_the_third_is() -> None:
    pairs = [shown(0, LEFT, composite=True), shown(1, RIGHT, composite=True)]
    pairs.append(shown(2, MIDDLE, composite=False))
    after = mark_collages(pairs, np.ones(3, bool))
    assert [pair.relation for pair in after] == [Relation.COMPOSITE] * 3
    assert after[2].container == 9
    assert after[2].evidence.relations == (Relation.REENCODED, Relation.COMPOSITE)
    assert pairs[2].evidence.relations == (Relation.REENCODED, Relation.CROPPED)


def test_a_part_that_is_shown_again_is_one_of_the_collage_too() -> None:
    parts = shown(0, LEFT, composite=True), shown(1, RIGHT, composite=True)
    assert marked(*parts, shown(2, LEFT, composite=False))[-1] is Relation.COMPOSITE


def test_one_part_is_not_enough_and_neither_are_two_copies_of_it() -> None:
    crop = shown(2, MIDDLE, composite=False)
    assert marked(shown(0, LEFT, composite=True), crop)[-1] is Relation.CROPPED
    twice = shown(0, LEFT, composite=True), shown(1, LEFT, composite=True)
    assert marked(*twice, crop)[-1] is Relation.CROPPED


def test_unlikely_pairs_and_other_photos_tell_nothing() -> None:
    parts = shown(0, LEFT, composite=True), shown(1, RIGHT, composite=True)
    crop = shown(2, MIDDLE, composite=False)
    assert marked(*parts, crop, sure=False)[-1] is Relation.CROPPED
    assert marked(*parts, shown(2, MIDDLE, composite=False, collage=8))[-1] is Relation.CROPPED


def test_two_crops_of_a_framed_photo_do_not_make_a_collage() -> None:
    crops = shown(0, LEFT, composite=True), shown(1, RIGHT, composite=True)
    whole = shown(3, (0.0, 0.0, 1.0, 1.0), composite=True)
    assert marked(*crops, whole, shown(2, MIDDLE, composite=False))[-1] is Relation.CROPPED
