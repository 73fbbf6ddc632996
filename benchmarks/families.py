"""Families of files made of single photos: an original as a camera or a site saves it, and copies of it.

For ``fit_original.py``. The copies are those of ``photos.edits``, and what people do with other programs.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from dupfind.errors import PhotoError
from dupfind.matching.traces import Traced
from dupfind.photos.decode import FULL_SIZE_PX, decode, fit
from dupfind.photos.edits import EDITS, apply_edit

Pixels = NDArray[np.uint8]

COPIES = (1, 2, 3, 4, 6, 8, 8, 9, 9)
OF_A_COPY = 0.12  # share of copies that are made of the copy before
ONE_WAY = 0.4  # share of families whose copies one program saved, all the same way
SAVED_BEFORE = 0.5  # share of originals that went through a JPEG before
LARGEST_PX = 2600
CUT_FROM_PX = 1300  # larger photos are cut: each gives many examples
FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "avif": "AVIF"}
ENCODED = ("jpeg", "jpeg", "webp", "avif")  # copies that are saved anew and nothing else


@dataclass(frozen=True)
class Example:
    """A family: what each is, which is the original, and its traces."""

    kinds: list[str]
    original: int
    traced: Traced


class Maker:
    """Makes families of files in a folder."""

    def __init__(self, photos: Sequence[Path], folder: Path, seed: int) -> None:
        self.photos, self.folder = photos, folder
        self.rng = np.random.default_rng(seed)
        self.number = 0

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def source(self) -> Pixels:
        """Return a picture; files that are no photos are passed over."""
        while True:
            path = self.photos[self.rng.integers(len(self.photos))]
            try:
                pixels = decode(path, needed_px=FULL_SIZE_PX).pixels
            except PhotoError:
                continue
            if max(pixels.shape[:2]) > CUT_FROM_PX:
                pixels = self._cut(pixels)
            if min(pixels.shape[:2]) >= 90:
                return fit(pixels, int(self.rng.integers(400, 1000)))

    def _cut(self, pixels: Pixels) -> Pixels:
        height, width = pixels.shape[:2]
        tall, wide = (min(side, int(self.rng.integers(500, 1100))) for side in (height, width))
        top, left = (int(self.rng.integers(room + 1)) for room in (height - tall, width - wide))
        return np.ascontiguousarray(pixels[top : top + tall, left : left + wide])

    def family(self) -> list[tuple[str, Path]]:
        """Make an original and its copies; return what each is and its file, the original first."""
        camera = self.rng.random() < 0.4
        first = self.save(self.with_history(self.source()), self.original_format(), camera=camera)
        files = [("original", first)]
        pixels = decode(first, needed_px=FULL_SIZE_PX).pixels
        one_way = self.any_format() if self.rng.random() < ONE_WAY else None
        for _ in range(int(self.rng.choice(COPIES))):
            marks = {
                "camera": camera and self.rng.random() < 0.7,
                "edited": self.rng.random() < 0.2,
            }
            source = pixels
            if len(files) > 1 and self.rng.random() < OF_A_COPY:
                source = decode(files[-1][1], needed_px=FULL_SIZE_PX).pixels
            kind, copy = self._copy(source)
            encoding = self._anew(kind) if copy is source else one_way or self.any_format()
            path = self.save(copy, encoding, **marks)
            files.append((kind, path))
        return files

    def _copy(self, pixels: Pixels) -> tuple[str, Pixels]:
        draw = self.rng.random()
        if draw < 0.15:
            return str(self.rng.choice(ENCODED)), pixels
        if draw < 0.4:
            kinds = _WRITTEN if draw < 0.2 else list(ELSEWHERE)
            kind = str(self.rng.choice(kinds))
            return kind, np.ascontiguousarray(ELSEWHERE[kind](self, pixels))
        kind = str(self.rng.choice(list(EDITS)))
        others = [fit(self.source(), 500) for _ in range(EDITS[kind].others)]
        copy = np.ascontiguousarray(apply_edit(kind, pixels, self.rng, other=others).pixels)
        return kind, fit(copy, 1600) if max(copy.shape[:2]) > LARGEST_PX else copy

    def with_history(self, pixels: Pixels) -> Pixels:
        """Save some pictures once as a JPEG: an original that is a PNG or a WebP may have been one."""
        if self.rng.random() >= SAVED_BEFORE:
            return pixels
        return _through_jpeg(pixels, int(self.rng.integers(60, 98)))

    def original_format(self) -> tuple[str, int]:
        """Return a format drawn as a copy's is: the container must not tell which is the original."""
        ending, _ = self.any_format()
        return ending, int(self.rng.integers(75, 98))

    def any_format(self) -> tuple[str, int]:
        ending = str(self.rng.choice(["jpg", "png", "webp", "avif"], p=[0.6, 0.2, 0.16, 0.04]))
        return ending, int(self.rng.integers(60, 98))

    def _anew(self, kind: str) -> tuple[str, int]:
        quality = int(self.rng.choice([10, 30, 50, 60, 75, 80, 85, 90]))
        return {"jpeg": "jpg"}.get(kind, kind), quality

    def save(
        self, pixels: Pixels, encoding: tuple[str, int], *, camera: bool, edited: bool = False
    ) -> Path:
        ending, quality = encoding
        self.number += 1
        path = self.folder / f"{self.number:06d}.{ending}"
        options: dict[str, object] = {} if ending == "png" else {"quality": quality}
        if ending in ("jpg", "webp"):
            options["exif"] = _exif(camera, edited)
        if ending == "jpg":
            options["subsampling"] = int(self.rng.choice([0, 2, 2]))
        if ending == "avif":
            options["speed"] = 9
        Image.fromarray(pixels).save(path, FORMATS[ending], **options)
        return path


def _exif(camera: bool, edited: bool) -> Image.Exif:
    exif = Image.Exif()
    if camera:
        exif[0x010F], exif[0x0110] = "ExampleCam", "X1"
    if edited:
        exif[0x0131] = "Example Editor"
    return exif


def _by_pillow(change: Callable[[Maker, Image.Image], Image.Image]) -> "Elsewhere":
    return lambda maker, pixels: np.asarray(change(maker, Image.fromarray(pixels)).convert("RGB"))


def _whole(values: NDArray[np.floating]) -> Pixels:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


def _scaled(maker: Maker, image: Image.Image, wide: float, high: float) -> Image.Image:
    size = (max(8, round(image.width * wide)), max(8, round(image.height * high)))
    return image.resize(size, Image.Resampling(int(maker.rng.choice([1, 2, 3]))))


def _by(maker: Maker, low: float, high: float, other_low: float, other_high: float) -> float:
    weaker = maker.rng.random() < 0.5
    return maker.between(low, high) if weaker else maker.between(other_low, other_high)


def _grain(maker: Maker, pixels: Pixels) -> Pixels:
    shape = pixels.shape if maker.rng.random() < 0.6 else (*pixels.shape[:2], 1)
    return _whole(pixels + maker.rng.normal(0, maker.between(2, 12), shape))


def _shot_noise(maker: Maker, pixels: Pixels) -> Pixels:
    light = maker.between(0.15, 1.5)
    return _whole(maker.rng.poisson(pixels * light) / light)


def _unsharp(maker: Maker, pixels: Pixels) -> Pixels:
    soft = cv2.GaussianBlur(pixels, (0, 0), maker.between(0.6, 2.5)).astype(np.float32)
    return _whole(pixels + (pixels - soft) * maker.between(0.5, 2))


def _warmer(maker: Maker, pixels: Pixels) -> Pixels:
    by = maker.between(8, 35) * maker.rng.choice([-1, 1])
    return _whole(pixels + np.array([by, by * maker.between(-0.2, 0.4), -by], np.float32))


def _levelled(maker: Maker, pixels: Pixels) -> Pixels:
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)
    level = cv2.createCLAHE(maker.between(1.5, 4), (8, 8)).apply(np.ascontiguousarray(lab[..., 0]))
    return np.asarray(cv2.cvtColor(np.dstack([level, lab[..., 1:]]), cv2.COLOR_LAB2RGB), np.uint8)


def _bent(maker: Maker, pixels: Pixels) -> Pixels:
    power = _by(maker, 0.6, 0.85, 1.2, 1.7)
    return _whole(255 * (np.arange(256) / 255) ** power)[pixels]


def _padded(maker: Maker, pixels: Pixels) -> Pixels:
    by, colour = int(maker.between(4, 60)), maker.rng.integers(0, 256, 3).tolist()
    return np.asarray(cv2.copyMakeBorder(pixels, by, by, by, by, cv2.BORDER_CONSTANT, value=colour))


def _cropped(maker: Maker, pixels: Pixels) -> Pixels:
    share = maker.between(0.5, 0.97)
    high, wide = (int(side * share) for side in pixels.shape[:2])
    top = maker.rng.integers(pixels.shape[0] - high + 1)
    left = maker.rng.integers(pixels.shape[1] - wide + 1)
    return pixels[top : top + high, left : left + wide]


def _once_coarse(maker: Maker, pixels: Pixels) -> Pixels:
    return _through_jpeg(pixels, int(maker.rng.integers(8, 60)))


def _through_jpeg(pixels: Pixels, quality: int) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def _some_colour(maker: Maker) -> list[int]:
    plain = ([255, 255, 255], [0, 0, 0], [255, 140, 0], [255, 255, 0], [220, 30, 30])
    draw = int(maker.rng.integers(len(plain) + 2))
    return plain[draw] if draw < len(plain) else maker.rng.integers(0, 256, 3).tolist()


def _some_place(maker: Maker, pixels: Pixels, share: float) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a box of about that share of the picture."""
    high, wide = pixels.shape[:2]
    ratio = maker.between(0.4, 2.5)
    tall = int(np.clip((share * high * wide / ratio) ** 0.5, 6, high - 2))
    broad = int(np.clip(tall * ratio, 6, wide - 2))
    top, left = (int(maker.rng.integers(room + 1)) for room in (high - tall, wide - broad))
    return left, top, left + broad, top + tall


def _lettered(maker: Maker, pixels: Pixels) -> Pixels:
    """Write a date, a name or a line of words in a corner or anywhere."""
    result = np.ascontiguousarray(pixels.copy())
    high, wide = result.shape[:2]
    words = str(maker.rng.choice(["2021-06-13", "12 24 '98", "(c) A. Example", "HELLO YOU", "#42"]))
    scale = maker.between(0.025, 0.09) * high / 21
    style = (int(maker.rng.integers(0, 5)), scale)
    thick = max(1, round(scale * maker.between(1, 2.5)))
    (broad, tall), _ = cv2.getTextSize(words, *style, thick)
    left = int(maker.rng.choice([0.03 * wide, wide - broad - 0.03 * wide, (wide - broad) / 2]))
    top = int(maker.rng.choice([0.05 * high + tall, 0.95 * high, maker.between(0.2, 0.8) * high]))
    colour = _some_colour(maker)
    cv2.putText(result, words, (max(0, left), top), *style, colour, thick, cv2.LINE_AA)
    if maker.rng.random() < 0.3:
        return _whole(pixels + (result.astype(np.float32) - pixels) * maker.between(0.35, 0.8))
    return result


def _barred(maker: Maker, pixels: Pixels) -> Pixels:
    left, top, right, bottom = _some_place(maker, pixels, maker.between(0.002, 0.06))
    result = pixels.copy()
    result[top:bottom, left:right] = _some_colour(maker)
    return result


def _hidden(maker: Maker, pixels: Pixels) -> Pixels:
    """Blur a place beyond recognition, or make a mosaic of it."""
    left, top, right, bottom = _some_place(maker, pixels, maker.between(0.003, 0.08))
    result = pixels.copy()
    part = np.ascontiguousarray(result[top:bottom, left:right])
    if maker.rng.random() < 0.5:
        part = np.asarray(cv2.GaussianBlur(part, (0, 0), maker.between(3, 12)), np.uint8)
    else:
        by = maker.between(5, 14)
        size = (max(1, round((right - left) / by)), max(1, round((bottom - top) / by)))
        small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        whole = (right - left, bottom - top)
        part = np.asarray(cv2.resize(small, whole, interpolation=cv2.INTER_NEAREST), np.uint8)
    result[top:bottom, left:right] = part
    return result


Elsewhere = Callable[[Maker, Pixels], Pixels]
# What people do with other programs than those that photos.edits is modelled on.
ELSEWHERE: dict[str, Elsewhere] = {
    "other_sharper": _by_pillow(
        lambda m, image: ImageEnhance.Sharpness(image).enhance(m.between(1.5, 3.5))
    ),
    "other_mask": _by_pillow(
        lambda m, image: image.filter(
            ImageFilter.UnsharpMask(m.between(0.6, 3), int(m.between(50, 250)), int(m.between(0, 4)))
        )
    ),
    "other_unsharp": _unsharp,
    "other_grain": _grain,
    "other_shot_noise": _shot_noise,
    "other_warmer": _warmer,
    "other_cast": lambda m, p: _whole(p * m.rng.uniform(0.78, 1.2, 3)),
    "other_brighter": lambda m, p: _whole(p + m.between(15, 50) * m.rng.choice([-1.0, 1.0])),
    "other_contrast": _by_pillow(
        lambda m, image: ImageEnhance.Contrast(image).enhance(_by(m, 0.5, 0.85, 1.2, 1.7))
    ),
    "other_colour": _by_pillow(
        lambda m, image: ImageEnhance.Color(image).enhance(_by(m, 0.3, 0.8, 1.25, 2))
    ),
    "other_gamma": _bent,
    "other_automatic": _by_pillow(lambda m, image: ImageOps.autocontrast(image, m.between(0, 2))),
    "other_levelled": _levelled,
    "other_blur": lambda m, p: cv2.GaussianBlur(p, (0, 0), m.between(0.5, 2.5)),
    "other_box": lambda m, p: cv2.blur(p, (int(m.rng.integers(2, 6)),) * 2),
    "other_smooth": lambda m, p: cv2.bilateralFilter(p, 5, m.between(20, 60), m.between(2, 5)),
    "other_quarter": lambda m, p: np.rot90(p, int(m.rng.integers(1, 4))),
    "other_flip": lambda _, p: p[:, ::-1],
    "other_smaller": _by_pillow(
        lambda m, image: _scaled(m, image, *(m.between(0.3, 0.95),) * 2)
    ),
    "other_larger": _by_pillow(lambda m, image: _scaled(m, image, *(m.between(1.1, 2),) * 2)),
    "other_wider": _by_pillow(lambda m, image: _scaled(m, image, m.between(1.1, 1.4), 1)),
    "other_taller": _by_pillow(lambda m, image: _scaled(m, image, 1, m.between(1.1, 1.4))),
    "other_crop": _cropped,
    "other_padded": _padded,
    "other_few_tones": _by_pillow(
        lambda m, image: ImageOps.posterize(image, int(m.rng.integers(2, 6)))
    ),
    "other_palette": _by_pillow(
        lambda m, image: image.quantize(int(m.rng.choice([16, 32, 64, 128, 256])))
    ),
    "other_once_coarse": _once_coarse,
    "other_letters": _lettered,
    "other_bar": _barred,
    "other_hidden": _hidden,
}  # fmt: skip
# Small things that an eye sees at once, and an average does not.
_WRITTEN = ["other_letters", "other_bar", "other_hidden", "other_letters"]
