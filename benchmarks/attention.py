"""Is attention about things? Measured on photos of one thing before a plain background.

    python benchmarks/attention.py PHOTOS [--count 200] [--model builtin --model OTHER]

Of the photos in the folder those are taken whose border is of one colour and whose thing, the pixels of
other colours, fills a tenth to six tenths of the picture. For each model: the mean over the heads of the
last layer's attention of CLS, the patches that hold 60% of it, and the share of these that lies on the
thing. Chance is the share of the picture that the thing fills.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from dupfind.descriptors.attention import attend, mass_mask
from dupfind.descriptors.backbone import load_model
from dupfind.errors import PhotoError
from dupfind.photos.decode import decode
from dupfind.photos.scan import scan
from dupfind.records import ScannedFile

NEEDED_PX = 256
BORDER = 0.04  # of each side
PLAIN_LEVELS = 8.0  # deviation of the border's pixels, of 255
OTHER_LEVELS = 30.0  # from the background's colour, of 255
LEAST_AREA, MOST_AREA = 0.1, 0.6
MASS = 0.6


@click.command()
@click.argument("photos", type=click.Path(exists=True, path_type=Path))
@click.option("--count", default=200, show_default=True, help="Photos to look at.")
@click.option("--model", "models", multiple=True, default=("builtin",), show_default=True)
def main(photos: Path, count: int, models: tuple[str, ...]) -> None:
    """Print how much of each model's attention falls on the thing."""
    paths = [found.path for found in scan([photos]) if isinstance(found, ScannedFile)]
    loaded = [load_model(name) for name in models]
    chance: list[float] = []
    shares: list[list[float]] = [[] for _ in loaded]
    for pixels, thing in plain_photos(paths, count):
        chance.append(float(thing.mean()))
        for model, found in zip(loaded, shares, strict=True):
            mask = mass_mask(attend(model, pixels, device="cpu").mean, MASS)
            found.append(float(on_grid(thing, mask.shape)[mask].mean()))
    print(f"{len(chance)} photos of one thing before a plain background")
    print(f"{'chance':30} {np.mean(chance):.3f}")
    for name, found in zip(models, shares, strict=True):
        error = np.std(found) / max(len(found), 1) ** 0.5
        print(f"{name:30} {np.mean(found):.3f} (standard error {error:.3f})")


def plain_photos(
    paths: list[Path], count: int
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
    """Yield up to ``count`` pictures (height, width, 3) and where their thing is (height, width)."""
    found = 0
    for path in paths:
        if found == count:
            return
        try:
            pixels = decode(path, needed_px=NEEDED_PX).pixels
        except PhotoError:
            continue
        thing = thing_of(pixels)
        if thing is not None:
            found += 1
            yield pixels, thing


def thing_of(pixels: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """Return which pixels are not the background's, or None where there is no plain background."""
    height, width = pixels.shape[:2]
    rim = max(2, round(BORDER * min(height, width)))
    inside = np.zeros((height, width), bool)
    inside[rim:-rim, rim:-rim] = True
    border = pixels[~inside].astype(np.float32)
    if border.std(axis=0).max() > PLAIN_LEVELS:
        return None
    away = np.abs(pixels.astype(np.float32) - np.median(border, axis=0)).max(axis=2)
    thing: NDArray[np.bool_] = away > OTHER_LEVELS
    return thing if LEAST_AREA <= thing.mean() <= MOST_AREA else None


def on_grid(thing: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the share of each patch that the thing fills, on the grid of patches."""
    rows = np.array_split(thing.astype(np.float64), shape[0], axis=0)
    return np.array(
        [[cell.mean() for cell in np.array_split(row, shape[1], axis=1)] for row in rows]
    )


if __name__ == "__main__":
    main()
