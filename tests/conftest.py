"""What the tests share: where the real photos lie, and pictures made on the spot."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Looks at a folder as a user who is not allowed everything, and prints what came of it.
AS_NOBODY = """
import json, os, sys
from pathlib import Path
from dupfind.errors import PhotoError
from dupfind.photos.scan import file_sha256, scan
from dupfind.photos.sniff import classify
from dupfind.photos.decode import decode
from dupfind.records import FileError
os.getuid() == 0 and os.setuid(65534)
results = {}
for found in scan([Path(sys.argv[1])]):
    reasons = [found.reason] if isinstance(found, FileError) else []
    if not reasons:
        for use in (classify, file_sha256, lambda path: decode(path, needed_px=16)):
            try:
                use(found.path)
                reasons.append("fine")
            except PhotoError as error:
                reasons.append(str(error))
    results[found.path.name] = reasons
print(json.dumps(results))
"""

ROOT = Path(__file__).resolve().parent.parent

MakePicture = Callable[..., NDArray[np.uint8]]
SavePicture = Callable[..., Path]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real photos beside the clone, or the one that DUPFIND_SHARED names."""
    folder = shared_folder()
    if not (folder / "dev" / "truth.csv").is_file():
        pytest.skip(f"the shared photos are not at {folder} (set DUPFIND_SHARED)")
    return folder


def shared_folder() -> Path:
    """Return where the shared photos should lie, whether they do or not."""
    return Path(os.environ.get("DUPFIND_SHARED") or ROOT.parent / "shared" / "data")


@pytest.fixture(scope="session")
def make_picture() -> MakePicture:
    """Make a picture with structure at every size, another one for every seed."""
    return picture


@pytest.fixture
def save_picture(tmp_path: Path) -> SavePicture:
    """Make a picture and write it as ``tmp_path / name``; options go to ``Image.save``."""

    def save(name: str, seed: int = 0, size: tuple[int, int] = (96, 64), **options: object) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(seed, size)).save(path, **options)  # type: ignore[arg-type]
        return path

    return save


def picture(seed: int = 0, size: tuple[int, int] = (96, 64)) -> NDArray[np.uint8]:
    """Return uint8 pixels (height, width, 3) of ``size`` (width, height): blobs, edges, texture."""
    rng = np.random.default_rng(seed)
    width, height = size
    image = Image.new("RGB", size)
    for cells in (3, 8, 24):
        noise = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        layer = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
        image = Image.blend(image, layer, 0.5)
    for _ in range(6):
        x0, y0 = int(rng.integers(0, width)), int(rng.integers(0, height))
        box = (x0, y0, x0 + max(2, width // 5), y0 + max(2, height // 5))
        image.paste(tuple(int(value) for value in rng.integers(0, 256, 3)), box)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(0.5)))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users of the machine can reach, unlike ``tmp_path``."""
    folder = Path(tempfile.mkdtemp(prefix="dupfind-test-"))
    folder.chmod(0o755)
    yield folder
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def small_model() -> Iterator[Path]:
    """The folder of a model that describes a photo in a millisecond; other users can read it."""
    from library_helpers import save_small_model

    folder = Path(tempfile.mkdtemp(prefix="dupfind-model-"))
    folder.chmod(0o755)
    save_small_model(folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """A headless Chromium, the system's own."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("there is no chromium on this machine")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=arguments)
        yield running
        running.close()


def as_nobody(folder: Path) -> dict[str, list[str]]:
    """Scan, sniff, hash and decode as a user without rights: file name to what came of each."""
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(folder)], capture_output=True, check=True, text=True
    )
    return dict(json.loads(done.stdout))
