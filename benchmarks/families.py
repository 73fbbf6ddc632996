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
        first = self._save(self.source(), self._original_format(), camera=camera)
        files = [("original", first)]
        pixels = decode(first, needed_px=FULL_SIZE_PX).pixels
        for _ in range(int(self.rng.choice(COPIES))):
            marks = {
                "camera": camera and self.rng.random() < 0.7,
                "edited": self.rng.random() < 0.2,
            }
            source = pixels
            if len(files) > 1 and self.rng.random() < OF_A_COPY:
                source = decode(files[-1][1], needed_px=FULL_SIZE_PX).pixels
            kind, copy = self._copy(source)
            encoding = self._anew(kind) if copy is source else self._format()
            path = self._save(copy, encoding, **marks)
            files.append((kind, path))
        return files

    def _copy(self, pixels: Pixels) -> tuple[str, Pixels]:
        draw = self.rng.random()
        if draw < 0.15:
            return str(self.rng.choice(ENCODED)), pixels
        if draw < 0.35:
            kind = str(self.rng.choice(list(_ELSEWHERE)))
            return kind, np.ascontiguousarray(_ELSEWHERE[kind](self, pixels))
        kind = str(self.rng.choice(list(EDITS)))
        others = [fit(self.source(), 500) for _ in range(EDITS[kind].others)]
        copy = np.ascontiguousarray(apply_edit(kind, pixels, self.rng, other=others).pixels)
        return kind, fit(copy, 1600) if max(copy.shape[:2]) > LARGEST_PX else copy

    def _original_format(self) -> tuple[str, int]:
        ending = str(self.rng.choice(["jpg", "png", "webp"], p=[0.8, 0.12, 0.08]))
        return ending, int(self.rng.choice([75, 80, 85, 88, 90, 92, 95, 97]))

    def _format(self) -> tuple[str, int]:
        ending = str(self.rng.choice(["jpg", "png", "webp", "avif"], p=[0.71, 0.15, 0.1, 0.04]))
        return ending, int(self.rng.integers(60, 97))

    def _anew(self, kind: str) -> tuple[str, int]:
        quality = int(self.rng.choice([10, 30, 50, 60, 75, 80, 85, 90]))
        return {"jpeg": "jpg"}.get(kind, kind), quality

    def _save(
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
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=int(maker.rng.integers(8, 60)))
    return np.asarray(Image.open(buffer).convert("RGB"))


Elsewhere = Callable[[Maker, Pixels], Pixels]
# What people do with other programs than those that photos.edits is modelled on.
_ELSEWHERE: dict[str, Elsewhere] = {
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
}  # fmt: skip
