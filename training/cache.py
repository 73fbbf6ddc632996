"""Small pictures of all photos in one memory-mapped file: decoded once, read at any speed.

Each picture is squashed to a square, uint8, channels first. The cache is bounded: a collection
that would not fit gets a random sample of its photos. It is reused by the next run on the same
files, and may be deleted at any time.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dupfind.errors import DupfindError, TrainingError
from dupfind.progress import OnDone
from dupfind.records import FileError, Picture
from dupfind.system import usable_cores, write_whole, written_whole
from dupfind.training.views.maker import Batch

CACHE_PX = 224
CACHE_BYTES = 16 * 2**30
AHEAD = 64
BLOCK = 512  # pictures sent to a GPU at once
RESIDENT_SHARE = 0.25  # of a GPU's free memory, at most, for the pictures of a collection

Rows = Sequence[int] | NDArray[np.int64]
Decoder = Callable[[Path, int], Picture]


@dataclass(frozen=True)
class PhotoCache:
    """Cached pictures: ``pixels`` (photos, 3, side, side) uint8, ``aspects`` width / height.

    ``paths`` are the photos that could be read, ``failures`` the others with their reasons.
    ``resident`` are the same pixels on a GPU, if they were brought there.
    """

    pixels: NDArray[np.uint8]
    aspects: NDArray[np.float32]
    paths: tuple[Path, ...]
    failures: tuple[FileError, ...]
    resident: Tensor | None = None

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def digest(self) -> str:
        """Name this list of photos by their file names: the folder may move."""
        names = "\0".join(path.name for path in self.paths)
        return hashlib.sha256(os.fsencode(names)).hexdigest()

    def batch(self, rows: Rows, device: torch.device, *, beside: Rows | None = None) -> Batch:
        """Copy some pictures to ``device``, and others that may be shown beside them."""
        some = self._pictures(rows, device)
        others = None if beside is None or len(beside) == 0 else self._pictures(beside, device)
        return Batch(some, torch.from_numpy(self.aspects[np.asarray(rows)]), others)

    def brought_to(self, device: torch.device) -> "PhotoCache":
        """Return the cache with all its pixels on ``device``, if that is a GPU with room for them.

        Gathering and sending a thousand pictures takes longer than a step on them.
        """
        if device.type != "cuda":
            return self
        free, _ = torch.cuda.mem_get_info(device)
        if self.pixels.nbytes > RESIDENT_SHARE * free:
            return self
        resident = torch.empty(self.pixels.shape, dtype=torch.uint8, device=device)
        for start in range(0, len(self), BLOCK):
            resident[start : start + BLOCK] = torch.from_numpy(
                self.pixels[start : start + BLOCK].copy()
            )
        return replace(self, resident=resident)

    def _pictures(self, rows: Rows, device: torch.device) -> Tensor:
        if self.resident is not None and self.resident.device == device:
            return self.resident[torch.from_numpy(np.asarray(rows, np.int64)).to(device)]
        pixels = torch.from_numpy(self.pixels[np.asarray(rows)])
        if device.type == "cuda":
            pixels = pixels.pin_memory().to(device, non_blocking=True)
        return pixels


def open_cache(
    paths: Sequence[Path],
    folder: Path,
    *,
    decode: Decoder,
    side_px: int = CACHE_PX,
    limit_bytes: int = CACHE_BYTES,
    seed: int = 0,
    on_done: OnDone | None = None,
) -> PhotoCache:
    """Open the cache of ``paths`` in ``folder``, making it first if it is missing or stale.

    ``decode(path, side)`` returns a picture of at least that size where the file has it.

    Raises:
        TrainingError: No photo could be read.
    """
    paths = _sample(sorted(paths), limit_bytes // (3 * side_px**2), seed)
    manifest = folder / "training.json"
    key = _key(paths, side_px)
    if not _is_current(manifest, key, 3 * side_px**2):
        _build(paths, folder, key, side_px, decode, on_done)
    described = json.loads(manifest.read_text(encoding="utf-8"))
    readable = [Path(os.fsdecode(bytes.fromhex(item))) for item in described["paths"]]
    failures = tuple(
        FileError(Path(os.fsdecode(bytes.fromhex(path))), reason)
        for path, reason in described["failures"]
    )
    if not readable:  # an empty file cannot be mapped
        raise TrainingError(
            f"none of the {len(paths)} photos could be read; check the folder, "
            "or look at one with `dupfind query`"
        )
    shape = (len(readable), 3, side_px, side_px)
    pixels = np.memmap(folder / "training.u8", np.uint8, "r", shape=shape)
    return PhotoCache(pixels, np.array(described["aspects"], np.float32), tuple(readable), failures)


def _sample(paths: list[Path], most: int, seed: int) -> list[Path]:
    if len(paths) <= most:
        return paths
    rows = np.random.default_rng(seed).choice(len(paths), size=most, replace=False)
    return [paths[row] for row in sorted(rows)]


def _key(paths: Sequence[Path], side_px: int) -> str:
    """Name this list of files at this size: it changes when a file is added, edited or removed."""
    digest = hashlib.sha256(f"2:{side_px}".encode())
    for path in paths:
        try:
            stat = path.stat()
            state = f"{stat.st_size}:{stat.st_mtime_ns}"
        except OSError:
            state = "gone"  # deleted since the scan: reported when it is read
        digest.update(os.fsencode(path) + f"\0{state}\n".encode())
    return digest.hexdigest()


def _is_current(manifest: Path, key: str, picture_bytes: int) -> bool:
    try:
        described = json.loads(manifest.read_text(encoding="utf-8"))
        size = manifest.with_name("training.u8").stat().st_size
        return bool(described["key"] == key and size == picture_bytes * len(described["paths"]))
    except (OSError, ValueError, KeyError):
        return False  # missing or half a file: it is only a cache, so make it again


def _build(
    paths: Sequence[Path],
    folder: Path,
    key: str,
    side_px: int,
    decode: Decoder,
    on_done: OnDone | None,
) -> None:
    try:
        _write(paths, folder, key, side_px, decode, on_done)
    except OSError as error:
        needed = len(paths) * 3 * side_px**2 / 2**20
        raise TrainingError(
            f"cannot write the small pictures to train on into {folder} ({error.strerror or error}); "
            f"they need {needed:,.0f} MB there"
        ) from error


def _write(
    paths: Sequence[Path],
    folder: Path,
    key: str,
    side_px: int,
    decode: Decoder,
    on_done: OnDone | None,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "training.json").unlink(missing_ok=True)
    readable: list[str] = []
    aspects: list[float] = []
    failures: list[tuple[str, str]] = []
    with written_whole(folder / "training.u8") as draft, draft.open("wb") as stream:
        for done, (path, result) in enumerate(_decoded(paths, side_px, decode), start=1):
            if isinstance(result, str):
                failures.append((os.fsencode(path).hex(), result))
            else:
                stream.write(result[0].tobytes())
                aspects.append(result[1])
                readable.append(os.fsencode(path).hex())
            if on_done is not None:
                on_done(done, len(paths))
    described = {"key": key, "paths": readable, "aspects": aspects, "failures": failures}
    write_whole(folder / "training.json", json.dumps(described).encode())


Small = tuple[NDArray[np.uint8], float]


def _decoded(
    paths: Sequence[Path], side_px: int, decode: Decoder
) -> Iterator[tuple[Path, Small | str]]:
    """Decode in threads, a bounded number ahead, in order."""
    with ThreadPoolExecutor(max_workers=min(8, usable_cores())) as pool:
        for start in range(0, len(paths), AHEAD):
            some = paths[start : start + AHEAD]
            yield from zip(
                some, pool.map(lambda path: _small(path, side_px, decode), some), strict=True
            )


def _small(path: Path, side_px: int, decode: Decoder) -> Small | str:
    """Return (pixels (3, side, side), aspect), or why the photo cannot be read."""
    from PIL import Image

    try:
        picture = decode(path, side_px)
    except (DupfindError, OSError) as error:
        return str(error)
    image = Image.fromarray(picture.pixels).resize((side_px, side_px), Image.Resampling.BICUBIC)
    pixels = np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))
    return pixels, picture.width / picture.height
