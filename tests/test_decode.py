"""Decoding: every format, upright, in sRGB, at the needed size."""

import io
import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from conftest import MakePicture, SavePicture, picture
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile

from dupfind.errors import PhotoError
from dupfind.photos.decode import decode, fit, pixels_sha256, same_pixels, upright_size
from dupfind.photos.quiet import QUIET_PILLOW
from dupfind.photos.readers import LARGE_PIXELS, one_at_a_time
from dupfind.photos.scan import file_sha256
from dupfind.photos.sniff import classify

FULL = 10_000
# How each EXIF orientation stores an upright picture (the opposite of what a viewer does).
STORED = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, 1),
    7: lambda p: np.rot90(p, 2).transpose(1, 0, 2),
    8: lambda p: np.rot90(p, -1),
}
FORMATS: dict[str, dict[str, Any]] = {
    "jpg": {"quality": 95, "subsampling": 0},
    "png": {},
    "webp": {"lossless": True},
    "tif": {},
    "avif": {"quality": 98},
    "heic": {"quality": 98},
}


def difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean absolute difference of two pictures of one shape, of 255."""
    assert a.shape == b.shape
    return float(np.abs(a.astype(np.int32) - b).mean())


def squashed(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(pixels).resize((60, 60), Image.Resampling.BICUBIC))


def exif_of(orientation: int = 1, taken: str | None = None, fraction: str = "") -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    details = exif.get_ifd(ExifTags.IFD.Exif)
    if taken:
        details[ExifTags.Base.DateTimeOriginal] = taken
    if fraction:
        details[ExifTags.Base.SubsecTimeOriginal] = fraction
    return exif


@pytest.fixture(scope="module", autouse=True)
def heic_can_be_written() -> None:
    pillow_heif.register_heif_opener()


@pytest.mark.parametrize("ending", list(FORMATS))
@pytest.mark.parametrize("orientation", [*STORED, 0, 9, 300])
def test_every_format_comes_upright(tmp_path: Path, ending: str, orientation: int) -> None:
    if orientation == 300 and ending in ("avif", "heic"):
        pytest.skip("this format keeps the orientation in a field that holds 1 to 8")
    upright = picture(3)
    stored = np.ascontiguousarray(STORED.get(orientation, STORED[1])(upright))
    path = tmp_path / f"a.{ending}"
    extra: dict[str, Any] = (
        {"tiffinfo": {274: orientation}}
        if ending == "tif"
        else {"exif": exif_of(orientation).tobytes()}
    )
    Image.fromarray(stored).save(path, **FORMATS[ending], **extra)
    decoded = decode(path, needed_px=FULL)
    assert (decoded.width, decoded.height) == (96, 64)
    assert difference(decoded.pixels, upright) < 8  # any other turn gives more than 30
    assert upright_size(path) == (96, 64)


def test_orientation_and_reduction_go_together(save_picture: SavePicture) -> None:
    path = save_picture("a.jpg", 5, (900, 600), exif=exif_of(6), quality=95)
    decoded = decode(path, needed_px=50)
    assert (decoded.width, decoded.height) == (600, 900)
    assert decoded.pixels.shape == (225, 150, 3)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
@pytest.mark.parametrize("size", [(1600, 1200), (1000, 333), (640, 641), (90, 60), (1, 1)])
@pytest.mark.parametrize("needed_px", [16, 80, 224])
def test_the_shorter_side_is_at_least_twice_what_is_needed(
    tmp_path: Path, ending: str, size: tuple[int, int], needed_px: int
) -> None:
    path = tmp_path / f"a.{ending}"
    Image.new("RGB", size, (10, 200, 30)).save(path)
    decoded = decode(path, needed_px=needed_px)
    shorter = min(decoded.pixels.shape[:2])
    assert (decoded.width, decoded.height) == size
    assert shorter >= min(2 * needed_px, min(size))
    assert shorter < 4 * needed_px or ending == "jpg"  # no larger than it must be either
    assert shorter < 8 * needed_px or min(size) < 8 * needed_px


@pytest.mark.parametrize("ending", list(FORMATS))
def test_a_reduced_picture_looks_like_the_full_one(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    Image.fromarray(picture(1, (900, 600))).save(path, **FORMATS[ending])
    small, large = decode(path, needed_px=60), decode(path, needed_px=FULL)
    assert small.pixels.shape[0] < large.pixels.shape[0] // 3
    assert difference(squashed(small.pixels), squashed(large.pixels)) < 3


def test_pixels_do_not_depend_on_the_format(tmp_path: Path) -> None:
    pixels = picture(2)
    formats: list[tuple[str, dict[str, Any]]] = [
        ("a.png", {}),
        ("a.bmp", {}),
        ("a.tif", {}),
        ("a.webp", {"lossless": True, "exact": True}),
        ("a.ppm", {}),
        ("a.tga", {}),
        ("a.jp2", {"irreversible": False}),
    ]
    for name, options in formats:
        Image.fromarray(pixels).save(tmp_path / name, **options)
        assert np.array_equal(decode(tmp_path / name, needed_px=FULL).pixels, pixels), name


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[..., 0] = 200
    rgba[4:, :, 3] = 255
    rgba[2:4, :, 3] = 128
    for name in ("a.png", "a.webp", "a.tif"):
        options: dict[str, Any] = {"lossless": True} if name == "a.webp" else {}
        Image.fromarray(rgba).save(tmp_path / name, **options)
        pixels = decode(tmp_path / name, needed_px=FULL).pixels
        assert pixels[0, 0].tolist() == [255, 255, 255]
        assert pixels[7, 0].tolist() == [200, 0, 0]
        assert np.abs(pixels[3, 0] - np.array([227, 127, 127])).max() <= 2


def test_transparent_palettes_and_grey_lie_on_white(tmp_path: Path) -> None:
    indices = np.repeat(np.arange(4, dtype=np.uint8)[None], 4, axis=0)
    image = Image.fromarray(indices)
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.save(tmp_path / "a.png", transparency=0)
    image.save(tmp_path / "a.gif", transparency=0)
    image.save(tmp_path / "b.png", transparency=bytes([0, 255, 0, 255]))
    for name, third in (("a.png", [0, 255, 0]), ("a.gif", [0, 255, 0]), ("b.png", [255] * 3)):
        pixels = decode(tmp_path / name, needed_px=FULL).pixels
        assert pixels[0].tolist() == [[255] * 3, [255, 0, 0], third, [0, 0, 255]], name
    grey = Image.fromarray(np.array([[0, 77, 200]], np.uint8))
    grey.save(tmp_path / "c.png", transparency=77)
    assert decode(tmp_path / "c.png", needed_px=FULL).pixels[0, :, 0].tolist() == [0, 255, 200]


def test_reducing_a_transparent_palette_is_done_after_its_colours(tmp_path: Path) -> None:
    indices = np.indices((640, 640)).sum(axis=0).astype(np.uint8) % 2
    image = Image.fromarray(indices)
    image.putpalette([0, 0, 0, 200, 0, 0])
    image.save(tmp_path / "a.png", transparency=0)
    pixels = decode(tmp_path / "a.png", needed_px=80).pixels
    assert pixels.shape == (160, 160, 3)
    # Half white, half (200, 0, 0): no index in between, no black from the hidden colour.
    assert np.abs(pixels.astype(int) - [228, 128, 128]).max() <= 2


def test_deep_pixels_are_scaled_to_eight_bits(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    expected = np.arange(256).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    Image.fromarray(ramp).save(tmp_path / "a.tif")
    Image.fromarray(ramp.astype(np.int32)).save(tmp_path / "b.tif")
    Image.fromarray((ramp / 65535).astype(np.float32)).save(tmp_path / "c.tif")
    Image.fromarray((ramp / 65535 * 7e5 - 3e5).astype(np.float32)).save(tmp_path / "d.tif")
    for name in ("a.png", "a.tif", "b.tif", "c.tif", "d.tif"):
        pixels = decode(tmp_path / name, needed_px=FULL).pixels
        assert np.abs(pixels[..., 1].astype(int) - expected).max() <= 1, name


def test_floats_without_a_value_do_no_harm(tmp_path: Path) -> None:
    values = np.array([[0.0, np.nan], [np.inf, 1.0]], np.float32)
    Image.fromarray(values).save(tmp_path / "a.tif")
    pixels = decode(tmp_path / "a.tif", needed_px=FULL).pixels
    assert pixels[..., 0].tolist() == [[0, 0], [0, 255]]


def test_deep_colour_tiff(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    pixels = picture(4)
    tifffile.imwrite(tmp_path / "a.tif", pixels.astype(np.uint16) * 257, photometric="rgb")
    assert difference(decode(tmp_path / "a.tif", needed_px=FULL).pixels, pixels) < 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "LAB", "I;16"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    grey = np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[None], 48, axis=0)
    image = Image.fromarray(grey)
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode == "LAB":
        image = Image.merge("LAB", [image, *(Image.new("L", image.size, 128),) * 2])
    else:
        image = image.convert("RGB").convert(mode)
    image.save(tmp_path / "a.tif")
    pixels = decode(tmp_path / "a.tif", needed_px=FULL).pixels
    assert pixels.shape == (48, 64, 3)
    assert pixels.dtype == np.uint8
    assert np.corrcoef(pixels.mean(axis=(0, 2)), grey[0])[0, 1] > 0.95


def test_cmyk_jpeg_looks_like_its_rgb(tmp_path: Path) -> None:
    pixels = picture(6)
    Image.fromarray(pixels).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert difference(decode(tmp_path / "a.jpg", needed_px=FULL).pixels, pixels) < 4


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif", "avif", "heic"])
def test_colour_profiles_are_applied(tmp_path: Path, ending: str, swapping: bytes) -> None:
    """In this profile red and green change places, so they must do so in the pixels."""
    flat = np.full((32, 32, 3), (220, 60, 20), np.uint8)
    Image.fromarray(flat).save(tmp_path / f"a.{ending}", icc_profile=swapping, quality=95)
    pixels = decode(tmp_path / f"a.{ending}", needed_px=FULL).pixels
    assert np.abs(pixels[16, 16] - np.array([60, 220, 20])).max() <= 8
    rgba = Image.fromarray(np.dstack([flat, np.full((32, 32), 255, np.uint8)]))
    rgba.save(tmp_path / "b.png", icc_profile=swapping)
    assert decode(tmp_path / "b.png", needed_px=FULL).pixels[3, 3, 1] > 200


def test_a_damaged_or_misplaced_profile_is_passed_over(tmp_path: Path, swapping: bytes) -> None:
    pixels = picture(7)
    for number, profile in enumerate((b"nonsense", swapping[:200], swapping[:16] + bytes(300))):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png", icc_profile=profile)
        decoded = decode(tmp_path / f"{number}.png", needed_px=FULL)
        assert np.array_equal(decoded.pixels, pixels)
    Image.fromarray(pixels).convert("L").save(tmp_path / "grey.png", icc_profile=swapping)
    assert decode(tmp_path / "grey.png", needed_px=FULL).pixels.shape == pixels.shape


@pytest.fixture
def swapping() -> bytes:
    """An sRGB profile with the primaries of red and green swapped."""
    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    entry = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * 20, 12)}
    red, green = (slice(entry[name] + 4, entry[name] + 12) for name in (b"rXYZ", b"gXYZ"))
    profile[red], profile[green] = profile[green], profile[red]
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


@pytest.mark.parametrize("ending", ["gif", "png", "webp", "tif"])
def test_of_an_animation_the_first_frame_counts(tmp_path: Path, ending: str) -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "lime", "blue")]
    path = tmp_path / f"a.{ending}"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    pixels = decode(path, needed_px=FULL).pixels
    assert pixels.shape == (30, 40, 3)
    assert np.abs(pixels[5, 5] - np.array([255, 0, 0])).max() <= 3


@pytest.mark.parametrize(
    ("taken", "fraction", "expected"),
    [
        ("2021:04:11 15:47:53", "", "2021-04-11T15:47:53"),
        ("2021:04:11 15:47:53", "05", "2021-04-11T15:47:53.050000"),
        ("2021:04:11 15:47:53", "junk", "2021-04-11T15:47:53"),
        ("0000:00:00 00:00:00", "", None),
        ("    :  :     :  :  ", "", None),
        ("yesterday", "", None),
        (None, "", None),
    ],
)
def test_the_time_of_taking(
    save_picture: SavePicture, taken: str | None, fraction: str, expected: str | None
) -> None:
    for name in ("a.jpg", "a.png", "a.webp", "a.avif", "a.heic"):
        path = save_picture(name, exif=exif_of(1, taken, fraction).tobytes())
        assert decode(path, needed_px=8).taken_at == expected, name


def test_other_times_stand_in_when_the_original_is_missing(save_picture: SavePicture) -> None:
    exif = exif_of()
    exif[ExifTags.Base.DateTime] = "2022:01:01 00:00:00"
    assert decode(save_picture("a.jpg", exif=exif), needed_px=8).taken_at == "2022-01-01T00:00:00"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeDigitized] = "2021:01:01 00:00:00"
    assert decode(save_picture("b.jpg", exif=exif), needed_px=8).taken_at == "2021-01-01T00:00:00"


def test_exif_entries_are_counted(save_picture: SavePicture) -> None:
    assert decode(save_picture("a.jpg"), needed_px=8).exif_tags == 0
    exif = exif_of(1, "2021:04:11 15:47:53", "05")
    exif[ExifTags.Base.Make] = "A camera"
    # Orientation, make, the pointer to the details, and two details.
    assert decode(save_picture("b.jpg", exif=exif), needed_px=8).exif_tags == 5


def test_damaged_exif_does_not_lose_the_photo(save_picture: SavePicture) -> None:
    for number, junk in enumerate((b"Exif\0\0junk", b"Exif\0\0II*\0\xff\xff\xff\xff", b"no exif")):
        path = save_picture(f"{number}.jpg", exif=junk)
        assert decode(path, needed_px=FULL).pixels.shape == (64, 96, 3)


def test_the_limit_on_pixels(save_picture: SavePicture) -> None:
    path = save_picture("a.png", size=(50, 40))
    assert decode(path, needed_px=8, max_pixels=2000).width == 50
    with pytest.raises(PhotoError, match=r"50 x 40 .*more than the limit.*--max-pixels"):
        decode(path, needed_px=8, max_pixels=1999)


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_the_limit_holds_however_a_photo_is_given(
    save_picture: SavePicture, tmp_path: Path, name: str
) -> None:
    path = save_picture(name, size=(50, 40))
    named_in_bytes = tmp_path / os.fsdecode(b"caf\xe9")
    named_in_bytes.write_bytes(path.read_bytes())
    without_end = tmp_path / "without end"
    without_end.write_bytes(path.read_bytes()[:-2])
    for file in (path, named_in_bytes):
        for source in (file, io.BytesIO(file.read_bytes())):
            with pytest.raises(PhotoError, match="more than the limit"):
                decode(source, needed_px=8, max_pixels=1999)
        assert decode(file, needed_px=8, max_pixels=2000).width == 50
    with pytest.raises(PhotoError, match="more than the limit"):
        decode(without_end, needed_px=8, max_pixels=1999)


def test_only_one_large_picture_is_in_memory_at_a_time() -> None:
    large, small = (LARGE_PIXELS + 1, 1), (LARGE_PIXELS, 1)
    entered = threading.Event()

    def enter(size: tuple[int, int]) -> None:
        with one_at_a_time(size):
            entered.set()

    with one_at_a_time(large):
        waiting = threading.Thread(target=enter, args=[large])
        waiting.start()
        assert not entered.wait(0.2)
        with one_at_a_time(small):  # a small one waits for nobody
            pass
    waiting.join(30)
    assert entered.is_set()
    with one_at_a_time(small):
        entered.clear()
        other = threading.Thread(target=enter, args=[large])
        other.start()
        other.join(30)
        assert entered.is_set()


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "gif", "tif", "avif", "heic"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
def test_a_file_that_is_cut_short_is_an_error_with_a_reason(
    tmp_path: Path, ending: str, share: float
) -> None:
    whole = tmp_path / f"whole.{ending}"
    Image.fromarray(picture(1, (200, 150))).save(whole)
    content = whole.read_bytes()
    cut = tmp_path / f"cut.{ending}"
    cut.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(PhotoError, match=r"cut short|damaged|cannot be read"):
        decode(cut, needed_px=8)


def test_damaged_files_of_all_kinds_end_in_a_photo_error_or_a_picture(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for ending in ("jpg", "png", "webp", "gif", "tif", "avif", "heic", "bmp", "jp2", "tga"):
        whole = tmp_path / f"whole.{ending}"
        Image.fromarray(picture(1, (64, 48))).save(whole)
        content = np.frombuffer(whole.read_bytes(), np.uint8)
        for _ in range(40):
            damaged = content.copy()
            where = rng.integers(0, min(len(content), 600), 6)
            damaged[where] = rng.integers(0, 256, 6)
            path = tmp_path / f"damaged.{ending}"
            path.write_bytes(damaged.tobytes())
            try:
                decoded = decode(path, needed_px=8, max_pixels=10**6)
            except PhotoError:
                continue  # any other error fails the test
            assert decoded.pixels.shape[2] == 3


def test_a_missing_file_is_a_photo_error(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="no longer there"):
        decode(tmp_path / "gone.jpg", needed_px=8)
    with pytest.raises(PhotoError):
        decode(tmp_path, needed_px=8)
    with pytest.raises(ValueError, match="at least 1"):
        decode(tmp_path / "gone.jpg", needed_px=0)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for use in (classify, file_sha256, lambda path: decode(path, needed_px=8)):
        with pytest.raises(PhotoError, match="not a regular file"):
            use(tmp_path / "pipe.jpg")


def test_threads_decode_alike_and_leave_no_trace(save_picture: SavePicture) -> None:
    """Also with files that make Pillow warn, while the process treats warnings as errors."""
    paths = [save_picture(f"{n}.jpg", n, (300, 200), exif=exif_of(n % 8 + 1)) for n in range(12)]
    paths.append(save_picture("bad.jpg", 1, exif=b"Exif\0\0II*\0\x08\0\0\0\xff\x7f"))
    alone = [pixels_sha256(decode(path, needed_px=40).pixels) for path in paths]
    filters, limit = list(warnings.filters), Image.MAX_IMAGE_PIXELS
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda path: decode(path, needed_px=40), paths * 20))
    assert [pixels_sha256(decoded.pixels) for decoded in together] == alone * 20
    assert warnings.filters == filters
    assert limit == Image.MAX_IMAGE_PIXELS
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_a_filter_that_others_set_meanwhile_stays() -> None:
    with warnings.catch_warnings():
        with QUIET_PILLOW:
            warnings.filterwarnings("ignore", message="set by someone else")
            theirs = warnings.filters[0]
            with QUIET_PILLOW:
                warnings.warn_explicit("x", UserWarning, "Image.py", 1, module="PIL.Image")
        assert theirs in warnings.filters
        with pytest.raises(UserWarning, match="x"):
            warnings.warn_explicit("x", UserWarning, "Image.py", 1, module="PIL.Image")


def test_a_damaged_tiff_writes_nothing_to_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(picture(1)).save(tmp_path / "a.tif", compression="tiff_lzw")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[200:2000] = bytes(1800)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(PhotoError):
        decode(tmp_path / "a.tif", needed_px=FULL)
    assert capfd.readouterr() == ("", "")


def test_same_pixels(save_picture: SavePicture, tmp_path: Path) -> None:
    jpeg = save_picture("a.jpg", 1, (320, 200), quality=80)
    with Image.open(jpeg) as image:
        image.save(tmp_path / "a.png")
        image.rotate(90, expand=True).save(tmp_path / "turned.png", exif=exif_of(6))
        image.crop((0, 0, 319, 200)).save(tmp_path / "cut.png")
        image.save(tmp_path / "b.jpg", quality=80)
    assert same_pixels(jpeg, tmp_path / "a.png")
    assert same_pixels(tmp_path / "a.png", tmp_path / "turned.png")
    assert not same_pixels(jpeg, tmp_path / "cut.png")
    assert not same_pixels(jpeg, tmp_path / "b.jpg")
    with pytest.raises(PhotoError):
        same_pixels(jpeg, tmp_path / "gone.png")


def test_one_pixel_tells_two_pictures_apart(tmp_path: Path, make_picture: MakePicture) -> None:
    pixels = make_picture(1, (1000, 800))
    changed = pixels.copy()
    changed[799, 999, 2] ^= 1
    for name, content in (("a.png", pixels), ("b.png", changed)):
        Image.fromarray(content).save(tmp_path / name, compress_level=1)
    assert not same_pixels(tmp_path / "a.png", tmp_path / "b.png")
    assert pixels_sha256(pixels) != pixels_sha256(changed)
    assert pixels_sha256(pixels) == pixels_sha256(pixels[:, ::-1][:, ::-1])
    assert pixels_sha256(pixels) != pixels_sha256(pixels.reshape(1000, 800, 3))


def test_fit_keeps_the_shape_and_never_enlarges(make_picture: MakePicture) -> None:
    pixels = make_picture(1, (500, 300))
    assert fit(pixels, 250).shape == (150, 250, 3)
    assert fit(pixels.transpose(1, 0, 2), 250).shape == (250, 150, 3)
    assert fit(pixels, 500) is pixels
    assert fit(pixels, 900) is pixels
    assert fit(np.zeros((1, 4000, 3), np.uint8), 400).shape == (1, 400, 3)


def test_exif_after_the_pixels_of_a_png_is_found(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    stored = np.ascontiguousarray(STORED[6](picture(1)))
    Image.fromarray(stored).save(buffer, "PNG", exif=exif_of(6))
    content = buffer.getvalue()
    start = content.index(b"eXIf") - 4
    length = int.from_bytes(content[start : start + 4], "big") + 12
    chunk, rest = content[start : start + length], content[:start] + content[start + length :]
    end = rest.index(b"IEND") - 4
    (tmp_path / "a.png").write_bytes(rest[:end] + chunk + rest[end:])
    assert np.array_equal(decode(tmp_path / "a.png", needed_px=FULL).pixels, picture(1))
