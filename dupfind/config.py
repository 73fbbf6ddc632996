"""Where a library keeps its files, and the options that several stages share."""

import os
from dataclasses import dataclass
from pathlib import Path

LIBRARY_FOLDER = ".dupfind"
DEFAULT_MODEL = "builtin"
DEFAULT_MAX_PIXELS = 200_000_000
DEFAULT_KEEP = "reference,original,resolution,format,exif,bytes,oldest,path"
DEFAULT_CANDIDATES = 10  # partners of a photo that are proven


@dataclass(frozen=True, slots=True)
class LibraryPaths:
    """The layout of a library folder; ``root`` is usually ``.dupfind``."""

    root: Path

    @property
    def database(self) -> Path:
        """SQLite: the only truth."""
        return self.root / "dupfind.db"

    @property
    def index(self) -> Path:
        """FAISS files with a manifest: a cache."""
        return self.root / "index"

    @property
    def models(self) -> Path:
        """One folder for each trained model."""
        return self.root / "models"

    @property
    def cache(self) -> Path:
        """Thumbnails and such; may be deleted at any time."""
        return self.root / "cache"


def find_library(start: Path) -> Path:
    """Return the nearest ``.dupfind`` from ``start`` upwards, else a new one to make in ``start``.

    A link that leads nowhere counts: its disk is not there, and no other library stands for it.
    """
    start = Path(os.path.abspath(start))  # noqa: PTH100 - resolve() would follow symbolic links
    for folder in (start, *start.parents):
        library = folder / LIBRARY_FOLDER
        if os.path.isdir(library) or os.path.islink(library):  # noqa: PTH112, PTH114 - never raise
            return library
    return start / LIBRARY_FOLDER
