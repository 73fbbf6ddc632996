"""Describe a shard: some files, whose descriptors, sketches and facts go into one Parquet file.

``describe_task`` is all that another process, a Ray task or a line of a Slurm array runs. It needs the
photos, the model and a ``Place`` that all of them reach. There lie, for each shard (KEY is a digest of
its files and of all that decides what is found in them):

    KEY.paths.json   the files, and how to describe them
    KEY.parquet      a row a file: its facts, the vector (float16), the sketch, or why not
    KEY.json         the manifest, written last: without it, or with another check sum, there is no shard
    plan.json        which KEY is number 0, 1, ... of the last plan
"""

import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dupfind.copies.kept import code_version
from dupfind.engines import Place
from dupfind.engines.tables import BYTES, FLAG, TEXT, TEXTS, WHOLE, to_parquet
from dupfind.errors import EngineError, PhotoError
from dupfind.flows.describing import content_of, needed_px
from dupfind.photos.identity import scanned_file
from dupfind.photos.opening import open_photo
from dupfind.photos.sniff import classify
from dupfind.records import ScannedFile
from dupfind.store.photos import Content

if TYPE_CHECKING:  # torch takes seconds to import
    from dupfind.descriptors.embed import Embedder

FORMAT = 1
PLAN_FILE = "plan.json"
PATHS, ROWS, MANIFEST = ".paths.json", ".parquet", ".json"
DESCRIBERS = ("dupfind.photos", "dupfind.descriptors", "dupfind.matching")
KINDS = {
    "path": BYTES, "size_bytes": WHOLE, "mtime_ns": WHOLE, "ctime_ns": WHOLE, "device": WHOLE,
    "inode": WHOLE, "sha256": TEXT, "width": WHOLE, "height": WHOLE, "format": TEXT,
    "taken_at": TEXT, "exif_tags": WHOLE, "pixels_sha256": TEXT, "frames": WHOLE,
    "has_alpha": FLAG, "extras": TEXTS, "vector": BYTES, "sketch": BYTES, "error": TEXT,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ShardSettings:
    """How the photos of a shard are described; any difference makes it another shard."""

    model: str
    fingerprint: str
    max_pixels: int
    features: bool
    code: str
    device: str = "auto"

    def digest(self) -> str:
        """Return what is the same for settings that give the same."""
        return hashlib.sha256(json.dumps(asdict(replace(self, device=""))).encode()).hexdigest()


class ShardTask(NamedTuple):
    """A shard to describe: where, which, and by how many threads (None: one for each core)."""

    address: str
    key: str
    workers: int | None = 1


@dataclass(frozen=True, slots=True)
class _Facts:
    """What stands in one row: the file as it was when it was read, and what was in it."""

    file: ScannedFile
    sha256: str = ""
    content: Content | None = None
    vector: bytes | None = None
    sketch: bytes = b""
    error: str = ""


class _UndescribedError(PhotoError):
    """A photo was hashed, but cannot be decoded."""

    def __init__(self, message: str, facts: _Facts) -> None:
        super().__init__(message)
        self.facts = facts


def settings_of(model: str, fingerprint: str, max_pixels: int, features: bool) -> ShardSettings:
    """Return the settings of this version of the code."""
    return ShardSettings(model, fingerprint, max_pixels, features, code_version(*DESCRIBERS))


def plan_shard(place: Place, settings: ShardSettings, files: Sequence[ScannedFile]) -> str:
    """Write which files a shard has; return its key.

    Raises:
        EngineError: The place cannot be written.
    """
    rows = [(str(file.path), *_numbers(file)) for file in files]
    data = json.dumps({"format": FORMAT, "settings": asdict(settings), "files": rows}).encode()
    key = hashlib.sha256(settings.digest().encode() + json.dumps(rows).encode()).hexdigest()[:20]
    place.write(key + PATHS, data)
    return key


def describe_task(task: ShardTask) -> int:
    """Describe the photos of a planned shard, unless it is there already; return how many files it has.

    Raises:
        EngineError: There is no such plan, its model is another one here, or the place cannot be written.
        ModelError: The model is not there.
    """
    place = Place(task.address)
    settings, files = _plan_of(place, task.key)
    if place.read(task.key + MANIFEST) is not None:
        return len(files)
    started = time.monotonic()
    rows = list(_described(files, settings, task.workers))
    data = to_parquet(_columns(rows), KINDS, {"dupfind": settings.digest()})
    place.write(task.key + ROWS, data)
    manifest = {
        "format": FORMAT,
        "settings": settings.digest(),
        "model": settings.model,
        "files": len(rows),
        "described": sum(row.vector is not None for row in rows),
        "errors": sum(bool(row.error) for row in rows),
        "sha256": hashlib.sha256(data).hexdigest(),
        "host": socket.gethostname(),
        "seconds": round(time.monotonic() - started, 3),
    }
    place.write(task.key + MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
    return len(rows)


def describe_shard(address: str, number: int) -> int:
    """Describe one shard of the last plan, with all cores of this machine; return how many files it has.

    Args:
        address: Where the plan lies: a folder, or an address such as ``s3://bucket/folder``.
        number: Of the shard, from 0.

    Raises:
        EngineError: There is no such plan or shard, its model is another one here, or nothing can be
            written there.
        ModelError: The model is not there.
    """
    plan = Place(address).read(PLAN_FILE)
    if plan is None:
        raise EngineError(
            f"there is no plan in {address}; `dupfind index PHOTOS --engine array --shards {address}` "
            "writes one"
        )
    keys = json.loads(plan)["shards"]
    if not 0 <= number < len(keys):
        raise EngineError(
            f"the plan in {address} has the shards 0 to {len(keys) - 1}, not {number}; check the array"
        )
    return describe_task(ShardTask(address, keys[number], None))


def _plan_of(place: Place, key: str) -> tuple[ShardSettings, list[ScannedFile]]:
    data = place.read(key + PATHS)
    if data is None:
        raise EngineError(f"{place.address} has no plan of shard {key}; run `dupfind index` again")
    plan = json.loads(data)
    settings = ShardSettings(**plan["settings"])
    if settings.code != code_version(*DESCRIBERS):
        raise EngineError(
            "the shards were planned by another version of dupfind; install the same on all machines"
        )
    return settings, [ScannedFile(Path(path), *numbers) for path, *numbers in plan["files"]]


def _described(
    files: Sequence[ScannedFile], settings: ShardSettings, workers: int | None
) -> Iterator[_Facts]:
    from dupfind.descriptors.embed import describe_stream
    from dupfind.descriptors.views import make_view
    from dupfind.matching.features import use_one_thread
    from dupfind.matching.sketch import draw_sketch

    embedder = _embedder(settings.model, settings.fingerprint, settings.device)
    size_px, view_px = needed_px(embedder), embedder.view_px
    use_one_thread()

    def load(file: ScannedFile) -> "tuple[_Facts, NDArray[np.uint8]]":
        facts, pixels = _decode(file, size_px, settings.max_pixels)
        if settings.features:
            facts = replace(facts, sketch=draw_sketch(pixels).to_bytes())
        return facts, make_view(pixels, view_px)

    for found in describe_stream(embedder, files, load, workers=workers):
        if found.payload is not None and found.vector is not None:
            yield replace(found.payload, vector=found.vector.astype("<f2").tobytes())
        elif isinstance(found.error, _UndescribedError):
            yield found.error.facts
        else:  # the model gave no numbers
            facts = found.payload or _Facts(found.item)
            yield replace(facts, content=None, sketch=b"", error=str(found.error))


def _decode(file: ScannedFile, size_px: int, max_pixels: int) -> "tuple[_Facts, NDArray[np.uint8]]":
    facts = _Facts(file)
    try:
        if classify(file.path) is None:
            raise _UndescribedError("it is no photo", facts)
        with open_photo(file.path) as opened:
            facts = _Facts(scanned_file(file.path, opened.properties), opened.sha256)
            content, pixels = content_of(opened, needed_px=size_px, max_pixels=max_pixels)
    except _UndescribedError:
        raise
    except PhotoError as error:
        raise _UndescribedError(str(error), replace(facts, error=str(error))) from error
    return replace(facts, content=content), pixels


@lru_cache(maxsize=1)
def _embedder(name: str, fingerprint: str, device: str) -> "Embedder":
    from dupfind.descriptors.backbone import load_model
    from dupfind.descriptors.embed import Embedder

    model = load_model(name)
    if model.fingerprint != fingerprint:
        raise EngineError(
            f"the model '{name}' on {socket.gethostname()} is another one than where the shards were "
            "planned; give all machines the same"
        )
    return Embedder(model, device=device)


def _columns(rows: Sequence[_Facts]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in KINDS}
    for row in rows:
        values = {
            "path": os.fsencode(row.file.path),
            **dict(
                zip(
                    ("size_bytes", "mtime_ns", "ctime_ns", "device", "inode"),
                    _numbers(row.file),
                    strict=True,
                )
            ),
            **(asdict(row.content) if row.content else {}),
            "sha256": row.sha256,
            "vector": row.vector,
            "sketch": row.sketch or None,
            "error": row.error or None,
        }
        for name, column in columns.items():
            column.append(values.get(name))
    return columns


def _numbers(file: ScannedFile) -> tuple[int, int, int, int, int]:
    return file.size_bytes, file.mtime_ns, file.ctime_ns, file.device, file.inode
