"""Make a small album to try dupfind on: pictures that scikit-image ships, and altered copies."""

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dupfind.errors import LibraryError
from dupfind.photos.decode import FULL_SIZE_PX, decode, fit
from dupfind.photos.edits import apply_edit

SEED = 20210429
# Picture of scikit-image -> the altered copies to make of it. Those without any stay alone; the two
# motorcycles are a stereo pair: look-alikes, not copies.
ALBUM: dict[str, tuple[str, ...]] = {
    "astronaut.png": ("jpeg_coarse", "crop_70", "flip", "meme", "grey"),
    "chelsea.png": ("shrink_half", "rotate_90", "screenshot_phone", "sepia"),
    "coffee.png": ("crop_50", "filter_vivid", "meme"),
    "rocket.jpg": ("tilt_cropped", "watermark", "collage_2x2"),
    "hubble_deep_field.jpg": ("jpeg_worst", "crop_85", "rotate_180"),
    "motorcycle_left.png": (),
    "motorcycle_right.png": (),
    "retina.jpg": ("letterbox",),
    "camera.png": ("text",),
    "coins.png": (),
    "ihc.png": (),
    "page.png": (),
}
_MARK = ".made-by-dupfind-demo"
_IN_COLLAGE = ("grass.png", "gravel.png", "brick.png")
_CAMERA_QUALITY = 96
_QUALITY = 85
_LONGEST_PX = 640


@dataclass(frozen=True, slots=True)
class SampleAlbum:
    """An album that was made: its folder, the number of files, and a photo to ask for."""

    folder: Path
    files: int
    example: Path


def make_sample_album(folder: Path) -> SampleAlbum:
    """Make the album in a folder (anew: what an earlier call made there is replaced).

    Returns:
        The album. ``example`` is not in it: a further altered copy of one of its pictures.

    Raises:
        LibraryError: scikit-image is not installed, or the folder cannot be written.
    """
    source = _pictures()
    try:
        _make_room(folder)
        files = _write_album(source, folder)
        example = folder.parent / "unknown-photo.jpg"
        edited = apply_edit("combo_mild", _read(source / "camera.png"), _random("example"))
        Image.fromarray(edited.pixels).save(example, quality=_QUALITY)
    except OSError as error:
        raise LibraryError(
            f"the sample album cannot be made in {folder} ({error.strerror or error}); "
            "choose another place with --folder"
        ) from error
    return SampleAlbum(folder, files, example)


def _make_room(folder: Path) -> None:
    """Make the empty folder; remove only what an earlier call made, never someone's photos."""
    if folder.exists():
        if not (folder / _MARK).is_file():
            raise LibraryError(
                f"{folder} exists and was not made by the demo; choose another place with --folder"
            )
        shutil.rmtree(folder)
    (folder / "copies").mkdir(parents=True)
    (folder / _MARK).touch()


def _write_album(source: Path, folder: Path) -> int:
    others = [_read(source / name) for name in _IN_COLLAGE]
    files = 0
    for name, edits in ALBUM.items():
        stem, picture = Path(name).stem.replace("_", "-"), _read(source / name)
        Image.fromarray(picture).save(folder / f"{stem}.jpg", quality=_CAMERA_QUALITY)
        for edit in edits:
            edited = apply_edit(edit, picture, _random(name + edit), other=others)
            copy = folder / "copies" / f"{stem}-{edit.replace('_', '-')}.jpg"
            Image.fromarray(edited.pixels).save(copy, quality=_QUALITY)
        files += 1 + len(edits)
    shutil.copyfile(folder / "coffee.jpg", folder / "copies" / "coffee (1).jpg")
    return files + 1


def _pictures() -> Path:
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        raise LibraryError(
            "the sample album is made from pictures of scikit-image, which is not installed; "
            "install dupfind[demo], or name a folder of your own: dupfind demo PHOTOS"
        )
    return Path(found.origin).parent / "data"


def _read(path: Path) -> NDArray[np.uint8]:
    return fit(decode(path, needed_px=FULL_SIZE_PX).pixels, _LONGEST_PX)


def _random(name: str) -> np.random.Generator:
    return np.random.default_rng([SEED, *name.encode()])
