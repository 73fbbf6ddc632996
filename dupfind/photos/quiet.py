"""Keep the warnings of Pillow and its C libraries away from the user while photos are decoded.

What matters in them comes as an error anyway, and then reaches the user as the photo's reason.
"""

import ctypes
import threading
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import PIL


class QuietPillow:
    """Ignore Pillow's warnings while any thread is inside.

    ``warnings.catch_warnings`` would put back the filters of the whole process as they were, and
    so undo what other threads did meanwhile: we only add and remove one filter of our own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._ours: object = None

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                warnings.filterwarnings("ignore", module=r"PIL\.|pillow_heif")
                self._ours = warnings.filters[0]
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            filters = cast(list[Any], warnings.filters)
            if self._inside == 0 and self._ours in filters:
                filters.remove(self._ours)


QUIET_PILLOW = QuietPillow()


@lru_cache(maxsize=1)
def quiet_libtiff() -> None:
    """Stop libtiff from writing about damaged files to the standard error of the process.

    Pillow does not offer it, so this looks for the library that comes in Pillow's own package;
    where there is none of that kind nothing changes.
    """
    package = Path(PIL.__file__).parent
    for folder in (package.parent / "pillow.libs", package / ".dylibs"):
        for path in folder.glob("libtiff*"):
            library = ctypes.CDLL(str(path))
            for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
                setter = getattr(library, name, None)
                if setter is not None:
                    setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
                    setter(None)
