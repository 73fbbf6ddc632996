"""RAW+JPEG pairs and live photos: parts of one shot, not waste."""

import shutil
from pathlib import Path

import pytest
from cluster_helpers import save_album
from matching_helpers import photo

from dupfind import Library
from dupfind.matching.units import LIVE_PHOTO, RAW_JPEG, unit_of
from dupfind.options import IndexOptions, ReportFormat, ReportOptions


@pytest.mark.parametrize(
    ("name", "beside", "unit"),
    [
        ("IMG_1.JPG", {"img_1.jpg", "img_1.cr2"}, RAW_JPEG),
        ("IMG_1.CR2", {"img_1.jpg", "img_1.cr2"}, RAW_JPEG),
        ("a.dng", {"a.dng", "a.heic"}, RAW_JPEG),
        ("a.HEIC", {"a.heic", "a.mov"}, LIVE_PHOTO),
        ("a.jpeg", {"a.jpeg", "a.mp4"}, LIVE_PHOTO),
        ("a.jpg", {"a.jpg", "a.nef", "a.mov"}, RAW_JPEG),
        ("a.jpg", {"a.jpg", "b.nef", "ab.mov", "a.jpg.mov"}, None),
        ("a.png", {"a.png", "a.mov", "a.dng"}, None),
        ("a.dng", {"a.dng", "a.mov"}, None),
        ("holiday.2019.jpg", {"holiday.2019.jpg", "holiday.arw"}, None),
        ("a.jpg", set(), None),
    ],
)
def test_a_unit_is_known_by_its_names(name: str, beside: set[str], unit: str | None) -> None:
    assert unit_of(Path("/photos") / name, beside) == unit


def test_groups_show_what_belongs_together(tmp_path: Path, small_model: Path) -> None:
    album = tmp_path / "album"
    save_album(album, {"shot": photo("astronaut.png"), "cat": photo("chelsea.png")})
    save_album(album, {"smaller": photo("astronaut.png", 200)})
    shutil.copyfile(album / "cat.jpg", album / "cat copy.jpg")
    (album / "CAT.MOV").write_bytes(b"film")
    (album / "shot.dng").write_bytes(b"raw")
    library = Library(tmp_path / ".dupfind", device="cpu")
    library.index([album], IndexOptions(model=str(small_model), device="cpu"))
    library.cluster()
    names = {one.id: one.path.name for one in library.photos()}
    units = [
        {names[member.photo_id]: member.evidence.unit for member in group.members}
        for group in library.groups()
    ]
    assert {"shot.jpg": "raw+jpeg", "smaller.jpg": None} in units
    assert {"cat.jpg": "live-photo", "cat copy.jpg": None} in units
    page = tmp_path / "report.txt"
    library.report(page, ReportOptions(ReportFormat.JSON))
    assert "live-photo" in page.read_text()
