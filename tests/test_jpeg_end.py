"""JPEG files without their end marker: read when all pixels are there, an error when rows are missing."""

import io
from pathlib import Path

import numpy as np
import pytest
from conftest import picture
from PIL import Image

from dupfind.errors import PhotoError
from dupfind.photos.decode import decode, same_pixels

FULL = 10_000
KINDS: dict[str, dict[str, object]] = {
    "plain": {"quality": 88},
    "progressive": {"quality": 88, "progressive": True},
    "optimised": {"quality": 40, "optimize": True, "subsampling": 2},
    "restarts": {"quality": 80, "restart_marker_blocks": 3},
    "grey": {"quality": 75},
}


def encoded(kind: str, size: tuple[int, int] = (203, 149)) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(picture(5, size))
    (image.convert("L") if kind == "grey" else image).save(buffer, "JPEG", **KINDS[kind])
    assert buffer.getvalue().endswith(b"\xff\xd9")
    return buffer.getvalue()


def trailer() -> bytes:
    """What phones write behind a picture: names, a film, and noise that looks like markers."""
    noise = np.random.default_rng(1).bytes(20_000)
    return b"\0\0\x01\x0aImage_UTC_Data170" + b"\0\0\0\x18ftypmp42" + noise + b"SEFHk\0\0\0SEFT"


ENDS = {
    "cut": lambda data: data[:-2],
    "half": lambda data: data[:-1],
    "zeros": lambda data: data[:-2] + bytes(4096),
    "half and zeros": lambda data: data[:-1] + bytes(100),
    "trailer": lambda data: data[:-2] + trailer(),
}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("end", list(ENDS))
def test_a_whole_picture_without_its_end_marker_is_read(
    tmp_path: Path, kind: str, end: str
) -> None:
    whole, broken = tmp_path / "whole.jpg", tmp_path / "broken.jpg"
    whole.write_bytes(encoded(kind))
    broken.write_bytes(ENDS[end](encoded(kind)))
    expected, found = (decode(path, needed_px=FULL) for path in (whole, broken))
    assert np.array_equal(expected.pixels, found.pixels)
    assert (found.width, found.height, found.format) == (203, 149, "JPEG")


def test_it_comes_reduced_like_any_other(tmp_path: Path) -> None:
    data = encoded("plain", (800, 600))
    (tmp_path / "a.jpg").write_bytes(data[:-2])
    assert decode(tmp_path / "a.jpg", needed_px=50).pixels.shape == (150, 200, 3)
    (tmp_path / "b.jpg").write_bytes(data)
    assert same_pixels(tmp_path / "a.jpg", tmp_path / "b.jpg")


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize(
    ("lost", "rest"),
    [(12, b""), (400, b""), (40, bytes(50_000)), (400, bytes(50_000)), (400, trailer())],
    ids=["cut", "cut more", "zeros", "more zeros", "trailer"],
)
def test_a_picture_that_lacks_rows_is_an_error(
    tmp_path: Path, kind: str, lost: int, rest: bytes
) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(kind)[: -2 - lost] + rest)
    with pytest.raises(PhotoError, match=r"cut short|damaged"):
        decode(tmp_path / "a.jpg", needed_px=FULL)


def test_a_progressive_picture_that_lacks_whole_scans_is_an_error(tmp_path: Path) -> None:
    data = encoded("progressive")
    scans = [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]
    assert len(scans) > 4
    for place in scans[1:]:
        # Where the tables of the scan begin: all before it is whole.
        start = data.rfind(b"\xff\xc4", 0, place)
        (tmp_path / "a.jpg").write_bytes(data[: start if start > scans[0] else place])
        with pytest.raises(PhotoError, match="cut short"):
            decode(tmp_path / "a.jpg", needed_px=FULL)


def test_a_plain_grey_picture_is_told_from_missing_rows(tmp_path: Path) -> None:
    """Missing rows come out grey, so grey rows must not count as missing."""
    buffer = io.BytesIO()
    Image.new("RGB", (160, 160), (128, 128, 128)).save(buffer, "JPEG")
    data = buffer.getvalue()
    (tmp_path / "a.jpg").write_bytes(data[:-2])
    assert (decode(tmp_path / "a.jpg", needed_px=FULL).pixels == 128).all()
    (tmp_path / "b.jpg").write_bytes(data[:-12])
    with pytest.raises(PhotoError):
        decode(tmp_path / "b.jpg", needed_px=FULL)
