"""Measure which of two photos a group keeps: the photo as it was taken, or one alteration of it saved better.

    python benchmarks/keep_altered.py ~/Pictures --photos 20

For each alteration an album of photos (JPEG of quality 88, with a camera's EXIF) and of their altered copies
(quality 97, the same EXIF and the name of an editor; a screenshot is a PNG without any), and one of PNG
screenshots with the JPEG that a messenger makes of them. Prints how often the photo is kept. Right is always.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np
from make_set import Pixels, readable_photos
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from dupfind.library import Library
from dupfind.records import Advice

LONG_PX = 1200
MESSAGES = (
    "on my way",
    "did you see this?",
    "tomorrow at nine",
    "yes",
    "who brings the cake",
    "no",
)
Picture = Image.Image


def _written(photo: Picture) -> Picture:
    copy = photo.copy()
    size = max(12, photo.width // 20)
    place = (photo.width // 2, photo.height - size * 3 // 2)
    ImageDraw.Draw(copy).text(
        place, "NOT BEFORE MONDAY", "white", anchor="mm", font_size=size,
        stroke_width=max(1, size // 14), stroke_fill="black",
    )  # fmt: skip
    return copy


def _censored(photo: Picture) -> Picture:
    copy, (wide, high) = photo.copy(), photo.size
    ImageDraw.Draw(copy).rectangle((wide // 3, high // 3, wide // 2, high * 2 // 3), "black")
    return copy


def _screenshot(photo: Picture) -> Picture:
    page = Image.new("RGB", (1080, 2340), "black")
    size = (1080, round(1080 * photo.height / photo.width))
    page.paste(photo.resize(size, Image.Resampling.LANCZOS), (0, max(140, (2200 - size[1]) // 2)))
    draw = ImageDraw.Draw(page)
    draw.text((48, 44), "09:41   5G   88%", "white", font_size=40)
    draw.text((72, 2220), "Send   Change   Hearts   Bin", "white", font_size=40)
    return page


def _filtered(photo: Picture) -> Picture:
    return ImageEnhance.Color(ImageEnhance.Contrast(photo).enhance(1.25)).enhance(1.5)


ALTERATIONS: dict[str, Callable[[Picture], Picture]] = {
    "grey": lambda photo: photo.convert("L").convert("RGB"),
    "filter": _filtered,
    "blur": lambda photo: photo.filter(ImageFilter.GaussianBlur(2)),
    "text": _written,
    "censored": _censored,
    "mirror": lambda photo: photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "enlarged": lambda photo: photo.resize(
        (photo.width * 2, photo.height * 2), Image.Resampling.BICUBIC
    ),
    "screenshot": _screenshot,
}


@click.command()
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--photos", "count", default=20, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--only", multiple=True, help="Alterations; else all.")
def main(photos: Path, count: int, seed: int, only: tuple[str, ...]) -> None:
    """Measure on PHOTOS how often the photo is kept and not an altered copy of it."""
    found = readable_photos(photos, np.random.default_rng(seed))
    pictures = [_as_large(pixels) for _, (_, pixels) in zip(range(count), found, strict=False)]
    print(f"{'alteration':16}{'photos':>8}{'grouped':>9}{'kept':>6}{'copy may go':>13}")
    for kind in only or (*ALTERATIONS, "png-and-jpeg"):
        with tempfile.TemporaryDirectory() as folder:
            album = Path(folder) / "album"
            if kind == "png-and-jpeg":
                _save_screens(album, count, seed)
            else:
                _save_pairs(album, pictures, kind)
            grouped, kept, may_go = _measure(album, Path(folder) / "library")
        print(f"{kind:16}{count:8}{grouped:9}{kept:6}{may_go:13}", flush=True)


def _as_large(pixels: Pixels) -> Picture:
    photo = Image.fromarray(pixels)
    photo.thumbnail((LONG_PX, LONG_PX))
    return photo


def _save_pairs(album: Path, pictures: Sequence[Picture], kind: str) -> None:
    for number, photo in enumerate(pictures):
        place = album / f"{number:03}"
        place.mkdir(parents=True)
        photo.save(place / "photo.jpg", quality=88, exif=_exif(editor=False))
        altered = ALTERATIONS[kind](photo)
        if kind == "screenshot":
            altered.save(place / "copy.png")
        else:
            altered.save(place / "copy.jpg", quality=97, exif=_exif(editor=True))


def _exif(*, editor: bool) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "ExampleCam"
    exif.get_ifd(0x8769)[0x9003] = "2023:05:01 10:00:00"
    if editor:
        exif[0x0131] = "Example Editor"
    return exif


def _save_screens(album: Path, count: int, seed: int) -> None:
    """Save screens of a chat, each as a PNG and as the JPEG that a messenger makes of it."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        place = album / f"{number:03}"
        place.mkdir(parents=True)
        page = _chat(rng)
        page.save(place / "photo.png")
        page.save(place / "copy.jpg", quality=60)


def _chat(rng: np.random.Generator) -> Picture:
    dark = bool(rng.random() < 0.5)
    page = Image.new("RGB", (390, 844), "#101418" if dark else "#f4f4f0")
    draw, top = ImageDraw.Draw(page), 50
    while top < 780:
        left, wide = int(rng.integers(12, 120)), int(rng.integers(130, 250))
        high = int(rng.integers(34, 96))
        fill = tuple(int(value) for value in rng.integers(20, 90, 3) + (0 if dark else 140))
        draw.rounded_rectangle((left, top, left + wide, top + high), 10, fill)
        words = f"{rng.choice(MESSAGES)} {int(rng.integers(100, 999))}"
        draw.text((left + 12, top + 8), words, "white" if dark else "black", font_size=15)
        top += high + int(rng.integers(8, 30))
    return page


def _measure(album: Path, folder: Path) -> tuple[int, int, int]:
    """Return how many photos are grouped with their copy, are kept, and how many copies may go."""
    with Library(folder) as library:
        library.index([album])
        library.cluster()
        paths = {photo.id: photo.path for photo in library.photos()}
        grouped = kept = may_go = 0
        for one in library.groups():
            folders = {paths[member.photo_id].parent for member in one.members}
            if len(one.members) != 2 or len(folders) != 1:
                print(f"  a group of {sorted(path.name for path in folders)}")
                continue
            grouped += 1
            kept += paths[one.keep.photo_id].stem == "photo"
            may_go += any(member.advice is Advice.REMOVE for member in one.members)
    return grouped, kept, may_go


if __name__ == "__main__":
    main()
