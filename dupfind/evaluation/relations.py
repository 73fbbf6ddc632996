"""Compare the relation that was named for each pair with what was really done to the copy."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from dupfind.evaluation.metrics import ALL_KINDS
from dupfind.evaluation.truth import Truth
from dupfind.records import Relation

NOT_SCORED = "not scored"

_CONTENT = frozenset({Relation.IDENTICAL})
_PIXELS = frozenset({Relation.SAME_PIXELS, Relation.REENCODED})
_ENCODED = frozenset({Relation.REENCODED})
_RECOLOURED = frozenset({Relation.RECOLOURED})
_EDITED = frozenset({Relation.EDITED})
_PROVEN = frozenset(set(Relation) - {Relation.IDENTICAL, Relation.SAME_PIXELS, Relation.SIMILAR})

# The beginning of a kind -> the relations that are right for it; the longest beginning counts.
# A PNG of a JPEG holds the same pixels, a WebP of it only nearly so; a GIF has other tones and
# often another size;
# a perspective view has no relation of its own, and a combination may be named after any part.
EXPECTED: Mapping[str, frozenset[Relation]] = {
    "byte_copy": _CONTENT,
    "identical": _CONTENT,
    "jpeg_lossless": _PIXELS,
    "same_pixels": _PIXELS,
    "reenc": _PIXELS,
    "jpeg": _ENCODED,
    "exif_orient": _ENCODED,
    "gif": _ENCODED | _RECOLOURED | {Relation.RESIZED},
    "resize": frozenset({Relation.RESIZED}),
    "stretch": frozenset({Relation.RESIZED}),
    "crop": frozenset({Relation.CROPPED}),
    "rotate": frozenset({Relation.ROTATED}),
    "flip": frozenset({Relation.MIRRORED}),
    "mirror": frozenset({Relation.MIRRORED}),
    "grayscale": _RECOLOURED,
    "sepia": _RECOLOURED,
    "brightness": _RECOLOURED,
    "contrast": _RECOLOURED,
    "saturation": _RECOLOURED,
    "colour": _RECOLOURED,
    "tone": _RECOLOURED,
    "blur": _EDITED,
    "sharpen": _EDITED,
    "noise": _EDITED,
    "text": _EDITED,
    "emoji": _EDITED,
    "watermark": _EDITED,
    "border": _EDITED,
    "frame": _EDITED,
    "pad": _EDITED,
    "perspective": frozenset({Relation.EDITED, Relation.CROPPED, Relation.ROTATED}),
    "collage": frozenset({Relation.COMPOSITE}),
    "screenshot": frozenset({Relation.COMPOSITE}),
    "combo": _PROVEN,
}


def expected_relations(
    kind: str, leads_to: Mapping[str, Relation] | None = None
) -> frozenset[Relation]:
    """Return the relations that are right for a kind of alteration; none where it is unknown.

    ``leads_to`` names the relation of further kinds, such as those of ``photos.edits``.
    """
    fits = [name for name in EXPECTED if kind.startswith(name)]
    expected = EXPECTED[max(fits, key=len)] if fits else frozenset()
    further = (leads_to or {}).get(kind)
    return expected | ({further} if further else frozenset())


def relations_report(
    truth: Truth, named: Mapping[int, str], leads_to: Mapping[str, Relation] | None = None
) -> dict[str, Any]:
    """Count for each kind how the pairs (original, copy) were named.

    Args:
        truth: The labels.
        named: The relation of each scored pair, by key.
        leads_to: See ``expected_relations``.

    Returns:
        ``kinds`` {kind: {named: {relation: pairs}, expected, right, pairs}} for the kinds whose
        relation is known, and ``right``, the share of their scored pairs named rightly.
    """
    table: dict[str, Counter[str]] = {}
    first, second = truth.rows(truth.positives())
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        if truth.is_original[a] == truth.is_original[b]:
            continue
        kind = truth.kinds[b if truth.is_original[a] else a]
        if expected_relations(kind, leads_to):
            relation = named.get(a * truth.count + b, NOT_SCORED)
            table.setdefault(kind, Counter())[str(relation)] += 1
    kinds = {
        kind: _row(expected_relations(kind, leads_to), counts)
        for kind, counts in sorted(table.items())
    }
    scored = sum(row["pairs"] - row["named"].get(NOT_SCORED, 0) for row in kinds.values())
    right = sum(row["right"] for row in kinds.values())
    summary = {"right": right, "scored": scored, "share": right / scored if scored else None}
    return {"kinds": kinds, ALL_KINDS: summary}


def _row(expected: frozenset[Relation], counts: Counter[str]) -> dict[str, Any]:
    return {
        "pairs": counts.total(),
        "right": sum(counts[relation.value] for relation in expected),
        "expected": [relation.value for relation in Relation if relation in expected],
        "named": dict(counts.most_common()),
    }
