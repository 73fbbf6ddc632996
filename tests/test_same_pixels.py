"""The same pixels: the whole file or not at all, with transparency, frames, pages and full depth."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import picture
from numpy.typing import NDArray
from PIL import Image

from dupfind.photos.decode import decode, same_pixels

FULL = 10_000


def frames(seeds: tuple[int, ...]) -> list[Image.Image]:
    return [Image.fromarray(picture(seed)).quantize(32).convert("RGB") for seed in seeds]


def save_all(path: Path, seeds: tuple[int, ...], **options: Any) -> Path:
    first, *others = frames(seeds)
    first.save(path, save_all=True, append_images=others, **options)
    return path


def deep_png(path: Path, samples: NDArray[np.uint16], level: int = 6) -> Path:
    """Write colour samples of 16 bits, (height, width, bands), which Pillow cannot."""
    height, width, bands = samples.shape
    kind = {2: 4, 3: 2, 4: 6}[bands]

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, level))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "tif"])
def test_all_frames_and_pages_count(tmp_path: Path, ending: str) -> None:
    options: dict[str, Any] = {"lossless": True} if ending == "webp" else {}
    if ending != "tif":
        options |= {"duration": 300}
    a = save_all(tmp_path / f"a.{ending}", (1, 2, 3), **options)
    other = save_all(tmp_path / f"b.{ending}", (1, 2, 4), **options)
    longer = save_all(tmp_path / f"c.{ending}", (1, 2, 3, 1), **options)
    still = tmp_path / "still.png"
    Image.fromarray(decode(a, needed_px=FULL).pixels).save(still)
    again = tmp_path / f"again.{ending}"
    again.write_bytes(a.read_bytes())
    assert same_pixels(a, again)
    for path in (other, longer, still):
        assert not same_pixels(a, path), path.name
        assert not same_pixels(path, a), path.name


def test_pages_saved_in_another_way_are_the_same(tmp_path: Path) -> None:
    a = save_all(tmp_path / "a.tif", (1, 2), compression="tiff_lzw")
    b = save_all(tmp_path / "b.tif", (1, 2), compression="tiff_deflate")
    assert a.read_bytes() != b.read_bytes()
    assert same_pixels(a, b)


def test_an_animation_at_another_speed_is_another(tmp_path: Path) -> None:
    a = save_all(tmp_path / "a.gif", (1, 2), duration=100)
    assert not same_pixels(a, save_all(tmp_path / "b.gif", (1, 2), duration=900))
    assert same_pixels(a, save_all(tmp_path / "c.gif", (1, 2), duration=100, comment=b"hello"))


def drawing(shape: str, level: int = 255) -> NDArray[np.uint8]:
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[..., :3] = level
    if shape == "bar":
        rgba[20:30, 8:56, 3] = 255
    else:
        rgba[8:56, 20:30, 3] = 255
    return rgba


def test_drawings_that_differ_in_their_transparency_only_are_different(tmp_path: Path) -> None:
    for level in (255, 0, 128):
        for shape in ("bar", "post"):
            Image.fromarray(drawing(shape, level)).save(tmp_path / f"{shape}.png")
            Image.fromarray(drawing(shape, level)).save(
                tmp_path / f"{shape}.webp", lossless=True, exact=True
            )
        assert not same_pixels(tmp_path / "bar.png", tmp_path / "post.png")
        assert same_pixels(tmp_path / "bar.png", tmp_path / "bar.webp")


def test_a_transparent_picture_and_its_copy_on_the_ground_are_different(tmp_path: Path) -> None:
    rgba = np.dstack([picture(1), np.full((64, 96), 255, np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "whole.png")
    rgba[:20, :20, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "a.png")
    Image.fromarray(decode(tmp_path / "a.png", needed_px=FULL).pixels).save(tmp_path / "flat.png")
    Image.fromarray(picture(1)).save(tmp_path / "no-alpha.png")
    assert not same_pixels(tmp_path / "a.png", tmp_path / "flat.png")
    # An alpha channel that hides nothing is no difference.
    assert same_pixels(tmp_path / "whole.png", tmp_path / "no-alpha.png")


def test_white_drawings_are_seen_on_black_and_others_on_white(tmp_path: Path) -> None:
    for level, ground in ((255, 0), (240, 0), (200, 255), (0, 255)):
        Image.fromarray(drawing("bar", level)).save(tmp_path / "a.png")
        decoded = decode(tmp_path / "a.png", needed_px=FULL)
        assert decoded.has_alpha
        assert decoded.pixels[0, 0].tolist() == [ground] * 3, level
        assert decoded.pixels[25, 30].tolist() == [level] * 3


def test_the_ground_is_chosen_alike_for_a_drawing_and_its_enlargement(tmp_path: Path) -> None:
    small = Image.fromarray(drawing("post"))
    small.save(tmp_path / "a.png")
    small.resize((4096, 4096), Image.Resampling.LANCZOS).save(tmp_path / "b.png")
    a, b = (decode(tmp_path / name, needed_px=32).pixels for name in ("a.png", "b.png"))
    assert a[0, 0].tolist() == b[0, 0].tolist() == [0, 0, 0]
    assert a[30, 25].tolist() == b[30, 25].tolist() == [255, 255, 255]


@pytest.mark.parametrize("bands", [3, 4])
def test_all_sixteen_bits_count(tmp_path: Path, bands: int) -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (40, 50, bands), dtype=np.uint16)
    a = deep_png(tmp_path / "a.png", samples)
    assert same_pixels(a, deep_png(tmp_path / "b.png", samples, level=1))
    samples[39, 49, 0] ^= 1  # the last bit: in 8 bits both are alike
    c = deep_png(tmp_path / "c.png", samples)
    assert np.array_equal(decode(a, needed_px=FULL).pixels, decode(c, needed_px=FULL).pixels)
    assert not same_pixels(a, c)
    Image.fromarray((samples >> 8).astype(np.uint8)).save(tmp_path / "d.png")
    assert not same_pixels(a, tmp_path / "d.png")


def test_sixteen_bits_of_grey_count(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (40, 50), dtype=np.uint16)
    Image.fromarray(samples).save(tmp_path / "a.png")
    Image.fromarray(samples).save(tmp_path / "b.tif", compression="tiff_lzw")
    assert same_pixels(tmp_path / "a.png", tmp_path / "b.tif")
    samples[0, 0] ^= 1
    Image.fromarray(samples).save(tmp_path / "c.png")
    assert not same_pixels(tmp_path / "a.png", tmp_path / "c.png")
    # Grey with alpha at 16 bits cannot be had whole, so nothing is claimed.
    pair = np.dstack([samples, samples])
    a, b = (deep_png(tmp_path / f"{level}.png", pair, level) for level in (1, 9))
    assert not same_pixels(a, b)


def test_sixteen_bits_of_colour_in_a_tiff_count(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    samples = np.random.default_rng(0).integers(0, 65536, (40, 50, 3), dtype=np.uint16)
    for name, options in (("a", {}), ("b", {"compression": "zlib"}), ("c", {"byteorder": ">"})):
        tifffile.imwrite(tmp_path / f"{name}.tif", samples, photometric="rgb", **options)
    png = deep_png(tmp_path / "a.png", samples)
    for name in ("b.tif", "c.tif", "a.png"):
        assert same_pixels(tmp_path / "a.tif", tmp_path / name), name
    samples[3, 3, 1] ^= 1
    tifffile.imwrite(tmp_path / "d.tif", samples, photometric="rgb", compression="zlib")
    assert not same_pixels(png, tmp_path / "d.tif")


def test_colours_count_and_a_plain_profile_does_not(tmp_path: Path) -> None:
    from PIL import ImageCms

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.fromarray(picture(2))
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.png", icc_profile=srgb)
    other = srgb.replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be"))
    image.save(tmp_path / "c.png", icc_profile=other)
    assert same_pixels(tmp_path / "a.png", tmp_path / "b.png")
    assert not same_pixels(tmp_path / "a.png", tmp_path / "c.png")


def test_a_file_with_something_behind_its_picture_is_not_given_up_for_its_picture(
    tmp_path: Path,
) -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture(2)).save(buffer, "JPEG")
    (tmp_path / "plain.jpg").write_bytes(buffer.getvalue())
    (tmp_path / "moving.jpg").write_bytes(buffer.getvalue() + b"\0\0\0\x18ftypmp42" + bytes(99))
    (tmp_path / "comment.jpg").write_bytes(buffer.getvalue() + b"some comment")
    assert same_pixels(tmp_path / "plain.jpg", tmp_path / "comment.jpg")
    assert not same_pixels(tmp_path / "plain.jpg", tmp_path / "moving.jpg")
