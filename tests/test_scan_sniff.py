"""Telling photos from other files by their content."""

from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from dupfind.errors import PhotoError
from dupfind.photos.decode import decode
from dupfind.photos.sniff import PHOTO_ENDINGS, RAW_ENDINGS, classify

WRITABLE = ["JPEG", "PNG", "GIF", "TIFF", "WEBP", "AVIF", "BMP", "JPEG2000", "PPM", "QOI"]


def write(path: Path, format_name: str) -> Path:
    image = Image.fromarray(np.full((48, 64, 3), (200, 100, 50), np.uint8))
    if format_name == "HEIC":
        pillow_heif.from_pillow(image).save(path)
    else:
        image.save(path, format_name)
    return path


@pytest.mark.parametrize("format_name", [*WRITABLE, "HEIC"])
@pytest.mark.parametrize("ending", [".jpg", ".png", ".txt", ""])
def test_content_counts_and_not_the_ending(tmp_path: Path, format_name: str, ending: str) -> None:
    path = write(tmp_path / f"photo{ending}", format_name)
    assert classify(path) == format_name
    assert decode(path, needed_px=16).format == format_name


def test_targa_has_no_signature_and_is_known_by_its_ending(tmp_path: Path) -> None:
    assert classify(write(tmp_path / "a.tga", "TGA")) == "TGA"
    assert decode(tmp_path / "a.tga", needed_px=16).format == "TGA"
    assert classify(write(tmp_path / "a.bin", "TGA")) is None


def test_big_tiff_and_tiff_of_either_byte_order_are_tiff(tmp_path: Path) -> None:
    for head in (b"II*\0", b"MM\0*", b"II+\0\x08\0", b"MM\0+\0\x08"):
        (tmp_path / "a").write_bytes(head + bytes(60))
        assert classify(tmp_path / "a") == "TIFF"


@pytest.mark.parametrize(
    ("brands", "expected"),
    [
        (b"avif\0\0\0\0mif1", "AVIF"),
        (b"mif1\0\0\0\0avifmiaf", "AVIF"),
        (b"heic\0\0\0\0mif1heic", "HEIC"),
        (b"mif1\0\0\0\0heic", "HEIC"),
        (b"isom\0\0\0\0mp42", None),
        (b"qt  \0\0\0\0qt  ", None),
    ],
)
def test_brands_tell_pictures_from_videos(
    tmp_path: Path, brands: bytes, expected: str | None
) -> None:
    size = (8 + len(brands)).to_bytes(4, "big")
    (tmp_path / "a").write_bytes(size + b"ftyp" + brands + b"avif" + bytes(40))
    assert classify(tmp_path / "a") == expected


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", b"BMW is a car maker, and this is no bitmap whatever its first letters say."),
        ("IMG.xmp", b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>"),
        ("movie.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(50)),
        ("Thumbs.db", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)),
        ("logo.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("page.pdf", b"%PDF-1.4"),
        ("arrow.cur", b"\0\0\2\0\0\0"),
        ("favicon.ico", b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0"),
        ("zeros.bin", bytes(1000)),
        ("P5 is a road.md", b"P5 is a road"),
        ("empty.txt", b""),
    ],
)
def test_other_files_are_no_photos_and_no_errors(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert classify(tmp_path / name) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (bytes(5000), "only zeros"),
        (b"Not a picture at all", "does not begin like any photo format"),
        (b"\n<!DOCTYPE html><html>404", "web page"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video"),
    ],
)
@pytest.mark.parametrize("ending", [".jpg", ".PNG", ".heic"])
def test_a_photo_by_name_only_is_an_error(
    tmp_path: Path, content: bytes, reason: str, ending: str
) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(content)
    with pytest.raises(PhotoError, match=reason):
        classify(path)
    with pytest.raises(PhotoError, match=reason):
        decode(path, needed_px=16)


def test_camera_raw_files_are_left_alone(tmp_path: Path) -> None:
    """They are TIFF inside, with a thumbnail first: indexing that would be wrong."""
    for ending in sorted(RAW_ENDINGS):
        write(tmp_path / f"a{ending.upper()}", "TIFF")
        assert classify(tmp_path / f"a{ending.upper()}") is None
    assert not RAW_ENDINGS & PHOTO_ENDINGS


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="no longer there"):
        classify(tmp_path / "gone.jpg")
