"""Try all that a GPU does here, and print one table beside the same on the CPU: `make gpu-check`.

    python benchmarks/gpu_check.py [--devices cpu cuda] [--photos 2000] [--vectors 200000] [--skip-tests]

Runs the tests that need a GPU (`pytest -m gpu`), then on each device: describing views that are in memory
(the model's own rate), `dupfind index` of pictures of 256 px with all cores, the exact join of
descriptors, and a short training. Pictures and descriptors are made on the spot. Each figure is a process
of its own, told when it is there; the CPU's sees no GPU. Ends with status 1 where a test or a measurement
failed, 2 without a GPU.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from processes import CommandError, run, table

ROOT = Path(__file__).parent.parent
NO_GPU = 2

PHOTOS = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
folder = Path(sys.argv[1])
folder.mkdir()
rng = np.random.default_rng(0)
for number in range(int(sys.argv[2])):
    cells = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    cells.resize((342, 256)).save(folder / f"{number}.jpg", quality=85)
"""
HEAD = """
import json, os, sys, time
from pathlib import Path
import numpy as np
folder, device, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
def tell(value, unit): print(json.dumps([value, unit]))
"""
MODEL = """
from dupfind.descriptors.backbone import load_model
from dupfind.descriptors.embed import Embedder
embedder = Embedder(load_model("builtin"), device=device)
px = embedder.view_px
views = np.random.default_rng(0).integers(0, 256, (min(count, 1024), px, px, 3), dtype=np.uint8)
embedder.describe(views[:embedder.batch_size])
started = time.monotonic()
embedder.describe(views)
tell(len(views) / (time.monotonic() - started), "photos/s")
"""
INDEX = """
from dupfind import IndexOptions, Library
with __import__("tempfile").TemporaryDirectory() as place:
    summary = Library(place, device=device).index([folder], IndexOptions(features=False))
tell(summary.described / summary.seconds, "photos/s")
"""
JOIN = """
from dupfind.index import join
from dupfind.options import IndexKind
vectors = np.random.default_rng(0).standard_normal((count, 512), np.float32)
vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
started = time.monotonic()
join(vectors, 10, kind=IndexKind.EXACT)
tell(count**2 / (time.monotonic() - started) / 1e6, "million comparisons/s")
"""
TRAIN = """
from dupfind import Library, TrainOptions
with __import__("tempfile").TemporaryDirectory() as place:
    started = time.monotonic()
    options = TrainOptions(init="scratch", epochs=1, batch_size=32, changes=("views.local_count=2",))
    Library(place, device=device).train([folder], options)
tell(count / (time.monotonic() - started), "photos/s")
"""


def main() -> None:
    """Run the tests and the measurements, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--devices", nargs="+", choices=["cpu", "cuda"], default=["cpu", "cuda"])
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--vectors", type=int, default=200_000)
    parser.add_argument("--skip-tests", action="store_true", help="measure alone")
    arguments = parser.parse_args()
    if "cuda" in arguments.devices and (reason := why_no_gpu()):
        print(f"No GPU to check: {reason}. `--devices cpu` prints the CPU's figures alone.")
        raise SystemExit(NO_GPU)
    is_tested = "cuda" in arguments.devices and not arguments.skip_tests
    failed = is_tested and not tests_pass()
    with tempfile.TemporaryDirectory() as work:
        photos = Path(work) / "photos"
        run([sys.executable, "-c", PHOTOS, photos, str(arguments.photos)])
        rows = []
        for name, program, count in (
            ("the model alone", MODEL, arguments.photos),
            ("`dupfind index`, 256 px", INDEX, arguments.photos),
            ("exact join, 512 dimensions", JOIN, arguments.vectors),
            ("training, one epoch", TRAIN, arguments.photos),
        ):
            found = [measure(program, photos, device, count) for device in arguments.devices]
            failed |= any(isinstance(one, str) for one in found)
            rows.append([name, *words(found)])
            print("; ".join(rows[-1]), file=sys.stderr, flush=True)
    columns = ["what", *arguments.devices, *(["times"] if len(arguments.devices) > 1 else [])]
    print(table(f"{describe_machine()}", columns, rows))
    raise SystemExit(int(failed))


def why_no_gpu() -> str:
    """Return why there is no GPU for PyTorch or FAISS; empty where there is one for both."""
    code = "import torch, faiss, json; print(json.dumps([torch.cuda.is_available(), faiss.get_num_gpus()]))"
    by_torch, by_faiss = json.loads(run([sys.executable, "-c", code]).output.splitlines()[-1])
    if not by_torch:
        return "PyTorch finds none (`nvidia-smi` shows whether the driver does)"
    return "" if by_faiss else "FAISS finds none, though PyTorch does (is faiss-gpu installed?)"


def tests_pass() -> bool:
    """Run the tests that need a GPU."""
    words = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-rs"]
    return subprocess.run(words, cwd=ROOT, check=False).returncode == 0


def measure(program: str, photos: Path, device: str, count: int) -> tuple[float, str] | str:
    """Return a figure and its unit, or why there is none."""
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if device == "cpu" else {}
    command = [sys.executable, "-c", HEAD + program, photos, device, str(count)]
    try:
        value, unit = json.loads(run(command, hidden).output.splitlines()[-1])
    except CommandError as error:
        return f"failed: {error}"
    return value, unit


def words(found: list[tuple[float, str] | str]) -> list[str]:
    """Return the cells of one row, and how many times faster the last device is."""
    cells = [one if isinstance(one, str) else f"{one[0]:,.0f} {one[1]}" for one in found]
    if len(found) < 2:
        return cells
    first, last = found[0], found[-1]
    is_known = not isinstance(first, str) and not isinstance(last, str)
    return [*cells, f"{last[0] / first[0]:.1f}" if is_known else "-"]


def describe_machine() -> str:
    """Name the GPUs and say how many cores there are."""
    code = (
        "from dupfind.descriptors.embed import devices; from dupfind.system import usable_cores; "
        "print(f'{usable_cores()} cores; ' + ', '.join(devices()))"
    )
    return run([sys.executable, "-c", code]).output.splitlines()[-1]


if __name__ == "__main__":
    main()
