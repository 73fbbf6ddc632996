"""What `benchmarks/speed.py` runs as processes of their own: the floors, and cost by stage.

    python benchmarks/speed_floor.py decode PHOTOS      all cores read, hash, decode and make views
    python benchmarks/speed_floor.py model COUNT MODEL  all cores run the model on views in memory
    python benchmarks/speed_floor.py stages PHOTOS MODEL one core, stage by stage

Each prints JSON. Start-up (imports, loading the model) is not counted.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dupfind.config import LibraryPaths
from dupfind.descriptors.embed import Embedder, describe_stream
from dupfind.descriptors.views import make_view
from dupfind.errors import PhotoError
from dupfind.flows.models import open_model
from dupfind.index import build, self_join
from dupfind.photos.decode import decode, pixels_sha256
from dupfind.photos.scan import file_sha256, scan
from dupfind.photos.sniff import classify
from dupfind.records import ScannedFile
from dupfind.system import usable_cores

VIEW_PX = 160
STAGE_PHOTOS = 400
WARM_UP = 64


def photos_of(folder: Path) -> list[Path]:
    """Return the files that the scan finds."""
    return [found.path for found in scan([folder]) if isinstance(found, ScannedFile)]


def embedder_of(name: str) -> Embedder:
    """Load a model as the commands do."""
    return Embedder(open_model(name, LibraryPaths(Path(".dupfind"))))


def view_of(path: Path) -> NDArray[np.uint8] | None:
    """Do all that a photo needs before the model."""
    try:
        if classify(path) is None:
            return None
        file_sha256(path)
        picture = decode(path, needed_px=VIEW_PX)
    except PhotoError:
        return None
    pixels_sha256(picture.pixels)
    return make_view(picture.pixels, VIEW_PX)


def floor_decode(folder: Path) -> dict[str, Any]:
    """Decode all photos with one thread a core."""
    files = photos_of(folder)
    with ThreadPoolExecutor(usable_cores(), initializer=lambda: torch.set_num_threads(1)) as pool:
        list(pool.map(view_of, files[:8]))
        wall_s, cpu_s = time.monotonic(), time.process_time()
        decoded = sum(view is not None for view in pool.map(view_of, files, chunksize=4))
        return _cost(wall_s, cpu_s, decoded)


def floor_model(count: int, name: str) -> dict[str, Any]:
    """Describe views that are in memory already, with all cores."""
    embedder = embedder_of(name)
    rng = np.random.default_rng(0)
    views = rng.integers(0, 256, (WARM_UP, embedder.view_px, embedder.view_px, 3), dtype=np.uint8)

    def load(item: int) -> tuple[None, NDArray[np.uint8]]:
        return None, views[item % WARM_UP]

    list(describe_stream(embedder, range(WARM_UP), load))
    wall_s, cpu_s = time.monotonic(), time.process_time()
    described = sum(1 for _ in describe_stream(embedder, range(count), load))
    return _cost(wall_s, cpu_s, described)


def stages(folder: Path, name: str) -> dict[str, float]:
    """Return milliseconds a photo of one core, by stage, over a sample spread evenly."""
    torch.set_num_threads(1)
    files = photos_of(folder)
    files = files[:: max(1, len(files) // STAGE_PHOTOS)]
    embedder = embedder_of(name)
    spent: Counter[str] = Counter()

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        started = time.thread_time()
        result = work()
        spent[stage] += time.thread_time() - started
        return result

    views = []
    for path in files:
        try:
            timed("recognise", lambda: classify(path))  # noqa: B023 - called at once
            timed("hash the file", lambda: file_sha256(path))  # noqa: B023
            picture = timed("decode", lambda: decode(path, needed_px=embedder.view_px))  # noqa: B023
            timed("hash the pixels", lambda: pixels_sha256(picture.pixels))  # noqa: B023
            views.append(
                timed("make the view", lambda: make_view(picture.pixels, embedder.view_px))  # noqa: B023
            )
        except PhotoError:
            continue
    stacked = np.stack(views)
    embedder.describe(stacked[: embedder.batch_size])
    vectors = timed("model", lambda: embedder.describe(stacked))
    timed("index and self-join", lambda: self_join(vectors, 10, index=build(vectors)))
    return {stage: 1000 * seconds / len(views) for stage, seconds in spent.items()}


def _cost(wall_s: float, cpu_s: float, count: int) -> dict[str, Any]:
    return {
        "wall_s": time.monotonic() - wall_s,
        "cpu_s": time.process_time() - cpu_s,
        "photos": count,
    }


def main() -> None:
    """Run one of the three and print what it found."""
    match sys.argv[1:]:
        case ["decode", folder]:
            result: Any = floor_decode(Path(folder))
        case ["model", count, name]:
            result = floor_model(int(count), name)
        case ["stages", folder, name]:
            result = stages(Path(folder), name)
        case _:
            raise SystemExit(__doc__)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
