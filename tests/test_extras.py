"""What a photo file has besides its first picture: told from its headers and what stands behind."""

import io
import struct
from pathlib import Path

import pillow_heif
import pytest
from conftest import picture
from PIL import Image

from dupfind.errors import PhotoError
from dupfind.photos import opening
from dupfind.photos.decode import decode, read_known
from dupfind.photos.extras import extras_of
from dupfind.photos.opening import open_photo
from dupfind.records import Photo

XMP = b"http://ns.adobe.com/xap/1.0/\0"
FILM = b"\0\0\0\x18ftypmp42" + bytes(200)
VIDEO = "has a video behind the picture"


def jpeg(seed: int = 1) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture(seed)).save(buffer, "JPEG")
    return buffer.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


def described(words: bytes) -> bytes:
    """Return a JPEG with these words in its XMP."""
    return jpeg()[:2] + segment(0xE1, XMP + words) + jpeg()[2:]


def multi_picture(kind: int, second: bytes) -> bytes:
    """Return a JPEG with a further picture of an MPF type, as cameras write it."""
    index_bytes = 8 + 2 + 3 * 12 + 4 + 32
    first = jpeg()
    at = len(first) + 8 + index_bytes  # where the second picture begins
    base = 2 + 4 + 4
    entries = struct.pack("<IIIHH", 0x030000, at, 0, 0, 0)
    entries += struct.pack("<IIIHH", kind, len(second), at - base, 0, 0)
    index = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 3)
    index += struct.pack("<HHI4s", 0xB000, 7, 4, b"0100")
    index += struct.pack("<HHII", 0xB001, 4, 1, 2)
    index += struct.pack("<HHII", 0xB002, 7, 32, 50) + struct.pack("<I", 0) + entries
    return first[:2] + segment(0xE2, b"MPF\0" + index) + first[2:] + second


def box(name: bytes, content: bytes) -> bytes:
    return (len(content) + 8).to_bytes(4, "big") + name + content


def heic(*boxes: bytes) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(picture(1))).save(buffer)
    return buffer.getvalue() + b"".join(boxes)


FILES = {
    "plain.jpg": (jpeg(), ()),
    "comment.jpg": (jpeg() + b"something behind it, but no film: ftyp", ()),
    "film.jpg": (jpeg() + FILM, (VIDEO,)),
    "no end, film.jpg": (jpeg()[:-2] + FILM, (VIDEO,)),
    "google.jpg": (described(b'<x GCamera:MotionPhoto="1"/>'), (VIDEO,)),
    "google, no film.jpg": (described(b'<x GCamera:MotionPhoto="0"/>'), ()),
    "google once.jpg": (described(b"<GCamera:MicroVideo>1</GCamera:MicroVideo>"), (VIDEO,)),
    "samsung.jpg": (jpeg() + b"MotionPhoto_Data" + bytes(99) + b"SEFH\0SEFT", (VIDEO,)),
    "samsung, no film.jpg": (jpeg() + b"Image_UTC_Data" + bytes(99) + b"SEFH\0SEFT", ()),
    "stereo.jpg": (multi_picture(0x020002, jpeg(2)), ("several pictures",)),
    "preview.jpg": (multi_picture(0x010002, jpeg(2)), ()),
    "gain.jpg": (multi_picture(0, described(b'<x hdrgm:Version="1.0"/>')), ("gain map",)),
    "apple gain.jpg": (
        multi_picture(0, described(b"urn:com:apple:photo:2020:aux:hdrgainmap")),
        ("gain map",),
    ),
    "words.jpg": (described(b"<x made='bitmap, depth of field'/>"), ()),
    "depth.jpg": (described(b'<x GDepth:Format="RangeInverse"/>'), ("depth",)),
    "plain.heic": (heic(), ()),
    "film.heic": (heic(box(b"mpvd", FILM)), (VIDEO,)),
}


@pytest.mark.parametrize("name", list(FILES))
def test_what_stands_beside_the_picture_is_named(tmp_path: Path, name: str) -> None:
    content, expected = FILES[name]
    path = tmp_path / name
    path.write_bytes(content)
    with open_photo(path) as opened:
        found = decode(opened, needed_px=16)
        assert extras_of(opened.file, found.format, found.frames) == expected
        # It leaves the file as it was found: it can be decoded again.
        assert decode(opened, needed_px=16).width == 96


@pytest.mark.parametrize(
    ("ending", "expected"),
    [("gif", "animation"), ("png", "animation"), ("webp", "animation"), ("tif", "pages")],
)
def test_animations_and_pages_are_named_and_counted(
    tmp_path: Path, ending: str, expected: str
) -> None:
    first, *others = (Image.fromarray(picture(seed)) for seed in (1, 2, 3))
    path = tmp_path / f"a.{ending}"
    first.save(path, save_all=True, append_images=others)
    with open_photo(path) as opened:
        found = decode(opened, needed_px=16)
        assert found.frames == 3
        assert extras_of(opened.file, found.format, found.frames) == (expected,)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (b"urn:com:apple:photo:2020:aux:hdrgainmap\0", "gain map"),
        (b"urn:mpeg:hevc:2015:auxid:2\0", "depth"),
        (b"infe\2\0\0\0\0\1\0\0tmap\0", "gain map"),
    ],
)
def test_further_pictures_of_a_heic_are_named_by_what_they_are_for(
    words: bytes, expected: str
) -> None:
    content = box(b"ftyp", b"heic\0\0\0\0mif1heic") + box(b"meta", bytes(4) + words)
    assert extras_of(io.BytesIO(content), "HEIC", 1) == (expected,)


def test_nonsense_in_headers_names_nothing() -> None:
    for content in (
        jpeg()[:2] + segment(0xE2, b"MPF\0II*\0\xff\xff\xff\xff") + jpeg()[2:],
        jpeg()[:2] + segment(0xE2, b"MPF\0") + jpeg()[2:],
        heic(b"\0\0\0\x01meta\0\0"),
        heic(b"\0\0\0\0meta"),
    ):
        found = "HEIC" if content[4:8] == b"ftyp" else "JPEG"
        assert extras_of(io.BytesIO(content), found, 1) == ()


def test_what_is_read_is_what_was_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(picture(1)).save(path)
    with open_photo(path) as opened:
        before = opened.sha256
        Image.fromarray(picture(2)).save(path)
        assert (decode(opened, needed_px=1000).pixels == picture(1)).all()
    # A file that is too large for memory is read in place: a change of it is noticed.
    monkeypatch.setattr(opening, "IN_MEMORY_BYTES", 100)
    with open_photo(path) as opened:
        assert opened.sha256 != before
        assert (decode(opened, needed_px=1000).pixels == picture(2)).all()
    with pytest.raises(PhotoError, match="changed while"):
        _replaced_while_open(path)


def _replaced_while_open(path: Path) -> None:
    with open_photo(path) as opened:
        decode(opened, needed_px=16)
        Image.fromarray(picture(3)).save(path)


def test_a_photo_that_was_replaced_is_not_taken_for_the_one_that_is_known(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(picture(1)).save(path)
    with open_photo(path) as opened:
        photo = Photo(1, path, opened.sha256, 0, 0, 96, 64, "PNG")
    assert (read_known(photo, needed_px=1000).pixels == picture(1)).all()
    Image.fromarray(picture(2)).save(path)
    with pytest.raises(PhotoError, match="changed since it was indexed"):
        read_known(photo, needed_px=1000)
    path.unlink()
    with pytest.raises(PhotoError, match="no longer there"):
        read_known(photo, needed_px=1000)
