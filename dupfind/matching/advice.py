"""Say what may become of a copy: whether a person would lose anything with it, and what.

In:  the relation, evidence and verdict of a copy. Out: advice with its reasons. No disk or database.
"""

import math
from collections.abc import Iterator

from dupfind.evidence import Evidence
from dupfind.matching.clues import CLEAR, Clue, Verdict
from dupfind.records import Advice, Photo, Reason, Relation

MORE_PIXELS = 1.02
NOT_ONLY_SAVED = -2.0  # log odds (``Verdict.saved``) below which something else was done to a copy
WITHIN = 3.0  # log odds for saving alone, of a JPEG that lies within its own steps
SAVED_TWICE = 0.0  # log odds for saving alone from which on the steps of two savings are no noise
LOST_SHARE = 0.02  # a smaller change is within what alignment can tell
COARSE_SHARE = 0.05  # that the small pictures of very coarse copies differ by
# Log odds for saving alone that explain so much; of edited copies next to none reach 0.
SURELY_SAVED = 2.5
MUCH_SMALLER = 0.5  # times as large, at most: a small picture of so little differs more than that
EXIF_WORTH = 6  # entries: a few are written by every program
CLEARLY = 1.5  # weight of a clue that is worth a look by itself
VERY_SOFT = 3.0
UNTOUCHED = 0.001  # share of the overlap that saving anew may change
UNTOUCHED_COARSE = 0.02  # and saving coarsely, scattered over the picture
UNTONED = 1.0  # grey levels; less is no change of tones
SAME_TONES = 1.8  # grey levels that saving anew may change all colours by
SAME_TONES_COARSE = 3.0  # and saving coarsely, or in few colours
SPARED_EDGES = 0.75  # of their strength that saving anew leaves the hardest edges
LOST_EDGES = 0.2  # no saving takes that much: a mosaic or a blur
FEW_TONES = 2.9  # weight of a palette of few colours, which changes a little everywhere
PALETTE = 0.05
ONE_REGION = 0.003  # share that no saving changes in one place

_BY_EXTRA = {  # by the words of photos.extras
    "animation": Reason.ANIMATION,
    "pages": Reason.PAGES,
    "has a video behind the picture": Reason.VIDEO,
    "gain map": Reason.GAIN_MAP,
    "depth": Reason.DEPTH,
    "several pictures": Reason.SEVERAL_PICTURES,
    "layers": Reason.LAYERS,
}
_SAME = frozenset({Relation.IDENTICAL, Relation.SAME_PIXELS})
_MANY_FRAMES = frozenset({Reason.ANIMATION, Reason.PAGES, Reason.SEVERAL_PICTURES})
_OWN_CONTENT = _MANY_FRAMES | {Reason.VIDEO}  # it does not follow from the first picture
_BY_CLUE = {
    Clue.CONTAINS: Reason.FRAMED,
    Clue.PART: Reason.SHOWS_LESS,
    Clue.WRITTEN: Reason.WRITTEN,
    Clue.ONE_TONE: Reason.ONE_TONE,
    Clue.CLIPPED: Reason.RECOLOURED,
    Clue.DIMMED: Reason.RECOLOURED,
    Clue.UNEVEN: Reason.RECOLOURED,
    Clue.NOISY: Reason.SHARPER,
    Clue.SHARPENED: Reason.SHARPER,
    Clue.FLAT: Reason.SOFTER,
}
# Log odds from which on a trace was left by saving alone. Of other colours a grey photo shows little.
_BY_SAVING = {
    Reason.CHANGED: 0.0,
    Reason.FINER: 0.5,
    Reason.SOFTER: 1.0,
    Reason.RECOLOURED: 2.5,
}
_BY_SAVING_WITHIN = {**_BY_SAVING, Reason.SHARPER: 2.0}
# Beside the dots of a palette, a picture without them looks soft, enlarged or flattened.
_LIKE_DOTS = (Clue.SOFTER, Clue.ENLARGED, Clue.FLAT)
NO_COPIES = frozenset({Relation.SIMILAR, Relation.VARIANT, Relation.OVERLAPPING})
HARMLESS = frozenset({Relation.REENCODED, Relation.RESIZED})
# Named by a small picture; saving coarsely can look like it there, and a closer comparison tells.
DOUBTFUL = HARMLESS | {Relation.RECOLOURED}


def advise(
    relation: str, evidence: Evidence, verdict: Verdict | None, photo: Photo, kept: Photo
) -> tuple[Advice, tuple[Reason, ...]]:
    """Return what may become of ``photo``, and why.

    Args:
        relation: Of the photo to the kept one.
        evidence: Of the photo as made from the kept one.
        verdict: Of (kept, photo); None where they were not looked into.
        photo, kept: The two.
    """
    lost = list(dict.fromkeys(_lost(relation, evidence, verdict, photo, kept)))
    if not lost and relation not in _SAME and _may_be_better(verdict, photo, kept):
        lost = [Reason.FINER]
    if lost:
        return Advice.LOOK, tuple(lost)
    duller = (Reason.LOST_PROFILE,) if verdict is not None and verdict.profile == "a" else ()
    return Advice.REMOVE, (_harmless(relation, verdict), *duller)


def may_be_harmless(relation: Relation, evidence: Evidence, *, profiled: bool = False) -> bool:
    """Say whether a closer comparison could still find that nothing is lost with a copy.

    Args:
        relation, evidence: Of the copy.
        profiled: Whether one of the two has a colour profile, which may explain other colours.
    """
    if relation in HARMLESS:
        return True
    tones = evidence.tones
    toned = tones is not None and (tones.is_negative or tones.contrast != 0 or tones.loses_colour)
    toned = (toned or evidence.grey) and not profiled
    changed = evidence.frame or evidence.warped or evidence.stretch is not None
    doubtful = DOUBTFUL
    little = evidence.changed_share is not None and evidence.changed_share <= COARSE_SHARE
    if little or (evidence.scale or 1.0) <= MUCH_SMALLER:
        doubtful = DOUBTFUL | {Relation.EDITED}  # softer, or a little of it is
    return {*evidence.relations, relation} <= doubtful and not (toned or changed)


def more_exif(photo: Photo, kept: Photo) -> bool:
    """Say whether a photo has EXIF entries that the kept one clearly lacks."""
    return photo.exif_tags >= EXIF_WORTH and kept.exif_tags < 0.5 * photo.exif_tags


def more_inside(photo: Photo, kept: Photo, *, compared: bool = True) -> tuple[Reason, ...]:
    """Return what a photo's file has besides its first picture that the kept one's may lack.

    Args:
        photo, kept: The two.
        compared: Whether all their frames and pages were; else those of two files may differ.
    """
    more_frames = photo.frames > max(kept.frames, 1)
    return tuple(
        reason
        for word, reason in _BY_EXTRA.items()
        if word in photo.extras
        and (
            word not in kept.extras
            or (reason in _MANY_FRAMES and more_frames)
            or (reason in _OWN_CONTENT and not compared)
        )
    )


def _harmless(relation: str, verdict: Verdict | None) -> Reason:
    if verdict is not None and Clue.ENLARGED in verdict.against_b:
        return Reason.ENLARGED
    return {
        Relation.IDENTICAL: Reason.SAME_BYTES,
        Relation.SAME_PIXELS: Reason.SAME_PIXELS,
        Relation.RESIZED: Reason.REDUCED,
    }.get(Relation(relation), Reason.SAVED_AGAIN)


def _lost(
    relation: str, evidence: Evidence, verdict: Verdict | None, photo: Photo, kept: Photo
) -> Iterator[Reason]:
    if relation == Relation.IDENTICAL:
        return
    if more_exif(photo, kept):
        yield Reason.MORE_EXIF
    yield from more_inside(photo, kept, compared=relation == Relation.SAME_PIXELS)
    if relation == Relation.SAME_PIXELS:
        return
    if relation in NO_COPIES:
        yield Reason.UNPROVEN
        return
    told = _is_told(Relation(relation), evidence, verdict)
    yield from _by_evidence(relation, evidence, told=told)
    if verdict is None:
        if Relation(relation) in HARMLESS:
            yield Reason.UNSEEN
    else:
        yield from _by_verdict(verdict)


def _is_told(relation: Relation, evidence: Evidence, verdict: Verdict | None) -> bool:
    """Say whether a closer comparison tells better than the small pictures of the proof."""
    if verdict is None or (verdict.edges is None and not verdict.within):
        return False
    if not may_be_harmless(relation, evidence, profiled=verdict.profile is not None):
        return False
    if Relation.EDITED not in {*evidence.relations, relation} or verdict.within:
        return True
    changed = evidence.changed_share or 0.0
    if changed <= LOST_SHARE:
        return _is_by_saving(Reason.CHANGED, verdict)
    return changed <= COARSE_SHARE and (verdict.saved or 0.0) >= SURELY_SAVED


def _by_evidence(relation: str, evidence: Evidence, *, told: bool) -> Iterator[Reason]:
    """Yield what the proof found; ``told``: what a closer comparison tells better is left to it."""
    holds = {*evidence.relations, Relation(relation)}
    if Relation.COMPOSITE in holds:
        yield Reason.COMPOSITE
    if evidence.part is not None and Relation.CROPPED in holds:
        yield Reason.SHOWS_LESS if evidence.part == "b" else Reason.SHOWS_MORE
    if evidence.frame is not None:
        yield Reason.FRAMED if evidence.frame == "b" else Reason.UNFRAMED
    if evidence.mirrored:
        yield Reason.MIRRORED
    if Relation.ROTATED in holds:
        yield Reason.TURNED
    if evidence.warped:
        yield Reason.WARPED
    if evidence.stretch is not None:
        yield Reason.STRETCHED
    if not told:
        yield from _by_small_picture(holds, evidence)


def _by_small_picture(holds: set[Relation], evidence: Evidence) -> Iterator[Reason]:
    if Relation.RECOLOURED in holds:
        yield from _by_tone(evidence)
    if evidence.detail_ratio is not None:
        yield Reason.SOFTER if evidence.detail_ratio < 1 else Reason.SHARPER
    if Relation.EDITED in holds and (evidence.changed_share or 0.0) > LOST_SHARE:
        yield Reason.CHANGED
    if not holds <= HARMLESS:
        yield from _unnamed(holds, evidence)


def _by_tone(evidence: Evidence) -> Iterator[Reason]:
    tones = evidence.tones
    if evidence.grey and tones is not None:
        yield Reason.ONE_TONE if tones.colour_b < tones.colour_a else Reason.MORE_COLOUR
    else:
        yield Reason.RECOLOURED


def _unnamed(holds: set[Relation], evidence: Evidence) -> Iterator[Reason]:
    """Yield a reason for what holds but left no particular trace: it is no plain copy."""
    traced = evidence.frame or evidence.warped or evidence.detail_ratio is not None
    if Relation.EDITED in holds and not traced:
        yield Reason.CHANGED
    if Relation.CROPPED in holds and evidence.part is None:
        yield Reason.SHOWS_LESS


def _by_verdict(verdict: Verdict) -> Iterator[Reason]:
    """Yield what a closer comparison found, without what saving alone explains."""
    if verdict.profile == "b":
        yield Reason.MORE_PROFILE
    elif verdict.profile == "a" and not verdict.within:
        yield Reason.LOST_PROFILE
    yield from verdict.altered
    yield from (reason for reason in _by_clues(verdict) if not _is_by_saving(reason, verdict))
    if verdict.saved is not None and verdict.saved < NOT_ONLY_SAVED:
        yield Reason.UNSURE


def _is_by_saving(reason: Reason, verdict: Verdict) -> bool:
    if verdict.saved is None or (verdict.edges is not None and verdict.edges < LOST_EDGES):
        return False
    if reason is Reason.SHARPER and verdict.twice and not verdict.altered:
        return verdict.saved >= SAVED_TWICE
    if not verdict.within:
        return verdict.saved >= _BY_SAVING.get(reason, math.inf)
    return verdict.saved + WITHIN >= _BY_SAVING_WITHIN.get(reason, math.inf)


def _by_clues(verdict: Verdict) -> Iterator[Reason]:
    few_tones = _has_few_tones(verdict)
    untouched = UNTOUCHED_COARSE if verdict.coarse else UNTOUCHED
    untouched = PALETTE if few_tones else untouched
    if verdict.changed_share > untouched or verdict.largest_change > ONE_REGION:
        yield Reason.CHANGED
    if verdict.toned > (SAME_TONES_COARSE if few_tones or verdict.coarse else SAME_TONES):
        yield Reason.RECOLOURED
    for clues in (verdict.against_b, verdict.against_a):
        for clue, weight in clues.items():
            if clue in _BY_CLUE and weight >= CLEARLY and not _by_saving(clue, verdict, few_tones):
                reason = _BY_CLUE[clue]
                if clues is verdict.against_a:
                    reason = _TURNED_ABOUT.get(reason, Reason.CHANGED)
                yield reason
    softer = verdict.against_b.get(Clue.SOFTER, 0.0) >= VERY_SOFT
    softer = softer and not verdict.coarse and not _spares_edges(verdict)
    if softer or (verdict.edges is not None and verdict.edges < LOST_EDGES):
        yield Reason.SOFTER


def _spares_edges(verdict: Verdict) -> bool:
    return verdict.edges is not None and verdict.edges >= SPARED_EDGES


def _by_saving(clue: Clue, verdict: Verdict, few_tones: bool) -> bool:
    """Say whether saving alone explains a trace: steps in place of shades, dots of a palette."""
    if clue is Clue.FLAT:
        return verdict.coarse or few_tones or _spares_edges(verdict)
    return few_tones and clue in (Clue.NOISY, Clue.SHARPENED)


_TURNED_ABOUT = {
    Reason.FRAMED: Reason.UNFRAMED,
    Reason.SHOWS_LESS: Reason.SHOWS_MORE,
    Reason.ONE_TONE: Reason.MORE_COLOUR,
    Reason.RECOLOURED: Reason.RECOLOURED,
    Reason.SHARPER: Reason.SOFTER,
    Reason.SOFTER: Reason.SHARPER,
}


def _margin(verdict: Verdict) -> float:
    """Return how clearly the copy was made from the kept one, without what saving alone makes of it.

    The dots of a palette look like fine structure, and the gaps that a change of tones left between the kept
    one's shades are filled by any saving.
    """
    margin = verdict.margin
    if _has_few_tones(verdict):
        margin += sum(verdict.against_a.get(clue, 0.0) for clue in _LIKE_DOTS)
    if verdict.alike and verdict.toned <= UNTONED:
        margin += verdict.against_a.get(Clue.STEPS, 0.0)
    return margin


def _has_few_tones(verdict: Verdict) -> bool:
    return verdict.against_b.get(Clue.STEPS, 0.0) >= FEW_TONES


def _may_be_better(verdict: Verdict | None, photo: Photo, kept: Photo) -> bool:
    # Blocks of coarse saving look like fine structure.
    clear = verdict is not None and _margin(verdict) <= -CLEAR and not verdict.coarse
    if verdict is not None and clear and not _is_by_saving(Reason.FINER, verdict):
        return True
    if photo.width * photo.height <= MORE_PIXELS * kept.width * kept.height:
        return False
    return verdict is None or Clue.ENLARGED not in verdict.against_b
