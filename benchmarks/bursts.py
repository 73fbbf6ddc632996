"""What a burst costs: so many shots of one scene, made of one photo, clustered in a fresh library.

    python benchmarks/bursts.py PHOTO --frames 25 50 100 200 400

Each frame is a part of the photo that slides by a few pixels, turned a little, in other light, with noise
and with something that moves; two of each hundred are there again as smaller copies. Prints proofs and
looks a frame, the seconds and CPU seconds of ``cluster``, and what was grouped.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dupfind import Library

WIDTH_PX, HEIGHT_PX, MARGIN_PX = 900, 675, 60
COPIES = 0.02  # share of the frames that are there twice
SEED = 1


def frames_of(scene: NDArray[np.uint8], count: int) -> list[NDArray[np.uint8]]:
    """Return shots of a scene from a hand that shakes; something crosses it."""
    generator = np.random.default_rng(SEED)
    thing = cv2.GaussianBlur(generator.integers(0, 255, (90, 60, 3), np.uint8), (0, 0), 3)
    place = np.full(2, MARGIN_PX / 2)
    frames = []
    for number in range(count):
        place = np.clip(place + generator.normal(0, 4, 2), 8, MARGIN_PX - 8)
        picture = scene.copy()
        down = HEIGHT_PX // 2 + round(30 * np.sin(number / 7))
        across = 20 + (number * 3) % (WIDTH_PX - 80)
        picture[down : down + thing.shape[0], across : across + thing.shape[1]] = thing
        turn = cv2.getRotationMatrix2D((WIDTH_PX / 2, HEIGHT_PX / 2), generator.normal(0, 0.4), 1.0)
        turn[:, 2] -= place
        shot = cv2.warpAffine(picture, turn, (WIDTH_PX, HEIGHT_PX)).astype(np.float32)
        shot = shot * generator.uniform(0.9, 1.1) + generator.normal(0, 4, shot.shape)
        frames.append(np.clip(shot, 0, 255).astype(np.uint8))
    return frames


def save_burst(photo: Path, folder: Path, count: int) -> int:
    """Write a burst made of a photo; return how many copies of frames are among it."""
    size = (WIDTH_PX + MARGIN_PX, HEIGHT_PX + MARGIN_PX)
    scene = np.asarray(Image.open(photo).convert("RGB").resize(size, Image.Resampling.LANCZOS))
    frames = frames_of(scene, count)
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"frame{number:04}.jpg", quality=92)
    copied = range(0, count, round(1 / COPIES))
    for number in copied:
        small = Image.fromarray(frames[number]).resize((WIDTH_PX // 2, HEIGHT_PX // 2))
        small.save(folder / f"copy{number:04}.jpg", quality=80)
    return len(copied)


def cpu_s() -> float:
    """Return the seconds that this process was computing for."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Make, cluster and count each burst."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", type=Path)
    parser.add_argument("--frames", type=int, nargs="+", default=[25, 50, 100, 200, 400])
    given = parser.parse_args()
    print("| frames | proofs a photo | looks a photo | s | CPU s | copies found | wrong |")
    print("|--:|--:|--:|--:|--:|--:|--:|")
    for count in given.frames:
        with tempfile.TemporaryDirectory(prefix="dupfind-burst-") as place:
            folder = Path(place)
            copies = save_burst(given.photo, folder, count)
            library = Library(folder / ".dupfind", device="cpu")
            library.index([folder])
            started = time.perf_counter(), cpu_s()
            summary = library.cluster()
            spent, computing = time.perf_counter() - started[0], cpu_s() - started[1]
            names = {photo.id: photo.path.stem for photo in library.photos()}
            found = [
                {names[member.photo_id] for member in group.members} for group in library.groups()
            ]
        right = sum(len(group) == 2 and len({name[-4:] for name in group}) == 1 for group in found)
        wrong = sum(len(group) for group in found) - 2 * right
        photos = count + copies
        print(
            f"| {count} | {summary.proven / photos:.1f} | {summary.looked / photos:.1f} | "
            f"{spent:.0f} | {computing:.0f} | {right} of {copies} | {wrong} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
