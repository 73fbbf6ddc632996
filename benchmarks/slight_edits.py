"""Measure what slight edits pass for copies that were only saved again, and what that were only saved do.

    python benchmarks/slight_edits.py ~/Pictures --photos 24 --seed 21

Makes an original of each photo, copies that were edited by so little that it can hardly be seen, and others
that were only saved, each in some of many formats and qualities, whole or reduced. Prints how many of each kind
may go when all else that is known of them (the proof, the group) speaks for saving alone. The edits that pass
change a picture by less than saving it does, or in the way that saving does.
"""

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click
import cv2
import numpy as np
from make_set import readable_photos
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from dupfind.copies.looks import look_of
from dupfind.evidence import Evidence
from dupfind.matching.advice import advise
from dupfind.matching.original import judge
from dupfind.matching.quality import Look
from dupfind.records import Advice, Photo, Relation

Picture = Image.Image
Edit = Callable[[Picture, np.random.Generator], Picture]
NOTHING_DONE = 0.3  # grey levels on average: a grey photo with more colour is itself
FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "avif": "AVIF"}
# Ending, size, and how it is saved.
SAVINGS: dict[str, tuple[str, float, dict[str, int | bool]]] = {
    **{f"jpeg {quality}": ("jpg", 1.0, {"quality": quality}) for quality in (60, 75, 85, 90, 95)},
    "jpeg 75 full": ("jpg", 1.0, {"quality": 75, "subsampling": 0}),
    "jpeg 90 full": ("jpg", 1.0, {"quality": 90, "subsampling": 0, "progressive": True}),
    "half jpeg 85": ("jpg", 0.5, {"quality": 85}),
    "0.7 jpeg 75": ("jpg", 0.7, {"quality": 75}),
    "half png": ("png", 0.5, {}),
    "png": ("png", 1.0, {}),
    "webp 60": ("webp", 1.0, {"quality": 60}),
    "webp 80": ("webp", 1.0, {"quality": 80}),
    "avif 50": ("avif", 1.0, {"quality": 50, "speed": 9}),
    "avif 70": ("avif", 1.0, {"quality": 70, "speed": 9}),
}


def _curve(curve: Callable[[float], float]) -> Edit:
    table = [min(255, max(0, round(curve(value)))) for value in range(256)] * 3
    return lambda image, _: image.point(table)


def _shifted(image: Picture, levels: object) -> Picture:
    pixels = np.asarray(image, np.float64) + levels
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def _noise(levels: float) -> Edit:
    return lambda image, rng: _shifted(image, rng.normal(0, levels, (image.height, image.width, 3)))


def _hue(image: Picture, _: np.random.Generator) -> Picture:
    values = np.array(image.convert("HSV"))
    values[..., 0] += 2  # of 256: about 3 degrees
    channels = [Image.fromarray(np.ascontiguousarray(values[..., at])) for at in range(3)]
    return Image.merge("HSV", channels).convert("RGB")


def _place(image: Picture, side: int, rng: np.random.Generator) -> tuple[int, int]:
    left, top = (int(rng.integers(0, max(1, size - side))) for size in image.size)
    return left, top


def _retouched(image: Picture, rng: np.random.Generator) -> Picture:
    side = max(10, min(image.size) // 30)
    copy, mask = image.copy(), Image.new("L", (side, side))
    ImageDraw.Draw(mask).ellipse((1, 1, side - 2, side - 2), 255)
    left, top = _place(image, side, rng)
    patch = image.crop((left, top, left + side, top + side))
    copy.paste(patch, _place(image, side, rng), mask.filter(ImageFilter.GaussianBlur(side / 12)))
    return copy


def _dated(image: Picture, rng: np.random.Generator) -> Picture:
    copy, size = image.copy(), max(9, image.height // 40)
    place = _place(image, 6 * size, rng)
    ImageDraw.Draw(copy).text(place, "12/05/09", (255, 190, 60), font_size=size)
    return copy


def _dark_eye(image: Picture, rng: np.random.Generator) -> Picture:
    pixels, side = np.array(image), max(5, min(image.size) // 60)
    left, top = _place(image, side, rng)
    eye = pixels[top : top + side, left : left + side]
    pixels[top : top + side, left : left + side] = eye * 0.35
    return Image.fromarray(pixels)


EDITS: dict[str, Edit] = {
    "only saved": lambda image, _: image,
    "only saved, twice": lambda image, _: image,
    "2 levels lighter": _curve(lambda value: value + 2),
    "2 levels darker": _curve(lambda value: value - 2),
    "gamma 1.02": _curve(lambda value: 255 * (value / 255) ** (1 / 1.02)),
    "contrast + 3%": lambda image, _: ImageEnhance.Contrast(image).enhance(1.03),
    "2 levels warmer": lambda image, _: _shifted(image, np.array([2, 0, -2])),
    "colour + 5%": lambda image, _: ImageEnhance.Color(image).enhance(1.05),
    "colour + 10%": lambda image, _: ImageEnhance.Color(image).enhance(1.1),
    "hue + 3 degrees": _hue,
    "sharpness + 20%": lambda image, _: ImageEnhance.Sharpness(image).enhance(1.2),
    "unsharp mask of 30%": lambda image, _: image.filter(ImageFilter.UnsharpMask(1, 30, 0)),
    "blur of 0.5 px": lambda image, _: image.filter(ImageFilter.GaussianBlur(0.5)),
    "noise of 1 level": _noise(1),
    "noise of 3 levels": _noise(3),
    "a date": _dated,
    "a retouched spot": _retouched,
    "a red eye darkened": _dark_eye,
}


@click.command()
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--photos", "count", default=24, show_default=True)
@click.option("--copies", default=4, show_default=True, help="Of each edit of a photo.")
@click.option("--seed", default=1, show_default=True)
def main(photos: Path, count: int, copies: int, seed: int) -> None:
    """Measure on PHOTOS which slight edits may go."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng(seed)
    made: Counter[str] = Counter()
    may_go: Counter[str] = Counter()
    for _, (_, pixels) in zip(range(count), readable_photos(photos, rng), strict=False):
        with tempfile.TemporaryDirectory() as folder:
            quality = int(rng.integers(85, 96))
            first = _save(
                Image.fromarray(pixels), Path(folder), "o", ("jpg", 1.0, {"quality": quality})
            )
            for name, goes in _measured(first, Path(folder), copies, rng):
                made[name] += 1
                may_go[name] += goes
    print(f"{'edit':24}{'copies':>8}{'may go':>8}")
    for name in EDITS:
        print(f"{name:24}{made[name]:8}{may_go[name]:8}")


def _measured(
    first: Photo, folder: Path, copies: int, rng: np.random.Generator
) -> list[tuple[str, bool]]:
    look, found = look_of(first), []
    with Image.open(first.path) as opened:
        image = opened.convert("RGB")
    for name, edit in EDITS.items():
        edited = edit(image, rng)
        apart = np.abs(np.asarray(edited, np.int16) - np.asarray(image, np.int16))
        if not name.startswith("only") and apart.mean() < NOTHING_DONE and apart.max() < 8:
            continue
        if name == "only saved, twice":
            before = _save(
                image, folder, "before", ("jpg", 1.0, {"quality": int(rng.integers(70, 93))})
            )
            with Image.open(before.path) as opened:
                edited = opened.convert("RGB")
        for saving in rng.permutation(list(SAVINGS))[:copies].tolist():
            copy = _save(edited, folder, "copy", SAVINGS[saving])
            found.append((name, _may_go(first, look, copy)))
    return found


def _may_go(first: Photo, look: Look | None, copy: Photo) -> bool:
    other = look_of(copy)
    if look is None or other is None:
        raise click.ClickException(f"{copy.path} cannot be read")
    is_same_size = (first.width, first.height) == (copy.width, copy.height)
    relation = Relation.REENCODED if is_same_size else Relation.RESIZED
    evidence = Evidence("keypoints", relations=(relation,), scale=copy.width / first.width)
    advised, _ = advise(relation, evidence, judge(look, other, np.eye(3)), copy, first)
    return advised is Advice.REMOVE


def _save(
    image: Picture, folder: Path, name: str, saving: tuple[str, float, dict[str, int | bool]]
) -> Photo:
    ending, scale, options = saving
    size = tuple(round(side * scale) for side in image.size)
    path = folder / f"{name}.{ending}"
    small = image if scale == 1 else image.resize((size[0], size[1]), Image.Resampling.LANCZOS)
    small.save(path, **options)
    return Photo(0, path, "", path.stat().st_size, 0, *small.size, FORMATS[ending], None, 0)


if __name__ == "__main__":
    main()
