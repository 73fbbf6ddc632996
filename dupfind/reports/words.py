"""Words for a person: safe file names, sizes, dates, and why two photos count as copies."""

import re
import unicodedata
from collections.abc import Iterable

from dupfind.evidence import QUORUM, Box, Evidence
from dupfind.records import Group, Member, Photo, Reason, Relation

# Control and format characters (bidirectional overrides, zero-width spaces), lone surrogates
# (bytes that are not UTF-8), line separators, unassigned code points.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
# Joiners that emoji and several scripts need.
_SAFE_JOINERS = frozenset("\u200c\u200d")
_SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_WORTH_SAYING = 0.02  # a smaller change or margin is within what alignment can tell
_BYTE_UNITS = ("bytes", "KB", "MB", "GB", "TB", "PB")
_NAMES: dict[str, str] = {
    Relation.IDENTICAL: "identical",
    Relation.SAME_PIXELS: "same pixels",
    Relation.REENCODED: "re-encoded",
    Relation.RESIZED: "resized",
    Relation.CROPPED: "cropped",
    Relation.ROTATED: "rotated",
    Relation.MIRRORED: "mirrored",
    Relation.RECOLOURED: "recoloured",
    Relation.EDITED: "edited",
    Relation.COMPOSITE: "composite",
    Relation.VARIANT: "variant",
    Relation.OVERLAPPING: "overlapping",
    Relation.SIMILAR: "similar",
}


def safe_name(name: str) -> str:
    """Return ``name`` with each character that could deceive or break a terminal or page escaped.

    A newline becomes ``\\n``, a byte that is not UTF-8 ``\\xff``, a bidirectional override
    ``\\u202e``: the name stays recognisable and its other characters stay as they are.
    """
    return "".join(_safe_character(character) for character in name)


def relation_name(relation: str) -> str:
    """Return the name of a relation as a person reads it: ``reencoded`` is "re-encoded"."""
    return _NAMES.get(relation, relation)


def readable_bytes(size_bytes: int) -> str:
    """Return a size with at most three digits before the unit: "1.4 MB" (1 KB is 1000 bytes)."""
    size = float(size_bytes)
    for unit in _BYTE_UNITS:
        if size < 999.5 or unit == _BYTE_UNITS[-1]:
            break
        size /= 1000
    if unit == "bytes":
        return f"{size_bytes} byte" if size_bytes == 1 else f"{size_bytes} bytes"
    return f"{size:.0f} {unit}" if size >= 99.95 else f"{size:.1f} {unit}"


def readable_date(taken_at: str | None) -> str:
    """Return ``2021-07-14T10:22:05`` as "2021-07-14 10:22"; nothing for no date."""
    if not taken_at:
        return ""
    return safe_name(re.sub(r"[T ](\d\d:\d\d).*$", r" \1", taken_at))


def count(number: int, noun: str, plural: str = "") -> str:
    """Return "1 photo" or "1,234 photos"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def percent(share: float) -> str:
    """Return a share in [0, 1] as a percentage that says 0% and 100% only when it is so."""
    value = 100 * share
    if 0 < value < 1:
        return "under 1%"
    return "over 99%" if 99 < value < 100 else f"{value:.0f}%"


def explain(member: Member, photo: Photo, kept: Photo) -> str:
    """Say in words how ``photo`` is related to the photo that is kept.

    For example "mirrored; cropped: shows 52% of the picture (48% off the right)".
    """
    if member.keep:
        return "the photo to keep"
    relations = _all_relations(member)
    parts = [_explain_one(relation, member, photo, kept) for relation in relations]
    return "; ".join(part for part in (*parts, *_circumstances(member.evidence)) if part)


def copy_shows_more(member: Member, photo: Photo, kept: Photo) -> bool:
    """Say whether the copy is the larger picture, of which the kept photo shows a part.

    The evidence says which of the two is the ``part``: "a" the kept photo, "b" the copy. Without
    that, the copy shows more when it has more pixels than the kept photo would have at its scale.
    """
    if member.evidence.part is not None:
        return member.evidence.part == "a"
    scale = member.evidence.scale or 0.0
    if scale <= 0:
        return False
    return photo.width * photo.height > 1.02 * scale**2 * kept.width * kept.height


def reason_of(member: Member, group: Group) -> str:
    """Say in words why a member is kept, may go, or wants a look.

    For example "kept: the others are made from it: a grey copy, a collage or screenshot that shows
    it", "shows 12% less than the kept one", "saved again; the kept one is at least as good".
    """
    if member.keep:
        return _why_kept(member, group)
    words = [_reason_words(reason, member) for reason in member.reasons]
    return "; ".join(word for word in words if word)


def reasons_in_words(names: Iterable[str]) -> str:
    """Say in words why a photo may go, from the names of the reasons."""
    known = set(Reason)
    words = [_REASONS.get(Reason(name), "") for name in names if name in known]
    return "; ".join(word for word in words if word)


def reclaim_words(size_bytes: int, looks: int) -> str:
    """Say what can go and what wants a look: "1.2 MB can go; 14 more photos to look at"."""
    more = f"; {count(looks, 'more photo')} to look at" if looks else ""
    return f"{readable_bytes(size_bytes)} can go{more}"


def advice_name(member: Member) -> str:
    """Return the advice as a person reads it."""
    return {"keep": "keep", "remove": "can go"}.get(str(member.advice), "look")


def _why_kept(member: Member, group: Group) -> str:
    if Reason.SOURCE in member.reasons:
        others = [other for other in group.members if other is not member]
        made = dict.fromkeys(word for other in others for word in _made_from(other))
        return "kept: the others are made from it" + (f": {', '.join(made)}" if made else "")
    if Reason.BALANCED in member.reasons:
        return "kept by the keep rules: nothing tells for sure which one came first"
    return "kept by the keep rules"


def _made_from(member: Member) -> list[str]:
    """Name what a member is, as a thing made from the kept photo: the first reasons are enough."""
    return [words for reason in member.reasons[:1] if (words := _COPIES.get(reason))]


def _reason_words(reason: Reason, member: Member) -> str:
    evidence = member.evidence
    if reason is Reason.SHOWS_LESS and evidence.part == "b" and evidence.crop_share is not None:
        return f"shows {percent(evidence.crop_share)} of the kept one"
    if reason is Reason.SHOWS_MORE and evidence.part == "a" and evidence.crop_share is not None:
        return f"shows {percent(1 - evidence.crop_share)} that the kept one does not"
    if reason is Reason.CHANGED and evidence.changed_share:
        return f"{percent(evidence.changed_share)} of it is changed"
    return _REASONS.get(reason, "")


_REASONS: dict[Reason, str] = {
    Reason.SAME_BYTES: "the same bytes as another photo of the group",
    Reason.SAME_PIXELS: "the same pixels as another photo of the group",
    Reason.SAVED_AGAIN: "saved again; the kept one is at least as good",
    Reason.REDUCED: "the same picture with less detail than the kept one",
    Reason.ENLARGED: "enlarged, with no more detail than the kept one",
    Reason.SHOWS_LESS: "shows less than the kept one",
    Reason.SHOWS_MORE: "shows more than the kept one",
    Reason.FRAMED: "has a frame, a caption or something else around it",
    Reason.UNFRAMED: "without what is around the kept one",
    Reason.COMPOSITE: "a collage, a screenshot or a picture in a picture",
    Reason.SEVERAL: "shows photos of other groups too",
    Reason.WRITTEN: "has something written or drawn over it",
    Reason.CHANGED: "a part of it is changed",
    Reason.ONE_TONE: "without its colours",
    Reason.MORE_COLOUR: "has colours that the kept one lacks",
    Reason.RECOLOURED: "other colours",
    Reason.SOFTER: "softer",
    Reason.SHARPER: "sharper or noisier",
    Reason.TURNED: "turned",
    Reason.MIRRORED: "mirrored",
    Reason.STRETCHED: "stretched",
    Reason.WARPED: "seen at an angle",
    Reason.UNSEEN: "could not be compared closely with the kept one",
    Reason.UNPROVEN: "not proven a copy of the kept one",
    Reason.UNSURE: "may be edited a little",
    Reason.FINER: "may be the better one",
    Reason.LOST_PROFILE: "the kept one has a colour profile that this one lost",
    Reason.MORE_PROFILE: "has a colour profile that the kept one lost",
    Reason.MORE_EXIF: "has EXIF that the kept one lacks",
    Reason.VIDEO: "has a video behind the picture",
    Reason.GAIN_MAP: "has a gain map",
    Reason.DEPTH: "has a depth map",
    Reason.SEVERAL_PICTURES: "has several pictures in it",
    Reason.PAGES: "has pages that the kept one may lack",
    Reason.ANIMATION: "an animation",
    Reason.LAYERS: "has layers",
}
_COPIES: dict[Reason, str] = {
    Reason.SAME_BYTES: "the same file",
    Reason.SAME_PIXELS: "the same pixels",
    Reason.SAVED_AGAIN: "a copy saved again",
    Reason.REDUCED: "a reduced copy",
    Reason.ENLARGED: "an enlarged copy",
    Reason.SHOWS_LESS: "a crop",
    Reason.FRAMED: "a framed copy",
    Reason.COMPOSITE: "a collage or screenshot that shows it",
    Reason.WRITTEN: "a copy that is written over",
    Reason.CHANGED: "an edited copy",
    Reason.ONE_TONE: "a grey copy",
    Reason.RECOLOURED: "a recoloured copy",
    Reason.SOFTER: "a softer copy",
    Reason.SHARPER: "a sharpened or noisy copy",
    Reason.TURNED: "a turned copy",
    Reason.MIRRORED: "a mirrored copy",
    Reason.STRETCHED: "a stretched copy",
    Reason.WARPED: "a copy seen at an angle",
}


def _safe_character(character: str) -> str:
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    if character in _SAFE_JOINERS or unicodedata.category(character) not in _UNSAFE_CATEGORIES:
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: the byte itself
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _all_relations(member: Member) -> list[str]:
    """The member's relation first, then the others that hold, the strongest first, each once.

    Nearly every copy was also saved anew: that is worth a word only when it is all that happened.
    """
    others = [
        str(other)
        for other in reversed(member.evidence.relations)
        if other is not Relation.REENCODED
    ]
    return list(dict.fromkeys([str(member.relation), *others]))


def _explain_one(relation: str, member: Member, photo: Photo, kept: Photo) -> str:
    if relation == Relation.ROTATED:
        return _turn(member.evidence)
    name = relation_name(relation)
    words = _detail(relation, member, photo, kept)
    return f"{name}: {words}" if words else name


def _detail(relation: str, member: Member, photo: Photo, kept: Photo) -> str:
    evidence = member.evidence
    match relation:
        case Relation.IDENTICAL:
            return "the same bytes"
        case Relation.SAME_PIXELS | Relation.REENCODED:
            return _encoding(photo, kept)
        case Relation.RESIZED:
            return _scaling(evidence, photo, kept)
        case Relation.CROPPED:
            return _crop(evidence, whole=copy_shows_more(member, photo, kept))
        case Relation.RECOLOURED:
            return _tone(evidence)
        case Relation.EDITED:
            return _change(evidence)
        case Relation.COMPOSITE:
            return _composite(evidence, whole=copy_shows_more(member, photo, kept))
        case Relation.VARIANT:
            return "the same layout or scene, but each shows something that the other lacks"
        case Relation.OVERLAPPING:
            return "two shots that share a part"
        case Relation.SIMILAR:
            return _unproven(evidence)
    return ""


def _encoding(photo: Photo, kept: Photo) -> str:
    if photo.format != kept.format:
        return f"{safe_name(photo.format)} instead of {safe_name(kept.format)}, " + _file_size(
            photo, kept
        )
    return f"{safe_name(photo.format)}, {_file_size(photo, kept)}"


def _file_size(photo: Photo, kept: Photo) -> str:
    if kept.size_bytes <= 0 or photo.size_bytes == kept.size_bytes:
        return "file of the same size"
    ratio = photo.size_bytes / kept.size_bytes
    if ratio < 1:
        return f"file {percent(1 - ratio)} smaller"
    return f"file {ratio:.1f} times as large" if ratio >= 2 else f"file {percent(ratio - 1)} larger"


def _scaling(evidence: Evidence, photo: Photo, kept: Photo) -> str:
    scale = evidence.scale or photo.width / max(1, kept.width)
    return f"scaled to {100 * scale:.0f}%" if scale < 9.995 else f"scaled up {scale:.0f} times"


def _crop(evidence: Evidence, *, whole: bool) -> str:
    share, box = evidence.crop_share, evidence.crop_box
    shows = "the kept photo shows" if whole else "shows"
    shown = f"{shows} {percent(share)} of the picture" if share is not None else ""
    where = _where(box) if box else ""
    return f"{shown} ({where})" if shown and where else shown or where


def _where(box: Box) -> str:
    """Name what was cut away: the margins, in percent of the picture's sides."""
    left, top, right, bottom = (min(1.0, max(0.0, edge)) for edge in box)
    cut = {"left": left, "top": top, "right": 1 - right, "bottom": 1 - bottom}
    words = [
        f"{percent(share)} off the {side}" for side, share in cut.items() if share >= _WORTH_SAYING
    ]
    return ", ".join(words)


def _turn(evidence: Evidence) -> str:
    degrees = ((evidence.degrees or 0.0) + 180) % 360 - 180
    if abs(degrees) < 0.5:
        return "rotated"
    if abs(degrees) > 179.5:
        return "rotated 180 degrees"
    direction = "anticlockwise" if degrees > 0 else "clockwise"
    number = (
        f"{abs(degrees):.0f}" if abs(degrees - round(degrees)) < 0.05 else f"{abs(degrees):.1f}"
    )
    return f"rotated {number} degrees {direction}"


def _tone(evidence: Evidence) -> str:
    tones = evidence.tones
    if tones is None:
        return "turned grey" if evidence.grey else ""
    if evidence.grey:
        return (
            "without its colours"
            if tones.colour_b < tones.colour_a
            else "with the colours that the kept photo lacks"
        )
    if tones.is_negative:
        return "negative"
    words = [
        {1: "more contrast", -1: "less contrast"}.get(tones.contrast),
        {1: "brighter", -1: "darker"}.get(tones.brightness),
    ]
    if tones.recolours:
        clearly = {1: "more colour", -1: "less colour"}
        words.append(clearly.get(tones.colourfulness, "other colours"))
    return ", ".join(word for word in words if word)


def _composite(evidence: Evidence, *, whole: bool) -> str:
    share = evidence.crop_share
    if share is None:
        return "one is part of a collage or a screenshot"
    if whole:
        return f"the kept photo fills {percent(share)} of this collage or screenshot"
    return f"a part of the kept collage or screenshot, {percent(share)} of it"


def _unproven(evidence: Evidence) -> str:
    if evidence.method == QUORUM:
        return "proven against other photos of the group, not against the kept one"
    return "looks alike, not proven a copy"


def _change(evidence: Evidence) -> str:
    share = evidence.changed_share
    words = [f"{percent(share)} of it changed"] if share and share >= _WORTH_SAYING else []
    if evidence.frame is not None:
        words.append("a frame added" if evidence.frame == "b" else "without its frame")
    if evidence.warped:
        words.append("seen at an angle")
    if evidence.detail_ratio is not None:
        words.append("softer" if evidence.detail_ratio < 1 else "sharper or noisier")
    return ", ".join(words)


def _circumstances(evidence: Evidence) -> list[str]:
    words = []
    if evidence.same_file is not None:
        words.append("another name of the same file: deleting it frees nothing")
    if evidence.burst_seconds is not None:
        words.append(f"taken {evidence.burst_seconds:.0f} s apart")
    if evidence.unit == "raw+jpeg":
        words.append("RAW and JPEG of one shot: belong together")
    elif evidence.unit == "live-photo":
        words.append("parts of one live photo: belong together")
    return words
