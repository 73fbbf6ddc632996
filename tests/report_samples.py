"""Hand-made records for the tests of reports: every relation, and file names that try to do harm."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from dupfind.evidence import Evidence
from dupfind.records import Advice, FileError, Group, Member, Photo
from dupfind.reports.reported import Report

FOLDER = "/home/someone/Pictures"
NOT_UTF8 = os.fsdecode(b"caf\xe9.jpg")
HOSTILE_NAMES = [
    "line\nbreak.jpg",
    "\x1b[31mred\x07.jpg",
    "photo\u202egpj.exe",
    "[bold]markup[/bold][/].jpg",
    "<script>document.title='owned'</script>.jpg",
    '"><img src=x onerror="document.title=\'owned\'">.jpg',
    "</script><script>document.title='owned'</script>.jpg",
    "{{ 7 * 7 }}{% raw %}.jpg",
    "=HYPERLINK(1),comma.jpg",
    "'quote' & ampersand.jpg",
    "e\u0301 🏴‍☠️ 家.jpg",
    NOT_UTF8,
]


def photo(photo_id: int, name: str, **changes: Any) -> Photo:
    base = Photo(
        id=photo_id,
        path=Path(FOLDER) / name,
        sha256=f"{photo_id:064x}",
        size_bytes=4_000_000 // photo_id,
        mtime_ns=1,
        width=4000,
        height=3000,
        format="JPEG",
        taken_at="2021-07-14T10:22:05",
        exif_tags=30,
    )
    return replace(base, **changes)


def copy(photo_id: int, relation: str, *, similarity: float = 0.8, **evidence: Any) -> Member:
    found = Evidence.from_json(evidence)
    harmless = relation in ("identical", "same-pixels")
    advice = Advice.REMOVE if harmless else Advice.LOOK
    return Member(photo_id, False, relation, similarity, 0.9987, found, advice)


def original(photo_id: int) -> Member:
    return Member(photo_id, True, "original", 1.0, 1.0, advice=Advice.KEEP)


def report_of(*groups: Group, photos: list[Photo], errors: tuple[FileError, ...] = ()) -> Report:
    by_id = {photo.id: photo for photo in photos}
    folder = Path(FOLDER) / ".dupfind"
    return Report(folder, "builtin", "copy", 0.99, groups, by_id, errors, len(photos) + 5)


def hostile_report() -> Report:
    """One group of all hostile names, one harmless one that frees more, and two bad files."""
    names = ["keeper.jpg", *HOSTILE_NAMES]
    photos = [photo(number, name) for number, name in enumerate(names, start=1)]
    crop: dict[str, Any] = {"crop_share": 0.52, "crop_box": [0.1, 0.05, 0.7, 0.9]}
    members = [original(1), copy(2, "cropped", **crop)]
    members += [copy(number, "reencoded") for number in range(3, len(photos) + 1)]
    first = Group(1, tuple(members), 0.71, 123_456)
    photos += [photo(90, "sub/sea.png", format="PNG"), photo(91, "sub/sea turned.jpg")]
    turned = copy(91, "mirrored", degrees=-90.0, mirrored=True, relations=["mirrored", "rotated"])
    second = Group(2, (original(90), turned), 0.42, 900_000)
    bad = (
        FileError(Path(FOLDER) / NOT_UTF8, "the file ends too early"),
        FileError(Path(FOLDER) / "not\na photo.jpg", "it is text, not a photo"),
    )
    return report_of(first, second, photos=photos, errors=bad)
